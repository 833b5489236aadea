//! The catalog: small facts with transactions. The port, its facts and errors, and its engine.

mod error;
mod facts;
mod owed;
mod precondition;

use std::collections::HashSet;
use std::sync::Arc;

use upcall::name::{AccessKeyId, BucketName, ObjectKey};

pub use error::{CatalogError, EngineFault};
pub use facts::{
    AccessKeyFacts, BucketAcl, BucketFacts, BucketSignatures, CallbackSettings, Cors, CorsRule,
    FormRules, Gate, ListObjects, ObjectAcl, ObjectFacts, ObjectPage, Overwrite, StoredHeaders,
};
pub use owed::{
    CallProgress, HeldObject, KeptAnswer, OwedCall, OwedFacts, OwedQuery, OwedRecord, RecallBy,
    Recalled,
};
pub use precondition::{Precondition, Replaced, WriteFacts, Writer};

use crate::BoxFuture;
use crate::blobs::BlobId;

/// Where facts live. Every method is one transaction, and one that is given a [`Writer`] judges it there.
///
/// Every engine promises, and the contract suite checks:
///
/// - **Durable.** When a change returns `Ok`, no crash of process or machine undoes it.
/// - **Atomic.** Others see all of a change or none of it.
/// - **Ordered.** Keys come in UTF-8 byte order; a page costs what the page holds.
/// - **Cancel-safe.** Dropping the future leaves all of the change or none.
/// - **Revocations are final.** A change that takes a right away (an access key or a bucket deleted, an
///   ACL or callback settings changed) returns only when every write has ended that was judged by
///   what was there before: see [`Precondition`].
pub trait Catalog: Send + Sync + 'static {
    /// Makes a bucket.
    ///
    /// # Errors
    /// [`CatalogError::BucketExists`] if there is one of this name; nothing has changed then.
    fn create_bucket<'a>(
        &'a self,
        bucket: &'a BucketFacts,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>>;

    /// The bucket of this name.
    fn bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<Arc<BucketFacts>>, CatalogError>>;

    /// Every bucket, by name.
    fn buckets(&self) -> BoxFuture<'_, Result<Vec<Arc<BucketFacts>>, CatalogError>>;

    /// # Errors
    /// [`CatalogError::NoSuchBucket`].
    fn set_bucket_acl<'a>(
        &'a self,
        name: &'a BucketName,
        acl: BucketAcl,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>>;

    /// Replaces the CORS rules; `None` takes them away.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBucket`].
    fn set_bucket_cors<'a>(
        &'a self,
        name: &'a BucketName,
        cors: Option<&'a Cors>,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>>;

    /// Replaces the callback settings; which signatures the bucket accepts stays as it is.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBucket`].
    fn set_bucket_callback<'a>(
        &'a self,
        name: &'a BucketName,
        callback: &'a CallbackSettings,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>>;

    /// Says which signatures the bucket accepts; `None` is as many as the server.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBucket`].
    fn set_bucket_signatures<'a>(
        &'a self,
        name: &'a BucketName,
        signatures: Option<BucketSignatures>,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>>;

    /// Replaces what it refuses of forms.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBucket`].
    fn set_bucket_forms<'a>(
        &'a self,
        name: &'a BucketName,
        forms: &'a FormRules,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>>;

    /// # Errors
    /// [`CatalogError::NoSuchBucket`]; [`CatalogError::BucketNotEmpty`] if it has an object, or holds
    /// one back.
    fn delete_bucket<'a>(
        &'a self,
        name: &'a BucketName,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>>;

    /// Makes `object` visible under its key; its bytes are durable then too, also those that
    /// [`Draft::finish`](crate::blobs::Draft::finish) left in memory.
    ///
    /// If a call is owed for it, that is recorded in the same transaction: there is never one without
    /// the other.
    ///
    /// Returns what the key pointed to before, so that the caller can give that blob up. If it
    /// pointed to this very blob already, the commit is a repetition: it is done, and there is
    /// nothing to give up.
    ///
    /// # Errors
    /// What [`Precondition::judge`] says of the facts of this very transaction; nothing has changed
    /// then.
    fn commit_object<'a>(
        &'a self,
        object: &'a ObjectFacts,
        precondition: &'a Precondition,
        owed: Option<&'a OwedCall>,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, CatalogError>>;

    /// Makes `object` durable and leaves it invisible, with a call owed for it: until
    /// [`publish_object`](Self::publish_object) makes it visible or
    /// [`settle_call`](Self::settle_call) drops it, nobody sees it.
    ///
    /// # Errors
    /// As [`commit_object`](Self::commit_object); nothing has changed then.
    fn hold_object<'a>(
        &'a self,
        object: &'a ObjectFacts,
        precondition: &'a Precondition,
        owed: &'a OwedCall,
    ) -> BoxFuture<'a, Result<(), CatalogError>>;

    /// Makes an object that was held visible; its call is settled with it. Returns the object, and what
    /// its key pointed to before. `writer` is who uploaded it: what was revoked while it was held
    /// counts.
    ///
    /// # Errors
    /// [`CatalogError::ObjectExists`] if the key has been taken meanwhile and it may not be replaced;
    /// [`CatalogError::NotOwed`] if nothing is held under this id; those of [`Writer::judge`]. Nothing
    /// has changed then.
    fn publish_object<'a>(
        &'a self,
        id: BlobId,
        writer: &'a Writer,
        kept: Option<KeptAnswer>,
    ) -> BoxFuture<'a, Result<(ObjectFacts, Option<ObjectFacts>), CatalogError>>;

    /// A call is no longer owed; an object that was held for it is dropped, its bytes are given up.
    /// Whether it was owed. The answer is kept, if there is one.
    fn settle_call(
        &self,
        id: BlobId,
        kept: Option<KeptAnswer>,
    ) -> BoxFuture<'_, Result<bool, CatalogError>>;

    /// Owed calls, by id.
    fn owed_calls(&self, query: OwedQuery) -> BoxFuture<'_, Result<Vec<OwedFacts>, CatalogError>>;

    /// An owed call with what is to be called, and the object if it is held.
    fn owed_call(&self, id: BlobId) -> BoxFuture<'_, Result<Option<OwedRecord>, CatalogError>>;

    /// Notes what was tried. Not durable at once: a crash may forget the last of it.
    fn note_calls(
        &self,
        progress: Vec<(BlobId, CallProgress)>,
    ) -> BoxFuture<'_, Result<(), CatalogError>>;

    /// What is known of an upload whose call was recorded, for whoever asks again.
    fn recall<'a>(
        &'a self,
        by: RecallBy<'a>,
    ) -> BoxFuture<'a, Result<Option<Recalled>, CatalogError>>;

    /// The object under this key. A bucket that is not there has no objects.
    fn object<'a>(
        &'a self,
        bucket: &'a BucketName,
        key: &'a ObjectKey,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, CatalogError>>;

    /// Removes the object under this key and returns it, so that the caller can give its blob up.
    ///
    /// # Errors
    /// Those of [`Writer::judge`]; nothing has changed then.
    fn delete_object<'a>(
        &'a self,
        bucket: &'a BucketName,
        key: &'a ObjectKey,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, CatalogError>>;

    /// One page of a listing: the keys and common prefixes that follow `marker`, in byte order.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBucket`].
    fn list_objects<'a>(
        &'a self,
        request: &'a ListObjects,
    ) -> BoxFuture<'a, Result<ObjectPage, CatalogError>>;

    /// Adds an access key, or replaces the one of the same id.
    fn put_access_key<'a>(
        &'a self,
        key: &'a AccessKeyFacts,
    ) -> BoxFuture<'a, Result<(), CatalogError>>;

    /// The access key of this id.
    fn access_key<'a>(
        &'a self,
        id: &'a AccessKeyId,
    ) -> BoxFuture<'a, Result<Option<Arc<AccessKeyFacts>>, CatalogError>>;

    /// Every access key, by id.
    fn access_keys(&self) -> BoxFuture<'_, Result<Vec<Arc<AccessKeyFacts>>, CatalogError>>;

    /// Removes an access key; whether there was one.
    fn delete_access_key<'a>(
        &'a self,
        id: &'a AccessKeyId,
    ) -> BoxFuture<'a, Result<bool, CatalogError>>;

    /// Which of these blobs an object points to. Answers for every change that was begun before,
    /// also for one whose future was dropped: what is missing from the answer was not committed,
    /// and may be removed. An engine that keeps small blobs beside their facts need not know them
    /// here: nobody else could remove them.
    fn referenced<'a>(
        &'a self,
        blobs: &'a [BlobId],
    ) -> BoxFuture<'a, Result<HashSet<BlobId>, CatalogError>>;
}
