//! Commit: the one moment at which an object exists.
//!
//! In: [`Admitted`] and [`Ingested`]. Out: [`Committed`]. Before the catalog's transaction nobody sees
//! the object; after it, no crash loses it. What the key pointed to before is given up.

use std::sync::Arc;

use upcall::callback::ImageInfo;
use upcall::error::{Refusal, WireError};
use upcall::name::ETag;
use upcall_store::blobs::BlobPlace;
use upcall_store::catalog::{CatalogError, ObjectFacts};

use super::admit::Admitted;
use super::ingest::Ingested;
use crate::node::Server;

/// An object that is visible and durable.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) admitted: Admitted,
    pub(crate) object: ObjectFacts,
    pub(crate) image: Option<ImageInfo>,
}

pub(crate) async fn commit(
    server: &Arc<Server>,
    admitted: Admitted,
    ingested: Ingested,
) -> Result<Committed, Refusal> {
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
        modified: server.clock.now(),
    };
    let replaced = server
        .catalog
        .commit_object(&object, admitted.overwrite, None)
        .await
        .map_err(|error| refusal(&error, &admitted))?;
    ingested.draft.keep();
    if let Some(replaced) = replaced {
        server.blobs.give_up(&replaced);
    }
    Ok(Committed {
        admitted,
        object,
        image: ingested.image,
    })
}

fn refusal(error: &CatalogError, admitted: &Admitted) -> Refusal {
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
        | CatalogError::Engine(_) => crate::fault::of_catalog(error, admitted.call.id),
    }
}
