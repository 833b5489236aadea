//! Bodies: what became of one on its way, and what it may have been.

use percent_encoding::percent_decode;
use serde_json::Value;

use super::json_text;
use super::query;
use super::reason::Reason;

/// What has to have happened for `sent` to arrive as `received`.
pub(super) fn compare(sent: &[u8], received: &[u8]) -> Option<Reason> {
    if sent == received {
        return None;
    }
    Some(if received.is_empty() {
        Reason::BodyEmpty
    } else if without_mark(sent) == without_mark(received) {
        Reason::BodyByteOrderMark
    } else if with_line_feeds(sent) == with_line_feeds(received) {
        Reason::BodyLineEnds
    } else if sent.trim_ascii_end() == received.trim_ascii_end() {
        Reason::BodyTail
    } else if sent.starts_with(received) {
        Reason::BodyTruncated {
            received: received.len(),
            expected: sent.len(),
        }
    } else if unescaped(received).is_some_and(|text| text.as_bytes() == sent) {
        Reason::BodyHtmlEscaped
    } else if is_same_json(sent, received) {
        Reason::BodyJsonRewritten
    } else if is_same_form(sent, received) {
        Reason::BodyFormRewritten
    } else if is_same_ascii(sent, received) {
        Reason::BodyCharset
    } else {
        Reason::BodyRewritten
    })
}

/// Bodies of which `received` may be what is left, itself first; some thirty at most. Of a body of
/// more than 256 KiB only the cheap ones.
pub(super) fn repairs(received: &[u8]) -> Vec<Vec<u8>> {
    let with_tail = |tail: &[u8]| [received, tail].concat();
    let mut repairs = vec![received.to_vec()];
    repairs.push(without_mark(received).to_vec());
    repairs.push([MARK, received].concat());
    repairs.push(received.trim_ascii_end().to_vec());
    repairs.extend([&b"\n"[..], b"\r\n", b"\0"].map(with_tail));
    repairs.push(with_line_feeds(received));
    repairs.push(with_carriage_returns(received));
    if received.len() <= MAX_PARSED_BYTES {
        repairs.extend(charsets(received));
        if let Ok(text) = std::str::from_utf8(received) {
            repairs.extend(unescaped(received).map(String::into_bytes));
            repairs.extend(
                json_text::spellings(text)
                    .into_iter()
                    .map(String::into_bytes),
            );
            repairs.extend(forms(text));
        }
    }
    let mut kept: Vec<Vec<u8>> = Vec::with_capacity(repairs.len());
    for repaired in repairs {
        if !kept.contains(&repaired) {
            kept.push(repaired);
        }
    }
    kept
}

/// The body as another character set would have it.
fn charsets(received: &[u8]) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    if let Ok(text) = std::str::from_utf8(received) {
        // UTF-8 that was read as ISO 8859-1 and written as UTF-8.
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        bodies.extend(bytes);
    } else {
        // ISO 8859-1, or UTF-16, instead of UTF-8.
        bodies.push(
            received
                .iter()
                .map(|byte| char::from(*byte))
                .collect::<String>()
                .into(),
        );
    }
    if received.len().is_multiple_of(2) {
        for of_pair in [u16::from_le_bytes, u16::from_be_bytes] {
            let (pairs, _) = received.as_chunks::<2>();
            let pairs = pairs.iter().map(|pair| of_pair(*pair));
            let text: Result<String, _> = char::decode_utf16(pairs).collect();
            bodies.extend(text.map(|text| text.trim_start_matches('\u{feff}').into()));
        }
    }
    bodies
}

/// The body before its characters were escaped for HTML; nothing if none is.
fn unescaped(received: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(received).ok()?;
    let is_short = received.len() <= MAX_PARSED_BYTES;
    let is_escaped = HTML_ESCAPES.iter().any(|(escape, _)| text.contains(escape));
    (is_short && is_escaped).then(|| {
        HTML_ESCAPES
            .iter()
            .fold(text.to_owned(), |text, (escape, plain)| {
                text.replace(escape, plain)
            })
    })
}

/// Whether a body is a JSON object, though the request says that it is a form.
pub(super) fn is_form_as_json(content_type: &str, received: &[u8]) -> bool {
    let is_form = content_type
        .to_ascii_lowercase()
        .starts_with("application/x-www-form-urlencoded");
    is_form
        && received.len() <= MAX_PARSED_BYTES
        && matches!(serde_json::from_slice(received), Ok(Value::Object(_)))
}

/// The body as a form that was read and written anew may have been spelled before.
fn forms(text: &str) -> Vec<Vec<u8>> {
    if !text.contains('=') || text.matches('&').count() > MAX_PARAMETERS {
        return Vec::new();
    }
    let queries = query::repairs(Some(text)).into_iter().flatten();
    queries.map(String::into_bytes).collect()
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(MARK).unwrap_or(body)
}

fn with_line_feeds(body: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(body.len());
    for (at, byte) in body.iter().enumerate() {
        if *byte != b'\r' || body.get(at + 1) != Some(&b'\n') {
            lines.push(*byte);
        }
    }
    lines
}

fn with_carriage_returns(body: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(body.len());
    for byte in with_line_feeds(body) {
        if byte == b'\n' {
            lines.push(b'\r');
        }
        lines.push(byte);
    }
    lines
}

/// Whether both are JSON and mean the same.
fn is_same_json(sent: &[u8], received: &[u8]) -> bool {
    let read = |body: &[u8]| -> Option<Value> {
        let is_short = body.len() <= MAX_PARSED_BYTES;
        is_short.then(|| serde_json::from_slice(body).ok())?
    };
    matches!((read(sent), read(received)), (Some(was), Some(is)) if was == is)
}

/// Whether both are forms and say the same; so does a JSON object that a form was made into.
fn is_same_form(sent: &[u8], received: &[u8]) -> bool {
    let Some(mut was) = parameters(sent) else {
        return false;
    };
    let mut is = match serde_json::from_slice(received) {
        Ok(Value::Object(members)) if received.len() <= MAX_PARSED_BYTES => members
            .into_iter()
            .map(|(name, value)| {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                [name.as_bytes(), b"\0", value.as_bytes()].concat()
            })
            .collect(),
        _ => match parameters(received) {
            Some(parameters) => parameters,
            None => return false,
        },
    };
    was.sort();
    is.sort();
    was == is
}

fn parameters(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let text = std::str::from_utf8(body).ok()?;
    let is_form = text.contains('=') && text.len() <= MAX_PARSED_BYTES;
    is_form.then(|| query::decoded(text))
}

/// Whether the bodies differ only where at least one of them is no ASCII, has a `?` for it, or NULs
/// as UTF-16 has them.
fn is_same_ascii(sent: &[u8], received: &[u8]) -> bool {
    let plain = |body: &[u8]| -> Vec<u8> {
        let decoded: Vec<u8> = percent_decode(body).collect();
        let is_plain = |byte: &&u8| byte.is_ascii() && **byte != b'?' && **byte != 0;
        decoded.iter().filter(is_plain).copied().collect()
    };
    let has_other = percent_decode(sent).any(|byte| !byte.is_ascii()) || received.contains(&0);
    has_other && sent.len() <= MAX_PARSED_BYTES && plain(sent) == plain(received)
}

/// As PHP, Java and JavaScript libraries write them. The ampersand is last: it is in all of them.
const HTML_ESCAPES: [(&str, &str); 8] = [
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#39;", "'"),
    ("&#039;", "'"),
    ("&#x27;", "'"),
    ("&apos;", "'"),
    ("&amp;", "&"),
];

/// UTF-8's byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Longer bodies are not read as JSON or a form: as a tree of values they would take many times as
/// much. Bodies of callbacks are a few hundred bytes long.
const MAX_PARSED_BYTES: usize = 256 * 1024;

/// More parameters than any template has.
const MAX_PARAMETERS: usize = 64;
