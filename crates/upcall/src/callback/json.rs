//! Is this text JSON? Answered without keeping anything of it.

use std::fmt;

use serde_core::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Whether `bytes` are one JSON value and nothing else, UTF-8 without a byte order mark, not nested
/// more than 127 deep.
///
/// The text is the application's or an uploader's, up to 1 MiB of it: as a tree of values it would
/// take dozens of times as much.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    // From text, not from bytes: strings are then known to be UTF-8 even where nobody looks.
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<AnyJson>(text).is_ok())
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

    proptest! {
        #[test]
        fn it_agrees_with_a_reader_that_keeps_everything(text in "[\\[\\]{}:,\"0-9eE.tfnul\\\\ a-]{0,24}") {
            let kept = serde_json::from_str::<serde_json::Value>(&text);
            prop_assert_eq!(is_json(text.as_bytes()), kept.is_ok());
        }
    }
}
