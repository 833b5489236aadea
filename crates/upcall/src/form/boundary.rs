//! The boundary between a form's parts.

use std::fmt::{self, Write as _};

use bytes::Bytes;

use super::error::FormError;
use super::parameter::{Parameters, is_token};

/// The text that separates a form's parts: 1 to 70 visible ASCII characters other than `"` and `\`,
/// spaces allowed inside.
///
/// RFC 2046 allows fewer characters; clients use more. It never holds a line break, which the search
/// for it relies on.
#[derive(Clone, Eq, PartialEq)]
pub struct Boundary(Box<str>);

impl Boundary {
    /// The most bytes a boundary has. Source: RFC 2046, 5.1.1.
    pub const MAX_BYTES: usize = 70;

    /// Takes the boundary out of the value of a request's `Content-Type`.
    ///
    /// # Errors
    /// [`FormError::NotMultipart`] if the type is not `multipart/form-data`;
    /// [`FormError::Boundary`] if it has no boundary, several, or an impossible one.
    pub fn from_content_type(value: &str) -> Result<Self, FormError> {
        let (media_type, parameters) = value.split_at(value.find(';').unwrap_or(value.len()));
        if !is_multipart(media_type) {
            return Err(not_multipart(value));
        }
        let malformed = || {
            if is_merged(parameters) {
                InvalidBoundary::Merged
            } else {
                InvalidBoundary::Malformed
            }
        };
        let mut boundary = None;
        for parameter in Parameters::new(parameters.trim_end()) {
            let (name, value) = parameter.map_err(|_| malformed())?;
            if !name.eq_ignore_ascii_case("boundary") {
                continue;
            }
            if boundary.replace(Self::parse(&value)?).is_some() {
                return Err(InvalidBoundary::Repeated.into());
            }
        }
        Ok(boundary.ok_or(InvalidBoundary::Missing)?)
    }

    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidBoundary> {
        let bytes = text.as_bytes();
        let is_allowed = |b: &u8| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\');
        match bytes {
            [] => Err(InvalidBoundary::Missing),
            _ if bytes.len() > Self::MAX_BYTES => {
                Err(InvalidBoundary::TooLong { bytes: bytes.len() })
            }
            [.., b' '] => Err(InvalidBoundary::Character),
            _ if !bytes.iter().all(is_allowed) => Err(InvalidBoundary::Character),
            _ => Ok(Self(text.into())),
        }
    }

    /// The boundary that a body begins with, if its first line is that of a delimiter.
    pub(super) fn opening(body: &[u8]) -> Option<String> {
        let body = body.strip_prefix(b"\r\n").unwrap_or(body);
        let line = body.strip_prefix(b"--")?;
        let end = memchr::memchr2(b'\r', b'\n', line)?;
        let text = std::str::from_utf8(line.get(..end)?).ok()?;
        Some(Self::parse(text).ok()?.0.into())
    }

    /// The boundary that spells these random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        let mut text = String::from("upcall-");
        for byte in bytes {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// The boundary as text, without the dashes of a delimiter.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before and behind every part: the boundary with its dashes and line break.
    pub(super) fn into_delimiter(self) -> Bytes {
        format!("\r\n--{}", self.0).into()
    }

    /// The `Content-Type` of a form with this boundary.
    pub fn to_content_type(&self) -> String {
        format!("multipart/form-data; boundary=\"{}\"", self.0)
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Boundary({:?})", self.0)
    }
}

fn is_multipart(media_type: &str) -> bool {
    media_type
        .trim()
        .eq_ignore_ascii_case("multipart/form-data")
}

/// Why a content type that does not begin with `multipart/form-data` and `;` is none of a form.
fn not_multipart(value: &str) -> FormError {
    let types = || {
        value
            .split(',')
            .map(|one| one.split(';').next().unwrap_or(one))
    };
    if !types().any(is_multipart) {
        return FormError::NotMultipart;
    }
    // `multipart/form-data, boundary=B`: what follows the comma is no type.
    let is_one_type = types()
        .skip(1)
        .all(|one| !one.contains('/') || one.contains('='));
    if is_one_type {
        return InvalidBoundary::Comma.into();
    }
    InvalidBoundary::Merged.into()
}

/// Whether a comma stands before another media type, as where two headers were made one.
///
/// Asked only of what cannot be read: a boundary may hold a comma and a slash.
fn is_merged(parameters: &str) -> bool {
    let after_a_comma = parameters.split(',').skip(1);
    let mut types = after_a_comma.map(|one| one.split(';').next().unwrap_or(one).trim());
    types.any(|one| {
        one.split_once('/')
            .is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
    })
}

/// Why a form has no usable boundary.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidBoundary {
    /// It holds a character that no boundary has, or ends with a space.
    #[error("the boundary holds a character that is not allowed, or ends with a space")]
    Character,
    /// A comma stands where `;` belongs.
    #[error("a comma follows `multipart/form-data` in the content type, where `;` belongs")]
    Comma,
    /// Two content types were made one, with a comma between them.
    #[error("the content type is two that were made one, with a comma between them")]
    Merged,
    /// The parameters after the media type cannot be read.
    #[error("the parameters of the content type cannot be read")]
    Malformed,
    /// There is none.
    #[error("the content type names no boundary")]
    Missing,
    /// There is more than one.
    #[error("the content type names more than one boundary")]
    Repeated,
    /// It is too long.
    #[error("the boundary is {bytes} bytes long; it has at most 70")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_taken_from_the_content_type() {
        for (value, boundary) in [
            ("multipart/form-data; boundary=abc", "abc"),
            ("Multipart/Form-Data;BOUNDARY=\"abc\"", "abc"),
            ("multipart/form-data; charset=utf-8; boundary=abc", "abc"),
            (
                "multipart/form-data; boundary=----=_Part_1:2/3",
                "----=_Part_1:2/3",
            ),
            ("multipart/form-data; boundary=\"a b;c\" ;", "a b;c"),
        ] {
            let read = Boundary::from_content_type(value).unwrap();
            assert_eq!(read.as_str(), boundary, "{value}");
            assert_eq!(
                Boundary::from_content_type(&read.to_content_type()),
                Ok(read)
            );
        }
    }

    #[test]
    fn another_type_or_a_bad_boundary_is_refused() {
        for value in [
            "",
            "text/plain",
            "multipart/mixed; boundary=a",
            "multipart/form-data boundary=a",
        ] {
            let refused = Boundary::from_content_type(value).unwrap_err();
            assert_eq!(refused, FormError::NotMultipart, "{value}");
            assert_eq!(refused.refusal().row().code, "RequestIsNotMultiPartContent");
        }
        for (value, why) in [
            ("multipart/form-data, boundary=B", InvalidBoundary::Comma),
            ("multipart/form-data,boundary=a/b", InvalidBoundary::Comma),
            (
                "multipart/form-data, boundary=B; charset=utf-8",
                InvalidBoundary::Comma,
            ),
            (
                "application/json, multipart/form-data; boundary=B",
                InvalidBoundary::Merged,
            ),
            (
                "multipart/form-data, multipart/form-data; boundary=B",
                InvalidBoundary::Merged,
            ),
            (
                "multipart/form-data; boundary=B, application/json",
                InvalidBoundary::Merged,
            ),
            (
                "multipart/form-data; boundary=B, multipart/form-data; boundary=C",
                InvalidBoundary::Merged,
            ),
        ] {
            let refused = Boundary::from_content_type(value).unwrap_err();
            assert_eq!(refused, FormError::Boundary(why), "{value}");
            assert_eq!(refused.refusal().row().code, "RequestIsNotMultiPartContent");
        }
        let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
        for (value, why) in [
            ("multipart/form-data", InvalidBoundary::Missing),
            ("multipart/form-data;", InvalidBoundary::Missing),
            (
                "multipart/form-data; boundary=\"\"",
                InvalidBoundary::Missing,
            ),
            ("multipart/form-data; boundary", InvalidBoundary::Malformed),
            ("multipart/form-data; boundary=", InvalidBoundary::Malformed),
            (
                "multipart/form-data; boundary=a; boundary=a",
                InvalidBoundary::Repeated,
            ),
            (
                "multipart/form-data; boundary=\"a \"",
                InvalidBoundary::Character,
            ),
            (
                "multipart/form-data; boundary=\"a\r\n\"",
                InvalidBoundary::Character,
            ),
            (
                "multipart/form-data; boundary=ä",
                InvalidBoundary::Character,
            ),
            (&long, InvalidBoundary::TooLong { bytes: 71 }),
        ] {
            let refused = Boundary::from_content_type(value).unwrap_err();
            assert_eq!(refused, FormError::Boundary(why), "{value}");
            assert_eq!(refused.refusal().row().status, 400);
        }
    }
}
