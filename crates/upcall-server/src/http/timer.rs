//! How long a peer keeps a connection waiting, and how much it moves meanwhile.
//!
//! In: what moved, and each look at a wait. Out: whether the peer is idle, late or too slow.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::limits::Limits;

/// What a peer has to keep to; each is a field of [`Limits`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) window: Duration,
    pub(super) least: u64,
    request: Duration,
    request_rate: u64,
    pub(super) linger: Duration,
    pub(super) linger_bytes: u64,
}

impl Pace {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            head: limits.request_head,
            idle: limits.idle,
            window: limits.progress_window,
            least: limits.least_progress_bytes,
            request: limits.request,
            request_rate: limits.request_rate,
            linger: limits.linger,
            linger_bytes: limits.linger_bytes,
        }
    }

    /// How long so many bytes, a whole body or a whole answer, may keep us waiting in all.
    pub(super) fn allowance(&self, bytes: u64) -> Duration {
        let seconds = bytes / self.request_rate.max(1);
        self.request.max(Duration::from_secs(seconds))
    }
}

/// Measures how long a peer keeps us waiting. Runs only while we wait.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    waiting_since: Option<Instant>,
    waited: Duration,
    moved: u64,
    /// The same of the whole request, or of its whole answer.
    whole: Whole,
}

/// What was waited for and moved since [`Timer::begin`].
#[derive(Debug, Default)]
struct Whole {
    waited: Duration,
    moved: u64,
}

impl Timer {
    pub(super) fn moved(&mut self, count: u64) {
        self.settle();
        self.moved = self.moved.saturating_add(count);
        self.whole.moved = self.whole.moved.saturating_add(count);
    }

    fn settle(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            let waited = since.elapsed();
            self.waited += waited;
            self.whole.waited += waited;
        }
    }

    /// The next wait begins a new period.
    pub(super) fn restart(&mut self) {
        self.settle();
        self.waited = Duration::ZERO;
        self.moved = 0;
    }

    /// The next wait is the first of another request, or of another answer.
    pub(super) fn begin(&mut self) {
        self.restart();
        self.whole = Whole::default();
    }

    /// Bytes that moved since [`begin`](Self::begin).
    pub(super) fn whole_moved(&self) -> u64 {
        self.whole.moved
    }

    /// Ready at `deadline`, whatever moved.
    pub(super) fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }

    /// Wakes the task once within `period`; what was waited until now does not count.
    pub(super) fn look_again(&mut self, cx: &mut Context<'_>, period: Duration) {
        self.restart();
        let latest = Instant::now() + period;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(latest)));
        if sleep.deadline() > latest || sleep.as_mut().poll(cx).is_ready() {
            sleep.as_mut().reset(latest);
            let _ = sleep.as_mut().poll(cx);
        }
    }

    /// Ready when nothing at all moved for `period`.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>, period: Duration) -> Poll<()> {
        if self.moved > 0 {
            self.restart();
        }
        self.poll_deadline(cx, period)
    }

    /// Ready when we waited for `period` since the last restart.
    pub(super) fn poll_deadline(&mut self, cx: &mut Context<'_>, period: Duration) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        self.poll_until(cx, since + period.saturating_sub(self.waited))
    }

    /// Ready when fewer than `least` bytes moved in one `window` of waiting, or when all waits since
    /// [`begin`](Self::begin) together take longer than `allowance`.
    pub(super) fn poll_progress(
        &mut self,
        cx: &mut Context<'_>,
        window: Duration,
        least: u64,
        allowance: Duration,
    ) -> Poll<()> {
        loop {
            // Both as counted before the wait that is under way.
            let left_of_window = window.saturating_sub(self.waited);
            let left = allowance.saturating_sub(self.whole.waited);
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            if self
                .poll_until(cx, since + left_of_window.min(left))
                .is_pending()
            {
                return Poll::Pending;
            }
            if left <= left_of_window || self.moved < least {
                return Poll::Ready(());
            }
            self.restart();
        }
    }
}
