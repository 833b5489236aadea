//! Where the admin interface has calls.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::args::CallFilter;
use crate::terminal::message::Failure;

/// The parameters of a filter, each with an `&` before it.
pub(super) fn parameters(filter: &CallFilter) -> String {
    let pairs = [
        ("bucket", &filter.bucket),
        ("key", &filter.key),
        ("requestId", &filter.request_id),
        ("outcome", &filter.outcome),
    ];
    let mut text = String::new();
    for (name, value) in pairs {
        if let Some(value) = value {
            text.extend(["&", name, "="]);
            text.extend(utf8_percent_encode(value, QUERY));
        }
    }
    text
}

/// The path of one call.
///
/// # Errors
/// The text is no id, and the server need not be asked.
pub(super) fn path_of(id: &str) -> Result<String, Failure> {
    let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id {
        return Ok(format!("/v1/callbacks/{id}"));
    }
    let failure = Failure::new(format!("`{}` is not the id of a call", id.escape_debug()));
    Err(failure.hint("an id has 16 hex digits; `upcall callback list` shows them"))
}

/// Everything but the unreserved characters of RFC 3986.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
