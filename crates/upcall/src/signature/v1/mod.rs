//! Version 1: base64 of HMAC-SHA1.
//!
//! The text to sign is built from raw, decoded names, without escaping: a key `a?acl` and the
//! sub-resource `acl` of a key `a` give the same text. That is the version's own weakness, and one
//! reason to prefer V4. [`presign`] refuses such keys, and [`UrlSignature`] gives them no more than
//! one object.

mod ambiguity;
mod form;
mod header;
mod resource;
mod url;

pub use ambiguity::PresignError;
pub use form::sign_policy;
pub use header::{HeaderSignature, authorization, string_to_sign};
pub use url::{UrlSignature, presign};

pub(super) use form::{mac_of, verify_policy};

use super::error::{Mismatch, SignatureError};
use super::mac;
use crate::name::{AccessKeyId, AccessKeySecret};

/// Compares `provided` with the signature of `text`; one path for known and unknown keys.
fn verify(
    secret: Option<&AccessKeySecret>,
    access_key_id: &AccessKeyId,
    text: &str,
    provided: &str,
) -> Result<(), SignatureError> {
    let expected = mac::hmac_sha1_base64(mac::secret_or_nobody(secret), text.as_bytes());
    match (mac::is_same(&expected, provided), secret) {
        (_, None) => Err(SignatureError::UnknownAccessKeyId {
            id: access_key_id.to_string(),
        }),
        (true, Some(_)) => Ok(()),
        (false, Some(_)) => Err(SignatureError::Mismatch(Box::new(Mismatch {
            access_key_id: access_key_id.to_string(),
            provided: provided.to_owned(),
            string_to_sign: text.to_owned(),
            canonical_request: None,
            diagnosis: None,
        }))),
    }
}
