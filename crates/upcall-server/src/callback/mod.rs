//! Callbacks out: where we may call, how we connect, and one call.

mod connector;
mod dispatcher;
mod guard;
mod report;

pub use guard::{AllowRule, InvalidAllowRule};
pub use report::CallbackReport;

pub(crate) use dispatcher::{CallbackAnswer, CallbackOrder, Dispatcher, DispatcherConfig};
pub(crate) use guard::{Guard, GuardError};
