//! The name of a bucket.

use std::fmt;

/// The name of a bucket: 3 to 63 of `a-z`, `0-9` and `-`, beginning and ending with a letter or a
/// digit.
///
/// It is a label of a host name, so it is safe in one, and in a path, a log line and XML.
/// Source: OSS, "Bucket naming conventions".
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BucketName(Box<str>);

impl BucketName {
    /// The fewest bytes a name has.
    pub const MIN_BYTES: usize = 3;
    /// The most bytes a name has.
    pub const MAX_BYTES: usize = 63;

    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidBucketName> {
        let bytes = text.as_bytes();
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&bytes.len()) {
            return Err(InvalidBucketName::Length { bytes: bytes.len() });
        }
        let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !bytes.iter().all(|byte| is_plain(byte) || *byte == b'-') {
            return Err(InvalidBucketName::Character);
        }
        match (bytes.first(), bytes.last()) {
            (Some(first), Some(last)) if is_plain(first) && is_plain(last) => Ok(Self(text.into())),
            _ => Err(InvalidBucketName::Edge),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no bucket name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidBucketName {
    /// It holds something else than lower-case letters, digits and `-`.
    #[error("a bucket name has only lower-case letters, digits and `-`")]
    Character,
    /// It begins or ends with `-`.
    #[error("a bucket name begins and ends with a letter or a digit")]
    Edge,
    /// It is too short or too long.
    #[error("the bucket name is {bytes} bytes long; it has 3 to 63")]
    Length {
        /// How long it is.
        bytes: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_hold_at_their_edges() {
        for good in ["abc", "a-1", "0a0", &"a".repeat(63)] {
            assert_eq!(BucketName::parse(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("ab", InvalidBucketName::Length { bytes: 2 }),
            (&"a".repeat(64), InvalidBucketName::Length { bytes: 64 }),
            ("Abc", InvalidBucketName::Character),
            ("a.b.c", InvalidBucketName::Character),
            ("-abc", InvalidBucketName::Edge),
            ("abc-", InvalidBucketName::Edge),
            ("löwe", InvalidBucketName::Character),
        ] {
            assert_eq!(BucketName::parse(bad), Err(why), "{bad}");
        }
    }
}
