//! The thread: takes what waits as one group, writes it, flushes it, answers.

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::stage::{Group, Pointed};
use super::{CommitParts, Job, refuse};
use crate::blobs::is_out_of_space;
use crate::catalog::{CatalogError, EngineFault};
use crate::embedded::log::segment::{self, ActiveSegment, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::embedded::recent::Known;
use crate::embedded::recent_owed::KnownCall;

/// The thread's own side.
pub(super) struct Worker {
    pub(super) parts: CommitParts,
    pub(super) active: Option<ActiveSegment>,
    pub(super) last_segment: (u64, u64),
    pub(super) next_sequence: u64,
    /// Behind the end of the last segment may stand what was told to have failed.
    pub(super) is_unsure: bool,
}

impl Worker {
    pub(super) fn run(&mut self, mut queue: mpsc::Receiver<Job>) {
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
        let mut group = Group::default();
        let begun = self
            .begin_segment(jobs.iter().map(Job::bytes).sum())
            .and_then(|()| self.learn(&jobs, &mut group));
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

    /// Learns what the keys of a group point to, from what is recent and then, at one time for all that
    /// it does not know, from the index. Nobody but this thread adds to either.
    fn learn(&self, jobs: &[Job], group: &mut Group) -> Result<(), CatalogError> {
        let mut unknown = Vec::new();
        for (bucket, key) in jobs.iter().filter_map(Job::key) {
            let place = (bucket.clone(), key.clone());
            match self.parts.recent.look(bucket, key) {
                Known::Object(object) => {
                    group.keys.insert(place, Pointed::Object(object));
                }
                Known::Absent => {
                    group.keys.insert(place, Pointed::Nothing);
                }
                Known::Nothing => unknown.push(place),
            }
        }
        let found = self.parts.index.find_all(&unknown)?;
        for (place, found) in unknown.into_iter().zip(found) {
            let pointed = match found {
                Ok(object) => object.map(Arc::new).into(),
                Err(error @ CatalogError::Corrupt(_)) => {
                    tracing::error!(%error, "a row of the catalog is broken; run `upcall fsck`");
                    Pointed::Broken
                }
                Err(error) => return Err(error),
            };
            group.keys.insert(place, pointed);
        }
        self.learn_calls(jobs, group)
    }

    /// The same for owed calls.
    fn learn_calls(&self, jobs: &[Job], group: &mut Group) -> Result<(), CatalogError> {
        let mut unknown = Vec::new();
        for id in jobs.iter().filter_map(Job::call) {
            match self.parts.recent.look_call(id) {
                KnownCall::Owed(row) => {
                    group.calls.insert(id, row);
                }
                KnownCall::NotOwed => {}
                KnownCall::Nothing => unknown.push(id),
            }
        }
        let found = self.parts.index.find_owed(&unknown)?;
        for row in found.into_iter().flatten() {
            group.calls.insert(row.id(), Arc::new(row));
        }
        Ok(())
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
        let path: PathBuf = segment::path(&segments.folder, number);
        if let Err(error) = segments.disk.truncate(&path, end) {
            // The next segment's header says where this one ends.
            self.is_unsure = true;
            tracing::warn!(segment = number, %error, "what a failed write left stays");
        }
    }
}

fn engine_error(error: io::Error, what: &'static str) -> CatalogError {
    tracing::error!(%error, "{what}");
    let is_full = is_out_of_space(&error);
    CatalogError::Engine(EngineFault::new(error, is_full))
}

/// Jobs that share a flush: enough for all that wait, few enough that the first does not wait long
/// for the last.
const GROUP: usize = 1024;

/// Bytes of one group: what a disk takes in some ten milliseconds.
const GROUP_BYTES: u64 = 4 * 1024 * 1024;
