//! How long a peer keeps a connection waiting, and how much it moves meanwhile.
//!
//! In: what moved, and each look at a wait. Out: whether the peer is idle, late or too slow.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Measures how long a peer keeps us waiting. Runs only while we wait.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    waiting_since: Option<Instant>,
    waited: Duration,
    moved: u64,
}

impl Timer {
    pub(super) fn moved(&mut self, count: u64) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        self.moved = self.moved.saturating_add(count);
    }

    /// The next wait begins a new period.
    pub(super) fn restart(&mut self) {
        self.waiting_since = None;
        self.waited = Duration::ZERO;
        self.moved = 0;
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
        let deadline = since + period.saturating_sub(self.waited);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }

    /// Ready when fewer than `least` bytes moved in one `window` of waiting.
    pub(super) fn poll_progress(
        &mut self,
        cx: &mut Context<'_>,
        window: Duration,
        least: u64,
    ) -> Poll<()> {
        while self.poll_deadline(cx, window).is_ready() {
            if self.moved < least {
                return Poll::Ready(());
            }
            self.restart();
        }
        Poll::Pending
    }
}
