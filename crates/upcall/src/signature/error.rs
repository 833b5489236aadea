//! Why a signature is not accepted.

use std::fmt;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::date;
use super::form_diagnosis::FormDiagnosis;
use crate::error::{Refusal, WireError, beginning};

/// Why a signature is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignatureError {
    /// The access key id holds characters that none has.
    #[error("the access key id has characters that no access key id has")]
    AccessKeyIdCharacters {
        /// Where the id stood.
        place: IdPlace,
        /// What was sent, shortened.
        id: String,
    },
    /// A URL signed with V1 has a parameter that its signed text does not tell from the end of a key.
    #[error(
        "the URL is signed with V1, which does not tell `?{parameter}` from the end of an object's key"
    )]
    AmbiguousUrl {
        /// The parameter, shortened.
        parameter: String,
    },
    /// The header `Authorization` is not of the form that its version has.
    #[error("the header `Authorization` is not of the form `{wanted}`")]
    AuthorizationForm {
        /// The form.
        wanted: &'static str,
    },
    /// The request is signed in its URL and has a header `Authorization` too.
    #[error("the request is signed twice, in its URL and in the header `Authorization`")]
    AuthorizationTwice,
    /// `x-oss-content-sha256` is not the one value that is in use.
    #[error("the header `x-oss-content-sha256` is not `UNSIGNED-PAYLOAD`")]
    ContentSha256 {
        /// What was sent, shortened; nothing if there is no such header.
        value: Option<String>,
    },
    /// The credential of V4 is not of the documented form.
    #[error("the credential is not of the form `ID/YYYYMMDD/REGION/oss/aliyun_v4_request`")]
    Credential {
        /// What was sent, shortened.
        value: String,
    },
    /// The date of V4 is malformed, on another day than the credential says, or too far from now.
    #[error("{why}")]
    CredentialDate {
        /// What was sent, shortened.
        value: String,
        /// Which of these.
        why: CredentialDateFault,
    },
    /// The request has no date, or one that cannot be read.
    #[error("the request has no valid date")]
    Date {
        /// The form it should have.
        wanted: &'static str,
    },
    /// The URL was valid until some time ago.
    #[error("the URL expired at {expired}; this server's clock says {now}")]
    Expired {
        /// When it expired.
        expired: Timestamp,
        /// This server's time.
        now: Timestamp,
    },
    /// `Expires` is not a number of seconds.
    #[error("the parameter `Expires` is not a number of seconds since 1970")]
    Expires,
    /// `x-oss-expires` is not a number of seconds within the bounds.
    #[error("the parameter `x-oss-expires` is not a number of seconds from 1 to 604800")]
    ExpiresRange {
        /// What was sent, shortened.
        value: String,
    },
    /// The signature is another than the one computed here.
    #[error("the signature is not the one that this server computes")]
    Mismatch(Box<Mismatch>),
    /// A URL has some of the parameters of a signature and lacks others.
    #[error("the URL has not all of the parameters {wanted}")]
    QueryIncomplete {
        /// The parameters.
        wanted: &'static str,
    },
    /// The credential of V4 is for another region or another product.
    #[error("the credential is for `{found}`; this server is `{here}`")]
    Scope {
        /// Region and product of the credential, shortened.
        found: String,
        /// Region and product of this server.
        here: String,
    },
    /// The request's time is too far from this server's.
    #[error("the request's date is {request_time}; this server's clock says {now}")]
    Skewed {
        /// The request's time.
        request_time: Timestamp,
        /// This server's time.
        now: Timestamp,
    },
    /// There is no such access key.
    #[error("there is no access key `{id}`")]
    UnknownAccessKeyId {
        /// The id.
        id: String,
    },
    /// The signature version is not known.
    #[error("the signature version is not `OSS4-HMAC-SHA256`")]
    Version {
        /// What was sent, shortened.
        value: String,
    },
}

/// Where an access key id stood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IdPlace {
    /// In a credential of V4.
    Credential,
    /// By itself, as V1 has it.
    Itself,
}

/// What is wrong with a date of V4.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CredentialDateFault {
    /// It is not written as the protocol writes it.
    #[error("the date is not of the form `20231203T121212Z`, or the credential's not `20231203`")]
    Form,
    /// The day of the date is not the day of the credential.
    #[error("`x-oss-date` is not on the day that the credential names")]
    OtherDay,
    /// It is more than 15 minutes ahead.
    #[error("`x-oss-date` is more than 15 minutes ahead of this server's clock")]
    TooEarly,
    /// It is more than seven days ago.
    #[error("`x-oss-date` is more than 7 days ago")]
    TooLate,
}

/// A signature that is another than the one computed here, and what was signed here.
#[derive(Clone, Eq, PartialEq)]
pub struct Mismatch {
    pub(super) access_key_id: String,
    pub(super) provided: String,
    pub(super) string_to_sign: String,
    pub(super) canonical_request: Option<String>,
    /// What a form's signature was proven to be instead.
    pub(super) diagnosis: Option<FormDiagnosis>,
}

impl Mismatch {
    /// The text that this server signed: what the client should have signed.
    pub fn string_to_sign(&self) -> &str {
        &self.string_to_sign
    }

    /// The mistakes that were made with a form's signature.
    pub const fn diagnosis(&self) -> Option<&FormDiagnosis> {
        self.diagnosis.as_ref()
    }

    fn refusal(&self) -> Refusal {
        let text = excerpt(&self.string_to_sign, ECHO_BYTES);
        let bytes = text.bytes().fold(String::new(), |mut bytes, byte| {
            let space = if bytes.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(bytes, "{space}{byte:02x}");
            bytes
        });
        let refusal = Refusal::new(WireError::SIGNATURE_DOES_NOT_MATCH)
            .extra(ACCESS_KEY_ID, &self.access_key_id)
            .extra("SignatureProvided", excerpt(&self.provided, SHORT_BYTES))
            .extra("StringToSign", text)
            .extra("StringToSignBytes", bytes);
        match &self.canonical_request {
            Some(canonical) => refusal.extra("CanonicalRequest", excerpt(canonical, ECHO_BYTES)),
            None => refusal,
        }
    }
}

impl fmt::Debug for Mismatch {
    /// Who, never what was signed: neither policy nor signature may reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mismatch({:?}, …)", self.access_key_id)
    }
}

impl SignatureError {
    /// What the client gets to read.
    pub fn refusal(&self) -> Refusal {
        let refusal = self.row();
        if let Self::Mismatch(mismatch) = self
            && let Some(diagnosis) = mismatch.diagnosis()
        {
            return refusal.hint(format!("{self}; {diagnosis}"));
        }
        refusal.hint(format!("{self}; {}", self.advice()))
    }

    fn row(&self) -> Refusal {
        match self {
            Self::AccessKeyIdCharacters {
                place: IdPlace::Itself,
                id,
            } => Refusal::new(WireError::INVALID_ACCESS_KEY_ID)
                .ec("0002-00000903")
                .message("The OSS Access Key Id contains non-acceptable characters.")
                .extra(ACCESS_KEY_ID, id),
            Self::AccessKeyIdCharacters {
                place: IdPlace::Credential,
                id,
            } => invalid("x-oss-credential", id).ec("0002-00000708"),
            Self::AmbiguousUrl { .. } => Refusal::new(WireError::ACCESS_DENIED),
            Self::AuthorizationForm { .. } => Refusal::new(WireError::INVALID_ARGUMENT)
                .message("Authorization header is invalid."),
            Self::AuthorizationTwice => Refusal::new(WireError::INVALID_ARGUMENT)
                .message("Only one authentication method is allowed."),
            Self::ContentSha256 { value } => {
                invalid("x-oss-content-sha256", value.as_deref().unwrap_or_default())
            }
            Self::Credential { value } => invalid("x-oss-credential", value).ec("0002-00000710"),
            Self::CredentialDate { value, .. } => invalid("x-oss-date", value).ec("0002-00000709"),
            Self::Date { .. } => denied("OSS authentication requires a valid Date."),
            Self::Expired { .. } => denied("Request has expired."),
            Self::Expires => denied("Invalid date (should be seconds since epoch)."),
            Self::ExpiresRange { value } => invalid("x-oss-expires", value),
            Self::Mismatch(mismatch) => mismatch.refusal(),
            Self::QueryIncomplete { wanted } => denied(format!(
                "Query-string authentication requires the {wanted} parameters"
            )),
            Self::Scope { .. } => {
                Refusal::new(WireError::SIGNATURE_DOES_NOT_MATCH).ec("0002-00000227")
            }
            Self::Skewed { request_time, now } => {
                let time = |time| date::print(date::ISO_MILLISECONDS, time);
                let allowed = date::MAX_SKEW.as_millis().to_string();
                Refusal::new(WireError::REQUEST_TIME_TOO_SKEWED)
                    .extra("MaxAllowedSkewMilliseconds", allowed)
                    .extra("RequestTime", time(*request_time))
                    .extra("ServerTime", time(*now))
            }
            Self::UnknownAccessKeyId { id } => {
                Refusal::new(WireError::INVALID_ACCESS_KEY_ID).extra(ACCESS_KEY_ID, id)
            }
            Self::Version { value } => {
                invalid("x-oss-signature-version", value).ec("0002-00000701")
            }
        }
    }

    const fn advice(&self) -> &'static str {
        match self {
            Self::AccessKeyIdCharacters { .. } => {
                "send the id as it was given out: letters, digits, `.`, `_` and `=`"
            }
            Self::AmbiguousUrl { .. } => {
                "sign the URL with V4 (`OSS4-HMAC-SHA256`), or sign the request in a header"
            }
            Self::AuthorizationForm { .. } => "write it so, with the id before the signature",
            Self::AuthorizationTwice => "leave one of the two out",
            Self::ContentSha256 { .. } => "send `x-oss-content-sha256: UNSIGNED-PAYLOAD`",
            Self::Credential { .. } => "write the credential so",
            Self::CredentialDate { .. } => {
                "sign again with the present time in UTC, and with its day in the credential"
            }
            Self::Date { wanted } => wanted,
            Self::Expired { .. } => "have a new URL signed",
            Self::Expires => "sign with the Unix time, in digits",
            Self::ExpiresRange { .. } => "sign with the seconds that the URL shall be valid",
            Self::Mismatch(_) => {
                "compare `StringToSign` with the text that was signed, and check the access key \
                 secret"
            }
            Self::QueryIncomplete { .. } => "send the URL as it was signed",
            Self::Scope { .. } => "sign with this server's region",
            Self::Skewed { .. } => "set the client's clock; 15 minutes are allowed either way",
            Self::UnknownAccessKeyId { .. } => {
                "use an access key of this server; its operator can list and create them"
            }
            Self::Version { .. } => "sign with V4, or with V1 and without that parameter",
        }
    }
}

/// Refuses a request whose time is more than 15 minutes away, either way.
pub(super) fn check_skew(request_time: Timestamp, now: Timestamp) -> Result<(), SignatureError> {
    let apart: SignedDuration = now.duration_since(request_time).abs();
    if apart > date::MAX_SKEW {
        return Err(SignatureError::Skewed { request_time, now });
    }
    Ok(())
}

/// A value from outside, cut to what an answer may carry of it.
pub(super) fn shorten(value: &str) -> String {
    excerpt(value, SHORT_BYTES)
}

fn excerpt(text: &str, bytes: usize) -> String {
    beginning(text, bytes).to_owned()
}

fn denied(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(WireError::ACCESS_DENIED).message(message)
}

fn invalid(name: &'static str, value: &str) -> Refusal {
    Refusal::new(WireError::INVALID_ARGUMENT)
        .extra("ArgumentName", name)
        .extra("ArgumentValue", value)
}

const ACCESS_KEY_ID: &str = "OSSAccessKeyId";

/// How much of a signed text an answer repeats.
///
/// 16 KiB: more than any request's head. A form's policy may have 2 MiB, and the answer would be four
/// times as long; beyond the limit it carries the text's beginning.
const ECHO_BYTES: usize = 16 * 1024;

/// How much of any other value an answer repeats.
const SHORT_BYTES: usize = 128;
