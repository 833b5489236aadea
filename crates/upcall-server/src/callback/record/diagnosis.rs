//! From what was seen of a call to its explanation.
//!
//! In: how it ended, and the answer as far as it came. Out: [`Explanation`]. Done when somebody
//! looks, never while an uploader waits.

use upcall::callback::CallbackUrl;
use upcall::callback::answer::{self, CallbackFailure};

use super::NewRecord;
use super::body_fault::BodyFault;
use super::explanation::{Explanation, LengthFault, Redirect, Shown, Slow, To};
use super::shown::{Secrets, headers, url_without_user};
use crate::callback::exchange::{Answer, Ending, Stage, is_tls};
use crate::callback::guard::{Forbidden, GuardError};

pub(super) fn of(call: &NewRecord) -> Explanation {
    let url = &call.order.parameter.urls[call.url];
    let host = || Shown::new(url.host());
    match &call.ending {
        Ending::Agreed => Explanation::Agreed {
            is_xml: call.progress.answer.as_ref().is_some_and(is_xml),
        },
        Ending::Broken { stage, is_reset } => broken(call, *stage, *is_reset),
        Ending::Crowded(crowded) => Explanation::Crowded(*crowded),
        Ending::Guarded(GuardError::Forbidden(Forbidden::OwnAddress)) => {
            Explanation::OwnAddress { host: host() }
        }
        Ending::Guarded(GuardError::Forbidden(_)) => Explanation::Forbidden { host: host() },
        Ending::Guarded(GuardError::Unresolvable) => Explanation::Unresolvable { host: host() },
        Ending::HeadTooLong => Explanation::HeadTooLong,
        Ending::MalformedChunks => Explanation::MalformedChunks,
        Ending::MalformedHead(fault) => Explanation::NotWellFormed(fault.clone()),
        Ending::NotConnected(kind) => Explanation::NotConnected {
            kind: *kind,
            to: to(call, url),
        },
        Ending::NotHttp { start } => not_http(start),
        Ending::NotWritten => Explanation::NotWritten,
        Ending::NoTls(failure) => Explanation::Tls(*failure),
        Ending::Refused(failure) => match &call.progress.answer {
            Some(answer) => refused(*failure, answer, url),
            None => Explanation::NotWellFormed(None),
        },
        Ending::TimedOut { stage, limit } => Explanation::TimedOut {
            during: slow(call, *stage, url),
            limit: *limit,
        },
    }
}

fn is_xml(answer: &Answer) -> bool {
    answer::media_type(&answer.content_type) == "application/xml"
}

fn to(call: &NewRecord, url: &CallbackUrl) -> To {
    match call.progress.address {
        Some(address) => To::Address(address),
        None => To::Host(Shown::new(&format!("{}:{}", url.host(), url.port()))),
    }
}

fn received(call: &NewRecord) -> u64 {
    let answer = call.progress.answer.as_ref();
    answer.map_or(0, |answer| answer.body.len() as u64)
}

fn broken(call: &NewRecord, stage: Stage, is_reset: bool) -> Explanation {
    match stage {
        Stage::Body { announced } => Explanation::BrokenInBody {
            received: received(call),
            announced,
        },
        Stage::Head => Explanation::BrokenInHead,
        Stage::Signing
        | Stage::Resolving
        | Stage::Connecting
        | Stage::Greeting
        | Stage::Sending
        | Stage::Waiting => Explanation::BrokenBefore { is_reset },
    }
}

fn slow(call: &NewRecord, stage: Stage, url: &CallbackUrl) -> Slow {
    match stage {
        Stage::Signing => Slow::Signing,
        Stage::Resolving => Slow::Resolving {
            host: Shown::new(url.host()),
        },
        Stage::Connecting => Slow::Connecting { to: to(call, url) },
        Stage::Greeting => Slow::Greeting,
        Stage::Sending => Slow::Sending,
        Stage::Waiting => Slow::Answering,
        Stage::Head => Slow::Head,
        Stage::Body { announced } => Slow::Body {
            received: received(call),
            announced,
        },
    }
}

fn not_http(start: &[u8]) -> Explanation {
    match start {
        _ if is_tls(start) => Explanation::SpeaksTls,
        // A SETTINGS frame on stream 0 (RFC 9113, 6.5), or the preface of a client.
        [_, _, _, 4, _, 0, 0, 0, 0, ..] => Explanation::SpeaksHttp2,
        _ if start.starts_with(b"PRI * HTTP/2") || start.starts_with(b"HTTP/2") => {
            Explanation::SpeaksHttp2
        }
        _ => {
            let text = String::from_utf8_lossy(start);
            let line = text.trim_start().lines().next().unwrap_or_default();
            Explanation::NotHttp {
                start: Shown::new(line),
            }
        }
    }
}

fn refused(failure: CallbackFailure, answer: &Answer, url: &CallbackUrl) -> Explanation {
    let given = || header(answer, "content-length").unwrap_or_default();
    match failure {
        CallbackFailure::Status(status @ (300..=303 | 305..=308)) => Explanation::Redirected {
            status,
            to: redirect(answer, url),
        },
        // What nginx says to plain HTTP on a port with TLS.
        CallbackFailure::Status(400 | 497) if says_https(&answer.body) => Explanation::SpeaksTls,
        CallbackFailure::Status(status) => Explanation::Status {
            status,
            path: Shown::new(url.path_and_query()),
        },
        CallbackFailure::NoContentLength => {
            let is_chunked = header(answer, "transfer-encoding").is_some();
            Explanation::Length(if is_chunked {
                LengthFault::Chunked
            } else {
                LengthFault::Missing
            })
        }
        CallbackFailure::InvalidContentLength if is_zero(&given()) => Explanation::Empty,
        CallbackFailure::InvalidContentLength => {
            let given = given();
            let shown = Shown::new(&given);
            Explanation::Length(if given.contains(',') {
                LengthFault::Twice { given: shown }
            } else {
                LengthFault::Invalid { given: shown }
            })
        }
        CallbackFailure::NotJson => Explanation::Body(BodyFault::of(&answer.body)),
        CallbackFailure::TooLong => Explanation::TooLong,
        // These do not come of an answer.
        CallbackFailure::BodyMultiplied
        | CallbackFailure::BodyTooLong
        | CallbackFailure::CannotConnect
        | CallbackFailure::ImageInfo
        | CallbackFailure::MalformedAnswer
        | CallbackFailure::PlainHttp
        | CallbackFailure::SpeaksTls
        | CallbackFailure::TimedOut
        | CallbackFailure::TooMany => Explanation::NotWellFormed(None),
    }
}

fn is_zero(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

fn says_https(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"HTTPS port").is_some()
        || memchr::memmem::find(body, b"HTTPS server").is_some()
}

/// The values of a header, with commas between.
pub(super) fn header(answer: &Answer, name: &str) -> Option<String> {
    let mut values = headers(&answer.head, Secrets::Shown);
    values.retain(|(found, _)| found.eq_ignore_ascii_case(name));
    let values: Vec<String> = values.into_iter().map(|(_, value)| value).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn redirect(answer: &Answer, url: &CallbackUrl) -> Redirect {
    let Some(location) = header(answer, "location").filter(|location| !location.is_empty()) else {
        return Redirect::Nowhere;
    };
    let location = url_without_user(&location);
    let shown = Shown::new(&location);
    let path = path_of(&location);
    let lower = path.to_ascii_lowercase();
    if LOGINS.iter().any(|word| lower.contains(word)) {
        return Redirect::Login(shown);
    }
    let target = url.path_and_query();
    let own = target.split('?').next().unwrap_or_default();
    let other = path.split('?').next().unwrap_or_default();
    if own != other && own.trim_end_matches('/') == other.trim_end_matches('/') {
        return Redirect::Slash(shown);
    }
    let is_https = location.to_ascii_lowercase().starts_with("https://");
    if is_https && !url.is_https() && own == other {
        return Redirect::Https(shown);
    }
    Redirect::Other(shown)
}

/// Path and query of a `Location`, which may be whole or only a path.
fn path_of(location: &str) -> &str {
    let rest = match location.split_once("//") {
        Some((scheme, rest)) if scheme.is_empty() || scheme.ends_with(':') => rest,
        _ => return location,
    };
    rest.find('/').map_or("/", |at| &rest[at..])
}

/// What is in the path of a page to log in on.
const LOGINS: [&str; 7] = [
    "login", "log-in", "signin", "sign-in", "sign_in", "auth", "sso",
];
