//! Reading what the log has of an object: its record's head, and its bytes if they are there.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::block_reader::{BlockReader, NOT_WHAT_WAS_WRITTEN, OpenBlob, open_error, read_error};
use super::blocks;
use super::change::record_of;
use super::log::record::{At, Head, Kind};
use super::owed::OwedRow;
use super::segments::Segments;
use crate::blobs::{BlobError, BlobId, LogPlace};
use crate::catalog::ObjectFacts;
use crate::disk::DiskFile;

/// An object's record.
#[derive(Debug)]
pub(super) struct OpenRecord {
    pub(super) head: Head,
    /// The head's bytes, with table and facts.
    pub(super) bytes: Bytes,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) at: At,
}

impl OpenRecord {
    pub(super) fn meta(&self) -> &[u8] {
        &self.bytes[self.head.meta()]
    }

    /// The checksums of its bytes.
    pub(super) fn table(&self) -> Vec<u64> {
        self.head.table(&self.bytes)
    }

    /// Its bytes, to be read block by block.
    pub(super) fn into_blob(self, id: BlobId) -> OpenBlob {
        OpenBlob {
            id,
            base: u64::from(self.at.offset) + u64::from(self.head.head_bytes),
            length: self.head.data_bytes,
            table: Some(self.head.table(&self.bytes)),
            file: self.file,
            is_verified: false,
            on_verified: None,
        }
    }
}

/// Whether the disk may be waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    No,
    Yes,
}

/// Opens the record of an object, which must be what the index says. `None` if the disk would have
/// to be waited for.
pub(super) fn open_record(
    segments: &Segments,
    object: &ObjectFacts,
    place: LogPlace,
    wait: Wait,
) -> Result<Option<OpenRecord>, BlobError> {
    let Some(file) = open_segment(segments, object.blob, place, wait)? else {
        return Ok(None);
    };
    let length = place.head_bytes as usize;
    let Some(bytes) = read(file.as_ref(), object.blob, place, length, wait)? else {
        return Ok(None);
    };
    let (head, at) = check_head(segments, object, place, &bytes)?;
    Ok(Some(OpenRecord {
        head,
        bytes: bytes.freeze(),
        file,
        at,
    }))
}

/// Opens the record of an owed call. Blocks.
pub(super) fn open_owed(segments: &Segments, row: &OwedRow) -> Result<OpenRecord, BlobError> {
    let id = row.id();
    let damaged = |what| BlobError::Damaged { id, what };
    let file = segments.open(row.at.segment);
    let file = file.map_err(|error| open_error(id, error))?;
    let mut bytes = BytesMut::zeroed(row.head_bytes as usize);
    file.read_exact_at(&mut bytes, u64::from(row.at.offset))
        .map_err(|error| read_error(id, error))?;
    let head = Head::read(&bytes, segments.salt, row.at)
        .ok_or_else(|| damaged("the record of its call is broken"))?;
    if head.kind != Kind::Owed || head.blob != id || head.data_bytes != row.data_bytes {
        return Err(damaged("the record of its call is another's"));
    }
    Ok(OpenRecord {
        head,
        bytes: bytes.freeze(),
        file,
        at: row.at,
    })
}

/// What is read of an object in the log.
#[derive(Debug)]
pub(super) enum LogBytes {
    /// All of the range.
    Whole(Bytes),
    Blocks(BlockReader),
}

/// Opens an object in the log for reading: small ones are read at once, with their head. `None` if the
/// disk would have to be waited for.
pub(super) fn open_bytes(
    segments: &Segments,
    object: &ObjectFacts,
    place: LogPlace,
    range: Range<u64>,
    wait: Wait,
) -> Result<Option<LogBytes>, BlobError> {
    if object.length > blocks::BLOCK_BYTES {
        let record = open_record(segments, object, place, wait)?;
        return Ok(record.map(|record| {
            LogBytes::Blocks(BlockReader::new(record.into_blob(object.blob), range))
        }));
    }
    let Some(file) = open_segment(segments, object.blob, place, wait)? else {
        return Ok(None);
    };
    let data = usize::try_from(object.length).expect("a block is small");
    let head_bytes = place.head_bytes as usize;
    let Some(bytes) = read(file.as_ref(), object.blob, place, head_bytes + data, wait)? else {
        return Ok(None);
    };
    let (head, _) = check_head(segments, object, place, &bytes)?;
    let bytes = bytes.freeze();
    let data = bytes.slice(head_bytes..);
    if !blocks::are_right(&head.table(&bytes), 0, &data) {
        return Err(BlobError::Damaged {
            id: object.blob,
            what: NOT_WHAT_WAS_WRITTEN,
        });
    }
    let at = |place: u64| usize::try_from(place).expect("a block is small");
    Ok(Some(LogBytes::Whole(
        data.slice(at(range.start)..at(range.end)),
    )))
}

fn open_segment(
    segments: &Segments,
    id: BlobId,
    place: LogPlace,
    wait: Wait,
) -> Result<Option<Arc<dyn DiskFile>>, BlobError> {
    match segments.opened(place.segment) {
        Some(file) => Ok(Some(file)),
        None if wait == Wait::No => Ok(None),
        None => {
            let file = segments.open(place.segment);
            Ok(Some(file.map_err(|error| open_error(id, error))?))
        }
    }
}

fn read(
    file: &dyn DiskFile,
    id: BlobId,
    place: LogPlace,
    length: usize,
    wait: Wait,
) -> Result<Option<BytesMut>, BlobError> {
    let mut bytes = BytesMut::zeroed(length);
    let offset = u64::from(place.offset);
    let read = match wait {
        Wait::No => file.read_exact_at_now(&mut bytes, offset),
        Wait::Yes => file.read_exact_at(&mut bytes, offset).map(|()| true),
    };
    let is_read = read.map_err(|error| read_error(id, error))?;
    Ok(is_read.then_some(bytes))
}

fn check_head(
    segments: &Segments,
    object: &ObjectFacts,
    place: LogPlace,
    bytes: &[u8],
) -> Result<(Head, At), BlobError> {
    let damaged = |what| BlobError::Damaged {
        id: object.blob,
        what,
    };
    let at = record_of(object).expect("an object in the log has a record");
    let head = Head::read(bytes, segments.salt, at)
        .ok_or_else(|| damaged("its record in the log is broken"))?;
    let kind = if place.in_file {
        Kind::ObjectInFile
    } else {
        Kind::Object
    };
    // An object that is held stands with its call.
    let is_its = (head.kind == kind || head.kind == Kind::Owed)
        && head.blob == object.blob
        && head.head_bytes == place.head_bytes
        && (place.in_file || head.data_bytes == object.length);
    if is_its {
        Ok((head, at))
    } else {
        Err(damaged("its record in the log is another object's"))
    }
}
