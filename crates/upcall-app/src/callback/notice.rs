//! What a verified callback says of an upload.
//!
//! The template is the application's own, so this reads the names that our policies and the official
//! samples use, as a form or as JSON.

use jiff::Timestamp;
use upcall::callback::{CallbackBody, InvalidBody};

use crate::uploads::Upload;

/// What a verified callback says of an upload.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Notice {
    user: Option<String>,
    object: String,
    size: Option<u64>,
    mime_type: Option<String>,
    width: Option<u64>,
    height: Option<u64>,
    request_id: Option<String>,
}

impl Notice {
    /// # Errors
    /// Says what cannot be read; the object's name is the one thing that must be there.
    pub(super) fn read(body: &[u8]) -> Result<Self, InvalidNotice> {
        let body = &CallbackBody::parse(body)?;
        // The name that the binding was held against, and no other.
        let object = text(body, &["object"])?.ok_or(InvalidNotice::NoObject)?;
        Ok(Self {
            user: None,
            object,
            size: number(body, "size", &["size"])?,
            mime_type: text(body, &["mimeType"])?,
            width: number(body, "width", &["width", "imageInfo.width"])?,
            height: number(body, "height", &["height", "imageInfo.height"])?,
            request_id: text(body, &["requestId", "reqId"])?,
        })
    }

    /// Names the user, whom the binding names.
    pub(super) fn of(self, user: Option<String>) -> Self {
        Self { user, ..self }
    }

    /// The row for it. The id that the body tells is signed, and goes before the announced one.
    pub(super) fn received(self, announced_id: Option<String>, at: Timestamp) -> Upload {
        Upload {
            user: self.user,
            object: self.object,
            size: self.size,
            mime_type: self.mime_type,
            width: self.width,
            height: self.height,
            request_id: self.request_id.or(announced_id),
            received_at: at,
        }
    }
}

/// Why a verified callback says nothing to us.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum InvalidNotice {
    #[error(transparent)]
    Body(#[from] InvalidBody),
    #[error("the body does not name the object; put `object=${{object}}` into `callbackBody`")]
    NoObject,
    #[error("`{name}` is not a whole number")]
    NotANumber { name: &'static str },
    #[error("a value in the body is longer than 4,096 bytes")]
    TooLong,
}

/// The first of `names` that is there and not empty.
fn text(body: &CallbackBody, names: &[&str]) -> Result<Option<String>, InvalidNotice> {
    let values = names.iter().filter_map(|name| body.get(name));
    match values.into_iter().find(|value| !value.is_empty()) {
        Some(value) if value.len() > MAX_TEXT_BYTES => Err(InvalidNotice::TooLong),
        value => Ok(value.map(str::to_owned)),
    }
}

fn number(
    body: &CallbackBody,
    name: &'static str,
    names: &[&str],
) -> Result<Option<u64>, InvalidNotice> {
    let parse = |text: String| text.parse().map_err(|_| InvalidNotice::NotANumber { name });
    text(body, names)?.map(parse).transpose()
}

/// A key has at most 1,023 bytes, and nothing else is as long.
const MAX_TEXT_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn photo() -> Notice {
        Notice {
            user: None,
            object: "uploads/eric/猫 1.jpg".to_owned(),
            size: Some(5),
            mime_type: Some("image/jpeg".to_owned()),
            width: Some(640),
            height: Some(480),
            request_id: Some("6743A1F30D".to_owned()),
        }
    }

    #[test]
    fn a_form_and_json_say_the_same() {
        let form = b"bucket=photos&object=uploads%2Feric%2F%E7%8C%AB%201.jpg&etag=D8E8&size=5\
            &mimeType=image%2Fjpeg&height=480&width=640&requestId=6743A1F30D";
        assert_eq!(Notice::read(form), Ok(photo()));
        let json = r#"{"object":"uploads/eric/猫 1.jpg","size":5,"mimeType":"image/jpeg",
            "height":"480","width":640,"reqId":"6743A1F30D","more":{"a":[1]}}"#;
        assert_eq!(Notice::read(json.as_bytes()), Ok(photo()));
    }

    #[test]
    fn what_the_samples_tell_is_understood() {
        let form = b"object=a+b.txt&size=0&mimeType=text%2Fplain&height=&width=";
        let notice = Notice {
            object: "a b.txt".to_owned(),
            size: Some(0),
            mime_type: Some("text/plain".to_owned()),
            ..Notice::default()
        };
        assert_eq!(Notice::read(form), Ok(notice));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let long = format!("object={}", "a".repeat(MAX_TEXT_BYTES + 1));
        for (body, why) in [
            (&b""[..], InvalidNotice::NoObject),
            (b"object=", InvalidNotice::NoObject),
            (b"object", InvalidNotice::NoObject),
            (b"{}", InvalidNotice::NoObject),
            (b"{\"object\":null}", InvalidNotice::NoObject),
            (b"{\"object\":\"a\"", InvalidBody::Form.into()),
            (b"object=%FF", InvalidBody::Form.into()),
            (b"object=a&object=b", InvalidBody::FieldTwice.into()),
            (
                b"object=a&size=-1",
                InvalidNotice::NotANumber { name: "size" },
            ),
            (
                b"{\"object\":\"a\",\"size\":1.5}",
                InvalidNotice::NotANumber { name: "size" },
            ),
            (
                b"object=a&width=wide",
                InvalidNotice::NotANumber { name: "width" },
            ),
            (long.as_bytes(), InvalidNotice::TooLong),
        ] {
            assert_eq!(
                Notice::read(body),
                Err(why),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
    }

    #[test]
    fn a_signed_id_goes_before_an_announced_one() {
        let at = Timestamp::UNIX_EPOCH;
        let announced = || Some("announced".to_owned());
        let upload = photo().received(announced(), at);
        assert_eq!(upload.request_id.as_deref(), Some("6743A1F30D"));
        let upload = Notice {
            request_id: None,
            ..photo()
        }
        .received(announced(), at);
        assert_eq!(upload.request_id.as_deref(), Some("announced"));
    }
}
