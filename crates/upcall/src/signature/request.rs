//! What a signature covers, and finding the signature of a request.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;

use super::error::{IdPlace, SignatureError, shorten};
use super::{v1, v4};
use crate::name::{AccessKeyId, AccessKeySecret};

/// The parts of a request that signatures cover.
///
/// `bucket` and `key` are what the target means, wherever the bucket was named; `query` holds names
/// and values **decoded**, in the order they came.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The bucket, if there is one.
    pub bucket: Option<&'a str>,
    /// The object's key, decoded; nothing or an empty text addresses the bucket itself.
    pub key: Option<&'a str>,
    /// Names and values of the query, decoded.
    pub query: &'a [(String, String)],
    /// Names and values of the headers, in any case and order.
    pub headers: &'a [(String, String)],
}

impl<'a> SignedRequest<'a> {
    /// The value of a header, without blanks around it. One that stands twice is joined by commas
    /// (RFC 9110, 5.2), so that no second value goes unsigned.
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        let is_named = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        let mut values = self
            .headers
            .iter()
            .filter(is_named)
            .map(|(_, value)| value.trim());
        let first = values.next()?;
        let rest: Vec<_> = values.collect();
        if rest.is_empty() {
            return Some(Cow::Borrowed(first));
        }
        Some(Cow::Owned(format!("{first},{}", rest.join(","))))
    }

    /// The first value of a parameter. Of a signature's parameters the first one counts.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.query
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Lower-case names of the headers for which `is_wanted` says so, sorted, each once.
    pub(super) fn header_names(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let names = self
            .headers
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase());
        let mut names: Vec<_> = names.filter(|name| is_wanted(name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// `name:value` and a line feed for each of `names`.
    pub(super) fn header_lines(&self, names: &[String]) -> String {
        let mut lines = String::new();
        for name in names {
            lines.push_str(name);
            lines.push(':');
            lines.push_str(&self.header(name).unwrap_or_default());
            lines.push('\n');
        }
        lines
    }

    /// `/`, `/bucket/` or `/bucket/key`, raw.
    pub(super) fn resource(&self) -> String {
        match self.bucket {
            None => "/".to_owned(),
            Some(bucket) => format!("/{bucket}/{}", self.key.unwrap_or_default()),
        }
    }
}

impl fmt::Debug for SignedRequest<'_> {
    /// Names only: headers and parameters carry signatures, tokens and policies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest")
            .field("method", &self.method)
            .field("bucket", &self.bucket)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// The region and the product that a V4 signature must be made for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scope<'a> {
    /// Such as `cn-hangzhou`.
    pub region: &'a str,
    /// `oss`.
    pub product: &'a str,
}

impl<'a> Scope<'a> {
    /// The product `oss` in `region`.
    pub const fn oss(region: &'a str) -> Self {
        Self {
            region,
            product: "oss",
        }
    }
}

/// The signature that a request carries, of whichever kind. Nothing in it has been verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RequestSignature {
    /// `Authorization: OSS …`.
    HeaderV1(v1::HeaderSignature),
    /// `?OSSAccessKeyId=…`.
    UrlV1(v1::UrlSignature),
    /// `Authorization: OSS4-HMAC-SHA256 …`.
    HeaderV4(v4::HeaderSignature),
    /// `?x-oss-signature-version=OSS4-HMAC-SHA256…`.
    UrlV4(v4::UrlSignature),
}

impl RequestSignature {
    /// Reads the signature; nothing if the request is anonymous.
    ///
    /// # Errors
    /// The signature is malformed, or there are two.
    pub fn find(request: &SignedRequest<'_>) -> Result<Option<Self>, SignatureError> {
        let has = |names: &[&str]| names.iter().any(|name| request.parameter(name).is_some());
        let in_url_v1 = has(&["OSSAccessKeyId", "Signature"]);
        let in_url_v4 = has(&[
            "x-oss-signature-version",
            "x-oss-signature",
            "x-oss-credential",
        ]);
        match request.header("authorization") {
            Some(_) if in_url_v1 || in_url_v4 => Err(SignatureError::AuthorizationTwice),
            Some(header) => Self::from_header(&header).map(Some),
            None if in_url_v4 => Ok(Some(Self::UrlV4(v4::UrlSignature::parse(request)?))),
            None if in_url_v1 => Ok(Some(Self::UrlV1(v1::UrlSignature::parse(request)?))),
            None => Ok(None),
        }
    }

    fn from_header(header: &str) -> Result<Self, SignatureError> {
        let (scheme, _) = header.split_once(' ').unwrap_or((header, ""));
        match scheme {
            "OSS" => v1::HeaderSignature::parse(header).map(Self::HeaderV1),
            v4::VERSION => v4::HeaderSignature::parse(header).map(Self::HeaderV4),
            _ => Err(SignatureError::AuthorizationForm {
                wanted: v1::HeaderSignature::FORM,
            }),
        }
    }

    /// Who claims to have signed.
    pub const fn access_key_id(&self) -> &AccessKeyId {
        match self {
            Self::HeaderV1(signature) => signature.access_key_id(),
            Self::UrlV1(signature) => signature.access_key_id(),
            Self::HeaderV4(signature) => signature.credential().access_key_id(),
            Self::UrlV4(signature) => signature.credential().access_key_id(),
        }
    }

    /// Verifies the signature over the request in which it was found, and that it is valid `now`.
    ///
    /// `secret` is what the look-up of [`access_key_id`](Self::access_key_id) gave. Without one the
    /// answer is [`SignatureError::UnknownAccessKeyId`], after the same work.
    ///
    /// # Errors
    /// Says why not; what depends on the time is judged before the signature is.
    pub fn verify(
        &self,
        secret: Option<&AccessKeySecret>,
        request: &SignedRequest<'_>,
        scope: Scope<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        match self {
            Self::HeaderV1(signature) => signature.verify(secret, request, now),
            Self::UrlV1(signature) => signature.verify(secret, request, now),
            Self::HeaderV4(signature) => signature.verify(secret, request, scope, now),
            Self::UrlV4(signature) => signature.verify(secret, request, scope, now),
        }
    }
}

/// An access key id from outside.
pub(super) fn access_key_id(id: &str, place: IdPlace) -> Result<AccessKeyId, SignatureError> {
    AccessKeyId::parse(id).map_err(|_| SignatureError::AccessKeyIdCharacters {
        place,
        id: shorten(id),
    })
}
