//! What is to be removed, and what must not be.
//!
//! In: ids that were given up, from `Drop`s and from the server, none of which can wait; and, at the
//! start, every file there is, among which a crash has left some. Out: work for the
//! [`collector`](crate::embedded::collector).
//!
//! An upload that was abandoned in the middle of its commit has given its blob up, and may yet become
//! an object. So the catalog is asked about every blob that was ever finished, in the order of its
//! changes. A blob that a running upload holds is *live*, and left alone until the upload is over;
//! that is looked at first and the catalog asked second, so there is no gap between the two.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::blobs::{BlobError, BlobId};

/// What is to be removed, and what must not be.
#[derive(Debug, Default)]
pub(in crate::embedded) struct Garbage {
    state: Mutex<State>,
    changed: Condvar,
}

/// An id takes 16 bytes here, and there are never more of them than uploads and deletions under way
/// plus what the disk is behind.
#[derive(Debug, Default)]
pub(in crate::embedded) struct State {
    pub(in crate::embedded) live: HashSet<BlobId>,
    /// Files that were never finished; no object can point to them.
    unfinished: Vec<BlobId>,
    /// Blobs that may be somebody's yet.
    given_up: Vec<BlobId>,
    /// Shards that the sweep has not looked at, from the end.
    to_sweep: Vec<u8>,
    pub(in crate::embedded) removed: u64,
    /// When the log was looked at last; `None`: it is to be looked at now.
    reclaimed: Option<Instant>,
    /// How many want that nothing is removed.
    holds: usize,
    is_busy: bool,
    is_stopped: bool,
}

/// What the collector does next.
#[derive(Debug)]
pub(in crate::embedded) enum Work {
    Remove(Vec<BlobId>),
    Judge(Vec<BlobId>),
    Sweep(u8),
    /// Look whether the log has room to give back.
    Reclaim,
}

impl Garbage {
    /// A running upload holds this blob.
    pub(in crate::embedded) fn hold(&self, id: BlobId) -> Result<(), BlobError> {
        let mut state = self.lock();
        if state.is_stopped {
            return Err(BlobError::Closed);
        }
        state.live.insert(id);
        Ok(())
    }

    /// The upload has ended; the catalog answers for the blob, or there is none.
    pub(in crate::embedded) fn release(&self, id: BlobId) {
        self.lock().live.remove(&id);
    }

    /// The upload has ended before its blob was whole.
    pub(in crate::embedded) fn add_unfinished(&self, id: BlobId) {
        let mut state = self.lock();
        state.live.remove(&id);
        state.unfinished.push(id);
        drop(state);
        self.changed.notify_all();
    }

    /// Nobody wants this blob, as far as the caller knows.
    pub(in crate::embedded) fn give_up(&self, id: BlobId) {
        let mut state = self.lock();
        state.live.remove(&id);
        state.given_up.push(id);
        drop(state);
        self.changed.notify_all();
    }

    /// Has every file looked at.
    pub(in crate::embedded) fn sweep(&self) {
        self.lock().to_sweep = (0..=u8::MAX).rev().collect();
        self.changed.notify_all();
    }

    /// Waits until there is nothing to do. Returns how many files were removed so far.
    pub(in crate::embedded) fn settle(&self) -> u64 {
        let mut state = self.lock();
        while (state.is_busy || state.has_work()) && !state.is_stopped {
            state = self.wait(state);
        }
        state.removed
    }

    pub(in crate::embedded) fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// Has the log looked at again, before its time.
    pub(in crate::embedded) fn reclaim(&self) {
        self.lock().reclaimed = None;
        self.changed.notify_all();
    }

    /// From now on nothing is removed, once what is being removed is gone; until it is let go.
    pub(in crate::embedded) fn hold_all(&self) {
        let mut state = self.lock();
        state.holds += 1;
        while state.is_busy && !state.is_stopped {
            state = self.wait(state);
        }
    }

    /// Things are removed again.
    pub(in crate::embedded) fn let_go(&self) {
        let mut state = self.lock();
        state.holds = state.holds.saturating_sub(1);
        drop(state);
        self.changed.notify_all();
    }

    /// What to do next; `None` when the collector is to end. What is given up goes first, the log
    /// last; it is looked at once in each interval.
    pub(in crate::embedded) fn next(&self, interval: Duration) -> Option<Work> {
        let mut state = self.lock();
        state.is_busy = false;
        self.changed.notify_all();
        loop {
            if state.holds > 0 && !state.is_stopped {
                state = self.wait(state);
                continue;
            }
            if !state.unfinished.is_empty() {
                state.is_busy = true;
                return Some(Work::Remove(std::mem::take(&mut state.unfinished)));
            }
            if !state.given_up.is_empty() {
                state.is_busy = true;
                return Some(Work::Judge(std::mem::take(&mut state.given_up)));
            }
            if state.is_stopped {
                return None;
            }
            if let Some(shard) = state.to_sweep.pop() {
                state.is_busy = true;
                return Some(Work::Sweep(shard));
            }
            let left = match state.reclaimed {
                Some(last) => interval.saturating_sub(last.elapsed()),
                None => Duration::ZERO,
            };
            if left.is_zero() {
                state.reclaimed = Some(Instant::now());
                state.is_busy = true;
                return Some(Work::Reclaim);
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State>) -> MutexGuard<'g, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::embedded) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_work(&self) -> bool {
        !(self.unfinished.is_empty() && self.given_up.is_empty() && self.to_sweep.is_empty())
            || self.reclaimed.is_none()
    }
}
