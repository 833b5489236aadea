//! The collector: removes the files of blobs that nobody wants, on a thread of its own.
//!
//! In: ids that were given up, from `Drop`s and from the server, none of which can wait. Out: their
//! files are gone. An id in the list is 16 bytes, and there are never more of them than uploads and
//! deletions under way plus what the disk is behind.
//!
//! A blob that a running upload holds is *live*; a sweep leaves it alone.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::Shared;
use crate::blobs::BlobId;

/// What is to be removed, and what must not be.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<BlobId>,
    live: HashSet<BlobId>,
    is_busy: bool,
    is_stopped: bool,
}

impl Garbage {
    /// A running upload holds this blob.
    pub(super) fn hold(&self, id: BlobId) {
        self.lock().live.insert(id);
    }

    /// The upload has ended; the catalog answers for the blob, or there is none.
    pub(super) fn release(&self, id: BlobId) {
        self.lock().live.remove(&id);
    }

    /// Nobody wants this blob.
    pub(super) fn add(&self, id: BlobId) {
        let mut state = self.lock();
        state.live.remove(&id);
        state.waiting.push(id);
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn is_live(&self, id: BlobId) -> bool {
        self.lock().live.contains(&id)
    }

    /// Waits until nothing waits.
    pub(super) fn settle(&self) {
        let mut state = self.lock();
        while (!state.waiting.is_empty() || state.is_busy) && !state.is_stopped {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// The next batch; `None` when the collector is to end and nothing is left.
    fn take(&self) -> Option<Vec<BlobId>> {
        let mut state = self.lock();
        state.is_busy = false;
        self.changed.notify_all();
        while state.waiting.is_empty() {
            if state.is_stopped {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.is_busy = true;
        Some(std::mem::take(&mut state.waiting))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread.
#[derive(Debug)]
pub(super) struct Collector {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Collector {
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("collector".to_owned())
            .spawn(move || run(&worker))?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Removes what is waiting, then ends.
    pub(super) fn stop(&self) {
        self.shared.garbage.stop();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the collector did not end well");
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(shared: &Shared) {
    while let Some(batch) = shared.garbage.take() {
        for id in batch {
            match fs::remove_file(shared.path(id)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // It stays; the sweep at the next start tries again.
                Err(error) => tracing::error!(%id, %error, "a blob could not be removed"),
            }
        }
    }
}
