//! What a verified callback says of an upload.
//!
//! The template is the application's own, so this reads the names that our policies and the official
//! samples use, as a form or as JSON. Which of the two it is, the body itself says: it is signed, and
//! the content type is not.

use std::borrow::Cow;

use jiff::Timestamp;
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use crate::uploads::Upload;

/// What a verified callback says of an upload.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Notice {
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
        let says = Says::parse(body)?;
        let object = says
            .text(&["object", "filename", "key"])?
            .ok_or(InvalidNotice::NoObject)?;
        Ok(Self {
            object,
            size: says.number("size", &["size"])?,
            mime_type: says.text(&["mimeType"])?,
            width: says.number("width", &["width", "imageInfo.width"])?,
            height: says.number("height", &["height", "imageInfo.height"])?,
            request_id: says.text(&["requestId", "reqId"])?,
        })
    }

    /// The row for it. The id that the body tells is signed, and goes before the announced one.
    pub(super) fn received(self, announced_id: Option<String>, at: Timestamp) -> Upload {
        Upload {
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
    #[error("the body is neither a form nor a flat JSON object, in UTF-8")]
    Form,
    #[error("the body does not name the object; put `object=${{object}}` into `callbackBody`")]
    NoObject,
    #[error("`{name}` is not a whole number")]
    NotANumber { name: &'static str },
}

/// Names and values; where a form has a name twice, the first counts.
struct Says(Vec<(String, String)>);

impl Says {
    fn parse(body: &[u8]) -> Result<Self, InvalidNotice> {
        let is_json = body.trim_ascii_start().starts_with(b"{");
        if is_json {
            Self::parse_json(body)
        } else {
            Self::parse_form(body)
        }
    }

    fn parse_json(body: &[u8]) -> Result<Self, InvalidNotice> {
        let members: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| InvalidNotice::Form)?;
        let text = |value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        let pairs = members
            .into_iter()
            .filter_map(|(name, value)| Some((name, text(value)?)));
        Ok(Self(pairs.collect()))
    }

    fn parse_form(body: &[u8]) -> Result<Self, InvalidNotice> {
        let pair = |pair: &[u8]| {
            let end = pair
                .iter()
                .position(|byte| *byte == b'=')
                .unwrap_or(pair.len());
            let value = pair.get(end + 1..).unwrap_or_default();
            Ok((decode(&pair[..end])?, decode(value)?))
        };
        body.split(|byte| *byte == b'&')
            .map(pair)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The first of `names` that is there and not empty.
    fn text(&self, names: &[&str]) -> Result<Option<String>, InvalidNotice> {
        let value = |name: &&str| {
            self.0
                .iter()
                .find(|(has, _)| has == name)
                .map(|(_, value)| value)
        };
        let value = names
            .iter()
            .filter_map(value)
            .find(|value| !value.is_empty());
        match value {
            Some(value) if value.len() > MAX_TEXT_BYTES => Err(InvalidNotice::Form),
            value => Ok(value.cloned()),
        }
    }

    fn number(&self, name: &'static str, names: &[&str]) -> Result<Option<u64>, InvalidNotice> {
        let parse = |text: String| text.parse().map_err(|_| InvalidNotice::NotANumber { name });
        self.text(names)?.map(parse).transpose()
    }
}

fn decode(text: &[u8]) -> Result<String, InvalidNotice> {
    let spaced: Cow<'_, [u8]> = if text.contains(&b'+') {
        text.iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect()
    } else {
        text.into()
    };
    let decoded = percent_decode(&spaced)
        .decode_utf8()
        .map_err(|_| InvalidNotice::Form)?;
    Ok(decoded.into_owned())
}

/// A key has at most 1,023 bytes, and nothing else is as long.
const MAX_TEXT_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn photo() -> Notice {
        Notice {
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
    fn the_samples_template_is_understood() {
        let form = b"filename=a+b.txt&size=0&mimeType=text%2Fplain&height=&width=";
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
            (b"{\"object\":\"a\"", InvalidNotice::Form),
            (b"object=%FF", InvalidNotice::Form),
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
            (long.as_bytes(), InvalidNotice::Form),
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
    fn the_first_of_two_counts() {
        let notice = Notice::read(b"object=first&object=second").unwrap();
        assert_eq!(notice.object, "first");
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
