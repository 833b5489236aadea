//! The signature in a URL.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::super::date;
use super::super::error::{CredentialDateFault, SignatureError, shorten};
use super::super::request::{Scope, SignedRequest};
use super::canonical::{
    SIGNATURE, additional_names, canonical_request, push_parameter, string_to_sign,
};
use super::{Credential, Provided, SigningKey, VERSION};
use crate::name::AccessKeySecret;

/// The longest time that a URL is valid: seven days.
pub const MAX_URL_VALIDITY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What `?x-oss-signature-version=OSS4-HMAC-SHA256&…` says. Of duplicates the first one counts; the
/// others are covered by the signature like any parameter.
#[derive(Clone, Eq, PartialEq)]
pub struct UrlSignature {
    credential: Credential,
    date: String,
    expires: SignedDuration,
    additional: Vec<String>,
    signature: String,
}

impl UrlSignature {
    /// Reads the parameters.
    ///
    /// # Errors
    /// One is missing or malformed.
    pub fn parse(request: &SignedRequest<'_>) -> Result<Self, SignatureError> {
        let parameter = |name| {
            let value = request.parameter(name).filter(|value| !value.is_empty());
            value.ok_or(SignatureError::QueryIncomplete { wanted: PARAMETERS })
        };
        let version = parameter(SIGNATURE_VERSION)?;
        if version != VERSION {
            return Err(SignatureError::Version {
                value: shorten(version),
            });
        }
        let credential = Credential::parse(parameter(CREDENTIAL)?)?;
        let date = parameter(DATE)?;
        let expires = parameter(EXPIRES)?;
        let signature = parameter(SIGNATURE)?;
        let additional = request.parameter(ADDITIONAL_HEADERS).unwrap_or_default();
        Ok(Self {
            credential,
            date: date.to_owned(),
            expires: validity(expires)?,
            additional: additional.split(';').map(str::to_owned).collect(),
            signature: signature.to_owned(),
        })
    }

    /// Who claims to have signed, and for what.
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Verifies that the URL is valid `now`, its scope, and then its signature.
    ///
    /// # Errors
    /// Says why not. Without a secret it is always an unknown key.
    pub fn verify(
        &self,
        secret: Option<&AccessKeySecret>,
        request: &SignedRequest<'_>,
        scope: Scope<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let date_fault = |why| SignatureError::CredentialDate {
            value: shorten(&self.date),
            why,
        };
        let time = date::parse(date::BASIC, &self.date)
            .ok_or_else(|| date_fault(CredentialDateFault::Form))?;
        let age = now.duration_since(time);
        if age < -date::MAX_SKEW {
            return Err(date_fault(CredentialDateFault::TooEarly));
        }
        if age > self.expires {
            let expired = time.saturating_add(self.expires).unwrap_or(Timestamp::MAX);
            return Err(SignatureError::Expired { expired, now });
        }
        self.credential.check_day(&self.date)?;
        self.credential.check_scope(scope)?;
        let additional: Vec<_> = self.additional.iter().map(String::as_str).collect();
        let canonical = canonical_request(request, &additional);
        Provided {
            credential: &self.credential,
            string_to_sign: &string_to_sign(&self.date, &self.credential, &canonical),
            canonical_request: Some(&canonical),
            signature: &self.signature,
        }
        .verify(secret)
    }
}

impl fmt::Debug for UrlSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UrlSignature({:?}, …)", self.credential)
    }
}

/// The query of a URL that lets its bearer make `request` for `validity` from `time` on,
/// percent-encoded.
///
/// The request's own query comes first, then the signature's parameters. `additional` names headers
/// to sign beyond those that always are. A temporary access key's token goes into the request's query
/// as `x-oss-security-token`. The credential's day must be that of `time`.
pub fn presign(
    credential: &Credential,
    secret: &AccessKeySecret,
    request: &SignedRequest<'_>,
    additional: &[&str],
    time: Timestamp,
    validity: SignedDuration,
) -> String {
    let date = date::print(date::BASIC, time);
    let names = additional_names(request, additional).join(";");
    let mut query = request.query.to_vec();
    let mut push = |name: &str, value: &str| query.push((name.to_owned(), value.to_owned()));
    push(SIGNATURE_VERSION, VERSION);
    push(DATE, &date);
    push(EXPIRES, &validity.as_secs().to_string());
    push(CREDENTIAL, &credential.to_string());
    if !names.is_empty() {
        push(ADDITIONAL_HEADERS, &names);
    }
    let signed = SignedRequest {
        query: &query,
        ..*request
    };
    let canonical = canonical_request(&signed, additional);
    let text = string_to_sign(&date, credential, &canonical);
    let signature = SigningKey::new(secret, credential).sign(text.as_bytes());
    let mut encoded = String::new();
    for (name, value) in &query {
        push_parameter(&mut encoded, name, value);
    }
    push_parameter(&mut encoded, SIGNATURE, &signature);
    encoded
}

fn validity(text: &str) -> Result<SignedDuration, SignatureError> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| is_number);
    let validity = seconds.map(SignedDuration::from_secs);
    validity
        .filter(|validity| validity.is_positive() && *validity <= MAX_URL_VALIDITY)
        .ok_or_else(|| SignatureError::ExpiresRange {
            value: shorten(text),
        })
}

const ADDITIONAL_HEADERS: &str = "x-oss-additional-headers";
const CREDENTIAL: &str = "x-oss-credential";
const DATE: &str = "x-oss-date";
const EXPIRES: &str = "x-oss-expires";
const SIGNATURE_VERSION: &str = "x-oss-signature-version";
const PARAMETERS: &str =
    "x-oss-signature-version, x-oss-credential, x-oss-date, x-oss-expires and x-oss-signature";
