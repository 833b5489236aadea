//! Who signed the form: the credential fields, all of them or none.

use std::fmt;

use super::error::ARGUMENT_NAME;
use super::known_field::KnownField;
use super::post_form::PostForm;
use crate::error::{Refusal, WireError};

/// What a form says about who signed it. Nothing in here has been verified.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum FormCredentials<'f> {
    /// The form has no policy.
    Anonymous,
    /// HMAC-SHA1, the fields `OSSAccessKeyId`, `policy` and `Signature`.
    V1 {
        /// `OSSAccessKeyId`.
        access_key_id: &'f str,
        /// The base64 text, which is what was signed.
        policy: &'f str,
        /// `Signature`.
        signature: &'f str,
        /// `x-oss-security-token`, if it is not empty.
        security_token: Option<&'f str>,
    },
    /// HMAC-SHA256, the fields `x-oss-credential`, `x-oss-date`, `policy` and `x-oss-signature`.
    V4 {
        /// `x-oss-credential`: `id/date/region/oss/aliyun_v4_request`.
        credential: &'f str,
        /// `x-oss-date`.
        date: &'f str,
        /// The base64 text, which is what was signed.
        policy: &'f str,
        /// `x-oss-signature`.
        signature: &'f str,
        /// `x-oss-security-token`, if it is not empty.
        security_token: Option<&'f str>,
    },
}

impl<'f> FormCredentials<'f> {
    /// Applies the rule "all or none" of the credential fields.
    pub(super) fn of(form: &'f PostForm) -> Result<Self, CredentialFault> {
        let has = |names: &[KnownField]| names.iter().any(|name| form.field(*name).is_some());
        match form.field(KnownField::X_OSS_SIGNATURE_VERSION) {
            Some(V4) => Self::v4(form),
            Some(_) => Err(CredentialFault::Version),
            None if has(&V1_FIELDS) => Self::v1(form),
            // Fields of V4 whose version went missing: not anonymous, whoever sent it meant to sign.
            None if has(&V4_FIELDS) => Err(CredentialFault::Version),
            None => Ok(Self::Anonymous),
        }
    }

    /// `x-oss-security-token`, if it is not empty.
    pub const fn security_token(&self) -> Option<&'f str> {
        match self {
            Self::Anonymous => None,
            Self::V1 { security_token, .. } | Self::V4 { security_token, .. } => *security_token,
        }
    }

    fn v1(form: &'f PostForm) -> Result<Self, CredentialFault> {
        Ok(Self::V1 {
            policy: form
                .required(KnownField::POLICY, POLICY)
                .map_err(CredentialFault::Policy)?,
            signature: form
                .required(KnownField::SIGNATURE, SIGNATURE)
                .map_err(CredentialFault::Signature)?,
            access_key_id: form
                .required(KnownField::OSS_ACCESS_KEY_ID, ACCESS_KEY_ID)
                .map_err(CredentialFault::AccessKeyId)?,
            security_token: form.filled(KnownField::X_OSS_SECURITY_TOKEN),
        })
    }

    fn v4(form: &'f PostForm) -> Result<Self, CredentialFault> {
        Ok(Self::V4 {
            policy: form
                .required(KnownField::POLICY, POLICY)
                .map_err(CredentialFault::Policy)?,
            signature: form
                .required(KnownField::X_OSS_SIGNATURE, SIGNATURE_V4)
                .map_err(CredentialFault::Signature)?,
            credential: form
                .required(KnownField::X_OSS_CREDENTIAL, CREDENTIAL)
                .map_err(CredentialFault::AccessKeyId)?,
            date: form
                .required(KnownField::X_OSS_DATE, DATE)
                .map_err(CredentialFault::Date)?,
            security_token: form.filled(KnownField::X_OSS_SECURITY_TOKEN),
        })
    }
}

impl fmt::Debug for FormCredentials<'_> {
    /// Who, never what was signed: neither policy nor signature may reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::V1 { access_key_id, .. } => write!(f, "V1({access_key_id:?}, …)"),
            Self::V4 { credential, .. } => write!(f, "V4({credential:?}, …)"),
        }
    }
}

/// Whether a field that must be there is absent or empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Missing {
    /// There is no such field.
    Absent(&'static str),
    /// The field is empty or blank.
    Blank(&'static str),
}

impl Missing {
    /// The field.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Absent(name) | Self::Blank(name) => name,
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(name) => write!(f, "the form has no field `{name}`"),
            Self::Blank(name) => write!(f, "field `{name}` is empty"),
        }
    }
}

/// What is wrong with the credential fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CredentialFault {
    /// No access key id, or no credential in V4.
    #[error("{0}")]
    AccessKeyId(Missing),
    /// No `x-oss-date` in V4.
    #[error("{0}")]
    Date(Missing),
    /// No policy.
    #[error("{0}")]
    Policy(Missing),
    /// No signature.
    #[error("{0}")]
    Signature(Missing),
    /// The signature version is absent or unknown.
    #[error("field `x-oss-signature-version` is not `OSS4-HMAC-SHA256`")]
    Version,
}

impl CredentialFault {
    pub(super) fn refusal(self) -> Refusal {
        let refusal = |ec, field| {
            Refusal::new(WireError::INVALID_ARGUMENT)
                .ec(ec)
                .extra(ARGUMENT_NAME, field)
                .hint(format!("{self}; {}", self.advice()))
        };
        match self {
            Self::Version => refusal("0002-00000701", VERSION),
            Self::Policy(missing) => {
                refusal("0002-00000702", missing.field()).message("Post request policy is empty.")
            }
            Self::Signature(missing) => {
                let ec = either(missing, "0002-00000703", "0002-00000704");
                refusal(ec, missing.field()).message("Post request signature is empty.")
            }
            Self::AccessKeyId(missing) => {
                let ec = either(missing, "0002-00000706", "0002-00000707");
                refusal(ec, missing.field()).message("Post request accessKeyId is empty.")
            }
            Self::Date(missing) => refusal("0002-00000709", missing.field()),
        }
    }

    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::AccessKeyId(_) | Self::Date(_) | Self::Policy(_) | Self::Signature(_) => {
                "send all the fields that the application server signed, before `file`, or none of them"
            }
            Self::Version => {
                "send `OSS4-HMAC-SHA256`, or sign with `OSSAccessKeyId`, `policy` and `Signature`"
            }
        }
    }
}

const fn either(missing: Missing, absent: &'static str, blank: &'static str) -> &'static str {
    match missing {
        Missing::Absent(_) => absent,
        Missing::Blank(_) => blank,
    }
}

/// Any of them makes a form one that is signed with V1.
const V1_FIELDS: [KnownField; 3] = [
    KnownField::OSS_ACCESS_KEY_ID,
    KnownField::POLICY,
    KnownField::SIGNATURE,
];
/// Any of them makes a form one that was meant to be signed with V4.
const V4_FIELDS: [KnownField; 2] = [KnownField::X_OSS_CREDENTIAL, KnownField::X_OSS_SIGNATURE];

// The fields as answers spell them.
const ACCESS_KEY_ID: &str = "OSSAccessKeyId";
const CREDENTIAL: &str = "x-oss-credential";
const DATE: &str = "x-oss-date";
const POLICY: &str = "policy";
const SIGNATURE: &str = "Signature";
const SIGNATURE_V4: &str = "x-oss-signature";
const V4: &str = "OSS4-HMAC-SHA256";
const VERSION: &str = "x-oss-signature-version";
