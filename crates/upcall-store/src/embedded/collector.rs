//! The collector: gives room back, on a thread of its own.
//!
//! Files of blobs that nobody wants are removed, after the catalog was asked
//! ([`Garbage`](super::files::Garbage) has what is to be asked). Segments of the log whose records are
//! mostly replaced are emptied: what still counts is written again at the log's end, and the segment
//! goes when the index, durably, points to the copies. And what could not be written of the buckets'
//! [backup](super::bucket_backup) is tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Engine;
use super::commit::{Moved, MovedCall};
use super::files::Work;
use super::log::record::{At, Kind};
use super::log::scan::{Found, Item, Segment, scan};
use super::log::segment::{SEGMENT_HEADER_BYTES, read_whole};
use super::owed::OwedRecord;
use super::stored;
use crate::blobs::{BlobError, BlobId};
use crate::catalog::{CatalogError, ObjectFacts};

/// The thread.
#[derive(Debug)]
pub(super) struct Collector {
    engine: Arc<Engine>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Collector {
    /// Begins with a sweep of the files. The log is looked at once in each interval.
    pub(super) fn start(engine: Arc<Engine>, interval: Duration) -> io::Result<Self> {
        engine.files.garbage.sweep();
        let worker = Worker {
            engine: Arc::clone(&engine),
            damaged: Mutex::default(),
        };
        let thread = std::thread::Builder::new()
            .name("collector".to_owned())
            .spawn(move || worker.run(interval))?;
        Ok(Self {
            engine,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Removes what was given up, then ends; a sweep is broken off. Blocks.
    pub(super) fn stop(&self) {
        self.engine.files.garbage.stop();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the collector did not end well");
        }
    }
}

struct Worker {
    engine: Arc<Engine>,
    /// Segments that cannot be emptied, since an object in them is damaged: nothing is deleted that
    /// somebody might still mend.
    damaged: Mutex<BTreeSet<u64>>,
}

impl Worker {
    fn run(&self, interval: Duration) {
        let files = &self.engine.files;
        while let Some(work) = files.garbage.next(interval) {
            match work {
                Work::Remove(ids) => self.remove(&ids),
                Work::Judge(ids) => self.remove_unwanted(ids),
                Work::Sweep(shard) => match self.idle_files(shard) {
                    Ok(ids) => self.remove_unwanted(ids),
                    Err(error) => {
                        tracing::error!(shard, %error, "a folder of blobs could not be read");
                    }
                },
                Work::Reclaim => {
                    self.engine.buckets.retry();
                    match self.reclaim() {
                        Ok(true) => files.garbage.reclaim(),
                        Ok(false) => {}
                        // What is there stays; it is tried again.
                        Err(error) => {
                            tracing::warn!(%error, "room in the log cannot be given back now");
                        }
                    }
                }
            }
        }
    }

    /// The files of a shard that no running upload holds.
    fn idle_files(&self, shard: u8) -> io::Result<Vec<BlobId>> {
        let mut ids = self.engine.files.list(shard)?;
        if !self.engine.sabotage.is_collector_unguarded() {
            let state = self.engine.files.garbage.lock();
            ids.retain(|id| !state.live.contains(id));
        }
        Ok(ids)
    }

    fn remove_unwanted(&self, mut ids: Vec<BlobId>) {
        ids.sort_unstable();
        for batch in ids.chunks(BATCH) {
            match self.engine.referenced_blocking(batch) {
                Ok(wanted) => {
                    let unwanted = batch.iter().copied();
                    let unwanted =
                        unwanted.filter(|id| !wanted.contains(id) && !self.is_its_keys(*id));
                    self.remove(&unwanted.collect::<Vec<_>>());
                }
                // They stay; the sweep at the next start asks again.
                Err(error) => {
                    tracing::error!(%error, blobs = batch.len(), "the catalog did not say which blobs are wanted");
                }
            }
        }
    }

    /// Whether the key that a file names has it, whatever the index of files says: that may be damaged,
    /// and what is removed cannot be mended.
    fn is_its_keys(&self, id: BlobId) -> bool {
        let facts = match self.engine.files.facts(id) {
            Ok(facts) => facts,
            // It stays; the sweep at the next start asks again.
            Err(BlobError::Io { .. }) => return true,
            Err(_) => return false,
        };
        let found = self.engine.find_blocking(&facts.bucket, &facts.key);
        let is_its = found.map_or(true, |object| {
            object.is_some_and(|object| object.blob == id)
        });
        if is_its {
            tracing::error!(%id, bucket = %facts.bucket, key = %facts.key, "the catalog does not agree with itself about this blob; run `upcall fsck`");
        }
        is_its
    }

    fn remove(&self, ids: &[BlobId]) {
        let mut removed = 0;
        for id in ids {
            match self.engine.files.remove(*id) {
                Ok(true) => removed += 1,
                Ok(false) => {}
                // It stays; the sweep at the next start tries again.
                Err(error) => tracing::error!(%id, %error, "a blob could not be removed"),
            }
        }
        self.engine.files.garbage.lock().removed += removed;
    }

    /// Empties one segment, if that is worth it; whether it did.
    fn reclaim(&self) -> Result<bool, ReclaimError> {
        let engine = &self.engine;
        let (ends, active) = engine.segments.ends();
        if ends.len() <= 1 {
            return Ok(false);
        }
        engine.recent.drain()?;
        let live = engine.index.live_bytes()?;
        let damaged = self.damaged();
        // The last one stays: its number, which places in the log are told by, must not be given again.
        let last = ends.keys().last().copied();
        let Some(victim) = choose(&ends, &live, |number| {
            Some(number) != active && Some(number) != last && !damaged.contains(&number)
        }) else {
            return Ok(false);
        };
        drop(damaged);
        if self.empty(victim, ends[&victim])? {
            engine.segments.remove(victim).map_err(ReclaimError::Io)?;
            engine.index.forget_segment(victim)?;
            return Ok(true);
        }
        self.damaged().insert(victim);
        Ok(true)
    }

    /// Writes what counts of a segment again elsewhere, durably; whether nothing counts in it now.
    fn empty(&self, number: u64, end: u64) -> Result<bool, ReclaimError> {
        let engine = &self.engine;
        let bytes = match engine.segments.open(number) {
            Ok(file) => read_whole(file.as_ref()).map_err(ReclaimError::Io)?,
            // It was removed before, and its folder could not be flushed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(ReclaimError::Io(error)),
        };
        let segment = Segment {
            number,
            salt: engine.segments.salt,
        };
        let mut moves = Moves::default();
        for item in scan(&bytes, segment, SEGMENT_HEADER_BYTES, Some(end)).items {
            let Item::Record(found) = item else {
                continue;
            };
            self.carry_dead(&found, &bytes, &mut moves.dead);
            if let Some(is_whole) = self.carry_call(&found, &bytes, &mut moves)? {
                if !is_whole {
                    return Ok(false);
                }
                if moves.bytes >= MOVED_AT_ONCE {
                    moves.send(engine)?;
                }
                continue;
            }
            let Some(object) = self.living(&found, &bytes)? else {
                continue;
            };
            if !found.is_whole {
                tracing::error!(bucket = %object.bucket, key = %object.key, "an object is damaged; its segment is kept");
                return Ok(false);
            }
            moves.add(&found, object, &bytes);
            if moves.bytes >= MOVED_AT_ONCE {
                moves.send(engine)?;
            }
        }
        moves.send(engine)?;
        for records in moves.dead.chunks(DEAD_AT_ONCE) {
            engine.committer.tell_dead(records.to_vec())?;
        }
        if engine.sabotage.is_collector_unguarded() {
            return Ok(true);
        }
        engine.recent.drain()?;
        engine.index.sync()?;
        // What was not found is damaged: its rows still point here.
        let left = engine.index.live_bytes()?.get(&number).copied();
        if left.unwrap_or(0) > 0 {
            tracing::error!(
                segment = number,
                "a segment holds damaged records; it is kept"
            );
            return Ok(false);
        }
        Ok(true)
    }

    /// Has an owed call written again elsewhere; whether its record is whole. `None` if it is the record
    /// of something else, or of a call that is not owed any more.
    fn carry_call(
        &self,
        found: &Found,
        bytes: &[u8],
        moves: &mut Moves,
    ) -> Result<Option<bool>, ReclaimError> {
        let (id, at) = (found.head.blob, found.at);
        if found.head.kind != Kind::Owed {
            return Ok(None);
        }
        let row = self.engine.find_call_blocking(id)?;
        if row.is_none_or(|row| row.at != at) {
            return Ok(None);
        }
        let record = OwedRecord::decode(id, found.meta(bytes));
        let Some(record) = record.filter(|_| found.is_whole) else {
            tracing::error!(%id, "a call that is owed is damaged; its segment is kept");
            return Ok(Some(false));
        };
        let head = &bytes[found.at.offset as usize..];
        moves.bytes += found.head.record_bytes();
        moves.calls.push(MovedCall {
            id,
            at,
            record,
            table: found.head.table(head),
            data: bytes::Bytes::copy_from_slice(found.data(bytes)),
        });
        Ok(Some(true))
    }

    /// The object whose record this is, if there is one.
    fn living(&self, found: &Found, bytes: &[u8]) -> Result<Option<ObjectFacts>, ReclaimError> {
        if !matches!(found.head.kind, Kind::Object | Kind::ObjectInFile) {
            return Ok(None);
        }
        let Ok(facts) = stored::decode(found.meta(bytes)) else {
            return Ok(None);
        };
        let object = self.engine.find_blocking(&facts.bucket, &facts.key)?;
        Ok(object.filter(|object| {
            object.place.0.is_some_and(|place| {
                (place.segment, place.offset) == (found.at.segment, found.at.offset)
            })
        }))
    }

    /// What this record says of others that count no more must be said again, while they are there.
    fn carry_dead(&self, found: &Found, bytes: &[u8], dead: &mut Vec<At>) {
        let is_there =
            |at: &At| at.segment != found.at.segment && self.engine.segments.has(at.segment);
        dead.extend(found.head.replaces.filter(is_there));
        if found.head.kind == Kind::Dead
            && let Ok(records) = serde_json::from_slice::<Vec<At>>(found.meta(bytes))
        {
            dead.extend(records.into_iter().filter(is_there));
        }
    }

    fn damaged(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of a segment is to be written again.
#[derive(Default)]
struct Moves {
    records: Vec<Moved>,
    calls: Vec<MovedCall>,
    bytes: u64,
    dead: Vec<At>,
}

impl Moves {
    fn add(&mut self, found: &Found, object: ObjectFacts, bytes: &[u8]) {
        let head = &bytes[found.at.offset as usize..];
        self.bytes += found.head.record_bytes();
        self.records.push(Moved {
            object,
            kind: found.head.kind,
            table: found.head.table(head),
            meta: found.meta(bytes).to_vec(),
            data: bytes::Bytes::copy_from_slice(found.data(bytes)),
        });
    }

    fn send(&mut self, engine: &Engine) -> Result<(), CatalogError> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records);
        let calls = std::mem::take(&mut self.calls);
        engine.committer.move_all(records, calls)
    }
}

/// The segment that gives most room back, if any does: one in which nothing counts; else, when more
/// than a fifth of the log counts for nothing, the one with the most of it.
fn choose(
    ends: &BTreeMap<u64, u64>,
    live: &BTreeMap<u64, u64>,
    may: impl Fn(u64) -> bool,
) -> Option<u64> {
    let live_in = |number: &u64| live.get(number).copied().unwrap_or(0);
    let total: u64 = ends.values().sum();
    let alive: u64 = ends.keys().map(live_in).sum();
    let is_worth_it = total > alive + alive / DEAD_PART + TOLERATED_BYTES;
    ends.iter()
        .filter(|(number, _)| may(**number))
        .map(|(number, end)| (*number, live_in(number), *end))
        .filter(|(_, live, end)| {
            *live == 0 || (is_worth_it && end.saturating_sub(*live) > end / LEAST_DEAD_PART)
        })
        // The least part alive, in thousandths.
        .min_by_key(|(_, live, end)| live.saturating_mul(1000) / (*end).max(1))
        .map(|(number, ..)| number)
}

/// Why room cannot be given back.
#[derive(Debug, thiserror::Error)]
enum ReclaimError {
    #[error("the catalog failed: {0}")]
    Catalog(#[from] CatalogError),
    #[error("a segment cannot be read or removed: {0}")]
    Io(io::Error),
}

/// Blobs that the catalog is asked about at a time.
const BATCH: usize = 512;

/// Bytes of records that are written again at a time, so that uploads come in between.
const MOVED_AT_ONCE: u64 = 1024 * 1024;

/// Records that are told dead in one record.
const DEAD_AT_ONCE: usize = 4096;

/// The log may have a fourth of what counts in it on top.
const DEAD_PART: u64 = 4;

/// Room that nobody misses.
const TOLERATED_BYTES: u64 = 1024 * 1024;

/// A segment of which less than a tenth counts for nothing is not worth the writing.
const LEAST_DEAD_PART: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emptiest_segment_goes_first_and_only_when_it_is_worth_it() {
        let mib = 1024 * 1024;
        let ends = BTreeMap::from([(1, 16 * mib), (2, 16 * mib), (3, 16 * mib)]);
        let full = BTreeMap::from([(1, 15 * mib), (2, 15 * mib), (3, 15 * mib)]);
        assert_eq!(choose(&ends, &full, |_| true), None);
        let dead = BTreeMap::from([(1, 10 * mib), (2, 4 * mib), (3, 15 * mib)]);
        assert_eq!(choose(&ends, &dead, |_| true), Some(2));
        assert_eq!(choose(&ends, &dead, |number| number != 2), Some(1));
        let empty = BTreeMap::from([(1, 16 * mib), (2, 16 * mib)]);
        assert_eq!(choose(&ends, &empty, |_| true), Some(3));
    }
}
