//! Reading the log again from where the index has not followed it.
//!
//! In: the segments. Out: what their records say, handed to [`Recent`], from which the index takes it;
//! and where the log ends. What a crash cut off at the end was never acknowledged, and is cut off the
//! file as well. What is broken before that is damage: it is logged, and the rest is read.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use upcall::name::{BucketName, ETag, ObjectKey};

use super::change::{Change, Effect, KeyEffect};
use super::index::{Index, LogState};
use super::log::record::{At, Kind};
use super::log::scan::{Found, Item, Segment, scan_behind};
use super::log::segment::{self, SEGMENT_HEADER_BYTES, SegmentHeader, read_whole};
use super::owed::{OwedRecord, OwedRow, decode_answer};
use super::recent::{Known, Recent};
use super::recent_owed::KnownCall;
use super::segments::Segments;
use super::stored;
use crate::blobs::{BlobFacts, BlobId, BlobPlace, LogPlace};
use crate::catalog::{CatalogError, KeptAnswer, ObjectFacts};

/// What is known of the log after it was read.
#[derive(Debug)]
pub(super) struct Recovered {
    /// The last record.
    pub(super) sequence: u64,
    /// The last segment and where it ends; zeroes if there is none.
    pub(super) last_segment: (u64, u64),
    /// Records of calls that count no more, and of which no other record says so: a crash came
    /// between theirs and the next.
    pub(super) dead_calls: Vec<At>,
}

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecoverError {
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    #[error("the log cannot be read")]
    Io(#[from] io::Error),
}

/// Reads it.
pub(super) fn recover(
    segments: &Segments,
    index: &Index,
    recent: &Recent,
    state: LogState,
) -> Result<Recovered, RecoverError> {
    let numbers = segment::list(segments.disk.as_ref(), &segments.folder)?;
    let ends = known_ends(segments, &numbers)?;
    let mut reading = Reading {
        index,
        recent,
        sequence: state.sequence,
        waiting: None,
        published: None,
        dead_calls: Vec::new(),
    };
    let mut last_segment = (0, 0);
    for number in numbers {
        let known_end = ends.get(&number).copied();
        let end = if number < state.next.segment {
            // The index has all of it.
            match known_end {
                Some(end) => end,
                None => segments.disk.open(&path(segments, number))?.length()?,
            }
        } else {
            let from = if number == state.next.segment {
                u64::from(state.next.offset)
            } else {
                SEGMENT_HEADER_BYTES
            };
            match reading.read(segments, number, from, known_end)? {
                Some(end) => end,
                None => continue,
            }
        };
        segments.add(number, end);
        last_segment = (number, end);
    }
    reading.end_pair();
    if last_segment.0 < state.next.segment {
        // It is missing. Places in the log are told by its number, which is not given again.
        last_segment = (state.next.segment, u64::from(state.next.offset));
    }
    Ok(Recovered {
        sequence: reading.sequence,
        last_segment,
        dead_calls: reading.dead_calls,
    })
}

/// Where segments end, as their successors say.
pub(super) fn known_ends(segments: &Segments, numbers: &[u64]) -> io::Result<BTreeMap<u64, u64>> {
    let mut ends = BTreeMap::new();
    for number in numbers {
        let file = segments.disk.open(&path(segments, *number))?;
        let mut bytes = [0; SegmentHeader::BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            Err(error) => return Err(error),
        }
        if let Some(header) = SegmentHeader::read(&bytes, *number) {
            ends.insert(header.previous, header.previous_end);
        } else {
            tracing::warn!(segment = number, "the header of a segment is not whole");
        }
    }
    Ok(ends)
}

fn path(segments: &Segments, number: u64) -> std::path::PathBuf {
    segment::path(&segments.folder, number)
}

struct Reading<'r> {
    index: &'r Index,
    recent: &'r Recent,
    sequence: u64,
    /// A call that counts if its object's record comes next.
    waiting: Option<(Place, OwedRecord)>,
    /// A call whose object has just been made visible: what was answered comes next.
    published: Option<(Place, Arc<OwedRow>)>,
    dead_calls: Vec<At>,
}

/// Where a record stands.
#[derive(Clone, Copy)]
struct Place {
    sequence: u64,
    at: At,
    head_bytes: u32,
    data_bytes: u64,
    /// Where the log goes on behind it.
    next: At,
}

impl Place {
    fn of(found: &Found) -> Result<Self, RecoverError> {
        Ok(Self {
            sequence: found.head.sequence,
            at: found.at,
            head_bytes: found.head.head_bytes,
            data_bytes: found.head.data_bytes,
            next: At {
                segment: found.at.segment,
                offset: u32::try_from(found.end()).map_err(io::Error::other)?,
            },
        })
    }
}

impl Reading<'_> {
    /// Where the segment ends; `None` if a crash came before it was begun, and it is gone.
    fn read(
        &mut self,
        segments: &Segments,
        number: u64,
        from: u64,
        known_end: Option<u64>,
    ) -> Result<Option<u64>, RecoverError> {
        let file = segments.disk.open(&path(segments, number))?;
        let bytes = read_whole(file.as_ref())?;
        let id = Segment {
            number,
            salt: segments.salt,
        };
        // From the begin: only there, and not where the index says it was, is it certain that a record
        // begins. What is taken for a crash's leavings is cut off, and nothing that the index has is.
        let found = scan_behind(&bytes, id, from, known_end);
        let is_begun = SegmentHeader::read(&bytes, number).is_some();
        if !is_begun && found.items.is_empty() && known_end.is_none() {
            segments.disk.remove(&path(segments, number))?;
            segments.disk.sync_folder(&segments.folder)?;
            return Ok(None);
        }
        if !found.items.is_empty() {
            // A process that died alone may have written what it never flushed. Who sees it from here
            // on may count on it.
            file.sync()?;
        }
        for item in &found.items {
            match item {
                Item::Record(record) if u64::from(record.at.offset) < from => {}
                Item::Record(record) => self.take_in(record, &bytes)?,
                Item::Damage { from, to } => {
                    tracing::error!(
                        segment = number,
                        from,
                        to,
                        "the log is damaged here; run `upcall fsck`"
                    );
                }
            }
        }
        if (bytes.len() as u64) > found.end {
            tracing::info!(
                segment = number,
                bytes = bytes.len() as u64 - found.end,
                "what a crash cut off is removed from the log"
            );
            segments.disk.truncate(&path(segments, number), found.end)?;
        }
        Ok(Some(found.end))
    }

    fn take_in(&mut self, found: &Found, segment: &[u8]) -> Result<(), RecoverError> {
        self.sequence = self.sequence.max(found.head.sequence);
        let place = Place::of(found)?;
        let meta = found.meta(segment);
        let id = found.head.blob;
        let is_pair = match found.head.kind {
            Kind::Settled => self
                .published
                .as_ref()
                .is_some_and(|(_, row)| row.id() == id),
            Kind::Object | Kind::ObjectInFile => self
                .waiting
                .as_ref()
                .is_some_and(|(_, record)| record.call.id == id),
            Kind::Delete | Kind::Dead | Kind::Owed => false,
        };
        if !is_pair {
            self.end_pair();
        }
        match found.head.kind {
            Kind::Object | Kind::ObjectInFile => {
                let Ok(facts) = stored::decode(meta) else {
                    tracing::error!(at = ?found.at, "a record of the log makes no sense; run `upcall fsck`");
                    return Ok(());
                };
                if let Some((owed_at, record)) = self.waiting.take() {
                    self.owes(owed_at, &record)?;
                }
                let object = object_of(facts, found);
                let (bucket, key) = (object.bucket.clone(), object.key.clone());
                self.point(place, bucket, key, Some(Arc::new(object)))?;
                let held = self.call(id)?.filter(|row| row.facts.is_held);
                self.published = held.map(|row| (place, row));
            }
            Kind::Delete => {
                if let Some((bucket, key)) = parse_deletion(meta) {
                    self.point(place, bucket, key, None)?;
                }
            }
            Kind::Owed => match OwedRecord::decode(id, meta) {
                Some(record) if record.held.is_some() || record.is_moved => {
                    self.owes(place, &record)?;
                }
                Some(record) => self.waiting = Some((place, record)),
                None => {
                    tracing::error!(at = ?found.at, "a record of the log makes no sense; run `upcall fsck`");
                }
            },
            Kind::Settled => {
                self.published = None;
                if let Some(row) = self.call(id)? {
                    let kept = decode_answer(meta).map(Arc::new);
                    self.settle(place, row, kept);
                }
            }
            Kind::Dead => {}
        }
        Ok(())
    }

    /// What would have come next has not come: a crash was in between.
    fn end_pair(&mut self) {
        if let Some((place, _)) = self.waiting.take() {
            self.dead_calls.push(place.at);
        }
        if let Some((place, row)) = self.published.take() {
            self.dead_calls.push(row.at);
            self.settle(place, row, None);
        }
    }

    fn point(
        &self,
        place: Place,
        bucket: BucketName,
        key: ObjectKey,
        new: Option<Arc<ObjectFacts>>,
    ) -> Result<(), RecoverError> {
        let old = match self.recent.look(&bucket, &key) {
            Known::Object(object) => Some(object),
            Known::Absent => None,
            Known::Nothing => self.index.find_blocking(&bucket, &key)?.map(Arc::new),
        };
        let effect = KeyEffect {
            bucket,
            key,
            new,
            old,
        };
        self.add(place, Effect::Key(effect));
        Ok(())
    }

    fn owes(&self, place: Place, record: &OwedRecord) -> Result<(), RecoverError> {
        let old = self.call(record.call.id)?;
        let mut row = record.row(place.at, place.head_bytes, place.data_bytes);
        if let Some(old) = &old {
            row.facts.progress = old.facts.progress.clone();
        }
        let new = Arc::new(row);
        self.add(place, Effect::Owes { new, old });
        Ok(())
    }

    fn settle(&self, place: Place, old: Arc<OwedRow>, kept: Option<Arc<KeptAnswer>>) {
        self.add(place, Effect::Settles { old, kept });
    }

    fn add(&self, place: Place, effect: Effect) {
        self.recent.add(vec![Change {
            sequence: place.sequence,
            next: place.next,
            effect,
        }]);
    }

    /// The call of this id, if it is owed so far.
    fn call(&self, id: BlobId) -> Result<Option<Arc<OwedRow>>, CatalogError> {
        match self.recent.look_call(id) {
            KnownCall::Owed(row) => Ok(Some(row)),
            KnownCall::NotOwed => Ok(None),
            KnownCall::Nothing => {
                let mut found = self.index.find_owed(&[id])?;
                Ok(found.pop().flatten().map(Arc::new))
            }
        }
    }
}

/// The object that a record tells of.
pub(super) fn object_of(facts: BlobFacts, found: &Found) -> ObjectFacts {
    ObjectFacts {
        bucket: facts.bucket,
        key: facts.key,
        blob: found.head.blob,
        place: BlobPlace(Some(LogPlace {
            segment: found.at.segment,
            offset: found.at.offset,
            head_bytes: found.head.head_bytes,
            in_file: found.head.kind == Kind::ObjectInFile,
        })),
        length: facts.length,
        etag: ETag::from_md5(facts.md5),
        crc64: facts.crc64,
        content_type: facts.content_type,
        headers: facts.headers,
        metadata: facts.metadata,
        acl: facts.acl,
        storage_class: facts.storage_class,
        modified: facts.modified,
    }
}

/// Bucket and key of a deletion.
fn parse_deletion(meta: &[u8]) -> Option<(BucketName, ObjectKey)> {
    let [bucket, key]: [String; 2] = serde_json::from_slice(meta).ok()?;
    Some((
        BucketName::parse(&bucket).ok()?,
        ObjectKey::parse(&key).ok()?,
    ))
}
