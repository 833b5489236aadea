//! One file for each operation of the API, each in the same order: parse, check, do, answer.

pub(crate) mod bucket_acl;
pub(crate) mod bucket_cors;
pub(crate) mod bucket_info;
pub(crate) mod delete_object;
pub(crate) mod get_object;
pub(crate) mod list_objects;
mod object_conditions;
pub(crate) mod public_key;
pub(crate) mod put_bucket;
pub(crate) mod put_object;
pub(crate) mod upload_answer;
mod xml_body;

use std::sync::Arc;

use upcall::error::{Refusal, WireError};
use upcall_store::catalog::BucketFacts;

use crate::http::answer::Answer;
use crate::http::cors;
use crate::http::operation::Operation;
use crate::http::service::{Call, Outcome};
use crate::node::Server;
use crate::telemetry::request_line::RequestLine;
use crate::upload;

/// Runs one operation, each in a box: an upload that waits must not have room for all others.
pub(crate) async fn run(
    server: &Arc<Server>,
    operation: Operation,
    call: Call,
    bucket: Option<Arc<BucketFacts>>,
    line: &mut RequestLine,
) -> Outcome {
    match operation {
        Operation::DeleteBucketCors => Box::pin(bucket_cors::delete(server, call, bucket)).await,
        Operation::DeleteObject => Box::pin(delete_object::run(server, call, bucket)).await,
        Operation::GetBucketAcl => Box::pin(bucket_acl::get(server, &call, bucket)).await,
        Operation::GetBucketCors => Box::pin(bucket_cors::get(server, &call, bucket)).await,
        Operation::GetBucketInfo => Box::pin(bucket_info::run(server, &call, bucket)).await,
        Operation::GetObject | Operation::HeadObject => {
            Box::pin(get_object::run(server, operation, call, bucket, line)).await
        }
        Operation::GetUploadAnswer => Box::pin(upload_answer::run(server, &call, bucket)).await,
        Operation::ListObjects => Box::pin(list_objects::run(server, &call, bucket)).await,
        Operation::Options => cors::preflight(server.cors_rules(bucket.as_deref()), &call.headers),
        Operation::PostObject => Box::pin(upload::post_object(server, call, bucket, line)).await,
        Operation::PutBucket => Box::pin(put_bucket::run(server, call)).await,
        Operation::PutBucketAcl => Box::pin(bucket_acl::put(server, call, bucket)).await,
        Operation::PutBucketCors => Box::pin(bucket_cors::put(server, call, bucket)).await,
        Operation::PutObject => Box::pin(put_object::run(server, call, bucket, line)).await,
    }
}

/// The bucket, which must exist.
pub(crate) fn existing(
    call: &Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Result<Arc<BucketFacts>, Refusal> {
    bucket.ok_or_else(|| {
        let name = call
            .target
            .bucket
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        no_such_bucket(name)
    })
}

pub(crate) fn no_such_bucket(name: impl Into<String>) -> Refusal {
    Refusal::new(WireError::NO_SUCH_BUCKET)
        .extra("BucketName", name)
        .hint("create the bucket first (`upcall bucket create`), or correct its name")
}

fn no_content() -> Answer {
    Answer::new(http::StatusCode::NO_CONTENT)
}
