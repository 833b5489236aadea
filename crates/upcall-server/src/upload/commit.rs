//! Commit: the one moment at which an object exists.
//!
//! In: [`Admitted`] and [`Ingested`]. Out: [`Committed`]. Before the catalog's transaction nobody sees
//! the object; after it, no crash loses it. A call that is owed is recorded in the same transaction. In a
//! gated bucket the transaction makes the object durable and leaves it invisible; then it is notify
//! that makes it exist. What the key pointed to before is given up.
//!
//! Admission may be long ago. So the transaction judges again, by what is so now: the access key, the ACLs,
//! the bucket. Where the bucket asks something else of uploads now, the upload is planned anew by that.

use std::sync::Arc;

use jiff::Timestamp;
use upcall::callback::ImageInfo;
use upcall::error::{Refusal, WireError};
use upcall::name::ETag;
use upcall_store::blobs::BlobPlace;
use upcall_store::catalog::{BucketFacts, CatalogError, ObjectFacts, Precondition};

use super::admit::Admitted;
use super::bucket_rules;
use super::callback;
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
        key: (*admitted.key).clone(),
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
    let (image, draft) = (ingested.image, ingested.draft);
    let mut planned = Planned::new(server, &admitted, &object, image.as_ref(), now)?;
    let mut tries = 0;
    let replaced = loop {
        match write(server, &admitted, &object, &planned.plan).await {
            Ok(replaced) => break replaced,
            Err(CatalogError::SettingsChanged) if tries < SETTINGS_TRIES => {
                tries += 1;
                admitted.bucket = bucket_again(server, &admitted).await?;
                if admitted.is_form() {
                    let forms = &admitted.bucket.forms;
                    admitted.overwrite = bucket_rules::overwrite(forms, admitted.overwrite);
                }
                planned = Planned::new(server, &admitted, &object, image.as_ref(), now)?;
            }
            Err(error) => return Err(refusal(&error, &admitted)),
        }
    };
    draft.keep();
    if let Some(replaced) = replaced {
        server.blobs.give_up(&replaced);
    }
    // The order has it, and thousands may wait with theirs.
    admitted.callback = None;
    let Planned {
        plan,
        begun,
        expected,
    } = planned;
    Ok(Committed {
        admitted,
        object,
        plan,
        begun,
        expected,
    })
}

/// A plan, and what begins with it.
struct Planned {
    plan: Plan,
    begun: Option<Begun>,
    expected: Option<Expected>,
}

impl Planned {
    fn new(
        server: &Server,
        admitted: &Admitted,
        object: &ObjectFacts,
        image: Option<&ImageInfo>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let plan = plan(admitted, object, image, now);
        let settings = &admitted.bucket.callback;
        if let Plan::Impossible(failure) = &plan
            && (settings.is_required || settings.gate.is_some())
        {
            return Err(Refusal::new(WireError::INVALID_ARGUMENT)
                .hint(format!("the application cannot be asked: {failure}")));
        }
        let expected = match &plan {
            Plan::Owed(owed) | Plan::Gated(owed, _) => Some(server.outbox.expect(owed.id)),
            Plan::Nothing | Plan::Impossible(_) | Plan::Once(_) => None,
        };
        let begun = plan
            .order()
            .and_then(|order| server.dispatcher.begin(order));
        Ok(Self {
            plan,
            begun,
            expected,
        })
    }
}

/// The catalog's transaction. It judges again what admission found.
async fn write(
    server: &Server,
    admitted: &Admitted,
    object: &ObjectFacts,
    plan: &Plan,
) -> Result<Option<ObjectFacts>, CatalogError> {
    let catalog = &server.catalog;
    let precondition = Precondition {
        overwrite: admitted.overwrite,
        writer: admitted.requester.writer(),
        admitted: Some(Arc::clone(&admitted.bucket)),
    };
    match plan {
        Plan::Nothing | Plan::Impossible(_) | Plan::Once(_) => {
            catalog.commit_object(object, &precondition, None).await
        }
        Plan::Owed(owed) => {
            let call = owed.to_owed_call();
            let committed = catalog.commit_object(object, &precondition, Some(&call));
            committed.await
        }
        Plan::Gated(owed, _) => {
            let call = owed.to_owed_call();
            let held = catalog.hold_object(object, &precondition, &call);
            held.await.map(|()| None)
        }
    }
}

/// The bucket as it is now, if the upload may be stored by its settings.
async fn bucket_again(server: &Server, admitted: &Admitted) -> Result<Arc<BucketFacts>, Refusal> {
    let found = server.catalog.bucket(&admitted.bucket.name).await;
    let bucket = found
        .map_err(|error| refusal(&error, admitted))?
        // One that was created anew is another.
        .filter(|bucket| {
            bucket.created.as_millisecond() == admitted.bucket.created.as_millisecond()
        })
        .ok_or_else(|| refusal(&CatalogError::NoSuchBucket, admitted))?;
    callback::judged_again(server, admitted, &bucket)?;
    bucket_rules::judge_again(admitted, &bucket.forms)?;
    Ok(bucket)
}

pub(super) fn refusal(error: &CatalogError, admitted: &Admitted) -> Refusal {
    match error {
        CatalogError::ObjectExists => Refusal::new(WireError::FILE_ALREADY_EXISTS)
            .extra("Key", admitted.key.as_str())
            .hint(
                "the key is taken, and `x-oss-forbid-overwrite` is `true`, or the bucket lets no form \
                 replace an object; choose another key",
            ),
        CatalogError::NoSuchBucket => Refusal::new(WireError::NO_SUCH_BUCKET)
            .extra("BucketName", admitted.bucket.name.as_str())
            .hint("the bucket was deleted while the file was on its way"),
        CatalogError::BucketDenied
        | CatalogError::BucketExists
        | CatalogError::BucketNotEmpty
        | CatalogError::Closed
        | CatalogError::Corrupt(_)
        | CatalogError::Engine(_)
        | CatalogError::KeyDeleted
        | CatalogError::NotOwed
        | CatalogError::ObjectDenied
        | CatalogError::SettingsChanged => crate::fault::of_catalog(error, admitted.call.id),
    }
}

/// How often an upload is planned anew because its bucket's settings have changed just now; beyond that,
/// its uploader sends it again.
const SETTINGS_TRIES: u32 = 3;
