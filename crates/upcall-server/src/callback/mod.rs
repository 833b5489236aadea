//! Callbacks out, in the order in which a call comes about: where it leads (`destination`), whether
//! it may (`guard`), whether it has a place (`load`), what is said (`request`), what is answered
//! (`exchange`), what is kept of it (`record`). The `dispatcher` takes an order through all of
//! them.

mod destination;
mod dispatcher;
mod exchange;
mod guard;
mod load;
pub(crate) mod record;
mod report;
mod request;
mod signer;

pub use guard::{AllowRule, InvalidAllowRule};
pub use report::CallbackReport;

pub(crate) use dispatcher::{CallbackAnswer, Dispatcher, DispatcherConfig};
pub(crate) use guard::{Guard, GuardError};
pub(crate) use request::CallbackOrder;
pub(crate) use signer::Signer;
