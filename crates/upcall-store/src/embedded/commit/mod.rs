//! Commit: the one thread that writes the log.
//!
//! In: commits, deletions and moves of objects, from any number of tasks. Out: their answers, after
//! the one append and the one flush that made all that were waiting durable (group commit). The bytes
//! of small objects are part of the append.
//!
//! Every change is judged against what is there at its turn: records before it in the same group, then
//! what is recent, then the index. Visible is only what is durable. When a write or a flush fails,
//! everything in the group is told so, the segment is never written to again, and the next group
//! begins a new one, whose header says where the broken one ended.

mod stage;
mod stage_owed;
mod worker;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};
use upcall::name::{BucketName, ObjectKey};

use self::worker::Worker;
use super::bucket_backup::BucketBackup;
use super::index::{Index, SettingsChange, Tables};
use super::log::record::{At, Kind};
use super::options::Saboteur;
use super::owed::OwedRecord;
use super::recent::Recent;
use super::segments::Segments;
use super::space::SpaceWatch;
use super::staging::Staged;
use crate::blobs::BlobId;
use crate::catalog::{
    CatalogError, HeldObject, KeptAnswer, ObjectFacts, OwedCall, Precondition, Writer,
};

/// What the thread works with.
#[derive(Debug)]
pub(super) struct CommitParts {
    pub(super) index: Arc<Index>,
    pub(super) recent: Arc<Recent>,
    pub(super) segments: Arc<Segments>,
    pub(super) space: Arc<SpaceWatch>,
    /// The last record that there is.
    pub(super) sequence: u64,
    /// The last segment that there is, and where it ends.
    pub(super) last_segment: (u64, u64),
    pub(super) sabotage: Saboteur,
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Committer {
    buckets: Arc<BucketBackup>,
    /// Held by whoever copies the settings.
    settings: tokio::sync::Mutex<()>,
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// An answer that somebody waits for.
type Answer<T> = oneshot::Sender<Result<T, CatalogError>>;

/// Takes the index, and whether it could be brought up to date.
type AloneWork = dyn FnOnce(&Index, Result<(), CatalogError>) + Send;

enum Job {
    Commit {
        object: Box<ObjectFacts>,
        precondition: Precondition,
        staged: Option<Arc<Staged>>,
        owed: Option<Box<OwedCall>>,
        answer: Answer<Option<ObjectFacts>>,
    },
    /// As a commit, but nobody sees the object.
    Hold {
        object: Box<ObjectFacts>,
        precondition: Precondition,
        staged: Option<Arc<Staged>>,
        owed: Box<OwedCall>,
        answer: Answer<Option<ObjectFacts>>,
    },
    /// As a commit of what is held.
    Publish {
        held: Box<HeldObject>,
        writer: Writer,
        staged: Option<Arc<Staged>>,
        kept: Option<KeptAnswer>,
        answer: Answer<Option<ObjectFacts>>,
    },
    Settle {
        id: BlobId,
        kept: Option<KeptAnswer>,
        answer: Answer<bool>,
    },
    Delete {
        bucket: BucketName,
        key: ObjectKey,
        writer: Writer,
        answer: Answer<Option<ObjectFacts>>,
    },
    Move {
        moved: Box<Moved>,
        answer: Answer<bool>,
    },
    MoveCall {
        moved: Box<MovedCall>,
        answer: Answer<bool>,
    },
    Dead {
        records: Vec<At>,
        answer: Answer<bool>,
    },
    /// Alone: the index has everything before it.
    Alone(Box<AloneWork>),
}

/// The record of an owed call that is written again elsewhere.
#[derive(Debug)]
pub(super) struct MovedCall {
    pub(super) id: BlobId,
    pub(super) at: At,
    pub(super) record: OwedRecord,
    pub(super) table: Vec<u64>,
    pub(super) data: bytes::Bytes,
}

/// A record that is written again elsewhere, as it is.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) object: ObjectFacts,
    pub(super) kind: Kind,
    pub(super) table: Vec<u64>,
    pub(super) meta: Vec<u8>,
    pub(super) data: bytes::Bytes,
}

impl Committer {
    pub(super) fn start(buckets: Arc<BucketBackup>, parts: CommitParts) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut worker = Worker {
            next_sequence: parts.sequence + 1,
            active: None,
            last_segment: parts.last_segment,
            is_unsure: false,
            parts,
        };
        let thread = std::thread::Builder::new()
            .name("commit".to_owned())
            .spawn(move || worker.run(receiver))?;
        Ok(Self {
            buckets,
            settings: tokio::sync::Mutex::default(),
            queue: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Makes an object visible and durable, its staged bytes with it.
    pub(super) async fn commit(
        &self,
        object: ObjectFacts,
        precondition: Precondition,
        staged: Option<Arc<Staged>>,
        owed: Option<OwedCall>,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Commit {
            object: Box::new(object),
            precondition,
            staged,
            owed: owed.map(Box::new),
            answer,
        };
        self.ask(job, answered).await
    }

    /// Makes an object durable, its staged bytes with it, and leaves it invisible.
    pub(super) async fn hold(
        &self,
        object: ObjectFacts,
        precondition: Precondition,
        staged: Option<Arc<Staged>>,
        owed: OwedCall,
    ) -> Result<(), CatalogError> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Hold {
            object: Box::new(object),
            precondition,
            staged,
            owed: Box::new(owed),
            answer,
        };
        self.ask(job, answered).await.map(|_| ())
    }

    /// Makes what is held visible, its bytes read again from its record.
    pub(super) async fn publish(
        &self,
        held: HeldObject,
        writer: Writer,
        staged: Option<Arc<Staged>>,
        kept: Option<KeptAnswer>,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Publish {
            held: Box::new(held),
            writer,
            staged,
            kept,
            answer,
        };
        self.ask(job, answered).await
    }

    /// A call is no longer owed; whether it was.
    pub(super) async fn settle(
        &self,
        id: BlobId,
        kept: Option<KeptAnswer>,
    ) -> Result<bool, CatalogError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Job::Settle { id, kept, answer }, answered).await
    }

    pub(super) async fn delete(
        &self,
        bucket: BucketName,
        key: ObjectKey,
        writer: Writer,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Delete {
            bucket,
            key,
            writer,
            answer,
        };
        self.ask(job, answered).await
    }

    /// Writes records again elsewhere, each if its object is still what it was; waits for all of
    /// them. Blocks.
    pub(super) fn move_all(
        &self,
        moves: Vec<Moved>,
        calls: Vec<MovedCall>,
    ) -> Result<(), CatalogError> {
        let queue = self.queue()?;
        let mut answers = Vec::with_capacity(moves.len() + calls.len());
        let objects = moves.into_iter().map(|moved| {
            let (answer, answered) = oneshot::channel();
            let moved = Box::new(moved);
            (Job::Move { moved, answer }, answered)
        });
        let calls = calls.into_iter().map(|moved| {
            let (answer, answered) = oneshot::channel();
            let moved = Box::new(moved);
            (Job::MoveCall { moved, answer }, answered)
        });
        for (job, answered) in objects.chain(calls) {
            let queued = queue.blocking_send(job);
            queued.map_err(|_| CatalogError::Closed)?;
            answers.push(answered);
        }
        for answered in answers {
            answered
                .blocking_recv()
                .map_err(|_| CatalogError::Closed)??;
        }
        Ok(())
    }

    /// Tells again that these records count no more. Blocks.
    pub(super) fn tell_dead(&self, records: Vec<At>) -> Result<(), CatalogError> {
        let (answer, answered) = oneshot::channel();
        let queued = self.queue()?.blocking_send(Job::Dead { records, answer });
        queued.map_err(|_| CatalogError::Closed)?;
        answered
            .blocking_recv()
            .map_err(|_| CatalogError::Closed)??;
        Ok(())
    }

    /// Does something alone: nothing is committed meanwhile, and the index has all that was.
    pub(super) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Index) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Job::alone(work, answer), answered).await
    }

    /// As [`alone`](Self::alone), for a thread that may wait.
    pub(super) fn alone_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Index) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let (answer, answered) = oneshot::channel();
        let queued = self.queue()?.blocking_send(Job::alone(work, answer));
        queued.map_err(|_| CatalogError::Closed)?;
        answered.blocking_recv().map_err(|_| CatalogError::Closed)?
    }

    /// No settings change while this is held. Blocks.
    pub(super) fn freeze_settings(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.settings.blocking_lock()
    }

    /// Changes settings, if this writer still may. The answer comes when every commit has ended that
    /// was judged by the settings before.
    pub(super) async fn change_settings<T: Send + 'static>(
        &self,
        writer: Writer,
        change: impl FnOnce(&Tables<'_>) -> Result<(SettingsChange, T), CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let _turn = self.settings.lock().await;
        let buckets = Arc::clone(&self.buckets);
        self.alone(move |index| {
            let key = writer.key().and_then(|id| index.settings().access_key(id));
            writer.judge_settings(key.as_deref())?;
            let value = index.change_settings(change)?;
            buckets.settings_changed();
            Ok(value)
        })
        .await
    }

    async fn ask<T>(
        &self,
        job: Job,
        answered: oneshot::Receiver<Result<T, CatalogError>>,
    ) -> Result<T, CatalogError> {
        let queue = self.queue()?;
        let queued = queue.send(job).await;
        queued.map_err(|_| CatalogError::Closed)?;
        answered.await.map_err(|_| CatalogError::Closed)?
    }

    /// Ends when everything that was queued is durable. Blocks.
    pub(super) fn close(&self) {
        drop(lock(&self.queue).take());
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the log's writer did not end well");
        }
    }

    fn queue(&self) -> Result<mpsc::Sender<Job>, CatalogError> {
        lock(&self.queue).clone().ok_or(CatalogError::Closed)
    }
}

impl Job {
    fn alone<T: Send + 'static>(
        work: impl FnOnce(&Index) -> Result<T, CatalogError> + Send + 'static,
        answer: Answer<T>,
    ) -> Self {
        Self::Alone(Box::new(move |index, drained| {
            // The caller may have gone.
            let _ = answer.send(drained.and_then(|()| work(index)));
        }))
    }

    /// The key that it is about.
    fn key(&self) -> Option<(&BucketName, &ObjectKey)> {
        match self {
            Self::Commit { object, .. } | Self::Hold { object, .. } => {
                Some((&object.bucket, &object.key))
            }
            Self::Publish { held, .. } => Some((&held.object.bucket, &held.object.key)),
            Self::Delete { bucket, key, .. } => Some((bucket, key)),
            Self::Move { moved, .. } => Some((&moved.object.bucket, &moved.object.key)),
            Self::Settle { .. } | Self::MoveCall { .. } | Self::Dead { .. } | Self::Alone(_) => {
                None
            }
        }
    }

    /// The owed call that it is about, if it must be there already.
    fn call(&self) -> Option<BlobId> {
        match self {
            Self::Publish { held, .. } => Some(held.object.blob),
            Self::Settle { id, .. } => Some(*id),
            Self::MoveCall { moved, .. } => Some(moved.id),
            Self::Commit { .. }
            | Self::Hold { .. }
            | Self::Delete { .. }
            | Self::Move { .. }
            | Self::Dead { .. }
            | Self::Alone(_) => None,
        }
    }

    /// Bytes that it brings.
    fn bytes(&self) -> u64 {
        let staged = |staged: &Option<Arc<Staged>>| {
            let staged = staged.as_ref();
            staged.map_or(0, |staged| staged.facts.length)
        };
        match self {
            Self::Commit {
                staged: bytes,
                owed,
                ..
            } => staged(bytes) + owed.as_ref().map_or(0, |owed| owed.call.len() as u64),
            Self::Hold {
                staged: bytes,
                owed,
                ..
            } => staged(bytes) + owed.call.len() as u64,
            Self::Publish { staged: bytes, .. } => staged(bytes),
            Self::Move { moved, .. } => moved.data.len() as u64,
            Self::MoveCall { moved, .. } => {
                (moved.data.len() + moved.record.call.call.len()) as u64
            }
            Self::Settle { kept, .. } => kept.as_ref().map_or(0, |kept| kept.answer.len() as u64),
            Self::Delete { .. } | Self::Dead { .. } | Self::Alone(_) => 0,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refuse(job: Job, error: &CatalogError) {
    match job {
        Job::Commit { answer, .. }
        | Job::Hold { answer, .. }
        | Job::Publish { answer, .. }
        | Job::Delete { answer, .. } => {
            let _ = answer.send(Err(error.clone()));
        }
        Job::Settle { answer, .. }
        | Job::Move { answer, .. }
        | Job::MoveCall { answer, .. }
        | Job::Dead { answer, .. } => {
            let _ = answer.send(Err(error.clone()));
        }
        Job::Alone(_) => {}
    }
}

/// Jobs that may wait; whoever comes then waits for a place.
const QUEUE: usize = 4096;
