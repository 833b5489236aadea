//! What a case is made of.

use crate::script::{Do, write};

/// What the uploader reads.
#[derive(Clone, Copy)]
pub(super) enum Reads {
    /// 200 with this body, under this type.
    Agreed(&'static str, &'static str),
    /// 203 with this message and EC.
    Failed(&'static str, &'static str),
    /// 203 with the message of a call that reached nothing, and a hint that holds this.
    Hinted(&'static str),
}

/// Name, what the application does, what the uploader reads, how the explanation begins.
pub(super) type Case = (&'static str, Vec<Do>, Reads, &'static str);

pub(super) const JSON: &str = "application/json";
pub(super) const XML: &str = "application/xml";

pub(super) const LATE: Reads = Reads::Failed("Cost too long time.", "0007-00000202");
pub(super) const UNREACHED: Reads = Reads::Failed(
    "Error status : -1.OSS can not connect to your callbackUrl, please check it.",
    "0007-00000203",
);
pub(super) const MALFORMED: Reads = Reads::Hinted("is not well-formed HTTP");
pub(super) const PLAIN_HTTP: Reads = Reads::Hinted("speaks plain HTTP");
pub(super) const SPEAKS_TLS: Reads = Reads::Hinted("what answers there speaks TLS");
pub(super) const NO_LENGTH: Reads = Reads::Failed(
    "Error status : 400.User server missing content-length.",
    "0007-00000204",
);
pub(super) const BAD_LENGTH: Reads = Reads::Failed(
    "Error status : 400.User server return invalid conent-length value.",
    "0007-00000204",
);
pub(super) const LONG: Reads = Reads::Failed(
    "Error status : 400.User server return too long content-length value.",
    "0007-00000204",
);
pub(super) const NOT_JSON: Reads =
    Reads::Failed("Response body is not valid json format.", "0007-00000205");

/// Reads the request, writes this, closes.
pub(super) fn says(text: &str) -> Vec<Do> {
    vec![Do::Read, write(text)]
}

/// 200 with this body and its length.
pub(super) fn body(text: &[u8]) -> Vec<Do> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
    vec![Do::Read, Do::Write([head.as_bytes(), text].concat())]
}

/// 200 with these header lines and `{}`.
pub(super) fn lines(lines: &str) -> Vec<Do> {
    says(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{{}}"))
}
