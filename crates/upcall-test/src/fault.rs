//! What is to go wrong with the next calls or uploads of a bucket.

use std::time::Duration;

use serde_json::{Value, json};

/// What happens to a call. `docs/testing.md` says what each does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CallFault {
    /// The application is not called; its answer is taken to be JSON that breaks off.
    BadJson,
    /// The application is not called; its answer is taken to be 500.
    InternalError,
    /// The application is not called, as if nobody listened there.
    Refuse,
    /// The application is called, and its answer is lost.
    Reset,
    /// The application is called, and its answer comes so much later.
    Slow(Duration),
    /// The application is called twice with the same request; its second answer counts.
    Twice,
    /// The application is called with a signature that does not verify.
    WrongSignature,
}

/// What happens to an upload; nothing is stored, unless it is only slow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UploadFault {
    /// The answer of a full disk.
    DiskFull,
    /// 500 `InternalError`.
    InternalError,
    /// 403 `AccessDenied`.
    Refuse,
    /// The connection is reset.
    Reset,
    /// It takes so much longer.
    Slow(Duration),
}

/// What happens, to a call or to an upload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// To a call.
    Call(CallFault),
    /// To an upload.
    Upload(UploadFault),
}

/// A fault, how often, and to which key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order {
    fault: Fault,
    count: u32,
    key: Option<String>,
}

impl Fault {
    /// So many times instead of once.
    pub fn times(self, count: u32) -> Order {
        Order {
            count,
            ..Order::from(self)
        }
    }

    /// Only to calls or uploads of this key.
    pub fn of_key(self, key: &str) -> Order {
        Order::from(self).of_key(key)
    }

    fn words(self) -> (&'static str, &'static str, Option<Duration>) {
        match self {
            Self::Call(fault) => match fault {
                CallFault::BadJson => ("call", "bad-json", None),
                CallFault::InternalError => ("call", "500", None),
                CallFault::Refuse => ("call", "refuse", None),
                CallFault::Reset => ("call", "reset", None),
                CallFault::Slow(delay) => ("call", "slow", Some(delay)),
                CallFault::Twice => ("call", "twice", None),
                CallFault::WrongSignature => ("call", "wrong-signature", None),
            },
            Self::Upload(fault) => match fault {
                UploadFault::DiskFull => ("upload", "disk-full", None),
                UploadFault::InternalError => ("upload", "500", None),
                UploadFault::Refuse => ("upload", "refuse", None),
                UploadFault::Reset => ("upload", "reset", None),
                UploadFault::Slow(delay) => ("upload", "slow", Some(delay)),
            },
        }
    }
}

impl Order {
    /// Only to calls or uploads of this key.
    #[must_use]
    pub fn of_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    pub(crate) fn to_json(&self, bucket: &str) -> Value {
        let (on, kind, delay) = self.fault.words();
        let delay = delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        let mut order = json!({ "bucket": bucket, "on": on, "kind": kind, "count": self.count });
        if let Some(delay) = delay {
            order["delayMs"] = delay.into();
        }
        if let Some(key) = &self.key {
            order["key"] = key.as_str().into();
        }
        order
    }
}

impl From<CallFault> for Fault {
    fn from(fault: CallFault) -> Self {
        Self::Call(fault)
    }
}

impl From<UploadFault> for Fault {
    fn from(fault: UploadFault) -> Self {
        Self::Upload(fault)
    }
}

impl<F: Into<Fault>> From<F> for Order {
    fn from(fault: F) -> Self {
        Self {
            fault: fault.into(),
            count: 1,
            key: None,
        }
    }
}
