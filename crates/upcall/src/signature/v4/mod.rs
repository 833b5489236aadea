//! Version 4: hex of HMAC-SHA256 with a key that is good for one day, one region and one product.

mod canonical;
mod credential;
mod form;
mod header;
mod key;
mod url;

pub use canonical::{canonical_request, string_to_sign};
pub use credential::Credential;
pub use form::{FORM_VALIDITY, sign_policy};
pub use header::{HeaderSignature, authorization};
pub use key::SigningKey;
pub use url::{MAX_URL_VALIDITY, UrlSignature, presign};

pub(super) use canonical::push_parameter;
pub(super) use form::{SignedForm, verify_policy};

use super::error::{Mismatch, SignatureError};
use super::mac;
use crate::name::AccessKeySecret;

/// What fields, headers and parameters call this version.
pub const VERSION: &str = "OSS4-HMAC-SHA256";

/// What was signed, and the signature that came with it.
struct Provided<'a> {
    credential: &'a Credential,
    string_to_sign: &'a str,
    canonical_request: Option<&'a str>,
    signature: &'a str,
}

impl Provided<'_> {
    /// Compares with the signature computed here; one path for known and unknown keys.
    fn verify(&self, secret: Option<&AccessKeySecret>) -> Result<(), SignatureError> {
        let key = SigningKey::of_bytes(mac::secret_or_nobody(secret), self.credential);
        let is_same = mac::is_same(&key.sign(self.string_to_sign.as_bytes()), self.signature);
        let access_key_id = self.credential.access_key_id().to_string();
        match (is_same, secret) {
            (_, None) => Err(SignatureError::UnknownAccessKeyId { id: access_key_id }),
            (true, Some(_)) => Ok(()),
            (false, Some(_)) => Err(SignatureError::Mismatch(Box::new(Mismatch {
                access_key_id,
                provided: self.signature.to_owned(),
                string_to_sign: self.string_to_sign.to_owned(),
                canonical_request: self.canonical_request.map(str::to_owned),
                diagnosis: None,
            }))),
        }
    }
}
