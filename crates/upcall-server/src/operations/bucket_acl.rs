//! `PutBucketAcl` and `GetBucketAcl`: who may do what without a signature.
//!
//! Source: OSS, "PutBucketAcl", "GetBucketAcl".

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use upcall::error::{Refusal, WireError, escape_xml};
use upcall_store::catalog::{BucketAcl, BucketFacts};

use super::existing;
use crate::access::{self, Action};
use crate::fault;
use crate::http::answer::Answer;
use crate::http::service::{Call, Outcome};
use crate::node::Server;

pub(crate) async fn put(
    server: &Arc<Server>,
    call: Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Outcome {
    let requester = access::authenticate(server, &call).await?;
    let bucket = existing(&call, bucket)?;
    access::may(&requester, Action::Manage, Some(&bucket))?;
    let acl = call
        .headers
        .get(X_OSS_ACL)
        .map(parse_acl)
        .transpose()?
        .ok_or_else(|| {
            Refusal::new(WireError::MISSING_ARGUMENT).hint("give the ACL in the header `x-oss-acl`")
        })?;
    let changed = server
        .catalog
        .set_bucket_acl(&bucket.name, acl, &requester.writer())
        .await;
    changed.map_err(|error| fault::of_catalog(&error, call.id))?;
    Ok(Answer::new(StatusCode::OK))
}

pub(crate) async fn get(
    server: &Arc<Server>,
    call: &Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Outcome {
    let requester = access::authenticate(server, call).await?;
    let bucket = existing(call, bucket)?;
    access::may(&requester, Action::Manage, Some(&bucket))?;
    let owner = escape_xml(&bucket.owner).into_owned();
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AccessControlPolicy>\n  <Owner>\n    \
         <ID>{owner}</ID>\n    <DisplayName>{owner}</DisplayName>\n  </Owner>\n  \
         <AccessControlList>\n    <Grant>{}</Grant>\n  </AccessControlList>\n\
         </AccessControlPolicy>\n",
        bucket.acl.as_str()
    );
    Ok(Answer::xml(StatusCode::OK, xml))
}

/// Reads `private`, `public-read` or `public-read-write`.
pub(super) fn parse_acl(value: &HeaderValue) -> Result<BucketAcl, Refusal> {
    value
        .to_str()
        .ok()
        .and_then(BucketAcl::parse)
        .ok_or_else(|| {
            Refusal::new(WireError::INVALID_ARGUMENT)
                .message("no such bucket access control exists")
                .extra("ArgumentName", X_OSS_ACL)
                .extra("ArgumentValue", String::from_utf8_lossy(value.as_bytes()))
                .hint("a bucket is `private`, `public-read` or `public-read-write`")
        })
}

pub(super) const X_OSS_ACL: &str = "x-oss-acl";
