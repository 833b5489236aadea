//! The signature in a URL.

use std::fmt;

use jiff::Timestamp;

use super::super::error::{IdPlace, SignatureError};
use super::super::mac;
use super::super::request::{SignedRequest, access_key_id};
use super::super::v4::push_parameter;
use super::ambiguity::{self, PresignError};
use super::header::text_with_date;
use crate::name::{AccessKeyId, AccessKeySecret};

/// What `?OSSAccessKeyId=…&Expires=…&Signature=…` says, in any order; of duplicates the first one
/// counts.
#[derive(Clone, Eq, PartialEq)]
pub struct UrlSignature {
    access_key_id: AccessKeyId,
    expires: u64,
    /// As it was written: `007` is not what was signed as `7`.
    expires_text: String,
    signature: String,
}

impl UrlSignature {
    /// Reads the parameters.
    ///
    /// # Errors
    /// One is missing, `Expires` is no number, or the id has impossible characters.
    pub fn parse(request: &SignedRequest<'_>) -> Result<Self, SignatureError> {
        let parameter = |name| {
            let value = request.parameter(name).filter(|value| !value.is_empty());
            value.ok_or(SignatureError::QueryIncomplete { wanted: PARAMETERS })
        };
        let id = parameter(ACCESS_KEY_ID)?;
        let signature = parameter(SIGNATURE)?;
        let expires_text = parameter(EXPIRES)?;
        // `parse` alone would take a sign.
        let is_number = expires_text.bytes().all(|byte| byte.is_ascii_digit());
        let expires = expires_text.parse().ok().filter(|_| is_number);
        Ok(Self {
            access_key_id: access_key_id(id, IdPlace::Itself)?,
            expires: expires.ok_or(SignatureError::Expires)?,
            expires_text: expires_text.to_owned(),
            signature: signature.to_owned(),
        })
    }

    /// Who claims to have signed.
    pub const fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// Verifies that the URL is valid `now`, that its parameters reach no further than an object, and
    /// then its signature.
    ///
    /// # Errors
    /// Says why not. Without a secret it is always an unknown key.
    pub fn verify(
        &self,
        secret: Option<&AccessKeySecret>,
        request: &SignedRequest<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        // What lies beyond the calendar has not expired.
        let expires = i64::try_from(self.expires).ok();
        if let Some(expired) = expires.and_then(|seconds| Timestamp::from_second(seconds).ok())
            && now > expired
        {
            return Err(SignatureError::Expired { expired, now });
        }
        ambiguity::check_url(request)?;
        let text = text_with_date(request, &self.expires_text);
        super::verify(secret, &self.access_key_id, &text, &self.signature)
    }
}

impl fmt::Debug for UrlSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UrlSignature({:?}, …)", self.access_key_id)
    }
}

/// The query of a URL that lets its bearer make `request` until `expires`, percent-encoded.
///
/// The request's own query comes first, then the signature's parameters. A temporary access key's
/// token goes into the request's query as `security-token`.
///
/// # Errors
/// The key or a value reads as parameters ([`PresignError`]): the URL would also permit another
/// request than this one. V4 has no such keys.
pub fn presign(
    access_key_id: &AccessKeyId,
    secret: &AccessKeySecret,
    request: &SignedRequest<'_>,
    expires: Timestamp,
) -> Result<String, PresignError> {
    ambiguity::check_signable(request)?;
    let expires = expires.as_second().to_string();
    let text = text_with_date(request, &expires);
    let signature = mac::hmac_sha1_base64(secret.expose(), text.as_bytes());
    let mut query = String::new();
    let own = request
        .query
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let signed = [
        (EXPIRES, expires.as_str()),
        (ACCESS_KEY_ID, access_key_id.as_str()),
        (SIGNATURE, signature.as_str()),
    ];
    for (name, value) in own.chain(signed) {
        push_parameter(&mut query, name, value);
    }
    Ok(query)
}

const ACCESS_KEY_ID: &str = "OSSAccessKeyId";
const EXPIRES: &str = "Expires";
const SIGNATURE: &str = "Signature";
const PARAMETERS: &str = "Signature, Expires and OSSAccessKeyId";
