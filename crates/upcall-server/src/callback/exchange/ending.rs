//! How a call ended: as facts, from which the uploader's message and a person's sentence are made.

use std::io;
use std::time::Duration;

use upcall::callback::answer::CallbackFailure;

use super::connector::ConnectError;
use super::head_fault::HeadFault;
use super::progress::Stage;
use super::tls_failure::TlsFailure;
use crate::callback::guard::GuardError;
use crate::callback::load::Crowded;

/// How a call ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    /// The answer counts.
    Agreed,
    /// The connection ended before the answer had.
    Broken { stage: Stage, is_reset: bool },
    /// There was no place for the call.
    Crowded(Crowded),
    /// The host has no address, or none that may be called.
    Guarded(GuardError),
    /// The answer's head has no end within [`limits::CALLBACK_HEAD_BYTES`](crate::limits).
    HeadTooLong,
    /// The answer's body is chunked, and its chunks are not well-formed.
    MalformedChunks,
    /// The answer's head is not well-formed, in this line.
    MalformedHead(Option<HeadFault>),
    /// There is no connection.
    NotConnected(io::ErrorKind),
    /// What answered speaks something else, which begins so.
    NotHttp { start: Box<[u8]> },
    /// The request could not be signed, or cannot be written as one.
    NotWritten,
    /// TLS could not be agreed upon.
    NoTls(TlsFailure),
    /// An answer came, and does not count.
    Refused(CallbackFailure),
    /// It took too long.
    TimedOut { stage: Stage, limit: Duration },
}

impl Ending {
    /// What the uploader is told; `None` if the application agreed.
    pub(crate) fn failure(&self) -> Option<CallbackFailure> {
        match self {
            Self::Agreed => None,
            Self::MalformedChunks | Self::MalformedHead(_) => {
                Some(CallbackFailure::MalformedAnswer)
            }
            Self::NoTls(TlsFailure::PlainHttp) => Some(CallbackFailure::PlainHttp),
            Self::NotHttp { start } if is_tls(start) => Some(CallbackFailure::SpeaksTls),
            Self::Broken { .. }
            | Self::Guarded(_)
            | Self::HeadTooLong
            | Self::NotConnected(_)
            | Self::NotHttp { .. }
            | Self::NotWritten
            | Self::NoTls(_) => Some(CallbackFailure::CannotConnect),
            Self::Crowded(_) => Some(CallbackFailure::TooMany),
            Self::Refused(failure) => Some(*failure),
            Self::TimedOut { .. } => Some(CallbackFailure::TimedOut),
        }
    }

    /// Reading or writing failed in this step.
    pub(super) fn of_io(error: &io::Error, stage: Stage) -> Self {
        let is_reset = !matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe
        );
        Self::Broken { stage, is_reset }
    }
}

/// Whether these bytes begin a record of TLS: an alert, or part of a handshake (RFC 8446, 5.1).
pub(crate) const fn is_tls(start: &[u8]) -> bool {
    matches!(start, [0x15 | 0x16, 3, ..])
}

impl From<ConnectError> for Ending {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Crowded(crowded) => Self::Crowded(crowded),
            ConnectError::Guard(error) => Self::Guarded(error),
            ConnectError::NoHost => Self::Guarded(GuardError::Unresolvable),
            ConnectError::PlainHttp(_) => Self::NoTls(TlsFailure::PlainHttp),
            ConnectError::Tcp(error) => Self::NotConnected(error.kind()),
            ConnectError::Tls(error) => Self::NoTls(TlsFailure::of(&error)),
        }
    }
}

impl From<CallbackFailure> for Ending {
    fn from(failure: CallbackFailure) -> Self {
        Self::Refused(failure)
    }
}
