//! Reading a segment from front to back: what is whole, what is damaged, and where a crash cut it.
//!
//! In: a segment's bytes. Out: its records in order, with what lies between them, and where they end.
//!
//! A record that is broken was either never acknowledged (the crash came before its flush was over) or
//! is damaged. Every record says up to where the segment was on stable storage when it was written, so
//! the records behind a broken one tell which of the two it is; a segment with a successor is known to
//! its end.

use super::record::{ALIGN, At, Head, MAGIC, Salt};
use super::segment::SEGMENT_HEADER_BYTES;
use crate::embedded::blocks;

/// What was found.
#[derive(Debug)]
pub(crate) enum Item {
    /// A record whose head is right.
    Record(Found),
    /// Bytes that were a record once, from here to there.
    Damage { from: u64, to: u64 },
}

/// A record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) at: At,
    pub(crate) head: Head,
    /// Whether the object's bytes are what they were.
    pub(crate) is_whole: bool,
}

impl Found {
    /// Where it ends.
    pub(crate) const fn end(&self) -> u64 {
        self.at.offset as u64 + self.head.record_bytes()
    }

    /// Its facts, in the segment's bytes.
    pub(crate) fn meta<'b>(&self, segment: &'b [u8]) -> &'b [u8] {
        &segment[self.at.offset as usize..][self.head.meta()]
    }

    /// The object's bytes, in the segment's.
    pub(crate) fn data<'b>(&self, segment: &'b [u8]) -> &'b [u8] {
        let start = self.at.offset as usize + self.head.head_bytes as usize;
        let length = usize::try_from(self.head.data_bytes).expect("it fits into the segment");
        &segment[start..start + length]
    }
}

/// Which segment the bytes are of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) salt: Salt,
}

/// The records of a segment, and where the last that counts ends.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) items: Vec<Item>,
    pub(crate) end: u64,
}

/// Reads from `from` on. `end` is where the segment ends, if its successor says so.
pub(crate) fn scan(bytes: &[u8], segment: Segment, from: u64, end: Option<u64>) -> Scan {
    walk(bytes, segment, (from, 0), end)
}

/// Reads from the begin on, of a segment that was on stable storage up to `durable`, as the index knows.
pub(crate) fn scan_behind(bytes: &[u8], segment: Segment, durable: u64, end: Option<u64>) -> Scan {
    walk(bytes, segment, (SEGMENT_HEADER_BYTES, durable), end)
}

fn walk(bytes: &[u8], segment: Segment, (from, durable): (u64, u64), end: Option<u64>) -> Scan {
    let limit = end.unwrap_or(u64::MAX).min(bytes.len() as u64);
    let is_known = |from, at| at < durable || is_known_beyond(bytes, segment, from, at);
    let mut items = Vec::new();
    let mut at = from.max(SEGMENT_HEADER_BYTES);
    while at < limit {
        let found = record_at(bytes, segment, at).filter(|found| found.end() <= limit);
        if let Some(found) = found
            && (found.is_whole || end.is_some() || is_known(found.end(), at))
        {
            at = found.end();
            items.push(Item::Record(found));
            continue;
        }
        if end.is_none() && !is_known(at + ALIGN, at) {
            // Nobody was told of it.
            return Scan { items, end: at };
        }
        let next = next_record(bytes, segment, at + ALIGN, limit).unwrap_or(limit);
        items.push(Item::Damage { from: at, to: next });
        at = next;
    }
    // What the successor knows of and the file has not is damage too.
    if let Some(end) = end
        && at < end
    {
        items.push(Item::Damage { from: at, to: end });
        at = end;
    }
    Scan { items, end: at }
}

/// The record that begins here, if its head is right.
pub(crate) fn record_at(bytes: &[u8], segment: Segment, offset: u64) -> Option<Found> {
    let at = At {
        segment: segment.number,
        offset: u32::try_from(offset).ok()?,
    };
    let rest = bytes.get(usize::try_from(offset).ok()?..)?;
    let head = Head::read(rest, segment.salt, at)?;
    let start = head.head_bytes as usize;
    let data = usize::try_from(head.data_bytes)
        .ok()
        .and_then(|length| rest.get(start..start.checked_add(length)?));
    let is_whole = data.is_some_and(|data| blocks::are_right(&head.table(rest), 0, data));
    Some(Found { at, head, is_whole })
}

/// Where the next head stands that is right.
fn next_record(bytes: &[u8], segment: Segment, from: u64, limit: u64) -> Option<u64> {
    let mut at = from;
    while at < limit {
        let rest = &bytes[usize::try_from(at).ok()?..];
        if rest.starts_with(MAGIC) && record_at(bytes, segment, at).is_some() {
            return Some(at);
        }
        at += ALIGN;
    }
    None
}

/// Whether some record from `from` on says that `at` was on stable storage.
fn is_known_beyond(bytes: &[u8], segment: Segment, from: u64, at: u64) -> bool {
    let limit = bytes.len() as u64;
    let mut next = next_record(bytes, segment, from, limit);
    while let Some(offset) = next {
        let Some(found) = record_at(bytes, segment, offset) else {
            return false;
        };
        if found.head.durable > at {
            return true;
        }
        next = next_record(bytes, segment, offset + ALIGN, limit);
    }
    false
}
