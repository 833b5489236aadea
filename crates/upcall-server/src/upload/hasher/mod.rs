//! The hasher: MD5 and CRC-64 of files, on threads of its own.
//!
//! In: the batches of many uploads, each upload's in order. Out: the [`Digests`] of each. MD5 is the
//! slowest thing that happens to a byte, so it runs beside receiving and writing, and batches of
//! several uploads share the lanes of the CPU's vectors ([`lanes`]). Who goes where is [`queue`]'s
//! business.
//!
//! Per upload one batch is hashed and one waits for it. An upload that breaks off takes what waits
//! with it; the piece that is being hashed is finished and forgotten.

mod lanes;
mod queue;
mod stream;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use upcall_crypto::Md5;

use crate::limits;
use queue::Queue;
pub(crate) use stream::{HasherGone, Hashing};

/// Threads that hash. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Hasher {
    queue: Arc<Queue>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl Hasher {
    /// As many threads as there are cores, up to [`limits::HASHER_THREADS`].
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(crate) fn start() -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_workers(cores.min(limits::HASHER_THREADS))
    }

    fn with_workers(count: usize) -> io::Result<Self> {
        let hasher = Self {
            queue: Arc::new(Queue::new(count)),
            workers: Mutex::default(),
        };
        for _ in 0..count {
            let queue = Arc::clone(&hasher.queue);
            // If one cannot be had, those before it end with `hasher`.
            let worker = thread::Builder::new()
                .name("upcall-hash".to_owned())
                .spawn(move || lanes::work(&queue))?;
            hasher.lock_workers().push(worker);
        }
        Ok(hasher)
    }

    /// For one more file.
    pub(crate) fn begin(&self) -> Hashing<'_> {
        Hashing::new(&self.queue)
    }

    /// Takes no more batches, finishes those that it has, and ends the threads; blocks until then,
    /// which is some milliseconds.
    pub(crate) fn stop(&self) {
        self.queue.close();
        for worker in self.lock_workers().drain(..) {
            if worker.join().is_err() {
                tracing::error!("a thread that hashes did not end well");
            }
        }
    }

    fn lock_workers(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What is computed of a file's bytes.
#[derive(Clone, Debug)]
pub(crate) struct Digests {
    md5: Md5,
    crc64: Digest,
}

impl Digests {
    fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.crc64.update(bytes);
    }

    fn update_each(&mut self, pieces: &[Bytes]) {
        for piece in pieces {
            self.update(piece);
        }
    }

    /// MD5 and CRC-64 of all bytes.
    pub(crate) fn finish(self) -> ([u8; 16], u64) {
        (self.md5.finish(), self.crc64.finalize())
    }
}

impl Default for Digests {
    fn default() -> Self {
        Self {
            md5: Md5::new(),
            crc64: Digest::new(CrcAlgorithm::Crc64Xz),
        }
    }
}
