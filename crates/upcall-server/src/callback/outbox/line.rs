//! In which line a call waits for its turn.

use std::sync::Arc;

use upcall::name::{BucketName, ObjectKey};
use upcall_store::blobs::BlobId;
use upcall_store::catalog::Writer;

use crate::callback::owed_order::OwedOrder;

/// Which line a call stands in.
pub(super) type Line = Arc<LineOf>;

/// Whose calls a line has.
#[derive(Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct LineOf {
    pub(super) bucket: BucketName,
    pub(super) key: ObjectKey,
    /// This call's alone; otherwise the key's.
    pub(super) alone: Option<BlobId>,
}

/// The line of a call: calls for one key are made in their order. But an anonymous upload to a gated
/// bucket has a line of its own: if it waited for those before it, its client would learn from the time,
/// and from the answer when that is too long, that the key holds an object which nobody may see.
pub(super) fn line_of(owed: &OwedOrder) -> Line {
    let is_anonymous = owed.writer() == Writer::Anonymous;
    Arc::new(LineOf {
        bucket: owed.order.bucket.clone(),
        key: owed.order.key.clone(),
        alone: (is_anonymous && owed.terms.gate.is_some()).then_some(owed.id),
    })
}

/// The line of a call of which only the key is known: what the store had at the start.
pub(super) fn line_of_key(bucket: BucketName, key: ObjectKey) -> Line {
    Arc::new(LineOf {
        bucket,
        key,
        alone: None,
    })
}
