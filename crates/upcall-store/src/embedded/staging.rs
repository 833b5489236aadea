//! The bytes of small uploads between their end and their commit, in memory.
//!
//! An upload that is small goes into the log with its commit, in one flush for both. Until then its
//! bytes are here; all of them together are bounded, and who gets no room writes a file of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::blobs::{BlobFacts, BlobId};

/// Where they are kept.
#[derive(Debug)]
pub(super) struct Staging {
    finished: Mutex<HashMap<BlobId, Arc<Staged>>>,
    room: Arc<Semaphore>,
}

/// A finished small upload.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) pieces: Vec<Bytes>,
    pub(super) table: Vec<u64>,
    pub(super) facts: BlobFacts,
    /// Given back when the bytes are written or given up.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Staging {
    /// With room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            finished: Mutex::default(),
            room: Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Room for more bytes, if there is any.
    pub(super) fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).ok()?;
        Arc::clone(&self.room).try_acquire_many_owned(bytes).ok()
    }

    pub(super) fn put(&self, id: BlobId, staged: Staged) {
        self.lock().insert(id, Arc::new(staged));
    }

    /// The bytes of a finished upload. They stay until [`remove`](Self::remove), for whoever commits
    /// them again.
    pub(super) fn find(&self, id: BlobId) -> Option<Arc<Staged>> {
        self.lock().get(&id).cloned()
    }

    pub(super) fn remove(&self, id: BlobId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BlobId, Arc<Staged>>> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
