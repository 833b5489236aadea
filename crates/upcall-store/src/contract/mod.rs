//! The suite that every engine passes: what the ports promise, as functions over the ports.
//!
//! Each function makes buckets of its own, so all of them may run on one store, also at once. They
//! panic where an engine breaks its promise. [`history`] is the suite's heart: a small model in
//! memory says in code what the port says in words, and random histories compare the two.

#![expect(
    clippy::missing_panics_doc,
    reason = "panicking is what a test does; the module says so once"
)]

mod buckets;
mod bytes;
mod calls;
mod cancel;
mod crash;
mod drive;
mod history;
mod keys;
mod ledger;
mod listing;
mod model;
mod objects;
mod owed;
mod revocation;

use std::fmt;
use std::sync::Arc;

use ::bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinSet;
use upcall::name::{BucketName, ETag, ObjectKey};

pub use self::buckets::{
    a_bucket_is_deleted_when_it_is_empty, a_bucket_is_what_was_made_of_it,
    a_bucket_name_is_taken_once,
};
pub use self::bytes::{
    a_draft_needs_its_whole_length, a_draft_that_is_not_kept_is_gone,
    a_reader_finishes_whoever_gives_the_blob_up, another_objects_bytes_are_not_read,
    bytes_come_back_by_range, facts_come_back_with_the_bytes, many_drafts_at_once_do_not_mix,
};
pub use self::cancel::{
    a_blob_that_an_object_points_to_is_not_removed, a_dropped_commit_is_all_or_nothing,
    a_dropped_write_loses_the_draft_and_nothing_else,
};
pub use self::crash::{Life, OnError, check};
pub use self::drive::drive;
pub use self::history::{History, history};
pub use self::keys::access_keys_are_kept_and_replaced;
pub use self::ledger::{Broken, Ledger};
pub use self::listing::{
    a_delimiter_rolls_keys_up, a_page_is_bounded, keys_come_in_the_order_of_their_bytes,
};
pub use self::objects::{
    a_failing_change_takes_no_other_down, an_object_is_what_was_committed,
    conditional_create_has_one_winner, deleting_returns_what_was_there,
    overwriting_returns_what_was_replaced, referenced_knows_what_objects_point_to,
};
pub use self::owed::{
    a_call_is_owed_until_it_is_settled, a_held_object_is_invisible_until_it_is_published,
    a_held_object_replaces_only_what_it_may, a_held_object_that_is_dropped_was_never_there,
    a_refused_commit_owes_no_call, owed_calls_come_in_order,
};
pub use self::revocation::{
    a_held_object_is_published_only_by_right, a_write_is_judged_by_what_is_so_at_its_turn,
    nothing_commits_after_a_revocation_was_answered, settings_change_only_by_right,
};

use crate::blobs::{BlobError, BlobFacts, BlobId, BlobPlace, Blobs, Draft};
use crate::catalog::{
    BucketAcl, BucketFacts, Catalog, ObjectAcl, ObjectFacts, Overwrite, Precondition,
    StoredHeaders, Writer,
};

/// An engine under test.
#[derive(Clone)]
pub struct Ports {
    /// Its catalog.
    pub catalog: Arc<dyn Catalog>,
    /// Its blobs.
    pub blobs: Arc<dyn Blobs>,
    /// Waits until what was given up is gone; may block.
    pub settle: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

impl Ports {
    async fn settle(&self) {
        let settle = Arc::clone(&self.settle);
        tokio::task::spawn_blocking(move || settle())
            .await
            .expect("settling does not panic");
    }

    /// A bucket that no other test has.
    async fn bucket(&self, name: &str) -> BucketName {
        let facts = bucket(name);
        self.catalog
            .create_bucket(&facts, &Writer::Operator)
            .await
            .expect("a bucket");
        facts.name
    }

    /// Commits an object that has no bytes behind it.
    async fn commit(&self, bucket: &BucketName, key: &str) -> ObjectFacts {
        let object = object(bucket, key);
        let committed = self
            .catalog
            .commit_object(&object, &Precondition::operator(Overwrite::Allow), None)
            .await;
        committed.expect("a commit");
        object
    }

    /// The object as the catalog has it, with its place.
    async fn found(&self, object: &ObjectFacts) -> Option<ObjectFacts> {
        let found = self.catalog.object(&object.bucket, &object.key).await;
        found.expect("an answer")
    }

    /// What the catalog has under the key of this object, as whoever committed it knows it.
    async fn plain(&self, object: &ObjectFacts) -> Option<ObjectFacts> {
        self.found(object).await.map(without_place)
    }

    /// Uploads these bytes as this object; as the catalog has it then.
    async fn put(&self, object: &mut ObjectFacts, bytes: &[u8]) -> ObjectFacts {
        let draft = self.draft(object, bytes).await;
        let committed = self
            .catalog
            .commit_object(object, &Precondition::operator(Overwrite::Allow), None)
            .await;
        let replaced = committed.expect("a commit");
        draft.keep();
        if let Some(replaced) = replaced {
            self.blobs.give_up(&replaced);
        }
        self.found(object).await.expect("an object")
    }

    /// Everything in the blob of an object, as the catalog has it.
    async fn read(&self, object: &ObjectFacts) -> Result<Vec<u8>, BlobError> {
        let mut reader = self.blobs.read(object, 0..object.length).await?;
        let mut all = Vec::new();
        while let Some(piece) = reader.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }

    /// A draft that holds these bytes, durably.
    async fn draft(&self, object: &mut ObjectFacts, bytes: &[u8]) -> Draft {
        let mut draft = self.blobs.begin(0).await.expect("a draft");
        object.blob = draft.id();
        object.length = bytes.len() as u64;
        object.crc64 = crc64(bytes);
        let pieces = vec![Bytes::copy_from_slice(bytes)];
        let finished = draft.finish(pieces, blob_facts(object)).await;
        finished.expect("a finished draft");
        draft
    }
}

/// What each of the futures gave, in any order; they run at once.
async fn at_once<T: Send + 'static>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    futures.into_iter().collect::<JoinSet<T>>().join_all().await
}

fn bucket(name: &str) -> BucketFacts {
    BucketFacts {
        callback: crate::catalog::CallbackSettings::default(),
        forms: crate::catalog::FormRules::default(),
        name: BucketName::parse(name).expect("a bucket name"),
        acl: BucketAcl::Private,
        cors: None,
        owner: "owner".to_owned(),
        created: moment(1),
    }
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a key")
}

/// An object with a new blob id and nothing unusual.
fn object(bucket: &BucketName, text: &str) -> ObjectFacts {
    ObjectFacts {
        bucket: bucket.clone(),
        key: key(text),
        blob: BlobId::new(),
        place: BlobPlace::default(),
        length: 3,
        etag: ETag::from_md5([7; 16]),
        crc64: 9,
        content_type: "image/jpeg".to_owned(),
        headers: StoredHeaders::default(),
        metadata: Vec::new(),
        acl: ObjectAcl::Default,
        storage_class: "Standard".to_owned(),
        modified: moment(2),
    }
}

/// The object as whoever committed it knows it.
fn without_place(mut object: ObjectFacts) -> ObjectFacts {
    object.place = BlobPlace::default();
    object
}

fn blob_facts(object: &ObjectFacts) -> BlobFacts {
    BlobFacts {
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        length: object.length,
        md5: *object.etag.md5(),
        crc64: object.crc64,
        content_type: object.content_type.clone(),
        headers: object.headers.clone(),
        metadata: object.metadata.clone(),
        acl: object.acl,
        storage_class: object.storage_class.clone(),
        modified: object.modified,
    }
}

fn moment(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millisecond).expect("a moment of our time")
}

fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, bytes)
}

/// Bytes that differ at every place and from every other seed's.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes: Vec<u8> = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// `SplitMix64`: the same numbers for the same seed, on every machine.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end`, without `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("less than a usize")
    }

    /// Any byte.
    pub const fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
