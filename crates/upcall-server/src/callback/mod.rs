//! Callbacks out: where we may call, how we connect, one call, and calls that are owed.

mod connector;
mod dispatcher;
mod guard;
mod outbox;
mod owed_order;
mod report;
mod told;
mod verdict;

pub use guard::{AllowRule, InvalidAllowRule};
pub use report::CallbackReport;

pub(crate) use dispatcher::{CallbackAnswer, CallbackOrder, Dispatcher, DispatcherConfig};
pub(crate) use guard::{Guard, GuardError};
pub(crate) use outbox::{Outbox, OutboxTask, Turn};
pub(crate) use owed_order::{OwedOrder, OwedTerms};
pub(crate) use told::{Receipt, Told, ToldUpload};
pub(crate) use verdict::{Called, Verdict};
