//! One change of the catalog, as the log has it and as the index takes it in.

use std::sync::Arc;

use upcall::name::{BucketName, ObjectKey};

use super::log::record::{ALIGN, At};
use crate::catalog::ObjectFacts;

/// What a record of the log does to a key.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) sequence: u64,
    pub(super) bucket: BucketName,
    pub(super) key: ObjectKey,
    /// What the key points to from now on.
    pub(super) new: Option<Arc<ObjectFacts>>,
    /// What it pointed to before.
    pub(super) old: Option<Arc<ObjectFacts>>,
    /// Where the log goes on behind the record.
    pub(super) next: At,
}

/// In which segment the record of an object is, and how many bytes it has there.
pub(super) fn log_bytes(object: &ObjectFacts) -> Option<(u64, u64)> {
    let place = object.place.0?;
    let data = if place.in_file { 0 } else { object.length };
    Some((
        place.segment,
        u64::from(place.head_bytes) + data.next_multiple_of(ALIGN),
    ))
}

/// Where the record of an object begins.
pub(super) fn record_of(object: &ObjectFacts) -> Option<At> {
    object.place.0.map(|place| At {
        segment: place.segment,
        offset: place.offset,
    })
}
