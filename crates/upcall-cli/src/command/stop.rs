//! When to stop: SIGTERM or Ctrl-C. The first asks, the second does not. No other signal stops a server.

use std::io::IsTerminal as _;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::terminal::message::{Failure, note};

/// The signals that stop the program, and those that would kill it by accident.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: [Signal; 2],
    terminal: Terminal,
}

/// Whether the program was started by hand, and so goes with its terminal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Terminal {
    Attached,
    None,
}

impl Stop {
    /// From now on no signal ends the process by itself, but for those that cannot be caught.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: [
                signal(SignalKind::user_defined1())?,
                signal(SignalKind::user_defined2())?,
            ],
            terminal: if std::io::stdin().is_terminal() {
                Terminal::Attached
            } else {
                Terminal::None
            },
        })
    }

    /// Returns when the program is to stop: at SIGTERM, Ctrl-C, or when its terminal is gone.
    ///
    /// Log rotation and process managers send SIGHUP, SIGUSR1 and SIGUSR2 to ask for a reload; what
    /// has no meaning here is answered with a line, since it used to end the process and cut its
    /// uploads.
    pub(crate) async fn asked(&mut self) {
        loop {
            let [user1, user2] = &mut self.user;
            // Cancel-safe: a signal that is not received stays for the next call.
            let ignored = tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => match self.terminal {
                    Terminal::Attached => return,
                    Terminal::None => "SIGHUP",
                },
                _ = user1.recv() => "SIGUSR1",
                _ = user2.recv() => "SIGUSR2",
            };
            note(format!(
                "{ignored} is ignored: settings are read at the start only; SIGTERM stops"
            ));
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
