//! The record: what was sent, what came back, how long it took, and why it was not enough.
//!
//! In: [`NewRecord`], made of what the call had in its hands anyway. Out: [`CallRecord`]s, kept by
//! [`CallLog`] in memory within bounds. Nothing is formatted and no answer is looked into until
//! somebody asks; bodies and heads are shared with the call. Secrets in answers and URLs are left
//! out of what is shown.

mod body_fault;
mod diagnosis;
mod explanation;
mod log;
mod shown;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use upcall::callback::{CallbackUrl, string_to_sign};

use super::exchange::{Answer, Ending, Progress, Timing};
use super::request::CallbackOrder;
use crate::injection::{CallFault, Injected};
use crate::limits;

pub(crate) use explanation::Explanation;
pub(crate) use log::{CallLog, Query};
pub(crate) use shown::{Secrets, headers};

/// The id of a recorded call: 16 hex digits, in the order in which calls ended, also over a
/// restart.
///
/// The time in microseconds, or one more than the id before.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct CallId(u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for CallId {
    type Err = InvalidCallId;

    fn from_str(text: &str) -> Result<Self, InvalidCallId> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).map_err(|_| InvalidCallId)?;
        if is_hex {
            Ok(Self(number))
        } else {
            Err(InvalidCallId)
        }
    }
}

/// A text is no id of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the id of a call has 16 hex digits")]
pub(crate) struct InvalidCallId;

/// A call that has ended.
#[derive(Debug)]
pub(crate) struct NewRecord {
    pub(crate) order: Arc<CallbackOrder>,
    /// Which of the order's URLs was called.
    pub(crate) url: usize,
    /// The how many-th call for its request it is, from 1.
    pub(crate) attempt: usize,
    /// When the first of the order's calls began, or the replay.
    pub(crate) since: Instant,
    pub(crate) ending: Ending,
    pub(crate) progress: Progress,
    /// What was ordered to go wrong with it.
    pub(crate) injected: Option<Injected<CallFault>>,
}

/// A call that was made, or would have been.
#[derive(Debug)]
pub(crate) struct CallRecord {
    id: CallId,
    /// When it ended.
    at: Timestamp,
    bytes: usize,
    call: NewRecord,
}

impl CallRecord {
    fn new(id: CallId, at: Timestamp, mut call: NewRecord) -> Self {
        if let Some(answer) = &mut call.progress.answer {
            answer.body = kept(answer);
        }
        let bytes = size_of::<Self>() + weight(&call);
        Self {
            id,
            at,
            bytes,
            call,
        }
    }

    pub(crate) const fn id(&self) -> CallId {
        self.id
    }

    pub(crate) const fn at(&self) -> Timestamp {
        self.at
    }

    pub(crate) const fn attempt(&self) -> usize {
        self.call.attempt
    }

    pub(crate) fn order(&self) -> &Arc<CallbackOrder> {
        &self.call.order
    }

    pub(crate) fn url(&self) -> &CallbackUrl {
        &self.call.order.parameter.urls[self.call.url]
    }

    pub(super) const fn url_number(&self) -> usize {
        self.call.url
    }

    /// Request line and headers as they were sent; empty if it did not come to that.
    pub(crate) fn request_head(&self) -> &[u8] {
        &self.call.progress.request_head
    }

    pub(crate) fn string_to_sign(&self) -> Vec<u8> {
        string_to_sign(self.url().path_and_query(), &self.call.order.body)
    }

    /// Where the connection led, or should have led.
    pub(crate) const fn address(&self) -> Option<std::net::SocketAddr> {
        self.call.progress.address
    }

    pub(crate) const fn is_reused(&self) -> bool {
        self.call.progress.is_reused
    }

    /// Whether the request went out twice: a kept connection had ended without an answer.
    pub(crate) const fn is_resent(&self) -> bool {
        self.call.progress.is_resent
    }

    pub(crate) const fn timing(&self) -> Timing {
        self.call.progress.timing
    }

    /// What came back; its body is cut at [`limits::RECORDED_BODY_BYTES`].
    pub(crate) const fn answer(&self) -> Option<&Answer> {
        self.call.progress.answer.as_ref()
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self.call.ending.failure() {
            None => Outcome::Agreed,
            Some(_) => Outcome::Failed,
        }
    }

    /// What the uploader was told, if the application did not agree.
    pub(crate) fn message(&self) -> Option<String> {
        let failure = self.call.ending.failure()?;
        Some(failure.refusal().text().to_owned())
    }

    /// Why it ended as it did.
    pub(crate) fn explanation(&self) -> Explanation {
        diagnosis::of(&self.call)
    }

    /// What was ordered to go wrong with it.
    pub(crate) const fn injected(&self) -> Option<Injected<CallFault>> {
        self.call.injected
    }
}

/// Whether the application agreed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Agreed,
    Failed,
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for Outcome {
    type Err = InvalidOutcome;

    fn from_str(text: &str) -> Result<Self, InvalidOutcome> {
        [Self::Agreed, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
            .ok_or(InvalidOutcome)
    }
}

/// A text is no outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an outcome is `agreed` or `failed`")]
pub(crate) struct InvalidOutcome;

/// As much of a body as is kept. A long one is copied, so that a part does not hold the whole.
fn kept(answer: &Answer) -> bytes::Bytes {
    if answer.body.len() <= limits::RECORDED_BODY_BYTES {
        return answer.body.clone();
    }
    bytes::Bytes::copy_from_slice(&answer.body[..limits::RECORDED_BODY_BYTES])
}

/// Bytes that a call keeps alive, near enough.
fn weight(call: &NewRecord) -> usize {
    let order = &call.order;
    let urls = order.parameter.urls.iter();
    // Each URL is kept as a text and as its parts.
    let urls: usize = urls.map(|url| 2 * url.as_given().len() + 96).sum();
    let answer = call.progress.answer.as_ref();
    let answer = answer.map_or(0, |answer| answer.head.len() + answer.body.len());
    let texts = order.key.as_str().len() + order.parameter.body.as_str().len();
    urls + answer + texts + order.body.len() + call.progress.request_head.len() + SMALL_BYTES
}

/// Names, ids, and what every allocation costs beside its bytes.
const SMALL_BYTES: usize = 512;
