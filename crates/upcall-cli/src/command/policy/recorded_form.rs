//! A form that somebody wrote down: a `curl` command, a JSON object, or a field on each line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use crate::terminal::message::Failure;

/// The fields in the order they came, and what is known of the file.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct RecordedForm {
    pub(super) fields: Vec<(String, String)>,
    pub(super) filename: Option<String>,
    pub(super) content_type: Option<String>,
}

/// Reads the file; `-` is standard input.
///
/// # Errors
/// It cannot be read, or has no form in it.
pub(super) fn read(path: &Path) -> Result<RecordedForm, Failure> {
    let name = path.display();
    let text =
        read_text(path).map_err(|error| Failure::new(format!("cannot read `{name}`: {error}")))?;
    let form = parse(text.trim());
    form.filter(|form| !form.fields.is_empty()).ok_or_else(|| {
        Failure::new(format!("`{name}` has no form in it"))
            .hint("write a `curl` command with `-F`, a JSON object, or `FIELD: VALUE` on each line")
    })
}

fn parse(text: &str) -> Option<RecordedForm> {
    if text.starts_with('{') {
        return parse_json(text);
    }
    let words = words(text);
    if words.first().is_some_and(|word| word == "curl") {
        return Some(of_command(words));
    }
    let mut form = RecordedForm::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = match (line.split_once(": "), line.split_once('=')) {
            (Some(colon), Some(equals)) if equals.0.len() < colon.0.len() => equals,
            (Some(colon), _) => colon,
            (None, equals) => equals?,
        };
        form.push(name.trim(), value);
    }
    Some(form)
}

/// The members that are texts: of `fields`, as `policy sign --json` prints it, or of the whole.
fn parse_json(text: &str) -> Option<RecordedForm> {
    let whole: Value = serde_json::from_str(text).ok()?;
    let members = whole.get("fields").unwrap_or(&whole).as_object()?;
    let mut form = RecordedForm::default();
    for (name, value) in members {
        form.push(name, value.as_str()?);
    }
    Some(form)
}

fn of_command(words: Vec<String>) -> RecordedForm {
    let mut form = RecordedForm::default();
    let mut words = words.into_iter().skip(1);
    while let Some(word) = words.next() {
        let (is_plain, part) = match word.as_str() {
            "-F" | "--form" => (false, words.next()),
            "--form-string" => (true, words.next()),
            _ => match word.strip_prefix("-F") {
                Some(part) => (false, Some(part.to_owned())),
                None => (false, None),
            },
        };
        if let Some((name, value)) = part.as_deref().and_then(|part| part.split_once('=')) {
            if is_plain {
                form.fields.push((name.to_owned(), value.to_owned()));
            } else {
                form.push(name, value);
            }
        }
    }
    form
}

impl RecordedForm {
    fn push(&mut self, name: &str, value: &str) {
        let Some(path) = value.strip_prefix('@').filter(|_| name == "file") else {
            self.fields.push((name.to_owned(), value.to_owned()));
            return;
        };
        let mut parts = path.split(';');
        let path = parts.next().unwrap_or_default();
        self.filename = path.rsplit('/').next().map(str::to_owned);
        for part in parts {
            if let Some(content_type) = part.strip_prefix("type=") {
                self.content_type = Some(content_type.to_owned());
            } else if let Some(name) = part.strip_prefix("filename=") {
                self.filename = Some(name.to_owned());
            }
        }
    }
}

/// The words as a shell reads them; nothing is substituted.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut has_word) = (Vec::new(), String::new(), false);
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                has_word = true;
            }
            (Some(open), _) if c == open => quote = None,
            (None, '\\') => match chars.next() {
                Some('\n') | None => {}
                Some(escaped) => {
                    word.push(escaped);
                    has_word = true;
                }
            },
            (Some('"'), '\\') => match chars.next() {
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some('\n') | None => {}
                Some(other) => word.extend(['\\', other]),
            },
            (None, _) if c.is_whitespace() => {
                if has_word {
                    words.push(std::mem::take(&mut word));
                }
                has_word = false;
            }
            (None | Some(_), _) => {
                word.push(c);
                has_word = true;
            }
        }
    }
    words.extend(has_word.then_some(word));
    words
}

fn read_text(path: &Path) -> io::Result<String> {
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path)?)
    };
    let mut text = String::new();
    input.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is longer than 8 MiB"));
    }
    Ok(text)
}

/// As much as all fields of a form may have.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().fields
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_command_is_read_as_a_shell_would() {
        let text = "curl -i \\\n  -F 'key=it'\\''s/${filename}' \\\n  -Fa=\"b \\\"c\\\"\" --form-string \
                    'p=@x;y' \\\n  -F 'file=@/tmp/a b.jpg;type=image/jpeg' http://127.0.0.1/photos/";
        let form = parse(text).unwrap();
        assert_eq!(
            form.fields,
            pairs(&[("key", "it's/${filename}"), ("a", "b \"c\""), ("p", "@x;y")])
        );
        assert_eq!(form.filename.as_deref(), Some("a b.jpg"));
        assert_eq!(form.content_type.as_deref(), Some("image/jpeg"));
    }

    #[test]
    fn lines_and_objects_are_read() {
        let expected = pairs(&[("key", "a=b: c"), ("policy", "eyJ9==")]);
        assert_eq!(fields("key: a=b: c\n\npolicy=eyJ9==\n"), expected);
        assert_eq!(fields(r#"{"key":"a=b: c","policy":"eyJ9=="}"#), expected);
        let signed = r#"{"url":"http://a/","fields":{"key":"a=b: c","policy":"eyJ9=="}}"#;
        assert_eq!(fields(signed), expected);
    }

    #[test]
    fn what_is_no_form_is_none() {
        for text in ["hello", "{", "{\"a\":1}", "[1]", "{\"fields\":1}"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
