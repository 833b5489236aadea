//! The signature in the header `Authorization`.

use std::fmt;

use jiff::Timestamp;

use super::super::date;
use super::super::error::{SignatureError, check_skew, shorten};
use super::super::request::{Scope, SignedRequest};
use super::canonical::{UNSIGNED_PAYLOAD, additional_names, canonical_request, string_to_sign};
use super::{Credential, Provided, SigningKey, VERSION};
use crate::name::AccessKeySecret;

/// What `Authorization: OSS4-HMAC-SHA256 Credential=…,AdditionalHeaders=…,Signature=…` says.
#[derive(Clone, Eq, PartialEq)]
pub struct HeaderSignature {
    credential: Credential,
    additional: Vec<String>,
    signature: String,
}

impl HeaderSignature {
    pub(super) const FORM: &str = "OSS4-HMAC-SHA256 Credential=…,AdditionalHeaders=a;b,Signature=…";

    /// Reads the header's value; its members may stand in any order, each once.
    ///
    /// # Errors
    /// It is of another form, or the credential is.
    pub fn parse(header: &str) -> Result<Self, SignatureError> {
        let wrong = || SignatureError::AuthorizationForm { wanted: Self::FORM };
        let rest = header.trim().strip_prefix(VERSION).ok_or_else(wrong)?;
        let members = rest.strip_prefix(' ').ok_or_else(wrong)?;
        let (mut credential, mut additional, mut signature) = (None, None, None);
        for member in members.split(',') {
            let (name, value) = member.trim().split_once('=').ok_or_else(wrong)?;
            let place = match name {
                "Credential" => &mut credential,
                "AdditionalHeaders" => &mut additional,
                "Signature" => &mut signature,
                _ => return Err(wrong()),
            };
            if place.replace(value).is_some() {
                return Err(wrong());
            }
        }
        let additional = additional.unwrap_or_default().split(';');
        Ok(Self {
            credential: Credential::parse(credential.ok_or_else(wrong)?)?,
            additional: additional.map(str::to_owned).collect(),
            signature: signature.ok_or_else(wrong)?.to_owned(),
        })
    }

    /// Who claims to have signed, and for what.
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Verifies the signature, its scope, and that the request's date is within 15 minutes of `now`.
    ///
    /// # Errors
    /// Says why not; the signature is judged last. Without a secret it is always an unknown key.
    pub fn verify(
        &self,
        secret: Option<&AccessKeySecret>,
        request: &SignedRequest<'_>,
        scope: Scope<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let date = request.header(DATE).unwrap_or_default();
        let time = date::parse(date::BASIC, &date).ok_or(SignatureError::Date {
            wanted: "send `x-oss-date`, such as `20231203T121212Z`",
        })?;
        check_skew(time, now)?;
        self.credential.check_day(&date)?;
        self.credential.check_scope(scope)?;
        // What else it could name is a digest, which nothing here would compare with the payload.
        match request.header("x-oss-content-sha256") {
            Some(value) if value == UNSIGNED_PAYLOAD => {}
            other => {
                let value = other.map(|value| shorten(&value));
                return Err(SignatureError::ContentSha256 { value });
            }
        }
        let additional: Vec<_> = self.additional.iter().map(String::as_str).collect();
        let canonical = canonical_request(request, &additional);
        Provided {
            credential: &self.credential,
            string_to_sign: &string_to_sign(&date, &self.credential, &canonical),
            canonical_request: Some(&canonical),
            signature: &self.signature,
        }
        .verify(secret)
    }
}

impl fmt::Debug for HeaderSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderSignature({:?}, …)", self.credential)
    }
}

/// The value of `Authorization` for a request, whose headers carry `x-oss-date` and
/// `x-oss-content-sha256: UNSIGNED-PAYLOAD`. `additional` names further headers to sign.
///
/// The credential's day must be that of `x-oss-date`.
pub fn authorization(
    credential: &Credential,
    secret: &AccessKeySecret,
    request: &SignedRequest<'_>,
    additional: &[&str],
) -> String {
    let canonical = canonical_request(request, additional);
    let date = request.header(DATE).unwrap_or_default();
    let text = string_to_sign(&date, credential, &canonical);
    let signature = SigningKey::new(secret, credential).sign(text.as_bytes());
    let names = additional_names(request, additional);
    if names.is_empty() {
        return format!("{VERSION} Credential={credential},Signature={signature}");
    }
    let names = names.join(";");
    format!("{VERSION} Credential={credential},AdditionalHeaders={names},Signature={signature}")
}

const DATE: &str = "x-oss-date";
