//! Reading everything and comparing: rows with blobs, blobs with their checksums, the log with rows.
//!
//! Nothing is changed. An object that is replaced or moved while it is looked at is looked at again.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crc_fast::{CrcAlgorithm, Digest};

use super::Engine;
use super::block_reader::BlockReader;
use super::index::check::{RowPage, integrity, rows_after};
use super::log::record::{At, Kind};
use super::log::scan::{Found, Item, Segment, scan};
use super::log::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, read_whole};
use super::log_reader::{LogBytes, Wait, open_bytes};
use super::owed::OwedRecord;
use super::stored;
use crate::blobs::BlobError;
use crate::catalog::{CatalogError, ObjectFacts};
use crate::maintenance::{CheckReport, Damage, MaintenanceError, RateLimit};

impl Engine {
    /// Reads every object. `go_on` is asked now and then. Blocks.
    pub(super) fn check_objects(
        &self,
        limit: RateLimit,
        mut go_on: impl FnMut(&CheckReport) -> bool,
    ) -> Result<CheckReport, MaintenanceError> {
        let mut report = CheckReport::default();
        let mut pace = Pace::new(limit);
        let mut after = None;
        loop {
            let from = after.take();
            let page = self
                .index
                .read(|connection| rows_after(connection, from.as_ref()));
            let RowPage {
                objects,
                broken,
                next,
            } = match page {
                Ok(page) => page,
                Err(CatalogError::Closed) => return Err(MaintenanceError::Closed),
                // What cannot be read of it is found missing where the log is compared.
                Err(error) => {
                    let what = format!("the catalog cannot be read on: {}", crate::chain(&error));
                    report.add(Damage::somewhere(what));
                    return Ok(report);
                }
            };
            for damage in broken {
                report.add(damage);
            }
            for object in objects {
                report.objects += 1;
                report.bytes += object.length;
                if let Some(damage) = self.check_object(&object) {
                    report.add(damage);
                }
                pace.took(object.length);
                if !go_on(&report) {
                    return Ok(report);
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(report),
            }
        }
    }

    /// Has SQLite look at its own file. Blocks.
    pub(super) fn check_catalog(&self, report: &mut CheckReport) {
        let wrong = match self.index.read(integrity) {
            Ok(wrong) => wrong,
            Err(error) => vec![crate::chain(&error)],
        };
        for what in wrong {
            report.add(Damage::somewhere(format!("the catalog is broken: {what}")));
        }
    }

    /// Compares the log with the index; both must stand still. Blocks.
    pub(super) fn check_log(&self, report: &mut CheckReport) -> Result<(), MaintenanceError> {
        self.recent.drain()?;
        let dead = self.dead_records(report)?;
        self.each_segment(|segment, items, bytes| {
            for item in items {
                let Item::Record(found) = item else {
                    continue;
                };
                if found.head.kind == Kind::Owed && !dead.contains(&found.at) {
                    self.check_call(found, bytes, report)?;
                    continue;
                }
                if !matches!(found.head.kind, Kind::Object | Kind::ObjectInFile)
                    || dead.contains(&found.at)
                {
                    continue;
                }
                let Ok(facts) = stored::decode(found.meta(bytes)) else {
                    let what = format!(
                        "a record at {} of segment {segment} makes no sense",
                        found.at.offset
                    );
                    report.add(Damage::somewhere(what));
                    continue;
                };
                let has_it = match self.index.find_blocking(&facts.bucket, &facts.key) {
                    Ok(row) => row.is_some_and(|row| {
                        row.place.0.is_some_and(|place| {
                            (place.segment, place.offset) == (found.at.segment, found.at.offset)
                        })
                    }),
                    // Told where rows are read.
                    Err(CatalogError::Corrupt(_)) => true,
                    Err(error) => return Err(error.into()),
                };
                if !has_it {
                    let what = "it is in the log, and the catalog does not have it";
                    report.add(Damage::of(&facts.bucket, &facts.key, what));
                }
            }
            Ok(())
        })
    }

    /// Compares the record of an owed call with the index. Blocks.
    fn check_call(
        &self,
        found: &Found,
        bytes: &[u8],
        report: &mut CheckReport,
    ) -> Result<(), MaintenanceError> {
        let (id, at) = (found.head.blob, found.at);
        let Some(record) = OwedRecord::decode(id, found.meta(bytes)) else {
            let what = format!(
                "the record of a call at {} of segment {} makes no sense",
                at.offset, at.segment
            );
            report.add(Damage::somewhere(what));
            return Ok(());
        };
        let call = &record.call;
        let mut row = self.index.find_owed(&[id])?;
        if row.pop().flatten().is_none_or(|row| row.at != at) {
            let what = "a call for it is owed by the log, and the catalog does not have it";
            report.add(Damage::of(&call.bucket, &call.key, what));
        } else if !found.is_whole {
            let what = "it is held until its call is made, and its bytes are broken";
            report.add(Damage::of(&call.bucket, &call.key, what));
        }
        Ok(())
    }

    /// The records that count no more because others say so; notes what is broken.
    fn dead_records(&self, report: &mut CheckReport) -> Result<HashSet<At>, MaintenanceError> {
        let mut dead = HashSet::new();
        self.each_segment(|segment, items, bytes| {
            if SegmentHeader::read(bytes, segment).is_none() {
                let what = format!("the header of segment {segment} of the log is broken");
                report.add(Damage::somewhere(what));
            }
            for item in items {
                match item {
                    Item::Record(found) => {
                        dead.extend(found.head.replaces);
                        if found.head.kind == Kind::Dead
                            && let Ok(more) = serde_json::from_slice::<Vec<At>>(found.meta(bytes))
                        {
                            dead.extend(more);
                        }
                    }
                    Item::Damage { from, to } => {
                        let what = format!("bytes {from} to {to} of segment {segment} are broken");
                        report.add(Damage::somewhere(what));
                    }
                }
            }
            Ok(())
        })?;
        Ok(dead)
    }

    fn each_segment(
        &self,
        mut look: impl FnMut(u64, &[Item], &[u8]) -> Result<(), MaintenanceError>,
    ) -> Result<(), MaintenanceError> {
        for (number, end) in self.segments.ends().0 {
            let path = super::log::segment::path(&self.segments.folder, number);
            let read = self
                .segments
                .open(number)
                .and_then(|file| read_whole(file.as_ref()));
            let bytes = read.map_err(|source| MaintenanceError::Io {
                path,
                what: "read",
                source: source.into(),
            })?;
            let segment = Segment {
                number,
                salt: self.segments.salt,
            };
            let found = scan(&bytes, segment, SEGMENT_HEADER_BYTES, Some(end));
            look(number, &found.items, &bytes)?;
        }
        Ok(())
    }

    /// What is wrong with an object, if anything is.
    fn check_object(&self, object: &ObjectFacts) -> Option<Damage> {
        let mut object = object.clone();
        for _ in 0..LOOKS {
            let what = self.compare(&object)?;
            // It may have been replaced or moved meanwhile.
            match self.find_blocking(&object.bucket, &object.key) {
                Ok(None) => return None,
                Ok(Some(now)) if now.place == object.place && now.blob == object.blob => {
                    return Some(Damage::of(&object.bucket, &object.key, what));
                }
                Ok(Some(now)) => object = now,
                Err(error) => {
                    return Some(Damage::of(
                        &object.bucket,
                        &object.key,
                        crate::chain(&error),
                    ));
                }
            }
        }
        None
    }

    /// Reads it and compares; the sentence that says what is wrong.
    fn compare(&self, object: &ObjectFacts) -> Option<String> {
        let sentence = |error: BlobError| match error {
            BlobError::Damaged { what, .. } => what.to_owned(),
            BlobError::Missing { .. } => "its bytes are missing".to_owned(),
            other @ (BlobError::Closed
            | BlobError::Io { .. }
            | BlobError::Length { .. }
            | BlobError::Lost { .. }
            | BlobError::NoSpace { .. }) => crate::chain(&other),
        };
        let stated = match self.facts_blocking(object) {
            Ok(stated) => stated,
            Err(error) => return Some(sentence(error)),
        };
        let row = stored::facts_of(object);
        if (&stated.bucket, &stated.key) != (&row.bucket, &row.key)
            || (stated.length, stated.md5, stated.crc64) != (row.length, row.md5, row.crc64)
        {
            return Some("its blob says that it is another object's".to_owned());
        }
        match self.digest(object) {
            Ok(crc64) if crc64 == object.crc64 => None,
            Ok(_) => Some("its bytes have another checksum than the catalog says".to_owned()),
            Err(error) => Some(sentence(error)),
        }
    }

    /// CRC-64/XZ of an object's bytes, read from the disk. Blocks.
    fn digest(&self, object: &ObjectFacts) -> Result<u64, BlobError> {
        let range = 0..object.length;
        let in_log = object.place.0.filter(|place| !place.in_file);
        let mut reader = match in_log {
            Some(place) => {
                let opened = open_bytes(&self.segments, object, place, range, Wait::Yes)?;
                match opened.ok_or(BlobError::Lost { id: object.blob })? {
                    LogBytes::Whole(bytes) => {
                        return Ok(super::blocks::crc64(&bytes));
                    }
                    LogBytes::Blocks(reader) => reader,
                }
            }
            None => BlockReader::new(self.files.open_blob(object)?, range),
        };
        let mut digest = Digest::new(CrcAlgorithm::Crc64Xz);
        while let Some(piece) = reader.next_blocking() {
            digest.update(&piece?);
        }
        Ok(digest.finalize())
    }
}

/// Keeps a check from taking the disk for itself.
struct Pace {
    limit: RateLimit,
    begun: Instant,
    bytes: u64,
}

impl Pace {
    fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            begun: Instant::now(),
            bytes: 0,
        }
    }

    fn took(&mut self, bytes: u64) {
        if self.limit.bytes_per_second == 0 {
            return;
        }
        // An object costs something however small it is.
        self.bytes += bytes + OBJECT_COST;
        let due = Duration::from_millis(
            self.bytes.saturating_mul(1000) / self.limit.bytes_per_second.max(1),
        );
        if let Some(early) = due.checked_sub(self.begun.elapsed()) {
            std::thread::sleep(early.min(LONGEST_REST));
        }
    }
}

/// How often an object is looked at that is replaced or moved each time.
const LOOKS: usize = 5;

/// Bytes that the look-up of an object counts for.
const OBJECT_COST: u64 = 4096;

/// A check is asked to stop no later than this.
const LONGEST_REST: Duration = Duration::from_secs(1);
