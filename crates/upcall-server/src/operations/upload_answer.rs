//! `GetUploadAnswer`, an operation of ours: what an uploader whose connection broke was told.
//!
//! `GET /BUCKET/?x-upcall-answer&request-id=ID`, or `&idempotency-key=KEY`. Whoever knows one of them
//! may ask: both are too long to be guessed. The answer is the one that the upload got, byte for byte,
//! with its status.

use std::sync::Arc;

use http::StatusCode;
use upcall::error::{Refusal, WireError};
use upcall_store::catalog::{BucketFacts, RecallBy};

use super::existing;
use crate::http::service::{Call, Outcome};
use crate::node::Server;
use crate::upload::again::{self, UploadName};
use crate::upload::respond;

pub(crate) async fn run(
    server: &Arc<Server>,
    call: &Call,
    bucket: Option<Arc<BucketFacts>>,
) -> Outcome {
    let bucket = existing(call, bucket)?;
    let query = &call.target.query;
    let told = match (query.value("request-id"), query.value("idempotency-key")) {
        (Some(request_id), None) => {
            again::recall(
                server,
                &bucket.name,
                RecallBy::RequestId(request_id),
                call.id,
            )
            .await?
        }
        (None, Some(key)) => {
            let name = UploadName::new(&bucket.name, key)?;
            again::recall(
                server,
                &bucket.name,
                RecallBy::Idempotency(name.as_str()),
                call.id,
            )
            .await?
        }
        _ => {
            return Err(Refusal::new(WireError::INVALID_ARGUMENT)
                .extra("ArgumentName", "request-id")
                .hint("name the upload by `request-id` or by `idempotency-key`, one of the two"));
        }
    };
    let told = told.ok_or_else(|| {
        Refusal::new(WireError::NO_SUCH_UPLOAD)
            .hint("no answer is kept under this name: it is too old, or no upload had it")
    })?;
    let plain = || crate::http::answer::Answer::new(StatusCode::OK);
    Ok(respond::answer(
        &told,
        &call.id.to_string(),
        &call.host,
        plain,
    ))
}
