//! The name of an object in its bucket.

use std::fmt;

/// The name of an object in its bucket: 1 to 1,023 bytes of UTF-8, not beginning with `/` or `\`,
/// without control characters that XML cannot carry.
///
/// Ordered by bytes, which is the order in which listings return keys. A key is a name and never a
/// path: `..` in it means nothing. Source: OSS, "Object naming conventions".
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectKey(Box<str>);

impl ObjectKey {
    /// The most bytes a key has.
    pub const MAX_BYTES: usize = 1023;

    /// # Errors
    /// Says which rule the text breaks; the text itself is not echoed (it is the uploader's).
    pub fn parse(text: &str) -> Result<Self, InvalidObjectKey> {
        match text.as_bytes() {
            [] => Err(InvalidObjectKey::Empty),
            [b'/' | b'\\', ..] => Err(InvalidObjectKey::LeadingSlash),
            bytes if bytes.len() > Self::MAX_BYTES => {
                Err(InvalidObjectKey::TooLong { bytes: bytes.len() })
            }
            // A listing is XML 1.0, which has no way to write these: such a key could be stored and
            // then break every listing that contains it.
            _ if text.chars().any(is_unwritable) => Err(InvalidObjectKey::ControlCharacter),
            _ => Ok(Self(text.into())),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidObjectKey {
    /// It holds a control character.
    #[error("the key contains a control character (NUL, CR, LF or the like)")]
    ControlCharacter,
    /// It is empty.
    #[error("the key is empty; a key has 1 to 1,023 bytes")]
    Empty,
    /// It begins with `/` or `\`.
    #[error("the key begins with a slash or a backslash; leave that out")]
    LeadingSlash,
    /// It is too long.
    #[error("the key is {bytes} bytes long; a key has at most 1,023")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
}

const fn is_unwritable(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '\x7f' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_hold_at_their_edges() {
        for good in ["a", "a/../b", "猫.jpg", "🐈", "a b+c%2F", &"a".repeat(1023)] {
            assert_eq!(ObjectKey::parse(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", InvalidObjectKey::Empty),
            ("/a", InvalidObjectKey::LeadingSlash),
            ("\\a", InvalidObjectKey::LeadingSlash),
            (&"a".repeat(1024), InvalidObjectKey::TooLong { bytes: 1024 }),
            ("a\0", InvalidObjectKey::ControlCharacter),
            ("a\r\nb", InvalidObjectKey::ControlCharacter),
        ] {
            assert_eq!(ObjectKey::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn other_forms_of_the_same_letters_are_other_keys() {
        let composed = ObjectKey::parse("\u{e9}").unwrap();
        let decomposed = ObjectKey::parse("e\u{301}").unwrap();
        assert_ne!(composed, decomposed);
    }
}
