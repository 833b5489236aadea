//! What a V1 signature cannot tell apart, and therefore does not permit.
//!
//! V1 signs the key and the parameters behind it as one text without escaping: `/photos/a?acl` is the
//! object `a?acl`, and the ACL of the object `a`. An application that presigns a key whose end its
//! user chose lets the user choose parameters as well. On the side of whoever signs, such a key is
//! refused; on the side that verifies, a URL gets nothing by its parameters that reaches beyond the
//! one object.
//!
//! Headers are not affected: the one who sends them holds the secret.
//!
//! Source: OSS, "Include a V1 signature in a URL" (`CanonicalizedResource`).

use super::super::error::{SignatureError, shorten};
use super::super::request::SignedRequest;
use super::resource::is_signed;

/// Why a request cannot be presigned with V1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PresignError {
    /// The key holds a `?`, so that its end could be read as parameters.
    #[error("the key holds a `?`, behind which V1 reads parameters; presign it with V4")]
    Key,
    /// A parameter that is signed holds a `&`, or its name a `=`, so that it could be read as two.
    #[error("a signed parameter holds a `&`, behind which V1 reads another; presign it with V4")]
    Parameter,
}

/// # Errors
/// The signed text would also be that of another request.
pub(super) fn check_signable(request: &SignedRequest<'_>) -> Result<(), PresignError> {
    if request.key.is_some_and(|key| key.contains('?')) {
        return Err(PresignError::Key);
    }
    let is_ambiguous = |(name, value): &(String, String)| {
        is_signed(name) && (name.contains(['=', '&']) || value.contains('&'))
    };
    if request.query.iter().any(is_ambiguous) {
        return Err(PresignError::Parameter);
    }
    Ok(())
}

/// # Errors
/// [`SignatureError::AmbiguousUrl`] for a parameter that would turn a URL for an object into one for
/// its bucket, or for the object's rules.
pub(super) fn check_url(request: &SignedRequest<'_>) -> Result<(), SignatureError> {
    let has_key = request.key.is_some_and(|key| !key.is_empty());
    let is_read = matches!(request.method, "GET" | "HEAD");
    let is_forbidden = |name: &str| match (request.bucket, has_key) {
        // No object has this text.
        (None, _) => false,
        // The text is that of the key `?acl`.
        (Some(_), false) => is_signed(name),
        (Some(_), true) if is_read => false,
        // What a write does not act upon would only cut the key short.
        (Some(_), true) => RULES.contains(&name) || name.starts_with("response-"),
    };
    let found = request.query.iter().find(|(name, _)| is_forbidden(name));
    match found {
        Some((name, _)) => Err(SignatureError::AmbiguousUrl {
            parameter: shorten(name),
        }),
        None => Ok(()),
    }
}

/// Sub-resources that say who may do what.
const RULES: [&str; 4] = ["acl", "cors", "lifecycle", "policy"];
