//! A call as a `curl` command that sends the same request: same target, headers and body, and so
//! with a signature that holds.

use std::fmt::Write as _;

use serde_json::Value;

use crate::command::bucket::{items, text};
use crate::terminal::message::Failure;

/// # Errors
/// The body is none that a command line can carry.
pub(super) fn command(call: &Value) -> Result<String, Failure> {
    let Some(body) = call["body"].as_str().filter(|body| !body.contains('\0')) else {
        return Err(
            Failure::new("the body of this call has bytes that no command line can carry")
                .hint("`--json` has it, and `upcall callback replay` sends it"),
        );
    };
    let url = text(&call["url"]);
    let url = if url.contains("://") {
        url
    } else {
        // Without a scheme curl would guess it from the host's name.
        format!("http://{url}")
    };
    // As it is written: no `..` taken out, no `[1-3]` made three requests of.
    let mut words = vec![format!("curl --path-as-is --globoff -i {}", quoted(&url))];
    for pair in items(&call["requestHeaders"]) {
        let (name, value) = (text(&pair[0]), text(&pair[1]));
        if name.eq_ignore_ascii_case("content-length") {
            continue;
        }
        // With a colon, a header without a value would be left out.
        let header = if value.is_empty() {
            format!("{name};")
        } else {
            format!("{name}: {value}")
        };
        words.push(format!("-H {}", quoted(&header)));
    }
    // Not `--data`: that takes a body which begins with `@` for the name of a file.
    words.push(format!("--data-raw {}", quoted(body)));
    Ok(words.join(" \\\n  "))
}

/// As one word of a shell; with what a terminal would act upon as `\x..` (bash, zsh and ksh).
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c == '\'' || c == '"' || c == '\\' || c.escape_debug().count() == 1;
    if text.chars().all(is_plain) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut quoted = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            _ if is_plain(c) => quoted.push(c),
            _ => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    // Writing to a String cannot fail.
                    let _ = write!(quoted, "\\x{byte:02x}");
                }
            }
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_whatever_is_in_it() {
        for (text, word) in [
            ("a=b&c", "'a=b&c'"),
            ("it's $HOME `x` \\", r"'it'\''s $HOME `x` \'"),
            ("猫 \"a\"", "'猫 \"a\"'"),
            ("a\nb'\\\u{1b}", r"$'a\x0ab\'\\\x1b'"),
            ("\u{202e}", r"$'\xe2\x80\xae'"),
        ] {
            assert_eq!(quoted(text), word);
        }
    }
}
