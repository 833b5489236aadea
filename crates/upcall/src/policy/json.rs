//! JSON as policies have it: strict, but for `\$`, which the documentation writes in strings.
//!
//! A reader of our own because of that, because a member that stands twice must be refused (two
//! readers could take different ones), and because OSS says which character it did not expect.
//! Bounded in depth; the document's reader bounds the text.

use std::collections::HashSet;

/// A value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Json {
    Null,
    Bool,
    /// A number: its value if it is written as a whole one from 0 to 2⁶⁴ − 1.
    Number(Option<u64>),
    Text(String),
    Array(Vec<Self>),
    /// Members in the order they came, each name once.
    Object(Vec<(String, Self)>),
}

/// Why a text is not JSON; the words are OSS's where it has been seen to print any.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JsonFault {
    /// The text ends in the middle.
    #[error("unexpected end")]
    End,
    /// Something else was expected.
    #[error("{0} expected")]
    Expected(&'static str),
    /// A member of an object stands twice.
    #[error("member {0:?} stands twice")]
    Repeated(String),
    /// More than 16 levels.
    #[error("nested too deeply")]
    TooDeep,
    /// A character that cannot stand there; one that cannot be seen is shown escaped.
    #[error("unknown char {}", shown(*.0))]
    UnknownChar(char),
}

/// A byte order mark or a control character would leave the sentence without its end.
fn shown(c: char) -> String {
    match c {
        '\'' | '"' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    }
}

/// Reads one value and nothing after it.
pub(super) fn parse(text: &str) -> Result<Json, JsonFault> {
    let mut parser = Parser { rest: text };
    let value = parser.value(MAX_DEPTH)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(value),
        Some(c) => Err(JsonFault::UnknownChar(c)),
    }
}

/// Appends `text` as a JSON string.
pub(super) fn push_text(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\0'..='\x1f' => {
                json.push_str(if c < '\x10' { "\\u000" } else { "\\u001" });
                json.extend(char::from_digit(u32::from(c) % 16, 16));
            }
            _ => json.push(c),
        }
    }
    json.push('"');
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Result<char, JsonFault> {
        let mut chars = self.rest.chars();
        let c = chars.next().ok_or(JsonFault::End)?;
        self.rest = chars.as_str();
        Ok(c)
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// `levels` is how many more may be nested.
    fn value(&mut self, levels: usize) -> Result<Json, JsonFault> {
        let levels = levels.checked_sub(1).ok_or(JsonFault::TooDeep)?;
        self.skip_blanks();
        match self.peek().ok_or(JsonFault::End)? {
            '{' => self.object(levels),
            '[' => self.array(levels),
            '"' => self.text().map(Json::Text),
            '-' | '0'..='9' => self.number(),
            _ if self.take("true") || self.take("false") => Ok(Json::Bool),
            _ if self.take("null") => Ok(Json::Null),
            c => Err(JsonFault::UnknownChar(c)),
        }
    }

    fn object(&mut self, levels: usize) -> Result<Json, JsonFault> {
        self.next()?;
        self.skip_blanks();
        let (mut members, mut names) = (Vec::new(), HashSet::new());
        if self.take("}") {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_blanks();
            match self.peek().ok_or(JsonFault::End)? {
                '"' => {}
                c => return Err(JsonFault::UnknownChar(c)),
            }
            let name = self.text()?;
            if !names.insert(name.clone()) {
                return Err(JsonFault::Repeated(name.chars().take(64).collect()));
            }
            self.skip_blanks();
            if self.next()? != ':' {
                return Err(JsonFault::Expected(":"));
            }
            members.push((name, self.value(levels)?));
            self.skip_blanks();
            match self.next()? {
                ',' => {}
                '}' => return Ok(Json::Object(members)),
                _ => return Err(JsonFault::Expected(", or }")),
            }
        }
    }

    fn array(&mut self, levels: usize) -> Result<Json, JsonFault> {
        self.next()?;
        self.skip_blanks();
        let mut items = Vec::new();
        if self.take("]") {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(levels)?);
            self.skip_blanks();
            match self.next()? {
                ',' => {}
                ']' => return Ok(Json::Array(items)),
                _ => return Err(JsonFault::Expected(", or ]")),
            }
        }
    }

    /// Source: RFC 8259, section 6.
    fn number(&mut self) -> Result<Json, JsonFault> {
        let is_negative = self.take("-");
        let whole = self.digits()?;
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(JsonFault::UnknownChar('0'));
        }
        let is_fraction = self.take(".");
        if is_fraction {
            self.digits()?;
        }
        let is_power = self.take("e") || self.take("E");
        if is_power {
            let _ = self.take("+") || self.take("-");
            self.digits()?;
        }
        let is_whole = !(is_negative || is_fraction || is_power);
        Ok(Json::Number(whole.parse().ok().filter(|_| is_whole)))
    }

    fn digits(&mut self) -> Result<&'a str, JsonFault> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        match (digits, self.peek()) {
            ("", Some(c)) => Err(JsonFault::UnknownChar(c)),
            ("", None) => Err(JsonFault::End),
            _ => Ok(digits),
        }
    }

    fn text(&mut self) -> Result<String, JsonFault> {
        self.next()?;
        let mut text = String::new();
        loop {
            let is_special = |c| matches!(c, '"' | '\\' | '\0'..='\x1f');
            let plain = self.rest.find(is_special).unwrap_or(self.rest.len());
            let (plain, rest) = self.rest.split_at(plain);
            text.push_str(plain);
            self.rest = rest;
            match self.next()? {
                '"' => return Ok(text),
                '\\' => self.escape(&mut text)?,
                c => return Err(JsonFault::UnknownChar(c)),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), JsonFault> {
        let c = match self.next()? {
            c @ ('"' | '\\' | '/') => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.code_point()?,
            // Not JSON, but how the documentation writes a literal dollar. Both ways of writing it,
            // `\$` and `\\$`, come out as `\$`; conditions take the backslash away.
            '$' => {
                text.push('\\');
                '$'
            }
            c => return Err(JsonFault::UnknownChar(c)),
        };
        text.push(c);
        Ok(())
    }

    fn code_point(&mut self) -> Result<char, JsonFault> {
        let high = self.code_unit()?;
        if !(0xd800..=0xdbff).contains(&high) {
            return char::from_u32(high).ok_or(JsonFault::Expected("high surrogate"));
        }
        let low = if self.take("\\u") {
            self.code_unit()?
        } else {
            0
        };
        if !(0xdc00..=0xdfff).contains(&low) {
            return Err(JsonFault::Expected("low surrogate"));
        }
        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        char::from_u32(code).ok_or(JsonFault::Expected("low surrogate"))
    }

    fn code_unit(&mut self) -> Result<u32, JsonFault> {
        (0..4).try_fold(0, |unit, _| {
            let c = self.next()?;
            let digit = c.to_digit(16).ok_or(JsonFault::UnknownChar(c))?;
            Ok(unit * 16 + digit)
        })
    }
}

/// Levels of nesting; a policy has four, and may have unknown members that have more.
const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Json {
        Json::Text(text.to_owned())
    }

    #[test]
    fn values_are_read() {
        for (json, value) in [
            (" null ", Json::Null),
            ("true", Json::Bool),
            ("0", Json::Number(Some(0))),
            ("18446744073709551615", Json::Number(Some(u64::MAX))),
            ("18446744073709551616", Json::Number(None)),
            ("-1", Json::Number(None)),
            ("-0", Json::Number(None)),
            ("1.0", Json::Number(None)),
            ("1E+2", Json::Number(None)),
            ("\"\"", text("")),
            (
                r#""a\/\\\"\b\f\n\r\t\u00e9\ud83d\ude00""#,
                text("a/\\\"\u{8}\u{c}\n\r\té😀"),
            ),
            (r#""\$\\$""#, text(r"\$\$")),
            ("[ ]", Json::Array(Vec::new())),
            (
                "[1 ,\n\"a\"]",
                Json::Array(vec![Json::Number(Some(1)), text("a")]),
            ),
            ("{ }", Json::Object(Vec::new())),
            (
                "{\"a\" : {}}",
                Json::Object(vec![("a".to_owned(), Json::Object(Vec::new()))]),
            ),
        ] {
            assert_eq!(parse(json), Ok(value), "{json}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_as_oss_tells_it() {
        for (json, message) in [
            ("", "unexpected end"),
            ("eyJ", "unknown char e"),
            ("{} x", "unknown char x"),
            ("\u{feff}{}", "unknown char \\u{feff}"),
            ("[1 2]", ", or ] expected"),
            ("[1,]", "unknown char ]"),
            ("[1", "unexpected end"),
            ("{\"a\":1 \"b\"}", ", or } expected"),
            ("{\"a\":1,}", "unknown char }"),
            ("{\"a\" 1}", ": expected"),
            ("{a:1}", "unknown char a"),
            ("{'a':1}", "unknown char '"),
            ("{\"a\":1,\"a\":1}", "member \"a\" stands twice"),
            ("{\"a\":1,\"\\u0061\":1}", "member \"a\" stands twice"),
            ("[{\"a\":1,\"a\":1}]", "member \"a\" stands twice"),
            ("tru", "unknown char t"),
            ("+1", "unknown char +"),
            ("-", "unexpected end"),
            ("01", "unknown char 0"),
            ("1.", "unexpected end"),
            ("1.e", "unknown char e"),
            ("1e", "unexpected end"),
            ("1ex", "unknown char x"),
            (".5", "unknown char ."),
            ("\"a", "unexpected end"),
            ("\"\n\"", "unknown char \\n"),
            ("\"\\x\"", "unknown char x"),
            ("\"\\u00g0\"", "unknown char g"),
            ("\"\\ud800\"", "low surrogate expected"),
            ("\"\\ud800\\u0041\"", "low surrogate expected"),
            ("\"\\udc00\"", "high surrogate expected"),
        ] {
            assert_eq!(parse(json).unwrap_err().to_string(), message, "{json}");
        }
    }

    #[test]
    fn sixteen_levels_are_enough() {
        let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(&nested(16)).is_ok());
        assert_eq!(parse(&nested(17)), Err(JsonFault::TooDeep));
        assert_eq!(parse(&"[".repeat(100_000)), Err(JsonFault::TooDeep));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in any::<String>()) {
            let mut json = String::new();
            push_text(&mut json, &value);
            prop_assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(value.clone()));
            prop_assert_eq!(parse(&json), Ok(Json::Text(value)));
        }

        /// But for `\$` and members that stand twice, which the other reader takes.
        #[test]
        fn it_agrees_with_another_reader(json in "[\\[\\]{}:,\"0-9eE.tfnul\\\\ a+-]{0,24}") {
            let other = serde_json::from_str::<serde_json::Value>(&json);
            let ours = parse(&json);
            // Numbers too large for a float are JSON, but not that reader's.
            let is_agreed = match (&ours, &other) {
                (Err(JsonFault::Repeated(_)), Ok(_)) => true,
                (Ok(_), Err(error)) => error.to_string().contains("number out of range"),
                (ours, other) => ours.is_ok() == other.is_ok(),
            };
            prop_assert!(is_agreed, "{ours:?} and {other:?}");
        }
    }
}
