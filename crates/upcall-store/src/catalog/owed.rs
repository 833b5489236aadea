//! Calls that an application is owed, and answers that are kept for whoever asks again.

use jiff::Timestamp;
use upcall::name::{BucketName, ObjectKey};

use super::{ObjectFacts, Overwrite};
use crate::blobs::BlobId;

/// A call that is owed: it is recorded with the object that it is about, and stays until somebody says
/// that it was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwedCall {
    /// The blob of the object, and the call's own id: the same however often it is made.
    pub id: BlobId,
    /// The object's bucket.
    pub bucket: BucketName,
    /// The object's key.
    pub key: ObjectKey,
    /// The upload's request id.
    pub request_id: String,
    /// What the uploader calls its upload, if it may ask for the answer again; whoever makes it up
    /// sees to it that no two uploads have the same.
    pub idempotency: Option<String>,
    /// Since when it is owed; milliseconds are kept.
    pub created: Timestamp,
    /// What is to be called with what, in the words of whoever calls; at most 16 MiB with the rest.
    pub call: String,
}

/// An owed call, and how it stands with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwedFacts {
    /// The call, without its [`OwedCall::call`], which [`Catalog::owed_call`](super::Catalog::owed_call)
    /// reads.
    pub id: BlobId,
    /// The object's bucket.
    pub bucket: BucketName,
    /// The object's key.
    pub key: ObjectKey,
    /// The upload's request id.
    pub request_id: String,
    /// What the uploader calls its upload.
    pub idempotency: Option<String>,
    /// Since when it is owed.
    pub created: Timestamp,
    /// Whether the object is held back until the application agrees.
    pub is_held: bool,
    /// What was tried so far.
    pub progress: CallProgress,
}

/// What was tried of an owed call. A crash may forget the last seconds of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallProgress {
    /// How often the call was made.
    pub attempts: u32,
    /// When it is made next.
    pub next: Option<Timestamp>,
    /// Why the last one failed, as the uploader would be told.
    pub last_failure: Option<String>,
    /// Whether nobody tries any more.
    pub is_given_up: bool,
}

/// Which owed calls are wanted.
#[derive(Clone, Debug, Default)]
pub struct OwedQuery {
    /// Only those after this one, in the order of ids, which is that of time.
    pub after: Option<BlobId>,
    /// Only those given up, or only those that are not.
    pub is_given_up: Option<bool>,
    /// Only of this bucket and key.
    pub key: Option<(BucketName, ObjectKey)>,
    /// How many at most.
    pub limit: usize,
}

/// An object that is held back, and its call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeldObject {
    /// The object as it will be.
    pub object: ObjectFacts,
    /// Whether it may replace another when it becomes visible.
    pub overwrite: Overwrite,
}

/// What an uploader was told, kept for when it asks again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptAnswer {
    /// The upload's request id.
    pub request_id: String,
    /// Until when it is kept.
    pub expires: Timestamp,
    /// The answer, in the words of whoever gave it.
    pub answer: String,
}

/// What is known of an upload that somebody asks for again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Recalled {
    /// Its call is still owed.
    Owed(OwedFacts),
    /// It was answered.
    Answered(KeptAnswer),
}

/// By which name an upload is asked for.
#[derive(Clone, Copy, Debug)]
pub enum RecallBy<'n> {
    /// [`OwedCall::idempotency`].
    Idempotency(&'n str),
    /// [`OwedCall::request_id`].
    RequestId(&'n str),
}
