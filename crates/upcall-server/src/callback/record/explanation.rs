//! The sentence that explains a call to a person: what was seen, and what to do about it.
//!
//! Values from outside are cut and escaped; the sentence is safe in a terminal, and only there and
//! in JSON. Without a full stop, as every message of ours.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::body_fault::BodyFault;
use crate::callback::exchange::{HeadFault, TlsFailure};
use crate::callback::load::Crowded;

/// Why a call ended as it did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Explanation {
    Agreed {
        is_xml: bool,
    },
    /// The application's body is not JSON.
    Body(BodyFault),
    /// `announced` is missing if the body is chunked.
    BrokenInBody {
        received: u64,
        announced: Option<u64>,
    },
    BrokenInHead,
    /// Before any byte of an answer.
    BrokenBefore {
        is_reset: bool,
    },
    Crowded(Crowded),
    /// `Content-Length: 0`.
    Empty,
    Forbidden {
        host: Shown,
    },
    HeadTooLong,
    /// `Content-Length` is not what it should be.
    Length(LengthFault),
    MalformedChunks,
    NotConnected {
        kind: io::ErrorKind,
        to: To,
    },
    NotHttp {
        start: Shown,
    },
    NotWellFormed(Option<HeadFault>),
    NotWritten,
    OwnAddress {
        host: Shown,
    },
    Redirected {
        status: u16,
        to: Redirect,
    },
    SpeaksHttp2,
    SpeaksTls,
    Status {
        status: u16,
        path: Shown,
    },
    TimedOut {
        during: Slow,
        limit: Duration,
    },
    Tls(TlsFailure),
    TooLong,
    Unresolvable {
        host: Shown,
    },
}

/// What is wrong with `Content-Length`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum LengthFault {
    /// There is none, as the answer is chunked.
    Chunked,
    Invalid {
        given: Shown,
    },
    Missing,
    Twice {
        given: Shown,
    },
}

impl fmt::Display for LengthFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chunked => f.write_str(
                "no Content-Length: the answer is chunked; set the header, or hand the framework \
                 the body as a whole; where it cannot be set, the bucket may take such answers \
                 (`--chunked-answers`)",
            ),
            Self::Invalid { given } => write!(
                f,
                "Content-Length is `{given}`: it must be a positive number"
            ),
            Self::Missing => f.write_str(
                "no Content-Length: the answer ends with the connection; set the header",
            ),
            Self::Twice { given } => write!(
                f,
                "Content-Length stands there twice (`{given}`): once is enough"
            ),
        }
    }
}

/// What took too long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Slow {
    Answering,
    Body {
        received: u64,
        announced: Option<u64>,
    },
    Connecting {
        to: To,
    },
    Greeting,
    Head,
    Resolving {
        host: Shown,
    },
    Sending,
    Signing,
}

/// Where a redirect leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Redirect {
    /// The same with `https`.
    Https(Shown),
    /// What looks like a login page.
    Login(Shown),
    Nowhere,
    Other(Shown),
    /// The same with or without the last `/`.
    Slash(Shown),
}

/// Who was connected to: the address, or the host if it did not come to one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum To {
    Address(SocketAddr),
    Host(Shown),
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Host(host) => host.fmt(f),
        }
    }
}

/// A value from outside: cut, and escaped when it is printed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Shown(Box<str>);

impl Shown {
    pub(super) fn new(text: &str) -> Self {
        let mut cut: String = text.chars().take(SHOWN_CHARACTERS).collect();
        if cut.len() < text.len() {
            cut.push('…');
        }
        Self(cut.into())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_debug().fmt(f)
    }
}

const SHOWN_CHARACTERS: usize = 120;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agreed { is_xml: false } => {
                f.write_str("answered 200 with JSON, which the uploader got")
            }
            Self::Agreed { is_xml: true } => {
                f.write_str("answered 200 with XML, which the uploader got")
            }
            Self::Body(fault) => fault.fmt(f),
            Self::BrokenInBody {
                received,
                announced,
            } => broken_in_body(f, *received, *announced),
            Self::BrokenInHead => f.write_str(
                "answer broke off in its head: the application, or a proxy before it, died",
            ),
            Self::BrokenBefore { is_reset } => broken_before(f, *is_reset),
            Self::Crowded(crowded) => not_called(f, *crowded),
            Self::Empty => f.write_str("body is empty: answer with JSON, `{}` at least"),
            Self::Forbidden { host } => write!(
                f,
                "not called: {host} has an address that callbacks may not go to; the operator \
                 allows it with `--callback-allow`"
            ),
            Self::HeadTooLong => f.write_str(
                "answer has a head of more than 32 KiB or 128 lines, or nothing but interim \
                     answers",
            ),
            Self::Length(fault) => fault.fmt(f),
            Self::MalformedChunks => f.write_str(
                "answer is chunked, and its chunks are not well-formed: sizes, line ends and lengths \
                 must be as RFC 9112 has them",
            ),
            Self::NotConnected { kind, to } => not_connected(f, *kind, to),
            Self::NotHttp { start } => {
                write!(f, "what answers is not HTTP: it begins with `{start}`")
            }
            Self::NotWellFormed(fault) => not_well_formed(f, fault.as_ref()),
            Self::NotWritten => f.write_str(
                "not called: the request could not be signed or written; the server's log \
                     says more",
            ),
            Self::OwnAddress { host } => write!(
                f,
                "not called: {host} leads to this machine itself; if the application runs here, the \
                 operator allows it with `--callback-allow loopback`, or by its host's name"
            ),
            Self::Redirected { status, to } => redirected(f, *status, to),
            Self::SpeaksHttp2 => {
                f.write_str("what answers speaks HTTP/2 only: callbacks are HTTP/1.1")
            }
            Self::SpeaksTls => f.write_str("what answers speaks TLS: give the URL with `https://`"),
            Self::Status { status, path } => answered(f, *status, path),
            Self::TimedOut { during, limit } => timed_out(f, during, *limit),
            Self::Tls(failure) => write!(f, "TLS: {failure}"),
            Self::TooLong => {
                f.write_str("answer is longer than 1 MiB: what the uploader needs to know is short")
            }
            Self::Unresolvable { host } => write!(
                f,
                "not called: {host} has no address in the name service any more"
            ),
        }
    }
}

fn broken_before(f: &mut fmt::Formatter<'_>, is_reset: bool) -> fmt::Result {
    let how = if is_reset { "reset" } else { "closed" };
    write!(
        f,
        "{how} the connection without an answer: the application died, or what listens there is \
         something else"
    )
}

fn broken_in_body(
    f: &mut fmt::Formatter<'_>,
    received: u64,
    announced: Option<u64>,
) -> fmt::Result {
    match announced {
        Some(announced) => write!(
            f,
            "answer broke off after {received} of {announced} bytes: `Content-Length` counts bytes \
             and not characters, or the application died"
        ),
        None => write!(
            f,
            "answer broke off after {received} bytes, before its last chunk: the application died"
        ),
    }
}

fn not_well_formed(f: &mut fmt::Formatter<'_>, fault: Option<&HeadFault>) -> fmt::Result {
    f.write_str("answer has a head that is not well-formed HTTP")?;
    match fault {
        Some(fault) => write!(f, ": {fault}"),
        None => Ok(()),
    }
}

fn not_called(f: &mut fmt::Formatter<'_>, crowded: Crowded) -> fmt::Result {
    match crowded {
        Crowded::Full { calls } => write!(
            f,
            "not called: {calls} calls to this application were waiting or under way, and there \
             was no place for one more"
        ),
        Crowded::Shared { calls } => write!(
            f,
            "not called: places for calls are scarce just now, and {calls} calls of the same bucket, \
             uploader or address have their share of them"
        ),
        Crowded::Unproven => f.write_str(
            "not called: no application at this host has agreed to a call since the server started, and \
             until one does, little is sent there; a callback that the policy or the bucket fixes is \
             always sent",
        ),
        Crowded::Waited { limit } => write!(
            f,
            "not called: no call to this application ended in the {} s that it waited for its turn",
            limit.as_secs_f64()
        ),
    }
}

fn not_connected(f: &mut fmt::Formatter<'_>, kind: io::ErrorKind, to: &To) -> fmt::Result {
    if kind == io::ErrorKind::ConnectionRefused {
        return write!(f, "refused: nothing listens on {to}");
    }
    if matches!(
        kind,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
    ) {
        return write!(f, "unreachable: there is no way to {to}");
    }
    write!(f, "no connection to {to}: {kind}")
}

fn redirected(f: &mut fmt::Formatter<'_>, status: u16, to: &Redirect) -> fmt::Result {
    write!(f, "answered {status}")?;
    match to {
        Redirect::Https(to) => write!(
            f,
            " to {to}: give the URL with `https://`, redirects are not followed"
        ),
        Redirect::Login(to) => write!(f, " to {to}: a callback must not need a session"),
        Redirect::Nowhere => f.write_str(": only 200 counts, and redirects are not followed"),
        Redirect::Other(to) => write!(f, " to {to}: redirects are not followed, give the last URL"),
        Redirect::Slash(to) => write!(
            f,
            " to {to}: give the URL as the application has it, with or without the last `/`"
        ),
    }
}

fn answered(f: &mut fmt::Formatter<'_>, status: u16, path: &Shown) -> fmt::Result {
    write!(f, "answered {status}: ")?;
    match status {
        400 => f.write_str(
            "the application did not understand the call; compare the body and its type",
        ),
        401 => f.write_str("a callback must not need a login; check its signature instead"),
        403 => f.write_str(
            "the application or a firewall refused; take the route out of CSRF protection, \
                 and look at the check of the signature",
        ),
        404 => write!(f, "the application has no route {path}"),
        405 => write!(f, "the application has {path}, but not for POST"),
        411 | 413 => f.write_str("a proxy or the framework does not take a body of this size"),
        415 => f.write_str("the route does not take this type of body; compare `callbackBodyType`"),
        429 => f.write_str("the application, or a proxy before it, limits how often it is called"),
        500 => f.write_str("the application failed; its log says more"),
        502..=504 => f.write_str("a proxy answered, and the application behind it did not"),
        _ => f.write_str("only 200 counts"),
    }
}

fn timed_out(f: &mut fmt::Formatter<'_>, during: &Slow, limit: Duration) -> fmt::Result {
    let limit = limit.as_secs_f64();
    match during {
        Slow::Answering => write!(f, "no answer within {limit} s: answer first and work later"),
        Slow::Body {
            received,
            announced: Some(announced),
        } => write!(
            f,
            "answer not complete within {limit} s: {received} of {announced} bytes came; compare \
             `Content-Length`, which counts bytes and not characters"
        ),
        Slow::Body {
            received,
            announced: None,
        } => write!(
            f,
            "answer not complete within {limit} s: {received} bytes came in chunks, and not the last one"
        ),
        Slow::Connecting { to } => write!(
            f,
            "no connection to {to} within {limit} s: a firewall may swallow it, or the \
             application takes none"
        ),
        Slow::Greeting => write!(
            f,
            "TLS not agreed upon within {limit} s: what listens there may speak no TLS"
        ),
        Slow::Head => write!(f, "the answer's head was not complete within {limit} s"),
        Slow::Resolving { host } => write!(
            f,
            "{host} was not resolved within {limit} s: the name server does not answer"
        ),
        Slow::Sending => write!(
            f,
            "the application did not take the request within {limit} s"
        ),
        Slow::Signing => write!(
            f,
            "not called: the request was not signed within {limit} s, the server has too much to do"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_from_outside_is_cut_and_escaped() {
        let said = Explanation::NotHttp {
            start: Shown::new("\u{1b}[31m"),
        };
        let expected = "what answers is not HTTP: it begins with `\\u{1b}[31m`";
        assert_eq!(said.to_string(), expected);
        let long = Shown::new(&"猫".repeat(500)).to_string();
        assert_eq!(long.chars().count(), SHOWN_CHARACTERS + 1);
    }

    #[test]
    fn every_status_has_a_sentence_of_its_own_or_the_rule() {
        let said = |status| {
            let path = Shown::new("/cb");
            Explanation::Status { status, path }.to_string()
        };
        assert_eq!(said(204), "answered 204: only 200 counts");
        assert_eq!(said(404), "answered 404: the application has no route /cb");
        let mut all: Vec<String> = [400, 401, 403, 404, 405, 413, 415, 429, 500, 502]
            .map(said)
            .to_vec();
        all.sort_by_key(|sentence| sentence[13..].to_owned());
        all.dedup_by_key(|sentence| sentence[13..].to_owned());
        assert_eq!(all.len(), 10, "{all:?}");
    }
}
