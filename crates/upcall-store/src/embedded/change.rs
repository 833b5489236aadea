//! One change of the catalog, as the log has it and as the index takes it in.

use std::sync::Arc;

use upcall::name::{BucketName, ObjectKey};

use super::log::record::{ALIGN, At};
use super::owed::OwedRow;
use crate::catalog::{KeptAnswer, ObjectFacts};

/// What a record of the log does.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) sequence: u64,
    /// Where the log goes on behind the record.
    pub(super) next: At,
    pub(super) effect: Effect,
}

/// To what a record does it.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Key(KeyEffect),
    /// A call is owed, or its record stands elsewhere now.
    Owes {
        new: Arc<OwedRow>,
        old: Option<Arc<OwedRow>>,
    },
    /// A call is no longer owed; what the uploader was told, if that is kept.
    Settles {
        old: Arc<OwedRow>,
        kept: Option<Arc<KeptAnswer>>,
    },
}

/// What a record does to a key.
#[derive(Clone, Debug)]
pub(super) struct KeyEffect {
    pub(super) bucket: BucketName,
    pub(super) key: ObjectKey,
    /// What the key points to from now on.
    pub(super) new: Option<Arc<ObjectFacts>>,
    /// What it pointed to before.
    pub(super) old: Option<Arc<ObjectFacts>>,
}

impl Effect {
    /// How many bytes count in each segment from now on, and how many no longer.
    pub(super) fn live_bytes(&self) -> [Option<(u64, i64)>; 2] {
        let (more, less) = match self {
            Self::Key(KeyEffect { new, old, .. }) => (
                new.as_deref().and_then(log_bytes),
                old.as_deref().and_then(log_bytes),
            ),
            Self::Owes { new, old } => (
                Some(new.log_bytes()),
                old.as_deref().map(OwedRow::log_bytes),
            ),
            Self::Settles { old, .. } => (None, Some(old.log_bytes())),
        };
        let signed =
            |sign: i64| move |(segment, bytes): (u64, u64)| (segment, sign * bytes.cast_signed());
        [more.map(signed(1)), less.map(signed(-1))]
    }
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
