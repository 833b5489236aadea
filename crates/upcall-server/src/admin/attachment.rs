//! The name under which a browser keeps a file that somebody else has named.
//!
//! In: a key. Out: the value of `Content-Disposition`. Source: RFC 6266, RFC 8187.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// `attachment`, with the last part of `key` as the file's name, in ASCII and in UTF-8.
pub(super) fn disposition(key: &str) -> String {
    let name = file_name(key);
    let ascii: String = name
        .chars()
        .map(|letter| {
            let is_plain = letter.is_ascii_alphanumeric() || " -_.()[]+,=@!".contains(letter);
            if is_plain { letter } else { '_' }
        })
        .collect();
    let mut value = format!("attachment; filename=\"{ascii}\"");
    if ascii != name {
        let encoded = utf8_percent_encode(&name, ATTRIBUTE);
        // Writing to a String cannot fail.
        let _ = write!(value, "; filename*=UTF-8''{encoded}");
    }
    value
}

/// The last part of the key, without what misleads a person or a file system: control characters,
/// those that turn the reading direction, separators, dots in front.
fn file_name(key: &str) -> String {
    let last = key
        .rsplit(['/', '\\'])
        .find(|part| !part.is_empty())
        .unwrap_or(key);
    let mut name: String = last
        .chars()
        .map(|letter| if is_misleading(letter) { '_' } else { letter })
        .collect();
    while name.len() > MOST_BYTES {
        name.pop();
    }
    let trimmed = name.trim().trim_start_matches('.').trim_end_matches('.');
    if trimmed.is_empty() {
        return "object".to_owned();
    }
    trimmed.to_owned()
}

fn is_misleading(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%'
        )
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}')
        || matches!(letter, '\u{e0000}'..='\u{e0fff}')
}

/// What stands for itself in an extended value. Source: RFC 8187, 3.2.1 (`attr-char`).
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Bytes of a name that every file system takes, with some room for what a browser appends.
const MOST_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_keys_last_part() {
        for (key, value) in [
            ("a/b/cat 1.jpg", "attachment; filename=\"cat 1.jpg\""),
            (
                "猫.jpg",
                "attachment; filename=\"_.jpg\"; filename*=UTF-8''%E7%8C%AB.jpg",
            ),
            (
                "it's.txt",
                "attachment; filename=\"it_s.txt\"; filename*=UTF-8''it%27s.txt",
            ),
            ("folder/", "attachment; filename=\"folder\""),
        ] {
            assert_eq!(disposition(key), value, "{key}");
        }
    }

    #[test]
    fn nothing_in_a_name_misleads() {
        for key in [
            "a\"; filename=\"b.exe",
            "a\r\nSet-Cookie: b",
            "photo\u{202e}gpj.exe",
            "..",
            "../../etc/passwd",
            "..\\..\\autoexec.bat",
            ".bashrc",
            "a\0.html",
            "<script>.svg",
            "%22%0d%0a",
            "C:evil",
            "\u{feff}",
            "///",
            " . ",
        ] {
            let value = disposition(key);
            let name = file_name(key);
            assert!(
                value.is_ascii() && !value.bytes().any(|b| b.is_ascii_control()),
                "{value}"
            );
            assert_eq!(value.matches('"').count(), 2, "{value}");
            assert!(!name.starts_with('.') && !name.is_empty(), "{name}");
            assert!(!name.chars().any(is_misleading), "{name}");
        }
        assert_eq!(disposition(".."), "attachment; filename=\"object\"");
        assert!(disposition(&"猫".repeat(341)).len() < 1000);
    }
}
