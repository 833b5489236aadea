//! What the application must answer to a callback, and what the uploader is told if it does not.
//!
//! In two steps, so that a body which nobody wants is not read: [`judge_head`] before it,
//! [`judge_body`] after it.
//!
//! Source: OSS, "Callback" (step 5 and the 203 page).

use std::borrow::Cow;

use super::json::is_json;
use crate::error::{Refusal, WireError};

/// How long the application's answer may be: 1 MiB.
///
/// OSS says 1 MB in one place and 3 MB in another; the smaller one is what everybody may rely on.
pub const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// Judges status and `Content-Length`; returns how long the body will be.
///
/// # Errors
/// [`CallbackFailure::Status`] unless the status is exactly 200; [`CallbackFailure::NoContentLength`],
/// [`CallbackFailure::InvalidContentLength`] or [`CallbackFailure::TooLong`] unless the length is
/// said (a chunked answer does not say it), positive, and at most [`MAX_ANSWER_BYTES`].
pub fn judge_head(status: u16, content_length: Option<&str>) -> Result<u64, CallbackFailure> {
    if status != 200 {
        return Err(CallbackFailure::Status(status));
    }
    let text = content_length.ok_or(CallbackFailure::NoContentLength)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CallbackFailure::InvalidContentLength);
    }
    match text.parse() {
        Ok(0) => Err(CallbackFailure::InvalidContentLength),
        Ok(length) if length <= MAX_ANSWER_BYTES => Ok(length),
        // What does not fit into 64 bits is too long, too.
        Ok(_) | Err(_) => Err(CallbackFailure::TooLong),
    }
}

/// Judges the body: JSON, or whatever calls itself `application/xml`.
///
/// # Errors
/// [`CallbackFailure::NotJson`], also for a byte order mark and for more than 127 levels;
/// [`CallbackFailure::TooLong`] beyond [`MAX_ANSWER_BYTES`].
pub fn judge_body(content_type: &str, body: &[u8]) -> Result<(), CallbackFailure> {
    if body.len() as u64 > MAX_ANSWER_BYTES {
        return Err(CallbackFailure::TooLong);
    }
    if is_xml(content_type) || is_json(body) {
        return Ok(());
    }
    Err(CallbackFailure::NotJson)
}

/// Judges a whole answer.
///
/// # Errors
/// As [`judge_head`] and [`judge_body`]; [`CallbackFailure::InvalidContentLength`] if the body is
/// not as long as announced.
pub fn judge(
    status: u16,
    content_length: Option<&str>,
    content_type: &str,
    body: &[u8],
) -> Result<(), CallbackFailure> {
    if judge_head(status, content_length)? != body.len() as u64 {
        return Err(CallbackFailure::InvalidContentLength);
    }
    judge_body(content_type, body)
}

/// The media type under which the uploader gets the answer: XML if it calls itself so, else JSON,
/// whatever the application said. A page that reads it must not be made to take it for HTML.
pub fn media_type(content_type: &str) -> &'static str {
    if is_xml(content_type) {
        "application/xml"
    } else {
        "application/json"
    }
}

/// Whether the media type, whatever its parameters, is `application/xml`.
fn is_xml(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/xml")
}

/// Why a callback failed. The object is stored all the same, and the uploader gets 203.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CallbackFailure {
    /// The body to send is many times as long as what the upload sent for it.
    #[error(
        "the callback's body, with its variables put in, is more than 8 times as long as what the upload \
         sent for it: it names its variables too often"
    )]
    BodyMultiplied,
    /// The body to send is too long.
    #[error("the callback's body, with its variables put in, is longer than 1 MiB")]
    BodyTooLong,
    /// Nobody listens there, or the connection broke.
    #[error("the application server cannot be reached, or hung up before it had answered")]
    CannotConnect,
    /// The image could not be looked at.
    #[error("the file's size in pixels could not be read")]
    ImageInfo,
    /// `Content-Length` is not a positive number, or not the body's length.
    #[error("the application's answer has a `Content-Length` that is not a positive number")]
    InvalidContentLength,
    /// An answer came, and it is not well-formed.
    #[error("the application answered, and its answer is not well-formed HTTP")]
    MalformedAnswer,
    /// `Content-Length` is missing.
    #[error("the application's answer has no `Content-Length` (a chunked answer has none)")]
    NoContentLength,
    /// The body is not JSON.
    #[error("the application's answer is not JSON (a byte order mark is not allowed)")]
    NotJson,
    /// The URL begins with `https://`, and what answers speaks HTTP without TLS.
    #[error("the callback URL begins with `https://`, and what answers there speaks plain HTTP")]
    PlainHttp,
    /// The URL begins with `http://`, and what answers speaks TLS.
    #[error("the callback URL begins with `http://`, and what answers there speaks TLS")]
    SpeaksTls,
    /// The status is not 200.
    #[error(
        "the application answered with status {0}; only 200 counts, redirects are not followed"
    )]
    Status(u16),
    /// It took too long.
    #[error("the application took longer than 5 seconds")]
    TimedOut,
    /// The answer is too long.
    #[error("the application's answer is longer than 1 MiB")]
    TooLong,
    /// There are too many calls under way.
    #[error("too many callbacks are under way")]
    TooMany,
}

impl CallbackFailure {
    /// What the uploader gets to read: 203 `CallbackFailed` in OSS's words.
    pub fn refusal(&self) -> Refusal {
        // The number in the message is part of OSS's text; the HTTP status is 203 in every case.
        let (message, ec): (Cow<'static, str>, _) = match self {
            Self::TooMany => ("Too many callback requests.".into(), "0007-00000201"),
            Self::TimedOut => ("Cost too long time.".into(), "0007-00000202"),
            Self::Status(status) => (format!("Error status : {status}.").into(), "0007-00000203"),
            // OSS has one message for all of them; the hint tells them apart.
            Self::CannotConnect | Self::MalformedAnswer | Self::PlainHttp | Self::SpeaksTls => (
                "Error status : -1.OSS can not connect to your callbackUrl, please check it."
                    .into(),
                "0007-00000203",
            ),
            Self::NoContentLength => (
                "Error status : 400.User server missing content-length.".into(),
                "0007-00000204",
            ),
            Self::InvalidContentLength => (
                // "conent" is what OSS writes.
                "Error status : 400.User server return invalid conent-length value.".into(),
                "0007-00000204",
            ),
            Self::TooLong => (
                "Error status : 400.User server return too long content-length value.".into(),
                "0007-00000204",
            ),
            Self::NotJson => (
                "Response body is not valid json format.".into(),
                "0007-00000205",
            ),
            Self::ImageInfo => return self.without_ec().message("Get image info failed."),
            // OSS knows no such failure; the row's own message stands in.
            Self::BodyMultiplied | Self::BodyTooLong => return self.without_ec(),
        };
        Refusal::new(WireError::CALLBACK_FAILED)
            .message(message)
            .ec(ec)
            .hint(self.to_string())
    }

    fn without_ec(self) -> Refusal {
        Refusal::new(WireError {
            ec: None,
            ..WireError::CALLBACK_FAILED
        })
        .hint(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_200_with_a_positive_length_is_read() {
        use CallbackFailure::{InvalidContentLength, NoContentLength, Status, TooLong};
        assert_eq!(judge_head(200, Some("1")), Ok(1));
        assert_eq!(judge_head(200, Some("1048576")), Ok(MAX_ANSWER_BYTES));
        assert_eq!(judge_head(200, Some("007")), Ok(7));
        for status in [100, 201, 203, 204, 206, 299, 301, 302, 400, 404, 500, 502] {
            assert_eq!(judge_head(status, Some("1")), Err(Status(status)));
        }
        for (length, failure) in [
            (None, NoContentLength),
            (Some(""), InvalidContentLength),
            (Some("0"), InvalidContentLength),
            (Some("-1"), InvalidContentLength),
            (Some("+1"), InvalidContentLength),
            (Some("1, 1"), InvalidContentLength),
            (Some("0x10"), InvalidContentLength),
            (Some(" 1"), InvalidContentLength),
            (Some("١"), InvalidContentLength),
            (Some("1048577"), TooLong),
            (Some("99999999999999999999999"), TooLong),
        ] {
            assert_eq!(judge_head(200, length), Err(failure), "{length:?}");
        }
    }

    #[test]
    fn the_body_is_json_or_says_that_it_is_xml() {
        use CallbackFailure::{NotJson, TooLong};
        let longest = format!("\"{}\"", "a".repeat(1024 * 1024 - 2));
        for (content_type, body, expected) in [
            ("application/json", "{\"Status\":\"OK\"}", Ok(())),
            ("", "{}", Ok(())),
            ("text/html", "[1]", Ok(())),
            ("application/json", "OK", Err(NotJson)),
            ("application/json", "\u{feff}{}", Err(NotJson)),
            ("application/json", "", Err(NotJson)),
            ("application/xml", "<a/>", Ok(())),
            ("Application/XML; charset=utf-8", "<a/>", Ok(())),
            ("text/xml", "<a/>", Err(NotJson)),
            ("application/xmlx", "<a/>", Err(NotJson)),
            ("application/json", &longest, Ok(())),
            ("application/json", &(longest.clone() + " "), Err(TooLong)),
        ] {
            assert_eq!(judge_body(content_type, body.as_bytes()), expected);
        }
        let whole = |length| judge(200, Some(length), "", b"{}");
        assert_eq!(whole("2"), Ok(()));
        assert_eq!(whole("3"), Err(CallbackFailure::InvalidContentLength));
    }

    #[test]
    fn each_failure_has_its_row() {
        use CallbackFailure as F;
        for (failure, message, ec) in [
            (
                F::TooMany,
                "Too many callback requests.",
                Some("0007-00000201"),
            ),
            (F::TimedOut, "Cost too long time.", Some("0007-00000202")),
            (F::Status(301), "Error status : 301.", Some("0007-00000203")),
            (
                F::CannotConnect,
                "Error status : -1.OSS can not connect to your callbackUrl, please check it.",
                Some("0007-00000203"),
            ),
            (
                F::NoContentLength,
                "Error status : 400.User server missing content-length.",
                Some("0007-00000204"),
            ),
            (
                F::InvalidContentLength,
                "Error status : 400.User server return invalid conent-length value.",
                Some("0007-00000204"),
            ),
            (
                F::TooLong,
                "Error status : 400.User server return too long content-length value.",
                Some("0007-00000204"),
            ),
            (
                F::NotJson,
                "Response body is not valid json format.",
                Some("0007-00000205"),
            ),
            (F::ImageInfo, "Get image info failed.", None),
            (
                F::BodyTooLong,
                "Callback to application server failed, please check your callbackUrl.",
                None,
            ),
        ] {
            let refusal = failure.refusal();
            assert_eq!(refusal.row().status, 203);
            assert_eq!(refusal.row().code, "CallbackFailed");
            assert_eq!(refusal.text(), message);
            assert_eq!(refusal.row().ec, ec, "{failure}");
            assert_eq!(refusal.hint_text(), Some(&*failure.to_string()));
        }
    }
}
