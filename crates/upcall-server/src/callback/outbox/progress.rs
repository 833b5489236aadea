//! What was tried, and is not yet written to the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use upcall_store::blobs::BlobId;
use upcall_store::catalog::CallProgress;

/// The newest of each call.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Mutex<HashMap<BlobId, CallProgress>>);

impl Unwritten {
    pub(super) fn note(&self, id: BlobId, progress: CallProgress) {
        let mut unwritten = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.insert(id, progress);
    }

    /// Nothing is to be written of it any more.
    pub(super) fn forget(&self, id: BlobId) {
        let mut unwritten = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.remove(&id);
    }

    pub(super) fn take(&self) -> Vec<(BlobId, CallProgress)> {
        let mut unwritten = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *unwritten).into_iter().collect()
    }
}
