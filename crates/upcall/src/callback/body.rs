//! Reading a callback's body: its fields, each of which stands there once.
//!
//! In: the body of a verified callback. Out: [`CallbackBody`], names and values, or why two readers
//! could read it differently. Whether it is a form or JSON, the body itself says: it is signed, and
//! `Content-Type` is not.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode;
use serde_core::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

/// The fields of a callback's body: of a form, or of the JSON object that it is.
///
/// A field that stands twice is refused, since two readers could take two values; so is what is not
/// UTF-8. Members of JSON that are neither text nor number are left out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallbackBody(Vec<(String, String)>);

impl CallbackBody {
    /// Reads the body: JSON if its first character is `{`, else a form.
    ///
    /// # Errors
    /// Says what is wrong with the body as a whole.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        let pairs = if body.trim_ascii_start().starts_with(b"{") {
            read_json(body)?
        } else {
            read_form(body)?
        };
        let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
        {
            return Err(InvalidBody::FieldTwice);
        }
        let is_kept = |(name, value): (String, Option<String>)| Some((name, value?));
        Ok(Self(pairs.into_iter().filter_map(is_kept).collect()))
    }

    /// The value of a field, decoded; a number of JSON in its digits.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(has, _)| has == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Why a body has no fields that every reader would read in the same way.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidBody {
    /// A field stands twice.
    #[error("a field stands twice in the body")]
    FieldTwice,
    /// It is neither a form nor a JSON object, in UTF-8.
    #[error("the body is neither a form nor a JSON object, in UTF-8")]
    Form,
}

impl InvalidBody {
    /// A stable name, the same in the kit's every language.
    pub const fn code(self) -> &'static str {
        match self {
            Self::FieldTwice => "body-field-twice",
            Self::Form => "body-malformed",
        }
    }
}

type Pairs = Vec<(String, Option<String>)>;

fn read_form(body: &[u8]) -> Result<Pairs, InvalidBody> {
    let pairs = body.split(|byte| *byte == b'&');
    let pairs = pairs.filter(|pair| !pair.is_empty());
    let read = |pair: &[u8]| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decode(halves.next().unwrap_or_default())?;
        let value = decode(halves.next().unwrap_or_default())?;
        Ok((name, Some(value)))
    };
    pairs.map(read).collect()
}

fn decode(text: &[u8]) -> Result<String, InvalidBody> {
    let spaced: Cow<'_, [u8]> = if text.contains(&b'+') {
        let spaced = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
        text.iter().map(spaced).collect()
    } else {
        text.into()
    };
    let decoded = percent_decode(&spaced).decode_utf8();
    Ok(decoded.map_err(|_| InvalidBody::Form)?.into_owned())
}

fn read_json(body: &[u8]) -> Result<Pairs, InvalidBody> {
    let text = std::str::from_utf8(body).map_err(|_| InvalidBody::Form)?;
    let Members(members) = serde_json::from_str(text).map_err(|_| InvalidBody::Form)?;
    let text = |value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let pair = |(name, value)| (name, text(value));
    Ok(members.into_iter().map(pair).collect())
}

/// Every member of an object: a map keeps the last of two that have one name.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            if members.len() == MAX_FIELDS {
                return Err(A::Error::custom("too many members"));
            }
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// How many members a JSON body may have. A template has at most 5 KiB, and a member takes six bytes
/// of it.
const MAX_FIELDS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_and_json_say_the_same() {
        let form = b"bucket=photos&object=uploads%2Feric%2F%E7%8C%AB%201+2.jpg&size=5&width=";
        let json = r#" {"bucket":"photos","object":"uploads/eric/猫 1 2.jpg","size":5,"width":"",
            "more":{"a":[1]},"none":null}"#;
        for body in [&form[..], json.as_bytes()] {
            let body = CallbackBody::parse(body).unwrap();
            assert_eq!(body.get("object"), Some("uploads/eric/猫 1 2.jpg"));
            assert_eq!((body.get("size"), body.get("width")), (Some("5"), Some("")));
            assert_eq!(body.get("more").or(body.get("none")), None);
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        use InvalidBody::{FieldTwice, Form};
        for (body, why) in [
            (&b"object=a&object=b"[..], FieldTwice),
            (b"object=a&size=1&object=a", FieldTwice),
            (b"object=a&o%62ject=b", FieldTwice),
            (b"a&a=1", FieldTwice),
            (b"{\"object\":\"a\",\"object\":\"b\"}", FieldTwice),
            (b"{\"object\":\"a\",\"\\u006fbject\":null}", FieldTwice),
            (b"object=%FF", Form),
            (b"object=\xff", Form),
            (b"%FF=a", Form),
            (b"{\"object\":\"\xff\"}", Form),
            (b"{\"object\":\"a\"", Form),
            (b"{\"object\":\"a\"}{}", Form),
            (b"{\"object\":\"\\ud800\"}", Form),
        ] {
            let refused = CallbackBody::parse(body);
            assert_eq!(refused, Err(why), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_body_without_fields_has_none() {
        for body in [&b""[..], b"&&", b"{}"] {
            assert_eq!(CallbackBody::parse(body), Ok(CallbackBody::default()));
        }
    }
}
