//! What can go wrong on order. A combination that means nothing cannot be built.

use std::time::Duration;

/// What happens to a call or an upload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Call(CallFault),
    Upload(UploadFault),
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CallFault {
    /// The application is not called; the answer is 200 with JSON that breaks off.
    BadJson,
    /// The application is not called; the answer is 500.
    InternalError,
    /// The application is not called, as if nobody listened there.
    Refuse,
    /// The application is called, and what it answers is lost, as if the connection had been reset.
    Reset,
    /// The application is called, and its answer comes so much later.
    Slow(Duration),
    /// The application is called twice with the same request; what it says to the second counts.
    Twice,
    /// The application is called with a signature of something else.
    WrongSignature,
}

/// What happens to an upload, once it is admitted and before its file is read: nothing is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UploadFault {
    /// The answer of a full disk.
    DiskFull,
    /// 500 `InternalError`.
    InternalError,
    /// 403 `AccessDenied`.
    Refuse,
    /// The connection is reset.
    Reset,
    /// The file is read so much later, and all goes on as usual.
    Slow(Duration),
}

impl Fault {
    /// Whether it happens to a call or to an upload.
    pub(crate) const fn on(self) -> &'static str {
        match self {
            Self::Call(_) => ON_CALL,
            Self::Upload(_) => ON_UPLOAD,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Call(fault) => fault.name(),
            Self::Upload(fault) => fault.name(),
        }
    }

    /// How much later, of those that only take time.
    pub(crate) const fn delay(self) -> Option<Duration> {
        match self {
            Self::Call(CallFault::Slow(delay)) | Self::Upload(UploadFault::Slow(delay)) => {
                Some(delay)
            }
            Self::Call(_) | Self::Upload(_) => None,
        }
    }
}

impl CallFault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BadJson => BAD_JSON,
            Self::InternalError => INTERNAL_ERROR,
            Self::Refuse => REFUSE,
            Self::Reset => RESET,
            Self::Slow(_) => SLOW,
            Self::Twice => TWICE,
            Self::WrongSignature => WRONG_SIGNATURE,
        }
    }
}

impl UploadFault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::DiskFull => DISK_FULL,
            Self::InternalError => INTERNAL_ERROR,
            Self::Refuse => REFUSE,
            Self::Reset => RESET,
            Self::Slow(_) => SLOW,
        }
    }
}

pub(super) const ON_CALL: &str = "call";
pub(super) const ON_UPLOAD: &str = "upload";

pub(super) const BAD_JSON: &str = "bad-json";
pub(super) const DISK_FULL: &str = "disk-full";
pub(super) const INTERNAL_ERROR: &str = "500";
pub(super) const REFUSE: &str = "refuse";
pub(super) const RESET: &str = "reset";
pub(super) const SLOW: &str = "slow";
pub(super) const TWICE: &str = "twice";
pub(super) const WRONG_SIGNATURE: &str = "wrong-signature";
