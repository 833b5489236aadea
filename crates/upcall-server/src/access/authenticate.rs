//! Who signed a request: header or URL, V1 or V4.
//!
//! In: a call's method, target and headers. Out: [`Requester`]. A key that we do not know and a
//! signature that does not match take the same road and the same time.
//!
//! Source: OSS, "Include signatures in headers", "Include signatures in URLs".

use std::sync::Arc;

use upcall::error::{Refusal, WireError};
use upcall::name::AccessKeyId;
use upcall::signature::{RequestSignature, Scope, SignedRequest};
use upcall_store::catalog::AccessKeyFacts;

use super::Requester;
use crate::fault;
use crate::http::request_id::RequestId;
use crate::http::service::Call;
use crate::node::Server;

/// # Errors
/// The signature's own refusal; a malformed signature is never taken for an anonymous request.
pub(crate) async fn authenticate(server: &Server, call: &Call) -> Result<Requester, Refusal> {
    let headers = text_headers(call)?;
    let request = SignedRequest {
        method: call.method.as_str(),
        bucket: call
            .target
            .bucket
            .as_ref()
            .map(upcall::name::BucketName::as_str),
        key: call
            .target
            .key
            .as_ref()
            .map(upcall::name::ObjectKey::as_str),
        query: call.target.query.pairs(),
        headers: &headers,
    };
    let found = RequestSignature::find(&request).map_err(|error| error.refusal())?;
    let Some(signature) = found else {
        return Ok(Requester::Anonymous);
    };
    let id = signature.access_key_id();
    let key = known_key(server, id, call.id).await?;
    let secret = key.as_ref().map(|facts| &facts.secret);
    signature
        .verify(
            secret,
            &request,
            Scope::oss(&server.region),
            server.clock.now(),
        )
        .map_err(|error| error.refusal())?;
    Ok(Requester::Key(id.clone()))
}

/// The access key of this id, if there is one.
pub(crate) async fn known_key(
    server: &Server,
    id: &AccessKeyId,
    request: RequestId,
) -> Result<Option<Arc<AccessKeyFacts>>, Refusal> {
    server
        .catalog
        .access_key(id)
        .await
        .map_err(|error| fault::of_catalog(&error, request))
}

fn text_headers(call: &Call) -> Result<Vec<(String, String)>, Refusal> {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| {
            Refusal::new(WireError::INVALID_ARGUMENT)
                .extra("ArgumentName", name.as_str())
                .hint("a header's value is not UTF-8")
        })?;
        Ok((name.as_str().to_owned(), value.to_owned()))
    };
    call.headers.iter().map(pair).collect()
}
