//! The signature in the header `Authorization`.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;

use super::super::date;
use super::super::error::{IdPlace, SignatureError, check_skew};
use super::super::mac;
use super::super::request::{SignedRequest, access_key_id};
use super::resource;
use crate::name::{AccessKeyId, AccessKeySecret};

/// What `Authorization: OSS ID:SIGNATURE` says.
#[derive(Clone, Eq, PartialEq)]
pub struct HeaderSignature {
    access_key_id: AccessKeyId,
    signature: String,
}

impl HeaderSignature {
    pub(in super::super) const FORM: &str = "OSS ID:SIGNATURE";

    /// Reads the header's value.
    ///
    /// # Errors
    /// It is of another form, or the id has impossible characters.
    pub fn parse(header: &str) -> Result<Self, SignatureError> {
        let wrong = SignatureError::AuthorizationForm { wanted: Self::FORM };
        let signed = header.trim().strip_prefix("OSS ");
        match signed.and_then(|signed| signed.trim_start().split_once(':')) {
            Some((id, signature)) if !id.is_empty() && !signature.is_empty() => Ok(Self {
                access_key_id: access_key_id(id, IdPlace::Itself)?,
                signature: signature.to_owned(),
            }),
            Some(_) | None => Err(wrong),
        }
    }

    /// Who claims to have signed.
    pub const fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// Verifies the signature, and that the request's date is within 15 minutes of `now`.
    ///
    /// # Errors
    /// Says why not; the date is judged first. Without a secret it is always an unknown key.
    pub fn verify(
        &self,
        secret: Option<&AccessKeySecret>,
        request: &SignedRequest<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let text = date_text(request).unwrap_or_default();
        let time = date::parse(date::HTTP, &text).ok_or(SignatureError::Date {
            wanted: "send `Date` or `x-oss-date`, such as `Wed, 28 Dec 2022 10:27:41 GMT`",
        })?;
        check_skew(time, now)?;
        let text = text_with_date(request, &text);
        super::verify(secret, &self.access_key_id, &text, &self.signature)
    }
}

impl fmt::Debug for HeaderSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderSignature({:?}, …)", self.access_key_id)
    }
}

/// The value of `Authorization` for a request, whose headers carry `Date` or `x-oss-date`.
pub fn authorization(
    access_key_id: &AccessKeyId,
    secret: &AccessKeySecret,
    request: &SignedRequest<'_>,
) -> String {
    let text = string_to_sign(request);
    let signature = mac::hmac_sha1_base64(secret.expose(), text.as_bytes());
    format!("OSS {access_key_id}:{signature}")
}

/// The text that is signed for a header.
pub fn string_to_sign(request: &SignedRequest<'_>) -> String {
    text_with_date(request, &date_text(request).unwrap_or_default())
}

/// The text that is signed, with what stands in the line of the date.
pub(super) fn text_with_date(request: &SignedRequest<'_>, date: &str) -> String {
    let header = |name| request.header(name).unwrap_or_default();
    let names = request.header_names(|name| name.starts_with("x-oss-"));
    format!(
        "{}\n{}\n{}\n{date}\n{}{}",
        request.method,
        header("content-md5"),
        header("content-type"),
        request.header_lines(&names),
        resource::canonicalized(request),
    )
}

fn date_text<'a>(request: &SignedRequest<'a>) -> Option<Cow<'a, str>> {
    request
        .header("x-oss-date")
        .or_else(|| request.header("date"))
}
