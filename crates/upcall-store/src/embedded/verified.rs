//! Files that were read whole and found right, not long ago: they may be sent without reading them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::blobs::BlobId;

/// Which.
#[derive(Debug, Default)]
pub(super) struct Verified(Mutex<HashMap<BlobId, Instant>>);

impl Verified {
    /// Every block of it was right just now.
    pub(super) fn add(&self, id: BlobId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, when| when.elapsed() < FRESH);
        }
        if all.len() < MOST {
            all.insert(id, Instant::now());
        }
    }

    pub(super) fn has(&self, id: BlobId) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&id).is_some_and(|when| when.elapsed() < FRESH)
    }
}

/// How long a look is good for: a file that is read often is read from memory, which the disk's
/// damage does not reach; one that is not is looked at again.
const FRESH: Duration = Duration::from_secs(600);

/// Files that are remembered.
const MOST: usize = 16 * 1024;
