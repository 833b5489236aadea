//! Why a body is not the JSON that it should be.

use std::fmt;

use serde::de::IgnoredAny;

/// What is wrong with a body that is not JSON, the likeliest first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum BodyFault {
    ByteOrderMark,
    /// A control character, such as NUL, where JSON has none.
    ControlCharacter {
        byte: u8,
    },
    Html,
    /// JSON, and then something else.
    More {
        line: usize,
        column: usize,
    },
    NotUtf8,
    /// Quotes that are not `"`.
    Quotes,
    /// Something that begins like JSON and goes wrong.
    Syntax {
        line: usize,
        column: usize,
    },
    /// No JSON at all; the beginning of it.
    Text {
        start: Box<str>,
    },
    TooDeep,
    /// JSON that ends too early.
    Truncated,
    /// XML that is not announced as such.
    Xml,
}

impl BodyFault {
    /// `body` is one that was judged not to be JSON.
    pub(super) fn of(body: &[u8]) -> Self {
        if body.starts_with(BOM) {
            return Self::ByteOrderMark;
        }
        let Ok(text) = std::str::from_utf8(body) else {
            return Self::NotUtf8;
        };
        let trimmed = text.trim_start();
        if trimmed.starts_with('<') {
            return Self::of_markup(trimmed);
        }
        let is_wrong = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n');
        if let Some(byte) = text.bytes().find(|byte| is_wrong(byte)) {
            return Self::ControlCharacter { byte };
        }
        if !trimmed.starts_with(['{', '[', '"']) {
            let start: String = trimmed.chars().take(SHOWN_CHARACTERS).collect();
            return Self::Text {
                start: start.into(),
            };
        }
        Self::of_json(trimmed)
    }

    fn of_markup(text: &str) -> Self {
        let begins = |with: &str| {
            let start = text.get(..with.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(with))
        };
        if begins("<?xml")
            || ![
                "<!doctype html",
                "<html",
                "<head",
                "<body",
                "<h1",
                "<pre",
                "<!--",
            ]
            .into_iter()
            .any(begins)
        {
            return Self::Xml;
        }
        Self::Html
    }

    fn of_json(text: &str) -> Self {
        // `IgnoredAny` is read without a limit of depth; with what was judged it agrees otherwise.
        let mut reader = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
        let error = match reader.next() {
            Some(Ok(_)) => {
                let rest = text[reader.byte_offset()..].trim_start();
                if rest.is_empty() {
                    return Self::TooDeep;
                }
                let before = &text[..text.len() - rest.len()];
                let line = before.matches('\n').count() + 1;
                let column = before
                    .rsplit('\n')
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .count()
                    + 1;
                return Self::More { line, column };
            }
            Some(Err(error)) => error,
            None => return Self::Truncated,
        };
        if error.is_eof() {
            return Self::Truncated;
        }
        let (line, column) = (error.line(), error.column());
        let at = text.lines().nth(line - 1).unwrap_or_default();
        let wrong = at.as_bytes().get(column.saturating_sub(1));
        if wrong == Some(&b'\'') {
            return Self::Quotes;
        }
        Self::Syntax { line, column }
    }
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByteOrderMark => f.write_str(
                "body starts with a BOM: save the source file, or write the answer, \
                         without one",
            ),
            Self::ControlCharacter { byte } => write!(
                f,
                "body holds the control character 0x{byte:02x}, which JSON writes as \
                 `\\u{byte:04x}`"
            ),
            Self::Html => f.write_str(
                "body is HTML: a page answered, not the route for callbacks; answer with JSON",
            ),
            Self::More { line, column } => write!(
                f,
                "body goes on after the JSON, at line {line}, column {column}: something else is \
                 written to the answer, too"
            ),
            Self::NotUtf8 => f.write_str("body is not UTF-8: JSON must be"),
            Self::Quotes => f.write_str("body has names or texts in `'`: JSON has them in `\"`"),
            Self::Syntax { line, column } => {
                write!(f, "body is not JSON: see line {line}, column {column}")
            }
            Self::Text { start } => write!(
                f,
                "body is the text `{}`, which is not JSON: answer with `{{\"Status\":\"OK\"}}` \
                 or the like",
                start.escape_debug()
            ),
            Self::TooDeep => f.write_str("body is JSON of more than 127 levels"),
            Self::Truncated => f.write_str(
                "body ends in the middle of the JSON: compare `Content-Length`, which counts bytes \
                 and not characters",
            ),
            Self::Xml => f.write_str(
                "body is XML: it counts with `Content-Type: application/xml` only, otherwise \
                 answer with JSON",
            ),
        }
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Characters of a text that are shown.
const SHOWN_CHARACTERS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_body_is_told_what_is_wrong_with_it() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for (body, sentence) in [
            (&b"\xef\xbb\xbf{}"[..], "body starts with a BOM"),
            (b"<!DOCTYPE html><p>Sign in", "body is HTML"),
            (b"\n<HTML>", "body is HTML"),
            (b"<pre>Cannot POST /", "body is HTML"),
            (b"<?xml version=\"1.0\"?><a/>", "body is XML"),
            (b"<ok/>", "body is XML"),
            (
                b"{\"a\":\"\0\"}",
                "body holds the control character 0x00, which JSON writes as `\\u0000`",
            ),
            (b"{}\0", "body holds the control character 0x00"),
            (b"OK", "body is the text `OK`, which is not JSON"),
            (b"\x1b[31mOK", "body holds the control character 0x1b"),
            (b"\xc4\xe3", "body is not UTF-8"),
            (b"{\"a\":1", "body ends in the middle of the JSON"),
            (b"\"abc", "body ends in the middle of the JSON"),
            (b"{\n'a':1}", "body has names or texts in `'`"),
            (b"{} {}", "body goes on after the JSON, at line 1, column 4"),
            (b"{\"a\":\n tru}", "body is not JSON: see line 2, column"),
            (b"{a:1}", "body is not JSON: see line 1, column 2"),
            (deep.as_bytes(), "body is JSON of more than 127 levels"),
        ] {
            let said = BodyFault::of(body).to_string();
            assert!(said.starts_with(sentence), "{said} for {body:?}");
        }
        let long = "x".repeat(100);
        assert!(BodyFault::of(long.as_bytes()).to_string().len() < 160);
    }
}
