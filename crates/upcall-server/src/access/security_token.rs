//! Security tokens: this server gives out none, so that no key of it can come with one.
//!
//! A token beside a permanent key was taken for nothing; a client that was misconfigured, or a test
//! that relies on temporary keys, learnt of it at OSS only.
//!
//! In: what a signed request or form carries. Out: the refusal that OSS has. An empty token counts as
//! absent: official samples send one with a permanent key. Source: OSS, "`PostObject`", "Error codes".

use upcall::error::{Refusal, WireError};
use upcall::signature::SignedRequest;

/// Judges the token of a form or a request whose signature has been verified.
///
/// # Errors
/// `InvalidSecurityToken` for any but an empty one.
pub(crate) fn refuse_token(token: Option<&str>) -> Result<(), Refusal> {
    match token.filter(|token| !token.trim().is_empty()) {
        None => Ok(()),
        Some(_) => Err(Refusal::new(WireError::INVALID_SECURITY_TOKEN).hint(
            "the access key is a permanent one and has no token; leave `x-oss-security-token` (in a \
             URL of V1 `security-token`) out",
        )),
    }
}

/// The token of a request, wherever it stands.
pub(super) fn of_request(request: &SignedRequest<'_>) -> Option<String> {
    let header = request.header(HEADER).map(std::borrow::Cow::into_owned);
    let in_query = [HEADER, PARAMETER].into_iter().filter_map(|name| {
        let values = request.query.iter().filter(|(known, _)| known == name);
        values
            .map(|(_, value)| value.clone())
            .find(|value| !value.trim().is_empty())
    });
    header
        .into_iter()
        .chain(in_query)
        .find(|token| !token.trim().is_empty())
}

const HEADER: &str = "x-oss-security-token";
const PARAMETER: &str = "security-token";
