//! JSON texts: the ways in which common libraries spell the same value.
//!
//! The members keep their order, which a library may have changed, too; that cannot be undone.

use std::fmt::Write as _;

/// The text as other libraries write it; nothing if it does not look like JSON.
pub(super) fn spellings(text: &str) -> Vec<String> {
    if !text.trim_start().starts_with(['{', '[']) {
        return Vec::new();
    }
    let mut spellings = Vec::new();
    for blanks in [
        Blanks::None,
        Blanks::AfterBoth,
        Blanks::AfterComma,
        Blanks::AfterColon,
    ] {
        for escapes in [Escapes::AsTheyAre, Escapes::Ascii, Escapes::Unicode] {
            let plain = spelled(text, blanks, escapes);
            spellings.push(plain.replace("\\/", "/"));
            spellings.push(with_escaped_slashes(&plain));
        }
    }
    spellings
}

/// Where a blank stands outside of strings.
#[derive(Clone, Copy)]
enum Blanks {
    None,
    /// As Python writes it.
    AfterBoth,
    AfterComma,
    AfterColon,
}

/// How characters beyond ASCII are written.
#[derive(Clone, Copy)]
enum Escapes {
    AsTheyAre,
    /// `\uXXXX`, as Python and PHP write them.
    Ascii,
    /// As themselves, where they were `\uXXXX`.
    Unicode,
}

fn spelled(text: &str, blanks: Blanks, escapes: Escapes) -> String {
    let mut spelled = String::with_capacity(text.len());
    let (mut in_string, mut is_escaped) = (false, false);
    for c in text.chars() {
        if in_string {
            match escapes {
                Escapes::Ascii if !c.is_ascii() => push_escape(&mut spelled, c),
                Escapes::AsTheyAre | Escapes::Ascii | Escapes::Unicode => spelled.push(c),
            }
            in_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '"' => {
                in_string = true;
                spelled.push(c);
            }
            ',' | ':' => {
                spelled.push(c);
                let has_blank = match blanks {
                    Blanks::None => false,
                    Blanks::AfterBoth => true,
                    Blanks::AfterComma => c == ',',
                    Blanks::AfterColon => c == ':',
                };
                spelled.extend(has_blank.then_some(' '));
            }
            _ => spelled.push(c),
        }
    }
    match escapes {
        Escapes::Unicode => without_escapes(&spelled),
        Escapes::AsTheyAre | Escapes::Ascii => spelled,
    }
}

fn push_escape(text: &mut String, c: char) {
    let mut units = [0; 2];
    for unit in c.encode_utf16(&mut units) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\\u{unit:04x}");
    }
}

/// Each group of `\uXXXX` beyond ASCII as the characters that it stands for.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        plain.push_str(before);
        rest = from;
        let mut units = Vec::new();
        let mut after = rest;
        while let Some((unit, next)) = escaped_unit(after) {
            units.push(unit);
            after = next;
        }
        match String::from_utf16(&units) {
            Ok(characters) if !units.is_empty() && !characters.contains(|c: char| c.is_ascii()) => {
                plain.push_str(&characters);
                rest = after;
            }
            _ => {
                // This backslash, and what it escapes.
                let mut characters = rest.chars();
                plain.extend(characters.by_ref().take(2));
                rest = characters.as_str();
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn escaped_unit(text: &str) -> Option<(u16, &str)> {
    let digits = text.strip_prefix("\\u")?;
    let (digits, rest) = digits.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, rest))
}

fn with_escaped_slashes(text: &str) -> String {
    text.replace("\\/", "/").replace('/', "\\/")
}
