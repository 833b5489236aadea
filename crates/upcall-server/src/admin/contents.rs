//! `/v1/buckets/NAME/contents`: what is in a bucket, all at once.

use std::collections::HashSet;
use std::sync::Arc;

use http::StatusCode;
use upcall::name::BucketName;
use upcall_store::blobs::BlobId;
use upcall_store::catalog::{CatalogError, ListObjects, Writer};

use super::error::AdminError;
use crate::http::answer::Answer;
use crate::node::Server;

/// Empties a bucket: ordered faults, calls that are owed with the objects that are held for them,
/// objects, recorded calls. The bucket and its settings stay.
///
/// In this order: what is held could otherwise become an object behind our back, and what goes on may
/// still record a call. An object that was stored meanwhile, and is gone, takes its owed call with it. An upload under way is none of the contents yet: if it is stored after this, its
/// object is there. A call under way is made to its end; it is not recorded any more, and an object that
/// was held for it stays gone, whatever the application says.
///
/// Also if whoever asked hangs up in between.
pub(super) async fn empty(server: &Arc<Server>, name: &str) -> Result<Answer, AdminError> {
    let bucket = BucketName::parse(name)?;
    if server.catalog.bucket(&bucket).await?.is_none() {
        return Err(AdminError::NoSuchBucket);
    }
    let task_server = Arc::clone(server);
    let emptying = server.tasks.finish_anyway(async move {
        let server = &task_server;
        if let Some(injector) = &server.injector {
            injector.drop_all(Some(&bucket));
        }
        server.outbox.drop_calls(&bucket).await?;
        let gone = delete_objects(server, &bucket).await?;
        server.outbox.drop_calls_of(&gone).await?;
        server.dispatcher.log().wipe(Some(&bucket));
        Ok::<_, CatalogError>(())
    });
    emptying.await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

/// Once through all keys: objects that are made meanwhile do not keep it busy for ever.
async fn delete_objects(
    server: &Server,
    bucket: &BucketName,
) -> Result<HashSet<BlobId>, CatalogError> {
    let mut gone = HashSet::new();
    let mut asked = ListObjects {
        bucket: bucket.clone(),
        prefix: String::new(),
        marker: String::new(),
        delimiter: None,
        max_keys: ListObjects::MAX_KEYS,
    };
    loop {
        let page = server.catalog.list_objects(&asked).await?;
        for object in &page.objects {
            let deleted = server
                .catalog
                .delete_object(bucket, &object.key, &Writer::Operator)
                .await?;
            if let Some(deleted) = deleted {
                server.blobs.give_up(&deleted);
                gone.insert(deleted.blob);
            }
        }
        match page.next_marker {
            Some(marker) => asked.marker = marker,
            None => return Ok(gone),
        }
    }
}
