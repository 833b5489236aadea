//! When to stop: SIGTERM or Ctrl-C. The first asks, the second does not.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::terminal::message::{Failure, note};

/// Both signals.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// From now on the signals no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns at the next signal.
    pub(crate) async fn asked(&mut self) {
        // Cancel-safe: a signal that is not received stays for the next call.
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Runs what has to be done at the end, unless a second signal comes.
    pub(crate) async fn finish(&mut self, work: impl Future<Output = ()>) {
        // Dropping the work is the point of the second signal; a crash at any moment is safe.
        tokio::select! {
            () = work => {}
            () = self.asked() => note("stopped at once; running uploads were cut"),
        }
    }
}
