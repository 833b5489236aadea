//! How far a call has come, kept outside of the call itself: whoever gives it up at its time limit
//! still knows where it stood.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

/// The steps of a call, in their order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// The request is being signed and written.
    Signing,
    Resolving,
    Connecting,
    /// TLS.
    Greeting,
    Sending,
    /// The request has gone, and no byte has come.
    Waiting,
    /// The answer's head is coming.
    Head,
    /// The answer's body is coming: so many bytes, or in chunks.
    Body {
        announced: Option<u64>,
    },
}

/// What is known of a call so far.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) stage: Stage,
    pub(crate) timing: Timing,
    /// The last address that was connected to.
    pub(crate) address: Option<SocketAddr>,
    /// Whether the connection had served a call before.
    pub(crate) is_reused: bool,
    /// Whether the request was sent once before, on a kept connection that ended without an answer.
    pub(crate) is_resent: bool,
    /// Whether it began to be sent.
    pub(crate) is_sent: bool,
    /// Request line and headers as they were sent.
    pub(crate) request_head: Bytes,
    pub(crate) answer: Option<Answer>,
    /// The answer's body so far.
    pub(crate) received: BytesMut,
    began: Instant,
    stage_began: Instant,
}

impl Progress {
    pub(crate) fn begin() -> Self {
        let now = Instant::now();
        Self {
            stage: Stage::Signing,
            timing: Timing::default(),
            address: None,
            is_reused: false,
            is_resent: false,
            is_sent: false,
            request_head: Bytes::new(),
            answer: None,
            received: BytesMut::new(),
            began: now,
            stage_began: now,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The step before is over.
    pub(crate) fn enter(&mut self, stage: Stage) {
        let now = Instant::now();
        self.note(now);
        self.stage = stage;
        self.is_sent |= stage == Stage::Sending;
        // The first byte is waited for from the moment in which the request begins to go.
        if stage != Stage::Waiting {
            self.stage_began = now;
        }
    }

    /// Whether the request may have gone out, and not one byte of an answer has come.
    pub(crate) const fn is_unanswered(&self) -> bool {
        matches!(self.stage, Stage::Sending | Stage::Waiting) && self.answer.is_none()
    }

    /// The request goes out once more, on a new connection.
    pub(crate) fn resend(&mut self) {
        self.is_reused = false;
        self.is_resent = true;
        self.address = None;
        self.timing = Timing::default();
        self.stage = Stage::Signing;
    }

    /// The call is over, well or not.
    pub(crate) fn end(&mut self) {
        let now = Instant::now();
        self.note(now);
        self.timing.total = now.duration_since(self.began);
        if let Some(answer) = &mut self.answer {
            answer.body = std::mem::take(&mut self.received).freeze();
        }
    }

    fn note(&mut self, now: Instant) {
        let took = now.duration_since(self.stage_began);
        match self.stage {
            Stage::Resolving => self.timing.resolve = Some(took),
            Stage::Connecting => self.timing.connect = Some(took),
            Stage::Greeting => self.timing.tls = Some(took),
            // Also if none has come: then it is how long it was waited for.
            Stage::Waiting => self.timing.first_byte = Some(took),
            Stage::Signing | Stage::Sending | Stage::Head | Stage::Body { .. } => {}
        }
    }
}

/// How long each step took; `None` if there was no such step.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Timing {
    pub(crate) resolve: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) tls: Option<Duration>,
    /// From the request's first byte to the answer's first byte.
    pub(crate) first_byte: Option<Duration>,
    /// Everything, signing and waiting for a turn included.
    pub(crate) total: Duration,
}

/// What the application answered, as far as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Status line and headers as they came, up to the empty line.
    pub(crate) head: Bytes,
    /// The body as far as it came, whole if it is one that counts.
    pub(crate) body: Bytes,
    /// The value of `Content-Type`, empty if there is none.
    pub(crate) content_type: String,
    /// How long the body is, if the answer says so.
    pub(crate) announced: Option<u64>,
}
