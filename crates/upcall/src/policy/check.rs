//! Does this form satisfy the policy, and if not, why.
//!
//! In: a policy and the very form that was parsed ([`FormView`]). Out: the range that the file's
//! length must be in, since the file has not come yet; or the first reason why not.
//!
//! Fields without a condition are allowed, as OSS allows them. A condition sees a field's value as it
//! was sent: `${filename}` is replaced afterwards.

use std::fmt;

use jiff::Timestamp;

use super::condition::Condition;
use super::document::PolicyDocument;
use super::error::PolicyError;
use crate::error::first_characters;
use crate::form::{FieldValue, PostForm};
use crate::name::BucketName;
use crate::signature::v4;

/// What a policy gets to see of a form.
pub trait FormView {
    /// What a condition on the field `name` compares, whatever the case of `name`.
    fn condition_value(&self, name: &str) -> FieldValue<'_>;

    /// The content type that the object will be stored with, if the form names any.
    ///
    /// A form can name three (two fields and the file's own), and OSS compares another one than it
    /// stores. A condition on `content-type` must hold for both, or it would bind nobody.
    fn stored_content_type(&self) -> Option<&str> {
        self.condition_value(CONTENT_TYPE).once()
    }
}

impl FormView for PostForm {
    fn condition_value(&self, name: &str) -> FieldValue<'_> {
        Self::condition_value(self, name)
    }

    fn stored_content_type(&self) -> Option<&str> {
        let named = [CONTENT_TYPE, "x-oss-content-type"];
        let is_named = named
            .iter()
            .any(|name| Self::condition_value(self, name) != FieldValue::Absent);
        is_named.then(|| self.content_type())
    }
}

/// How many bytes a file may have, both bounds included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LengthRange {
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
}

impl LengthRange {
    /// Any length.
    pub const ANY: Self = Self {
        min: 0,
        max: u64::MAX,
    };

    /// # Errors
    /// [`PolicyError::TooLarge`] or [`PolicyError::TooSmall`].
    pub const fn check(&self, length: u64) -> Result<(), PolicyError> {
        if length > self.max {
            return Err(PolicyError::TooLarge { max: self.max });
        }
        if length < self.min {
            return Err(PolicyError::TooSmall {
                length,
                min: self.min,
            });
        }
        Ok(())
    }
}

impl Default for LengthRange {
    fn default() -> Self {
        Self::ANY
    }
}

/// A condition that a form does not meet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmet {
    /// Which one, from 1.
    pub number: usize,
    /// What it wants.
    pub condition: Condition,
    /// What came.
    pub found: Found,
}

/// What came where a condition wanted something else.
#[derive(Clone, Eq, PartialEq)]
pub enum Found {
    /// The form has no such field.
    Absent,
    /// A value that is nobody's to read: a token or a signature.
    Hidden,
    /// The form has the field more than once.
    Repeated,
    /// The compared value would do, but the object would be stored with this type.
    StoredType(String),
    /// This.
    Value(String),
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found({self})")
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("it is not there"),
            Self::Hidden => f.write_str("it is another"),
            Self::Repeated => f.write_str("it stands more than once; send it once"),
            Self::StoredType(value) => {
                write!(f, "the object would be stored as {:?}", excerpt(value))
            }
            Self::Value(value) => write!(f, "it is {:?}", excerpt(value)),
        }
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wish = Wish(&self.condition);
        write!(
            f,
            "condition {} of the policy wants {wish}, and {}",
            self.number, self.found
        )
    }
}

/// What a condition wants, in words.
pub(super) struct Wish<'a>(pub(super) &'a Condition);

impl fmt::Display for Wish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = match self.0 {
            Condition::ContentLengthRange { min, max } => {
                return write!(f, "the file to have {min} to {max} bytes");
            }
            Condition::Equals { field, .. }
            | Condition::In { field, .. }
            | Condition::NotIn { field, .. }
            | Condition::StartsWith { field, .. } => field,
        };
        let what = if is_bucket(field) { "the" } else { "field" };
        write!(f, "{what} `{}` ", excerpt(field))?;
        if is_secret(field) {
            return f.write_str("to have the value that was signed");
        }
        match self.0 {
            Condition::ContentLengthRange { .. } => Ok(()),
            Condition::Equals { value, .. } => write!(f, "to be {:?}", excerpt(value)),
            Condition::In { values, .. } => {
                write!(f, "to be one of {}", excerpt(&format!("{values:?}")))
            }
            Condition::NotIn { values, .. } => {
                write!(f, "to be none of {}", excerpt(&format!("{values:?}")))
            }
            Condition::StartsWith { prefix, .. } => {
                write!(f, "to begin with {:?}", excerpt(prefix))
            }
        }
    }
}

/// Checks everything but the length of the file, which must be in the range returned.
///
/// A form that says it is signed with V4 must have a policy that binds the fields of the signature.
///
/// # Errors
/// [`PolicyError::Expired`], [`PolicyError::Required`], or [`PolicyError::ConditionUnmet`] with the
/// first condition that is not met.
pub fn check(
    policy: &PolicyDocument,
    form: &impl FormView,
    bucket: &BucketName,
    now: Timestamp,
) -> Result<LengthRange, PolicyError> {
    policy.check_expiration(now)?;
    if let Some(field) = unbound(policy, form).next() {
        return Err(PolicyError::Required { field });
    }
    if let Some(unmet) = unmet(policy, form, bucket).next() {
        return Err(PolicyError::ConditionUnmet(unmet));
    }
    let ranges = policy
        .conditions
        .iter()
        .filter_map(|condition| match condition {
            Condition::ContentLengthRange { min, max } => Some((*min, *max)),
            Condition::Equals { .. }
            | Condition::In { .. }
            | Condition::NotIn { .. }
            | Condition::StartsWith { .. } => None,
        });
    Ok(
        ranges.fold(LengthRange::ANY, |range, (min, max)| LengthRange {
            min: range.min.max(min),
            max: range.max.min(max),
        }),
    )
}

/// Every condition that is not met, in order; for explanations.
pub fn check_all(policy: &PolicyDocument, form: &impl FormView, bucket: &BucketName) -> Vec<Unmet> {
    unmet(policy, form, bucket).collect()
}

fn unmet(
    policy: &PolicyDocument,
    form: &impl FormView,
    bucket: &BucketName,
) -> impl Iterator<Item = Unmet> {
    let numbered = (1..).zip(&policy.conditions);
    numbered.filter_map(|(number, condition)| {
        // First, so that nothing is copied of what is met.
        let found = disagreement(condition, form, bucket.as_str())?;
        Some(Unmet {
            number,
            condition: condition.clone(),
            found,
        })
    })
}

/// What came, if it is not what the condition wants; the length is no field's, and met here.
pub(super) fn disagreement(
    condition: &Condition,
    form: &impl FormView,
    bucket: &str,
) -> Option<Found> {
    let field = condition.field()?;
    let found = if is_bucket(field) {
        Some(bucket)
    } else {
        match form.condition_value(field) {
            FieldValue::Absent => None,
            FieldValue::Once(value) => Some(value),
            // Also under `not-in` and an empty `starts-with`: which of the values would it be about?
            FieldValue::Repeated => return Some(Found::Repeated),
        }
    };
    if !condition.is_met_by(found) {
        return Some(match found {
            None => Found::Absent,
            Some(_) if is_secret(field) => Found::Hidden,
            Some(value) => Found::Value(value.to_owned()),
        });
    }
    let stored = form
        .stored_content_type()
        .filter(|_| field.eq_ignore_ascii_case(CONTENT_TYPE))?;
    (!condition.is_met_by(Some(stored))).then(|| Found::StoredType(stored.to_owned()))
}

/// The fields that a policy must bind because the form is signed with V4, and does not.
pub(super) fn unbound(
    policy: &PolicyDocument,
    form: &impl FormView,
) -> impl Iterator<Item = &'static str> {
    required(form).filter(|field| !is_bound(policy, field))
}

/// The fields that a policy must bind because the form is signed with V4.
fn required(form: &impl FormView) -> impl Iterator<Item = &'static str> {
    let is_v4 = form.condition_value(SIGNATURE_VERSION).once() == Some(v4::VERSION);
    let token = form.condition_value(SECURITY_TOKEN).once();
    let token = token.unwrap_or_default();
    let with_token = (!token.trim().is_empty()).then_some(SECURITY_TOKEN);
    let always = [SIGNATURE_VERSION, CREDENTIAL, DATE];
    always.into_iter().chain(with_token).filter(move |_| is_v4)
}

/// Whether the policy says which value `field` must have.
fn is_bound(policy: &PolicyDocument, field: &str) -> bool {
    policy.conditions.iter().any(|condition| match condition {
        Condition::Equals { field: bound, .. } => bound.eq_ignore_ascii_case(field),
        Condition::ContentLengthRange { .. }
        | Condition::In { .. }
        | Condition::NotIn { .. }
        | Condition::StartsWith { .. } => false,
    })
}

pub(super) fn is_bucket(field: &str) -> bool {
    field.eq_ignore_ascii_case("bucket")
}

fn is_secret(field: &str) -> bool {
    let secret = [SECURITY_TOKEN, "policy", "signature", "x-oss-signature"];
    secret.iter().any(|name| field.eq_ignore_ascii_case(name))
}

pub(super) fn excerpt(text: &str) -> String {
    first_characters(text, SHOWN_CHARS)
}

pub(super) const CREDENTIAL: &str = "x-oss-credential";
pub(super) const DATE: &str = "x-oss-date";
pub(super) const SECURITY_TOKEN: &str = "x-oss-security-token";
pub(super) const SIGNATURE_VERSION: &str = "x-oss-signature-version";
const CONTENT_TYPE: &str = "content-type";

/// How much of a value an explanation shows.
const SHOWN_CHARS: usize = 200;
