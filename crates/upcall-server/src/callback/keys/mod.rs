//! The keys that sign callbacks: which there are, under which address each is known, how they are
//! written down.

mod key_url;
mod ring;
mod stored;

pub use key_url::KeyUrl;
pub use ring::{FORMER_KEYS, KeyRing, RotationError};
pub use stored::InvalidKeyRing;

pub(crate) use key_url::{WEBHOOK_KEY_PATH, key_id_of, own};
pub(crate) use ring::Rotation;
