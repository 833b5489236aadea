//! Which thread hashes which batch.
//!
//! While there are no more uploads than threads, each has a thread, for a core does more than a lane.
//! Beyond that they share the lanes of the threads that are at work already, and another thread
//! begins only when those lanes are full: the lanes of one do the work of ten cores.
//!
//! Uploads are counted, not jobs: jobs come one by one, and whoever begins each at once never has
//! two of them.
//!
//! At most one job of each upload that runs is in here; of one that broke off, none.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::stream::{HasherGone, Job, Slot};

/// The jobs that no thread has yet.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// For threads that have nothing to do.
    changed: Condvar,
    workers: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Uploads that have had a job, and may have another.
    uploads: usize,
    /// Jobs that a thread has.
    running: usize,
    /// Threads that have jobs.
    busy: usize,
    is_closed: bool,
}

impl Queue {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            workers,
        }
    }

    /// An upload begins.
    pub(super) fn enter(&self) {
        self.lock().uploads += 1;
    }

    /// An upload ends, or breaks off; of a job of `slot` that waits the queue lets go.
    pub(super) fn leave(&self, slot: &Arc<Slot>) {
        let mut state = self.lock();
        state.uploads -= 1;
        if !slot.is_away() {
            return;
        }
        let place = state.waiting.iter().position(|job| job.is_of(slot));
        let job = place.and_then(|place| state.waiting.remove(place));
        drop(state);
        // Its bytes go without the lock.
        drop(job);
    }

    /// # Errors
    /// [`HasherGone`]; the job is lost then.
    pub(super) fn push(&self, job: Job) -> Result<(), HasherGone> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(HasherGone);
        }
        state.waiting.push_back(job);
        self.call_another(&state);
        Ok(())
    }

    /// No more jobs; those that are here are finished.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// A thread broke: what waits is lost, and nothing more is taken.
    pub(super) fn close_at_once(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let lost = std::mem::take(&mut state.waiting);
        drop(state);
        drop(lost);
        self.changed.notify_all();
    }

    /// Gives a thread, of whose jobs so many were done since it last asked, those that it should run
    /// now; waits for the first. `false` when the thread should end.
    pub(super) fn fill(&self, jobs: &mut Vec<Job>, done: usize) -> bool {
        let mut state = self.lock();
        state.running -= done;
        if !jobs.is_empty() {
            return self.share(state, jobs);
        }
        if done > 0 {
            state.busy -= 1;
        }
        while !self.wants_another(&state) {
            // What is left, if anything, is in the hands of those who are busy.
            if state.is_closed {
                return false;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.busy += 1;
        let count = if self.has_a_core_for_each(&state) {
            1
        } else {
            LANES
        };
        state.give(jobs, count);
        self.call_another(&state);
        true
    }

    /// For a thread that has jobs: more of them where lanes are shared, fewer where cores are free.
    fn share(&self, mut state: MutexGuard<'_, State>, jobs: &mut Vec<Job>) -> bool {
        if self.has_a_core_for_each(&state) {
            state.running -= jobs.len() - 1;
            state.waiting.extend(jobs.drain(1..));
        } else {
            state.give(jobs, LANES - jobs.len());
        }
        self.call_another(&state);
        true
    }

    /// Each that comes calls the next one, if there is more.
    fn call_another(&self, state: &State) {
        if self.wants_another(state) {
            self.changed.notify_one();
        }
    }

    /// Whether a thread that has nothing to do should begin.
    fn wants_another(&self, state: &State) -> bool {
        let waiting = state.waiting.len();
        waiting > 0
            && (state.busy == 0
                || self.has_a_core_for_each(state)
                || state.running + waiting > state.busy * LANES)
    }

    fn has_a_core_for_each(&self, state: &State) -> bool {
        state.uploads <= self.workers
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Jobs that wait, and jobs that run.
    #[cfg(test)]
    pub(super) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        (state.waiting.len(), state.running)
    }
}

impl State {
    fn give(&mut self, jobs: &mut Vec<Job>, most: usize) {
        let count = self.waiting.len().min(most);
        jobs.extend(self.waiting.drain(..count));
        self.running += count;
    }
}

/// Digests that run side by side on one thread: those of AVX-512, or of two vectors of AVX2.
pub(super) const LANES: usize = 16;
