//! JSON of strangers: whether a text is any, answered without keeping anything of it, and objects in
//! which no name stands twice.

use std::fmt;

use serde_core::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Whether `bytes` are one JSON value and nothing else, UTF-8 without a byte order mark, not nested
/// more than 127 deep.
///
/// The text is the application's or an uploader's, up to 1 MiB of it: as a tree of values it would
/// take dozens of times as much.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    // From text, not from bytes: strings are then known to be UTF-8 even where nobody looks.
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<AnyJson>(text).is_ok())
}

/// The members of an object.
///
/// Of a name that stands twice, one reader takes the first value and another the last, so that what an
/// application checked need not be what is called. Names are compared as they are read, escapes undone;
/// one in another case is another name, as at OSS.
///
/// # Errors
/// The text is not one JSON object, or a name stands twice in it.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, NotAnObject> {
    let Members { members, repeated } =
        serde_json::from_slice(text).map_err(|_| NotAnObject::Malformed)?;
    match repeated {
        None => Ok(members),
        Some(name) => Err(NotAnObject::Repeated { name }),
    }
}

/// Why a text has no members to go by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum NotAnObject {
    /// It is not one JSON object.
    Malformed,
    /// A name stands twice.
    Repeated { name: String },
}

struct Members {
    members: Map<String, Value>,
    repeated: Option<String>,
}

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

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
        let (mut members, mut repeated) = (Map::new(), None);
        while let Some(name) = access.next_key::<String>()? {
            let value: Value = access.next_value()?;
            if members.contains_key(&name) {
                repeated.get_or_insert(name);
            } else {
                members.insert(name, value);
            }
        }
        Ok(Members { members, repeated })
    }
}

/// Any JSON value, looked at and dropped.
///
/// Serde's own `IgnoredAny` is skipped over by `serde_json` without a limit of depth and with half
/// an eye on strings; this one is read like any other value.
struct AnyJson;

impl<'de> Deserialize<'de> for AnyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for AnyJson {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_and_what_looks_like_it() {
        let deep = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        for good in [
            &b"{}"[..],
            b" {\"Status\":\"OK\"}\r\n",
            b"[]",
            b"0",
            b"-1.5e3",
            b"null",
            b"true",
            b"\"OK\"",
            b"{\"a\":[1,{\"b\":null}],\"a\":\"\\u732b\"}",
            "{\"猫\":\"🐈\"}".as_bytes(),
            &deep(127),
        ] {
            assert!(is_json(good), "{}", String::from_utf8_lossy(good));
        }
        for bad in [
            &b""[..],
            b" ",
            b"OK",
            b"\xef\xbb\xbf{}",
            b"{} {}",
            b"{}\0",
            b"{'a':1}",
            b"{a:1}",
            b"{\"a\":1,}",
            b"[1,]",
            b"{\"a\"}",
            b"{1:2}",
            b"01",
            b"NaN",
            b"\"\\ud800\"",
            b"\"\n\"",
            b"\"\xff\"",
            b"{\"a\":1",
            b"// {}\n{}",
            &deep(128),
            &deep(100_000),
        ] {
            assert!(!is_json(bad), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn a_name_stands_once_however_it_is_written() {
        let read = object(br#"{"a":1,"A":2,"b":{"c":1,"c":2}}"#).unwrap();
        assert_eq!(read.len(), 3);
        for twice in [
            r#"{"url":"1","url":"2"}"#,
            r#"{"url":"1","\u0075rl":"2"}"#,
            r#"{"url":"1","x":0,"url":"1"}"#,
        ] {
            let refused = object(twice.as_bytes());
            assert!(
                matches!(refused, Err(NotAnObject::Repeated { .. })),
                "{twice}: {refused:?}"
            );
        }
        for bad in ["[]", "1", "", "{", "{} {}", r#"{"a":1,"a"}"#] {
            assert_eq!(object(bad.as_bytes()), Err(NotAnObject::Malformed), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_reader_that_keeps_everything(text in "[\\[\\]{}:,\"0-9eE.tfnul\\\\ a-]{0,24}") {
            let kept = serde_json::from_str::<serde_json::Value>(&text);
            prop_assert_eq!(is_json(text.as_bytes()), kept.is_ok());
        }
    }
}
