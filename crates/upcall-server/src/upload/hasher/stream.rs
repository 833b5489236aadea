//! One upload's side of the hasher, and the slot in which it meets the threads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf as _, Bytes};
use tokio::sync::Notify;

use super::Digests;
use super::queue::Queue;
use crate::limits;

/// The digests of one file, as its bytes come.
///
/// # Cancellation
/// Dropping it, or a future of it, gives the file up: nothing of it waits any longer.
#[derive(Debug)]
pub(crate) struct Hashing<'h> {
    queue: &'h Queue,
    /// `None` until a batch has gone to a thread.
    slot: Option<Arc<Slot>>,
}

impl<'h> Hashing<'h> {
    pub(super) fn new(queue: &'h Queue) -> Self {
        Self { queue, slot: None }
    }

    /// Takes the next batch; waits while there is one that waits already.
    ///
    /// # Errors
    /// [`HasherGone`].
    pub(crate) async fn add(&mut self, batch: Vec<Bytes>) -> Result<(), HasherGone> {
        let slot = self.slot.get_or_insert_with(|| {
            self.queue.enter();
            Arc::default()
        });
        let mut batch = Some(batch);
        loop {
            if let Some(job) = slot.put(&mut batch)? {
                return self.queue.push(job);
            }
            if batch.is_none() {
                return Ok(());
            }
            slot.changed.notified().await;
        }
    }

    /// Takes the last pieces; the digests of all.
    ///
    /// # Errors
    /// [`HasherGone`].
    pub(crate) async fn finish(mut self, last: &[Bytes]) -> Result<Digests, HasherGone> {
        let bytes: usize = last.iter().map(Bytes::len).sum();
        let is_short = bytes <= limits::HASH_INLINE_BYTES;
        if !is_short {
            self.add(last.to_vec()).await?;
        }
        let mut digests = match &self.slot {
            Some(slot) => slot.take().await?,
            None => Digests::default(),
        };
        if is_short {
            digests.update_each(last);
        }
        Ok(digests)
    }
}

impl Drop for Hashing<'_> {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            slot.give_up();
            self.queue.leave(slot);
        }
    }
}

/// The server stops, or a thread that hashes broke.
#[derive(Debug, thiserror::Error)]
#[error("the file's digests were not finished: the hasher has stopped")]
pub(crate) struct HasherGone;

/// Where an upload leaves its next batch and finds its digests.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<SlotState>,
    /// For the upload, which is the only one to wait.
    changed: Notify,
}

#[derive(Debug)]
struct SlotState {
    /// `None` while they are part of a [`Job`].
    digests: Option<Digests>,
    /// For when that job is done.
    next: Option<Vec<Bytes>>,
    /// The job was dropped before it was done.
    is_lost: bool,
}

impl Default for SlotState {
    fn default() -> Self {
        Self {
            digests: Some(Digests::default()),
            next: None,
            is_lost: false,
        }
    }
}

impl Slot {
    /// Takes the batch: into a new job if none is under way, else as the one that waits, if there is
    /// none yet.
    fn put(self: &Arc<Self>, batch: &mut Option<Vec<Bytes>>) -> Result<Option<Job>, HasherGone> {
        let mut state = self.lock()?;
        let Some(digests) = state.digests.take() else {
            if state.next.is_none() {
                state.next = batch.take();
            }
            return Ok(None);
        };
        let batch = batch.take().unwrap_or_default();
        Ok(Some(Job::new(Arc::clone(self), digests, batch)))
    }

    /// The digests, when nothing is under way any more.
    async fn take(&self) -> Result<Digests, HasherGone> {
        loop {
            if let Some(digests) = self.lock()?.digests.take() {
                return Ok(digests);
            }
            self.changed.notified().await;
        }
    }

    /// The upload is over, or breaks off: what waits in here goes, and nothing more comes.
    fn give_up(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.next = None;
    }

    /// Whether the digests are with a job.
    pub(super) fn is_away(&self) -> bool {
        self.lock().is_ok_and(|state| state.digests.is_none())
    }

    fn lock(&self) -> Result<MutexGuard<'_, SlotState>, HasherGone> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_lost {
            Err(HasherGone)
        } else {
            Ok(state)
        }
    }
}

/// A batch on its way through the hasher, with the digests of what came before it. Dropped before it
/// was given back, it tells its upload that the digests are lost.
#[derive(Debug)]
pub(super) struct Job {
    slot: Arc<Slot>,
    pub(super) digests: Digests,
    /// What is left of the piece that is hashed.
    piece: Bytes,
    /// The pieces behind it.
    rest: std::vec::IntoIter<Bytes>,
    /// The digests are back in the slot, where another job may have them already.
    is_given_back: bool,
}

impl Job {
    fn new(slot: Arc<Slot>, digests: Digests, batch: Vec<Bytes>) -> Self {
        let mut job = Self {
            slot,
            digests,
            piece: Bytes::new(),
            rest: batch.into_iter(),
            is_given_back: false,
        };
        job.next_piece();
        job
    }

    /// What is to be hashed next; empty when nothing is left.
    pub(super) fn piece(&self) -> &[u8] {
        &self.piece
    }

    /// The digests, and what they are to take next.
    pub(super) fn parts(&mut self) -> (&mut Digests, &[u8]) {
        (&mut self.digests, &self.piece)
    }

    /// So many bytes of [`piece`](Self::piece) have been hashed.
    pub(super) fn hashed(&mut self, bytes: usize) {
        self.piece.advance(bytes);
        self.next_piece();
    }

    fn next_piece(&mut self) {
        while self.piece.is_empty()
            && let Some(piece) = self.rest.next()
        {
            self.piece = piece;
        }
    }

    /// When nothing is left: goes on with the batch that waits, or gives the digests back and says
    /// that it is over.
    pub(super) fn is_over(&mut self) -> bool {
        if !self.piece.is_empty() {
            return false;
        }
        // The pieces' memory goes before the upload is told that it may bring more.
        self.rest = Vec::new().into_iter();
        let Ok(mut state) = self.slot.lock() else {
            return true;
        };
        if let Some(batch) = state.next.take() {
            self.rest = batch.into_iter();
        } else {
            state.digests = Some(std::mem::take(&mut self.digests));
            self.is_given_back = true;
        }
        drop(state);
        self.slot.changed.notify_one();
        self.next_piece();
        self.is_given_back
    }

    pub(super) fn is_of(&self, slot: &Arc<Slot>) -> bool {
        Arc::ptr_eq(&self.slot, slot)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.is_given_back {
            return;
        }
        if let Ok(mut state) = self.slot.lock() {
            state.is_lost = true;
            drop(state);
            self.slot.changed.notify_one();
        }
    }
}
