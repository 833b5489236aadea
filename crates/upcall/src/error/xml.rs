//! Text that may stand in XML.

use std::borrow::Cow;

/// `text` as it may stand between the tags of an XML 1.0 document; there are no attributes in ours.
///
/// Quotes stay as they are: clients look for them in messages and entity tags, and OSS writes them
/// so.
///
/// Characters that XML 1.0 has no way to write (control characters, U+FFFE, U+FFFF) become U+FFFD,
/// so that no value from outside can break an answer.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| replacement(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match replacement(c) {
            Some(replaced) => escaped.push_str(replaced),
            None => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

const fn replacement(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        // A literal CR would be read back as LF (XML 1.0, 2.11).
        '\r' => Some("&#13;"),
        '\t' | '\n' => None,
        '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => Some("\u{fffd}"),
        _ => None,
    }
}
