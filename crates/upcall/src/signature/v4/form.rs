//! A form's signature: the text of the field `policy`, as it is.

use jiff::{SignedDuration, Timestamp};

use super::super::date;
use super::super::error::{CredentialDateFault, SignatureError, shorten};
use super::super::request::Scope;
use super::{Credential, Provided, SigningKey};
use crate::name::AccessKeySecret;

/// The longest time after its `x-oss-date` that a form is taken, whatever its policy says.
pub const FORM_VALIDITY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The field `x-oss-signature` for the field `policy`, which is base64 **text** and signed as such.
pub fn sign_policy(secret: &AccessKeySecret, credential: &Credential, policy: &str) -> String {
    SigningKey::new(secret, credential).sign(policy.as_bytes())
}

/// The fields of a form that its signature depends on.
pub(in super::super) struct SignedForm<'a> {
    pub(in super::super) credential: &'a Credential,
    pub(in super::super) date: &'a str,
    pub(in super::super) policy: &'a str,
    pub(in super::super) signature: &'a str,
}

pub(in super::super) fn verify_policy(
    secret: Option<&AccessKeySecret>,
    form: &SignedForm<'_>,
    scope: Scope<'_>,
    now: Timestamp,
) -> Result<(), SignatureError> {
    check_date(form.date, now)?;
    form.credential.check_day(form.date)?;
    form.credential.check_scope(scope)?;
    Provided {
        credential: form.credential,
        string_to_sign: form.policy,
        canonical_request: None,
        signature: form.signature,
    }
    .verify(secret)
}

/// From 15 minutes before the date, which is what clocks may differ, to seven days after it.
fn check_date(text: &str, now: Timestamp) -> Result<(), SignatureError> {
    let fault = |why| SignatureError::CredentialDate {
        value: shorten(text),
        why,
    };
    let time = date::parse(date::BASIC, text).ok_or_else(|| fault(CredentialDateFault::Form))?;
    let age = now.duration_since(time);
    if age < -date::MAX_SKEW {
        return Err(fault(CredentialDateFault::TooEarly));
    }
    if age > FORM_VALIDITY {
        return Err(fault(CredentialDateFault::TooLate));
    }
    Ok(())
}
