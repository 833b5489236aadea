//! The secret of the admin interface.

pub(super) mod wrong;

use std::fmt;

use subtle::ConstantTimeEq;

/// Opens the admin interface; compared in constant time, never printed.
pub struct AdminSecret(Box<[u8]>);

impl AdminSecret {
    /// # Errors
    /// [`WeakAdminSecret`] if the text has fewer than [`Self::MIN_BYTES`] bytes or something else
    /// than visible ASCII, which no header could carry.
    pub fn new(text: &str) -> Result<Self, WeakAdminSecret> {
        if text.len() < Self::MIN_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WeakAdminSecret);
        }
        Ok(Self(text.as_bytes().into()))
    }

    /// The fewest bytes that a secret has.
    pub const MIN_BYTES: usize = 16;

    pub(crate) fn opens(&self, given: &str) -> bool {
        self.0.ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for AdminSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminSecret(…)")
    }
}

/// A text cannot be an admin secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an admin secret has at least 16 visible ASCII characters")]
pub struct WeakAdminSecret;
