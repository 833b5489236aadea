//! The parameters of a header: `; name="key"; filename=a.jpg`.

use std::borrow::Cow;

/// Reads parameters one by one; each begins with `;`.
///
/// In a quoted value a backslash escapes `"` and `\` and is itself before anything else: curl, Go
/// and Python write `\"` and `\\`, while browsers leave backslashes alone (and old ones send
/// `C:\Users\me\a.jpg`). Percent signs stay as they came: browsers write a quote as `%22` but a
/// percent sign as itself, so decoding would give two file names one reading.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    rest: &'a str,
}

/// The parameters do not have the form `; name=value`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct MalformedParameter;

impl<'a> Parameters<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn parse_one(&mut self) -> Result<Option<(&'a str, Cow<'a, str>)>, MalformedParameter> {
        self.rest = self.rest.trim_start_matches(BLANK);
        if !self.rest.is_empty() && !self.rest.starts_with(';') {
            return Err(MalformedParameter);
        }
        // An empty parameter means nothing; some clients end the line with `;`.
        self.rest = self.rest.trim_start_matches([';', ' ', '\t']);
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (name, after) = self.rest.split_once('=').ok_or(MalformedParameter)?;
        let name = name.trim_end_matches(BLANK);
        if !is_token(name) {
            return Err(MalformedParameter);
        }
        let after = after.trim_start_matches(BLANK);
        let (value, rest) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => plain(after)?,
        };
        self.rest = rest;
        Ok(Some((name, value)))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<(&'a str, Cow<'a, str>), MalformedParameter>;

    fn next(&mut self) -> Option<Self::Item> {
        let parsed = self.parse_one();
        if parsed.is_err() {
            self.rest = "";
        }
        parsed.transpose()
    }
}

/// Whether `text` is a token of HTTP: a header's or a parameter's name.
pub(super) fn is_token(text: &str) -> bool {
    let is_token_byte = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// A value without quotes: up to `;`, without blanks or quotes in it.
fn plain(text: &str) -> Result<(Cow<'_, str>, &str), MalformedParameter> {
    let end = text.find(';').unwrap_or(text.len());
    let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let value = value.trim_end_matches(BLANK);
    if value.is_empty() || value.contains([' ', '\t', '"']) {
        return Err(MalformedParameter);
    }
    Ok((Cow::Borrowed(value), rest))
}

/// A quoted value whose opening quote is gone already, and what follows the closing one.
fn unquote(text: &str) -> Result<(Cow<'_, str>, &str), MalformedParameter> {
    let bytes = text.as_bytes();
    let between = |from: usize, to: usize| text.get(from..to).ok_or(MalformedParameter);
    let mut unescaped = String::new();
    let mut kept = 0; // everything before it is in `unescaped`
    let mut at = 0;
    loop {
        let left = bytes.get(at..).unwrap_or_default();
        at += memchr::memchr2(b'"', b'\\', left).ok_or(MalformedParameter)?;
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'"'), _) => break,
            (_, Some(b'"' | b'\\')) => {
                unescaped.push_str(between(kept, at)?);
                kept = at + 1;
                at += 2;
            }
            (_, _) => at += 1,
        }
    }
    let rest = between(at + 1, text.len())?;
    if kept == 0 {
        return Ok((Cow::Borrowed(between(0, at)?), rest));
    }
    unescaped.push_str(between(kept, at)?);
    Ok((Cow::Owned(unescaped), rest))
}

const BLANK: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(&str, String)>, MalformedParameter> {
        Parameters::new(text)
            .map(|parameter| parameter.map(|(name, value)| (name, value.into_owned())))
            .collect()
    }

    #[test]
    fn values_are_read_as_clients_write_them() {
        for (text, value) in [
            (r#"; filename="a.jpg""#, "a.jpg"),
            ("; filename=a.jpg", "a.jpg"),
            (" ;filename = a.jpg ; ", "a.jpg"),
            (r#"; filename="""#, ""),
            (r#"; filename="a;b=c.jpg""#, "a;b=c.jpg"),
            (r#"; filename="a\"b\\c""#, r#"a"b\c"#), // curl, Go, Python
            (r#"; filename="C:\Users\me\a.jpg""#, r"C:\Users\me\a.jpg"), // old browsers
            (r#"; filename="a%22b%0D%0A%25""#, "a%22b%0D%0A%25"), // browsers
            ("; filename=\"猫 🐈.jpg\"", "猫 🐈.jpg"),
        ] {
            assert_eq!(read(text), Ok(vec![("filename", value.into())]), "{text}");
        }
        assert_eq!(
            read(r#"; name="file"; filename=a; filename*=UTF-8''a;"#),
            Ok(vec![
                ("name", "file".into()),
                ("filename", "a".into()),
                ("filename*", "UTF-8''a".into())
            ])
        );
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "name=a",
            "; name",
            "; name=",
            "; =a",
            "; na me=a",
            "; name=a b",
            "; name=a\"b\"",
            "; name=\"a",
            "; name=\"a\\\"",
            "; name=\"a\"b",
            "; näme=a",
        ] {
            assert_eq!(read(text), Err(MalformedParameter), "{text}");
        }
    }
}
