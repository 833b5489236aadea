//! `/v1/buckets/NAME/signatures`: which signatures a bucket accepts.

use std::sync::Arc;

use http::StatusCode;
use serde::Deserialize;
use upcall::name::BucketName;
use upcall_store::catalog::{BucketSignatures, Writer};

use super::super::error::AdminError;
use super::super::json;
use crate::access::SignatureVersions;
use crate::http::answer::Answer;
use crate::node::Server;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Wanted {
    signatures: String,
}

/// What counts, the server's own setting included.
pub(in crate::admin) async fn get(server: &Arc<Server>, name: &str) -> Result<Answer, AdminError> {
    let facts = server.catalog.bucket(&BucketName::parse(name)?).await?;
    let facts = facts.ok_or(AdminError::NoSuchBucket)?;
    let signatures = server.signatures.of_bucket(Some(&facts)).as_str();
    let shown = serde_json::json!({ "signatures": signatures });
    json(StatusCode::OK, &shown)
}

pub(in crate::admin) async fn put(
    server: &Arc<Server>,
    name: &str,
    wanted: Wanted,
) -> Result<Answer, AdminError> {
    let signatures = match SignatureVersions::parse(&wanted.signatures) {
        Some(SignatureVersions::Any) => None,
        Some(SignatureVersions::V4) => Some(BucketSignatures::V4),
        None => {
            return Err(AdminError::InvalidValue(
                "`signatures` is `any` or `v4`".to_owned(),
            ));
        }
    };
    let name = BucketName::parse(name)?;
    server
        .catalog
        .set_bucket_signatures(&name, signatures, &Writer::Operator)
        .await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}
