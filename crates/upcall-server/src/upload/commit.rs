//! Commit: the one moment at which an object exists.
//!
//! In: [`Admitted`] and [`Ingested`]. Out: [`Committed`]. Before the catalog's transaction nobody sees
//! the object; after it, no crash loses it. A call that is owed is recorded in the same transaction. In a
//! gated bucket the transaction makes the object durable and leaves it invisible; then it is notify
//! that makes it exist. What the key pointed to before is given up.

use std::sync::Arc;

use upcall::error::{Refusal, WireError};
use upcall::name::ETag;
use upcall_store::blobs::BlobPlace;
use upcall_store::catalog::{CatalogError, ObjectFacts};

use super::admit::Admitted;
use super::ingest::Ingested;
use super::plan::{Plan, plan};
use crate::callback::{Begun, Expected};
use crate::node::Server;

/// An object that is durable, and visible unless it is gated.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) admitted: Box<Admitted>,
    pub(crate) object: ObjectFacts,
    pub(crate) plan: Plan,
    /// The call, which was being signed while the object became durable.
    pub(super) begun: Option<Begun>,
    /// Keeps the outbox from making it, too.
    pub(super) expected: Option<Expected>,
}

pub(crate) async fn commit(
    server: &Arc<Server>,
    mut admitted: Box<Admitted>,
    ingested: Ingested,
) -> Result<Committed, Refusal> {
    let now = server.clock.now();
    let object = ObjectFacts {
        bucket: admitted.bucket.name.clone(),
        key: admitted.key.clone(),
        blob: ingested.draft.id(),
        place: BlobPlace::default(),
        length: ingested.length,
        etag: ETag::from_md5(ingested.md5),
        crc64: ingested.crc64,
        content_type: admitted.content_type.clone(),
        headers: admitted.headers.clone(),
        metadata: admitted.metadata.clone(),
        acl: admitted.acl,
        storage_class: admitted.storage_class.clone(),
        modified: now,
    };
    let plan = plan(&mut admitted, &object, ingested.image.as_ref(), now);
    let settings = &admitted.bucket.callback;
    let is_required = settings.is_required || settings.gate.is_some();
    let expected = match &plan {
        Plan::Owed(owed) | Plan::Gated(owed, _) => Some(server.outbox.expect(owed.id)),
        Plan::Nothing | Plan::Impossible(_) | Plan::Once(_) => None,
    };
    let begun = plan
        .order()
        .and_then(|order| server.dispatcher.begin(order));
    let catalog = &server.catalog;
    let committed = match &plan {
        Plan::Impossible(failure) if is_required => {
            return Err(Refusal::new(WireError::INVALID_ARGUMENT)
                .hint(format!("the application cannot be asked: {failure}")));
        }
        Plan::Nothing | Plan::Impossible(_) | Plan::Once(_) => {
            catalog
                .commit_object(&object, admitted.overwrite, None)
                .await
        }
        Plan::Owed(owed) => {
            let call = owed.to_owed_call();
            catalog
                .commit_object(&object, admitted.overwrite, Some(&call))
                .await
        }
        Plan::Gated(owed, _) => {
            let call = owed.to_owed_call();
            let held = catalog.hold_object(&object, admitted.overwrite, &call);
            held.await.map(|()| None)
        }
    };
    let replaced = committed.map_err(|error| refusal(&error, &admitted))?;
    ingested.draft.keep();
    if let Some(replaced) = replaced {
        server.blobs.give_up(&replaced);
    }
    Ok(Committed {
        admitted,
        object,
        plan,
        begun,
        expected,
    })
}

pub(super) fn refusal(error: &CatalogError, admitted: &Admitted) -> Refusal {
    match error {
        CatalogError::ObjectExists => Refusal::new(WireError::FILE_ALREADY_EXISTS)
            .extra("Key", admitted.key.as_str())
            .hint("the key is taken and `x-oss-forbid-overwrite` is `true`; choose another key"),
        CatalogError::NoSuchBucket => Refusal::new(WireError::NO_SUCH_BUCKET)
            .extra("BucketName", admitted.bucket.name.as_str())
            .hint("the bucket was deleted while the file was on its way"),
        CatalogError::BucketExists
        | CatalogError::BucketNotEmpty
        | CatalogError::Closed
        | CatalogError::Corrupt(_)
        | CatalogError::Engine(_)
        | CatalogError::NotOwed => crate::fault::of_catalog(error, admitted.call.id),
    }
}
