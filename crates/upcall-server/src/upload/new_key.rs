//! The key under which an object may be made.
//!
//! Receivers fetch the key that verifies callbacks from an address that the call names, and compare
//! that address with a pattern. An object at such an address would be a key of the uploader's. So no
//! way in creates an object without a [`NewKey`], and reserved names are none, on every host and in
//! every bucket.

use std::ops::Deref;

use upcall::error::{Refusal, WireError};
use upcall::name::ObjectKey;

use crate::callback::is_reserved;

/// A key that is not one of the server's own addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NewKey(ObjectKey);

impl NewKey {
    /// # Errors
    /// `InvalidObjectName` for a name that is reserved for the keys that verify callbacks.
    pub(crate) fn admit(key: ObjectKey) -> Result<Self, Refusal> {
        if !is_reserved(key.as_str()) {
            return Ok(Self(key));
        }
        Err(Refusal::new(WireError::INVALID_OBJECT_NAME)
            .extra("ObjectName", key.as_str())
            .hint(
                "names that begin like this belong to the public keys that verify callbacks; choose \
                 another, or put the object into a folder",
            ))
    }
}

impl Deref for NewKey {
    type Target = ObjectKey;

    fn deref(&self) -> &ObjectKey {
        &self.0
    }
}
