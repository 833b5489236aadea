//! The collector: removes the files of blobs that nobody wants, on a thread of its own.
//!
//! In: ids that were given up, from `Drop`s and from the server, none of which can wait; and, at the
//! start, every file there is, among which a crash has left some. Out: what no object points to is
//! gone.
//!
//! An upload that was abandoned in the middle of its commit has given its blob up, and may yet become
//! an object. So the catalog is asked about every blob that was ever finished, in the order of its
//! changes. A blob that a running upload holds is *live*, and left alone until the upload is over;
//! that is looked at first and the catalog asked second, so there is no gap between the two.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::Shared;
use crate::blobs::{BlobError, BlobId};
use crate::catalog::CatalogError;

/// Who knows which blobs are wanted.
pub(crate) trait Judge: Send + Sync {
    /// Those of `blobs` that an object points to, after every change that was begun before. May wait.
    ///
    /// # Errors
    /// When it cannot be known; everything stays then.
    fn referenced(&self, blobs: &[BlobId]) -> Result<HashSet<BlobId>, CatalogError>;
}

/// What is to be removed, and what must not be.
#[derive(Debug, Default)]
pub(super) struct Garbage {
    state: Mutex<State>,
    changed: Condvar,
}

/// An id takes 16 bytes here, and there are never more of them than uploads and deletions under way
/// plus what the disk is behind.
#[derive(Debug, Default)]
struct State {
    live: HashSet<BlobId>,
    /// Files that were never finished; no object can point to them.
    unfinished: Vec<BlobId>,
    /// Blobs that may be somebody's yet.
    given_up: Vec<BlobId>,
    /// Shards that the sweep has not looked at, from the end.
    to_sweep: Vec<u8>,
    removed: u64,
    is_busy: bool,
    is_stopped: bool,
}

/// What the collector does next.
enum Work {
    Remove(Vec<BlobId>),
    Judge(Vec<BlobId>),
    Sweep(u8),
}

impl Garbage {
    /// A running upload holds this blob.
    pub(super) fn hold(&self, id: BlobId) -> Result<(), BlobError> {
        let mut state = self.lock();
        if state.is_stopped {
            return Err(BlobError::Closed);
        }
        state.live.insert(id);
        Ok(())
    }

    /// The upload has ended; the catalog answers for the blob, or there is none.
    pub(super) fn release(&self, id: BlobId) {
        self.lock().live.remove(&id);
    }

    /// The upload has ended before its blob was whole.
    pub(super) fn add_unfinished(&self, id: BlobId) {
        let mut state = self.lock();
        state.live.remove(&id);
        state.unfinished.push(id);
        drop(state);
        self.changed.notify_all();
    }

    /// Nobody wants this blob, as far as the caller knows.
    pub(super) fn give_up(&self, id: BlobId) {
        let mut state = self.lock();
        state.live.remove(&id);
        state.given_up.push(id);
        drop(state);
        self.changed.notify_all();
    }

    /// Has every file looked at.
    pub(super) fn sweep(&self) {
        self.lock().to_sweep = (0..=u8::MAX).rev().collect();
        self.changed.notify_all();
    }

    /// Waits until there is nothing to do. Returns how many files were removed so far.
    pub(super) fn settle(&self) -> u64 {
        let mut state = self.lock();
        while (state.is_busy || state.has_work()) && !state.is_stopped {
            state = self.wait(state);
        }
        state.removed
    }

    fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// What to do next; `None` when the collector is to end. What is given up goes before the sweep.
    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        state.is_busy = false;
        self.changed.notify_all();
        loop {
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
            state = self.wait(state);
        }
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State>) -> MutexGuard<'g, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_work(&self) -> bool {
        !(self.unfinished.is_empty() && self.given_up.is_empty() && self.to_sweep.is_empty())
    }
}

/// The thread.
#[derive(Debug)]
pub(super) struct Collector {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Collector {
    /// Begins with a sweep.
    pub(super) fn start(shared: Arc<Shared>, judge: Arc<dyn Judge>) -> io::Result<Self> {
        shared.garbage.sweep();
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("collector".to_owned())
            .spawn(move || run(&worker, judge.as_ref()))?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Removes what was given up, then ends; a sweep is broken off. Blocks.
    pub(super) fn stop(&self) {
        self.shared.garbage.stop();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
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

fn run(shared: &Shared, judge: &dyn Judge) {
    while let Some(work) = shared.garbage.next() {
        match work {
            Work::Remove(ids) => remove(shared, &ids),
            Work::Judge(ids) => remove_unwanted(shared, judge, ids),
            Work::Sweep(shard) => match list(shared, shard) {
                Ok(ids) => remove_unwanted(shared, judge, ids),
                Err(error) => {
                    tracing::error!(shard, %error, "a folder of blobs could not be read");
                }
            },
        }
    }
}

/// The files of a shard that no running upload holds. Names that are no ids are somebody else's.
fn list(shared: &Shared, shard: u8) -> io::Result<Vec<BlobId>> {
    let mut ids = Vec::new();
    for entry in fs::read_dir(shared.shard(shard))? {
        ids.extend(entry?.file_name().to_str().and_then(BlobId::parse));
    }
    let state = shared.garbage.lock();
    ids.retain(|id| !state.live.contains(id));
    Ok(ids)
}

fn remove_unwanted(shared: &Shared, judge: &dyn Judge, mut ids: Vec<BlobId>) {
    ids.sort_unstable();
    for batch in ids.chunks(BATCH) {
        match judge.referenced(batch) {
            Ok(wanted) => {
                let unwanted = batch.iter().filter(|id| !wanted.contains(id));
                remove(shared, &unwanted.copied().collect::<Vec<_>>());
            }
            // They stay; the sweep at the next start asks again.
            Err(error) => {
                tracing::error!(%error, blobs = batch.len(), "the catalog did not say which blobs are wanted");
            }
        }
    }
}

fn remove(shared: &Shared, ids: &[BlobId]) {
    let mut removed = 0;
    for id in ids {
        match fs::remove_file(shared.path(*id)) {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // It stays; the sweep at the next start tries again.
            Err(error) => tracing::error!(%id, %error, "a blob could not be removed"),
        }
    }
    shared.garbage.lock().removed += removed;
}

/// Blobs that the catalog is asked about at a time; it does nothing else meanwhile.
const BATCH: usize = 512;
