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

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};
use upcall::name::{BucketName, ObjectKey};

use super::change::{Change, record_of};
use super::index::{Index, SettingsChange, Tables};
use super::log::record::{At, Draft, Head, Kind, head_bytes};
use super::log::segment::{ActiveSegment, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::options::Saboteur;
use super::recent::{Known, Recent};
use super::segments::Segments;
use super::space::SpaceWatch;
use super::staging::Staged;
use super::{buckets_file, stored};
use crate::blobs::{BlobPlace, LogPlace, is_out_of_space};
use crate::catalog::{CatalogError, EngineFault, ObjectFacts, Overwrite};

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
    folder: PathBuf,
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// An answer that somebody waits for.
type Answer<T> = oneshot::Sender<Result<T, CatalogError>>;

enum Job {
    Commit {
        object: Box<ObjectFacts>,
        overwrite: Overwrite,
        staged: Option<Arc<Staged>>,
        answer: Answer<Option<ObjectFacts>>,
    },
    Delete {
        bucket: BucketName,
        key: ObjectKey,
        answer: Answer<Option<ObjectFacts>>,
    },
    Move {
        moved: Box<Moved>,
        answer: Answer<bool>,
    },
    Dead {
        records: Vec<At>,
        answer: Answer<bool>,
    },
    /// Alone: the index has everything before it.
    Alone(Box<dyn FnOnce(&Index, Result<(), CatalogError>) + Send>),
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
    pub(super) fn start(folder: &Path, parts: CommitParts) -> io::Result<Self> {
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
            folder: folder.to_owned(),
            queue: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Makes an object visible and durable, its staged bytes with it.
    pub(super) async fn commit(
        &self,
        object: ObjectFacts,
        overwrite: Overwrite,
        staged: Option<Arc<Staged>>,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Commit {
            object: Box::new(object),
            overwrite,
            staged,
            answer,
        };
        self.ask(job, answered).await
    }

    pub(super) async fn delete(
        &self,
        bucket: BucketName,
        key: ObjectKey,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Delete {
            bucket,
            key,
            answer,
        };
        self.ask(job, answered).await
    }

    /// Writes records again elsewhere, each if its object is still what it was; waits for all of
    /// them. Blocks.
    pub(super) fn move_all(&self, moves: Vec<Moved>) -> Result<(), CatalogError> {
        let queue = self.queue()?;
        let mut answers = Vec::with_capacity(moves.len());
        for moved in moves {
            let (answer, answered) = oneshot::channel();
            let moved = Box::new(moved);
            let queued = queue.blocking_send(Job::Move { moved, answer });
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

    /// Changes settings.
    pub(super) async fn change_settings<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Tables<'_>) -> Result<(SettingsChange, T), CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let folder = self.folder.clone();
        self.alone(move |index| {
            let value = index.change_settings(change)?;
            // The catalog has it; this is for the day on which the catalog is lost.
            let buckets = index.settings().buckets();
            if let Err(error) = buckets_file::write(&folder, buckets.iter().map(AsRef::as_ref)) {
                tracing::error!(%error, "`buckets.json` could not be written");
            }
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

    /// Bytes that it brings.
    fn bytes(&self) -> u64 {
        match self {
            Self::Commit {
                staged: Some(staged),
                ..
            } => staged.facts.length,
            Self::Move { moved, .. } => moved.data.len() as u64,
            Self::Commit { .. } | Self::Delete { .. } | Self::Dead { .. } | Self::Alone(_) => 0,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's own side.
struct Worker {
    parts: CommitParts,
    active: Option<ActiveSegment>,
    last_segment: (u64, u64),
    next_sequence: u64,
    /// Behind the end of the last segment may stand what was told to have failed.
    is_unsure: bool,
}

/// An answer that is known, but not yet given.
enum Verdict {
    Object(
        Answer<Option<ObjectFacts>>,
        Result<Option<ObjectFacts>, CatalogError>,
    ),
    Done(Answer<bool>, Result<bool, CatalogError>),
}

impl Verdict {
    fn give(self, flushed: Result<(), CatalogError>) {
        // The callers may have gone.
        match self {
            Self::Object(answer, result) => {
                let _ = answer.send(flushed.and(result));
            }
            Self::Done(answer, result) => {
                let _ = answer.send(flushed.and(result));
            }
        }
    }
}

/// A group on its way to the disk.
#[derive(Default)]
struct Group {
    verdicts: Vec<Verdict>,
    changes: Vec<Change>,
    keys: HashMap<(BucketName, ObjectKey), Option<Arc<ObjectFacts>>>,
    pieces: Vec<bytes::Bytes>,
    bytes: u64,
}

impl Worker {
    fn run(&mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(first) = queue.blocking_recv() {
            let mut alone = None;
            let mut jobs = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(job) = next.take() {
                if let Job::Alone(work) = job {
                    alone = Some(work);
                    break;
                }
                bytes += job.bytes();
                jobs.push(job);
                if jobs.len() < GROUP && bytes < GROUP_BYTES {
                    next = queue.try_recv().ok();
                }
            }
            self.commit(jobs);
            if let Some(work) = alone {
                let drained = self.be_sure().and_then(|()| self.parts.recent.drain());
                work(&self.parts.index, drained);
            }
        }
    }

    fn commit(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let begun = self.begin_segment(jobs.iter().map(Job::bytes).sum());
        let mut group = Group::default();
        for job in jobs {
            match &begun {
                Ok(()) => self.stage(job, &mut group),
                // Whoever asks for nothing new could be answered, but knows no better for it.
                Err(error) => refuse(job, error),
            }
        }
        if self.parts.sabotage.answers_before_commit() {
            for verdict in std::mem::take(&mut group.verdicts) {
                verdict.give(Ok(()));
            }
        }
        let flushed = self.flush(&mut group);
        if flushed.is_ok() && !group.changes.is_empty() {
            self.parts.recent.add(std::mem::take(&mut group.changes));
        }
        for verdict in group.verdicts {
            verdict.give(flushed.clone());
        }
    }

    /// Sees to it that there is a segment with room.
    fn begin_segment(&mut self, bytes: u64) -> Result<(), CatalogError> {
        if let Some(active) = &self.active
            && (active.end + bytes <= self.parts.segments.best_size()
                || active.end == SEGMENT_HEADER_BYTES)
        {
            return Ok(());
        }
        self.seal();
        let (previous, previous_end) = self.last_segment;
        let header = SegmentHeader {
            number: previous + 1,
            previous,
            previous_end,
            salt: self.parts.segments.salt,
        };
        let segments = &self.parts.segments;
        let active = ActiveSegment::create(segments.disk.as_ref(), &segments.folder, header)
            .map_err(|error| engine_error(error, "a segment of the log could not be begun"))?;
        segments.begin(active.number, active.end, Arc::clone(&active.file));
        self.last_segment = (active.number, active.end);
        self.active = Some(active);
        self.is_unsure = false;
        Ok(())
    }

    /// Sees to it that what was told to have failed cannot come up after a crash: who asks what is
    /// pointed to removes what is not.
    fn be_sure(&mut self) -> Result<(), CatalogError> {
        if self.is_unsure {
            self.begin_segment(0)
        } else {
            Ok(())
        }
    }

    /// Nothing more is written to the active segment.
    fn seal(&mut self) {
        self.active = None;
        self.parts.segments.seal();
    }

    fn stage(&mut self, job: Job, group: &mut Group) {
        match job {
            Job::Commit {
                object,
                overwrite,
                staged,
                answer,
            } => {
                let result = self.stage_commit(*object, overwrite, staged, group);
                group.verdicts.push(Verdict::Object(answer, result));
            }
            Job::Delete {
                bucket,
                key,
                answer,
            } => {
                let result = self.stage_delete(bucket, key, group);
                group.verdicts.push(Verdict::Object(answer, result));
            }
            Job::Move { moved, answer } => {
                let result = self.stage_move(*moved, group);
                group.verdicts.push(Verdict::Done(answer, result));
            }
            Job::Dead { records, answer } => {
                let meta = serde_json::to_vec(&records).expect("numbers are always JSON");
                let draft = self.draft(Kind::Dead, &meta);
                self.append(draft, &[], group);
                group.verdicts.push(Verdict::Done(answer, Ok(true)));
            }
            Job::Alone(_) => {}
        }
    }

    fn stage_commit(
        &mut self,
        mut object: ObjectFacts,
        overwrite: Overwrite,
        staged: Option<Arc<Staged>>,
        group: &mut Group,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        if self.parts.index.settings().bucket(&object.bucket).is_none() {
            return Err(CatalogError::NoSuchBucket);
        }
        let old = self.find(&object.bucket, &object.key, group)?;
        match &old {
            Some(old) if old.blob == object.blob => return Ok(None),
            Some(_) if overwrite == Overwrite::Forbid => return Err(CatalogError::ObjectExists),
            Some(_) | None => {}
        }
        self.parts
            .space
            .check()
            .map_err(|error| CatalogError::Engine(EngineFault::new(error, true)))?;
        let meta = stored::encode(&stored::facts_of(&object));
        let (kind, table, pieces) = match &staged {
            Some(staged) => (
                Kind::Object,
                staged.table.as_slice(),
                staged.pieces.as_slice(),
            ),
            None => (Kind::ObjectInFile, [].as_slice(), [].as_slice()),
        };
        let draft = Draft {
            blob: object.blob,
            replaces: old.as_deref().and_then(record_of),
            table,
            data_bytes: staged.as_ref().map_or(0, |staged| staged.facts.length),
            ..self.draft(kind, &meta)
        };
        let (at, head_bytes, next) = self.append(draft, pieces, group);
        object.place = BlobPlace(Some(LogPlace {
            segment: at.segment,
            offset: at.offset,
            head_bytes,
            in_file: kind == Kind::ObjectInFile,
        }));
        self.note(object, old.clone(), next, group);
        Ok(old.map(|old| old.as_ref().clone()))
    }

    fn stage_delete(
        &mut self,
        bucket: BucketName,
        key: ObjectKey,
        group: &mut Group,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        let Some(old) = self.find(&bucket, &key, group)? else {
            return Ok(None);
        };
        let meta =
            serde_json::to_vec(&[bucket.as_str(), key.as_str()]).expect("strings are always JSON");
        let draft = Draft {
            replaces: record_of(&old),
            ..self.draft(Kind::Delete, &meta)
        };
        let (_, _, next) = self.append(draft, &[], group);
        group.keys.insert((bucket.clone(), key.clone()), None);
        group.changes.push(Change {
            sequence: self.next_sequence - 1,
            bucket,
            key,
            new: None,
            old: Some(Arc::clone(&old)),
            next,
        });
        Ok(Some(old.as_ref().clone()))
    }

    /// Whether the record was still its object's.
    fn stage_move(&mut self, moved: Moved, group: &mut Group) -> Result<bool, CatalogError> {
        let Moved {
            object,
            kind,
            table,
            meta,
            data,
        } = moved;
        let old = self.find(&object.bucket, &object.key, group)?;
        let Some(old) = old.filter(|old| old.place == object.place) else {
            return Ok(false);
        };
        let draft = Draft {
            blob: object.blob,
            replaces: record_of(&old),
            table: &table,
            data_bytes: data.len() as u64,
            ..self.draft(kind, &meta)
        };
        let (at, head_bytes, next) = self.append(draft, &[data], group);
        let mut object = old.as_ref().clone();
        object.place = BlobPlace(Some(LogPlace {
            segment: at.segment,
            offset: at.offset,
            head_bytes,
            in_file: kind == Kind::ObjectInFile,
        }));
        self.note(object, Some(old), next, group);
        Ok(true)
    }

    /// A record with the next number.
    const fn draft<'d>(&self, kind: Kind, meta: &'d [u8]) -> Draft<'d> {
        Draft {
            kind,
            blob: crate::blobs::BlobId::from_bytes([0; 16]),
            sequence: self.next_sequence,
            replaces: None,
            table: &[],
            meta,
            data_bytes: 0,
        }
    }

    /// Puts a record behind the others of the group; where it stands, and what comes behind it.
    fn append(
        &mut self,
        draft: Draft<'_>,
        data: &[bytes::Bytes],
        group: &mut Group,
    ) -> (At, u32, At) {
        let active = self.active.as_ref().expect("a group has a segment");
        let place = |offset: u64| At {
            segment: active.number,
            offset: u32::try_from(offset).expect("a segment and a group are far below 4 GiB"),
        };
        let at = place(active.end + group.bytes);
        let head = Head::write(draft, self.parts.segments.salt, at, active.end);
        let head_length = head_bytes(draft.data_bytes, draft.meta.len());
        group.bytes += head_length as u64 + draft.data_bytes;
        group.pieces.push(head.into());
        group.pieces.extend(data.iter().cloned());
        let aligned = group.bytes.next_multiple_of(super::log::record::ALIGN);
        let fill = usize::try_from(aligned - group.bytes).expect("less than eight");
        if fill > 0 {
            group
                .pieces
                .push(bytes::Bytes::from_static(&[0; 8][..fill]));
        }
        group.bytes = aligned;
        self.next_sequence += 1;
        let head_length = u32::try_from(head_length).expect("heads are bounded");
        (at, head_length, place(active.end + group.bytes))
    }

    fn note(
        &self,
        object: ObjectFacts,
        old: Option<Arc<ObjectFacts>>,
        next: At,
        group: &mut Group,
    ) {
        let (bucket, key) = (object.bucket.clone(), object.key.clone());
        let new = Arc::new(object);
        group
            .keys
            .insert((bucket.clone(), key.clone()), Some(Arc::clone(&new)));
        group.changes.push(Change {
            sequence: self.next_sequence - 1,
            bucket,
            key,
            new: Some(new),
            old,
            next,
        });
    }

    /// What a key points to at this place of the group.
    fn find(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        group: &Group,
    ) -> Result<Option<Arc<ObjectFacts>>, CatalogError> {
        if !group.keys.is_empty()
            && let Some(staged) = group.keys.get(&(bucket.clone(), key.clone()))
        {
            return Ok(staged.clone());
        }
        match self.parts.recent.look(bucket, key) {
            Known::Object(object) => Ok(Some(object)),
            Known::Absent => Ok(None),
            Known::Nothing => {
                let found = self.parts.index.find_blocking(bucket, key)?;
                Ok(found.map(Arc::new))
            }
        }
    }

    /// Appends the group and puts it on stable storage.
    fn flush(&mut self, group: &mut Group) -> Result<(), CatalogError> {
        if group.pieces.is_empty() {
            return Ok(());
        }
        let active = self.active.as_mut().expect("a group has a segment");
        let mut slices: Vec<IoSlice<'_>> = group
            .pieces
            .iter()
            .map(|piece| IoSlice::new(piece))
            .collect();
        let written = active
            .file
            .write_at(&mut slices, active.end)
            .and_then(|()| active.file.sync());
        match written {
            Ok(()) => {
                active.end += group.bytes;
                self.last_segment = (active.number, active.end);
                self.parts.segments.grow(active.number, active.end);
                Ok(())
            }
            Err(error) => {
                // Nobody knows what of it is on the disk, and a second flush would not tell.
                self.abandon();
                Err(engine_error(
                    error,
                    "a group of commits could not be made durable",
                ))
            }
        }
    }

    /// Cuts off what a failed write left, as far as that can be done, and leaves the segment.
    fn abandon(&mut self) {
        let (number, end) = self.last_segment;
        self.seal();
        let segments = &self.parts.segments;
        let path: PathBuf = super::log::segment::path(&segments.folder, number);
        if let Err(error) = segments.disk.truncate(&path, end) {
            // The next segment's header says where this one ends.
            self.is_unsure = true;
            tracing::warn!(segment = number, %error, "what a failed write left stays");
        }
    }
}

fn refuse(job: Job, error: &CatalogError) {
    match job {
        Job::Commit { answer, .. } | Job::Delete { answer, .. } => {
            let _ = answer.send(Err(error.clone()));
        }
        Job::Move { answer, .. } | Job::Dead { answer, .. } => {
            let _ = answer.send(Err(error.clone()));
        }
        Job::Alone(_) => {}
    }
}

fn engine_error(error: io::Error, what: &'static str) -> CatalogError {
    tracing::error!(%error, "{what}");
    let is_full = is_out_of_space(&error);
    CatalogError::Engine(EngineFault::new(error, is_full))
}

/// Jobs that may wait; whoever comes then waits for a place.
const QUEUE: usize = 4096;

/// Jobs that share a flush: enough for all that wait, few enough that the first does not wait long
/// for the last.
const GROUP: usize = 1024;

/// Bytes of one group: what a disk takes in some ten milliseconds.
const GROUP_BYTES: u64 = 4 * 1024 * 1024;
