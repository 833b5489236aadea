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

use super::{Requester, security_token};
use crate::fault;
use crate::http::request_id::RequestId;
use crate::http::service::Call;
use crate::node::Server;

/// Who asks, and whether the signature tells the parameters of the URL from the end of the key.
#[derive(Debug)]
pub(crate) struct Authenticated {
    pub(crate) requester: Requester,
    pub(crate) query: SignedQuery,
}

/// What a signature says of a URL's parameters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignedQuery {
    /// Whoever signed the request wanted these parameters.
    Sure,
    /// Nobody signed; or it was signed with V1, whose text is the same for a key that ends in them.
    Unsure,
}

/// # Errors
/// The signature's own refusal; a malformed signature is never taken for an anonymous request.
pub(crate) async fn authenticate(server: &Server, call: &Call) -> Result<Requester, Refusal> {
    Ok(authenticate_query(server, call).await?.requester)
}

/// The same as [`authenticate`], for what acts upon parameters of the URL.
pub(crate) async fn authenticate_query(
    server: &Server,
    call: &Call,
) -> Result<Authenticated, Refusal> {
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
        return Ok(Authenticated {
            requester: Requester::Anonymous,
            query: SignedQuery::Unsure,
        });
    };
    let is_v1 = matches!(
        signature,
        RequestSignature::HeaderV1(_) | RequestSignature::UrlV1(_)
    );
    if is_v1 {
        call.signatures.check_v1()?;
    }
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
    security_token::refuse_token(security_token::of_request(&request).as_deref())?;
    Ok(Authenticated {
        requester: requester(key.as_deref())?,
        query: if is_v1 {
            SignedQuery::Unsure
        } else {
            SignedQuery::Sure
        },
    })
}

/// Who signed, once the signature was verified with this key.
pub(crate) fn requester(key: Option<&AccessKeyFacts>) -> Result<Requester, Refusal> {
    // No signature verifies without a key.
    key.map(Requester::from)
        .ok_or_else(|| Refusal::new(WireError::INVALID_ACCESS_KEY_ID))
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
