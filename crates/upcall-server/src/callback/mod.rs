//! Callbacks out, in the order in which a call comes about: where it leads (`destination`), whether
//! it may (`guard`), whether it has a place (`load`), what is said (`request`), what is answered
//! (`exchange`), what is kept of it (`record`). The `dispatcher` takes an order through all of
//! them. Calls that are owed are kept and made again by the `outbox`; what a call means for its
//! upload is a `verdict`, and what its uploader hears is `told`.

mod destination;
mod dispatcher;
mod exchange;
mod guard;
mod keys;
mod load;
mod outbox;
mod owed_order;
pub(crate) mod record;
mod report;
mod request;
mod signer;
mod told;
mod verdict;
mod vouching;

pub use guard::{
    CallbackRule, GuardConfig, HostRule, InvalidCallbackRule, InvalidPortRule, LookUp,
    OwnAddresses, PortRule,
};
pub use keys::{FORMER_KEYS, InvalidKeyRing, KeyRing, KeyScope, KeyUrl, RotationError};
pub use report::CallbackReport;
pub use signer::{KeyKeeper, SignerConfig, WebhookSignatures};
pub use vouching::{AnonymousCallbacks, KeyClass, UnpinnedCallbacks, VouchingRules};

pub(crate) use dispatcher::{Begun, CallbackAnswer, Dispatcher, DispatcherConfig, Refusals};
pub(crate) use exchange::Chunking;
pub(crate) use guard::{Guard, GuardError};
pub(crate) use keys::{KeyPath, Rotation, is_reserved, own};
pub(crate) use outbox::{Expected, Outbox, OutboxTask, Turn};
pub(crate) use owed_order::{OwedOrder, OwedTerms};
pub(crate) use request::{CallbackOrder, ConnectionUse, Origin};
pub(crate) use signer::Signer;
pub(crate) use told::{Receipt, Told, ToldUpload};
pub(crate) use verdict::{Called, Verdict, is_unpublishable};
pub(crate) use vouching::{Author, KeyChoice, NotVouchedFor};
