//! Callbacks out: where we may call, how we connect, what we sign with, and one call.

mod connector;
mod dispatcher;
mod guard;
mod keys;
mod report;
mod signer;

pub use guard::{
    CallbackRule, GuardConfig, HostRule, InvalidCallbackRule, InvalidPortRule, LookUp, PortRule,
};
pub use keys::{FORMER_KEYS, InvalidKeyRing, KeyRing, KeyUrl, RotationError};
pub use report::CallbackReport;
pub use signer::{KeyKeeper, SignerConfig, WebhookSignatures};

pub(crate) use dispatcher::{CallbackAnswer, CallbackOrder, Dispatcher, DispatcherConfig};
pub(crate) use guard::{Guard, GuardError};
pub(crate) use keys::{Rotation, WEBHOOK_KEY_PATH, key_id_of, own};
pub(crate) use signer::Signer;
