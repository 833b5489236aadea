//! Who signs, and with what.

use std::fmt;

use subtle::ConstantTimeEq;

/// The public half of an access key: 1 to 128 of `0-9A-Za-z._=-`.
///
/// Source: OSS, error code 0002-00000903 names the characters; `-` is ours, harmless, and lets test
/// keys have readable names.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccessKeyId(Box<str>);

impl AccessKeyId {
    /// The most bytes an id has.
    pub const MAX_BYTES: usize = 128;

    /// # Errors
    /// [`InvalidAccessKeyId`] if a character or the length is not allowed.
    pub fn parse(text: &str) -> Result<Self, InvalidAccessKeyId> {
        let is_allowed =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'=' | b'-');
        if text.is_empty() || text.len() > Self::MAX_BYTES || !text.bytes().all(is_allowed) {
            return Err(InvalidAccessKeyId);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is no access key id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an access key id has 1 to 128 letters, digits, `.`, `_`, `=` and `-`")]
pub struct InvalidAccessKeyId;

/// The secret half of an access key. Never printed, never serialised, compared in constant time.
pub struct AccessKeySecret(Box<[u8]>);

impl AccessKeySecret {
    /// Takes the secret as it was given; any bytes are allowed.
    pub fn new(secret: impl Into<Vec<u8>>) -> Self {
        Self(secret.into().into_boxed_slice())
    }

    /// The bytes, for a key derivation and for nothing else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for AccessKeySecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for AccessKeySecret {}

impl fmt::Debug for AccessKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKeySecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = AccessKeySecret::new("hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert_eq!(secret, AccessKeySecret::new("hunter2"));
        assert_ne!(secret, AccessKeySecret::new("hunter3"));
    }

    #[test]
    fn an_id_has_plain_characters() {
        assert!(AccessKeyId::parse("STS.a_B=1").is_ok());
        for bad in ["", "a b", "a/b", "ä", &"a".repeat(129)] {
            assert_eq!(AccessKeyId::parse(bad), Err(InvalidAccessKeyId), "{bad}");
        }
    }
}
