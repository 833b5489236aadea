//! `DeleteObject`: 204 whether or not there was one. Source: OSS, "DeleteObject".

use std::sync::Arc;

use upcall_store::catalog::{BucketFacts, CatalogError};

use super::{existing, no_content};
use crate::access::{self, Action};
use crate::fault;
use crate::http::service::{Call, Outcome};
use crate::node::Server;

pub(crate) async fn run(
    server: &Arc<Server>,
    call: Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Outcome {
    let requester = access::authenticate(server, &call).await?;
    let bucket = existing(&call, bucket)?;
    access::may(&requester, Action::Write, Some(&bucket))?;
    let id = call.id;
    let key = call.target.key.expect("the route table asks for a key");
    access::may_replace(server, &requester, &bucket, &key, id).await?;

    // Whoever hangs up in between has deleted all the same; the blob must not be forgotten.
    let task_server = Arc::clone(server);
    let task = server.tasks.spawn(async move {
        let catalog = &task_server.catalog;
        let writer = requester.writer();
        let deleted = catalog.delete_object(&bucket.name, &key, &writer);
        if let Some(object) = deleted.await? {
            task_server.blobs.give_up(&object);
        }
        Ok::<_, CatalogError>(())
    });
    let deleted = task.await.map_err(|_| fault::internal())?;
    deleted.map_err(|error| fault::of_catalog(&error, id))?;
    Ok(no_content())
}
