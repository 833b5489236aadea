//! The scrub: reads everything again and again, slowly, on a thread of its own, so that damage is
//! found while there is a backup to mend it from.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Engine;
use crate::maintenance::{CheckReport, Damage, RateLimit, ScrubState};

/// What the scrub has found.
#[derive(Debug, Default)]
pub(super) struct Scrub {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    found: ScrubState,
    is_stopped: bool,
}

impl Scrub {
    pub(super) fn found(&self) -> ScrubState {
        self.lock().found.clone()
    }

    /// Waits before the next pass; whether there is to be one.
    fn rest(&self, rest: Duration) -> bool {
        let until = Instant::now() + rest;
        let mut state = self.lock();
        while !state.is_stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Notes what a pass has found so far; whether it is to go on.
    fn note(&self, report: &CheckReport, told: &mut u64) -> bool {
        let mut state = self.lock();
        if report.damaged > *told {
            let new = usize::try_from(*told).unwrap_or(usize::MAX);
            report.damages.iter().skip(new).for_each(tell);
            *told = report.damaged;
            state.found.last = report.clone();
        }
        !state.is_stopped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(damage: &Damage) {
    let (bucket, key) = (damage.bucket.as_deref(), damage.key.as_deref());
    tracing::error!(
        bucket,
        key,
        what = damage.what,
        "damage was found; `upcall fsck` lists all"
    );
}

/// The thread.
#[derive(Debug)]
pub(super) struct Scrubber {
    scrub: Arc<Scrub>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Scrubber {
    /// With a limit of zero there is none.
    pub(super) fn start(
        engine: Arc<Engine>,
        scrub: Arc<Scrub>,
        limit: RateLimit,
    ) -> std::io::Result<Self> {
        let worker = Arc::clone(&scrub);
        let thread = match limit.bytes_per_second {
            0 => None,
            _ => Some(
                std::thread::Builder::new()
                    .name("scrub".to_owned())
                    .spawn(move || run(&engine, &worker, limit))?,
            ),
        };
        Ok(Self {
            scrub,
            thread: Mutex::new(thread),
        })
    }

    /// Ends in the middle of a pass. Blocks.
    pub(super) fn stop(&self) {
        self.scrub.lock().is_stopped = true;
        self.scrub.changed.notify_all();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the scrub did not end well");
        }
    }
}

fn run(engine: &Engine, scrub: &Scrub, limit: RateLimit) {
    // The first minute belongs to whoever waits for the server.
    let mut rest = FIRST_REST;
    while scrub.rest(rest) {
        let mut told = 0;
        match engine.check_objects(limit, |report| scrub.note(report, &mut told)) {
            Ok(report) => {
                let mut state = scrub.lock();
                if state.is_stopped {
                    return;
                }
                state.found.passes += 1;
                tracing::info!(
                    objects = report.objects,
                    bytes = report.bytes,
                    damaged = report.damaged,
                    "everything was read once"
                );
                state.found.last = report;
            }
            Err(error) => {
                tracing::error!(error = %crate::chain(&error), "the scrub could not go on");
            }
        }
        rest = REST;
    }
}

const FIRST_REST: Duration = Duration::from_secs(60);

/// Between passes: a disk seldom breaks by the hour.
const REST: Duration = Duration::from_secs(24 * 60 * 60);
