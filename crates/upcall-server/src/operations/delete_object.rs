//! `DeleteObject`: 204 whether or not there was one. Source: OSS, "DeleteObject".

use std::sync::Arc;

use upcall_store::catalog::BucketFacts;

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
    let key = call
        .target
        .key
        .as_ref()
        .expect("the route table asks for a key");
    let deleted = server
        .catalog
        .delete_object(&bucket.name, key)
        .await
        .map_err(|error| fault::of_catalog(&error, call.id))?;
    if let Some(object) = deleted {
        server.blobs.give_up(object.blob);
    }
    Ok(no_content())
}
