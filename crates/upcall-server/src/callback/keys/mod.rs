//! The keys that sign callbacks: which there are, under which address each is known, how they are
//! written down.

mod key_url;
mod ring;
mod scope;
mod stored;

pub use key_url::KeyUrl;
pub use ring::{FORMER_KEYS, KeyRing, RotationError};
pub use scope::KeyScope;
pub use stored::InvalidKeyRing;

pub(crate) use key_url::own;
pub(crate) use ring::Rotation;
pub(crate) use scope::{KeyPath, is_reserved};
