//! The signature of a form's policy, of either version.

use std::fmt;

use jiff::Timestamp;

use super::error::{IdPlace, SignatureError};
use super::form_diagnosis::diagnose;
use super::request::{Scope, access_key_id};
use super::{v1, v4};
use crate::form::FormCredentials;
use crate::name::{AccessKeyId, AccessKeySecret};

/// Who claims to have signed a form's policy, and with what. Nothing in it has been verified.
///
/// [`policy`](Self::policy) is to be decoded after [`verify`](Self::verify) said yes, not before.
#[derive(Clone, Eq, PartialEq)]
pub enum PolicySignature<'f> {
    /// HMAC-SHA1.
    V1 {
        /// `OSSAccessKeyId`.
        access_key_id: AccessKeyId,
        /// The base64 text, which is what was signed.
        policy: &'f str,
        /// `Signature`.
        signature: &'f str,
    },
    /// HMAC-SHA256.
    V4 {
        /// `x-oss-credential`.
        credential: v4::Credential,
        /// `x-oss-date`.
        date: &'f str,
        /// The base64 text, which is what was signed.
        policy: &'f str,
        /// `x-oss-signature`.
        signature: &'f str,
    },
}

impl<'f> PolicySignature<'f> {
    /// Reads the credential fields; nothing if the form is anonymous.
    ///
    /// # Errors
    /// The access key id has impossible characters, or the credential of V4 is malformed.
    pub fn of(credentials: &FormCredentials<'f>) -> Result<Option<Self>, SignatureError> {
        match *credentials {
            FormCredentials::Anonymous => Ok(None),
            FormCredentials::V1 {
                access_key_id: id,
                policy,
                signature,
                ..
            } => Ok(Some(Self::V1 {
                access_key_id: access_key_id(id, IdPlace::Itself)?,
                policy,
                signature,
            })),
            FormCredentials::V4 {
                credential,
                date,
                policy,
                signature,
                ..
            } => Ok(Some(Self::V4 {
                credential: v4::Credential::parse(credential)?,
                date,
                policy,
                signature,
            })),
        }
    }

    /// Who claims to have signed.
    pub const fn access_key_id(&self) -> &AccessKeyId {
        match self {
            Self::V1 { access_key_id, .. } => access_key_id,
            Self::V4 { credential, .. } => credential.access_key_id(),
        }
    }

    /// The base64 text of the policy.
    pub const fn policy(&self) -> &'f str {
        match self {
            Self::V1 { policy, .. } | Self::V4 { policy, .. } => policy,
        }
    }

    /// Verifies the signature; in V4 also its scope, and that its date is not in the future (15
    /// minutes are allowed) and not more than seven days ago. The policy's own expiration is judged
    /// where its conditions are.
    ///
    /// `secret` is what the look-up of [`access_key_id`](Self::access_key_id) gave. Without one the
    /// answer is [`SignatureError::UnknownAccessKeyId`], after the same work.
    ///
    /// # Errors
    /// Says why not; the signature is judged last. A signature that does not fit comes with the
    /// mistakes that were proven to have been made.
    pub fn verify(
        &self,
        secret: Option<&AccessKeySecret>,
        scope: Scope<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        match (self.verify_as_sent(secret, scope, now), secret) {
            (Err(SignatureError::Mismatch(mut mismatch)), Some(secret)) => {
                mismatch.diagnosis = Some(diagnose(self, secret, scope, now));
                Err(SignatureError::Mismatch(mismatch))
            }
            (verified, _) => verified,
        }
    }

    fn verify_as_sent(
        &self,
        secret: Option<&AccessKeySecret>,
        scope: Scope<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        match self {
            Self::V1 {
                access_key_id,
                policy,
                signature,
            } => v1::verify_policy(secret, access_key_id, policy, signature),
            Self::V4 {
                credential,
                date,
                policy,
                signature,
            } => {
                let form = v4::SignedForm {
                    credential,
                    date,
                    policy,
                    signature,
                };
                v4::verify_policy(secret, &form, scope, now)
            }
        }
    }
}

impl fmt::Debug for PolicySignature<'_> {
    /// Who, never what was signed: neither policy nor signature may reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1 { access_key_id, .. } => write!(f, "V1({access_key_id:?}, …)"),
            Self::V4 { credential, .. } => write!(f, "V4({credential:?}, …)"),
        }
    }
}
