//! The entity tag of an object.

use std::fmt;

/// The entity tag of an object: the MD5 of its bytes, 32 upper-case hex digits.
///
/// Without quotes here; a header and XML put them around it, the callback variable `etag` does not.
/// Source: OSS, "`PutObject`" (`ETag`); for `PostObject` the reference promises less, clients must
/// not rely on the MD5.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct ETag([u8; 16]);

impl ETag {
    /// The tag of bytes with this MD5.
    pub const fn from_md5(md5: [u8; 16]) -> Self {
        Self(md5)
    }

    /// Reads 32 hex digits, of either case, without quotes.
    ///
    /// # Errors
    /// [`InvalidETag`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidETag> {
        let bytes = text.as_bytes();
        if bytes.len() != 32 || !bytes.iter().all(u8::is_ascii_hexdigit) {
            return Err(InvalidETag);
        }
        let mut md5 = [0; 16];
        for (byte, pair) in md5.iter_mut().zip(bytes.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| InvalidETag)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidETag)?;
        }
        Ok(Self(md5))
    }

    /// The digest itself.
    pub const fn md5(&self) -> &[u8; 16] {
        &self.0
    }

    /// In double quotes, as a header and XML carry it.
    pub fn quoted(&self) -> String {
        format!("\"{self}\"")
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ETag({self})")
    }
}

/// A text is no entity tag of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an entity tag is 32 hex digits")]
pub struct InvalidETag;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let tag = ETag::from_md5(*b"0123456789abcde\xff");
        assert_eq!(tag.to_string(), "303132333435363738396162636465FF");
        assert_eq!(ETag::parse(&tag.to_string()), Ok(tag));
        assert_eq!(ETag::parse(&tag.to_string().to_lowercase()), Ok(tag));
        assert_eq!(tag.quoted(), "\"303132333435363738396162636465FF\"");
        for bad in ["", "30", &"g".repeat(32), &"+1".repeat(16)] {
            assert_eq!(ETag::parse(bad), Err(InvalidETag), "{bad}");
        }
    }
}
