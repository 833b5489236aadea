//! Condition by condition: what a policy wants of a form, and what came.
//!
//! In: what [`check`](fn@super::check) gets, and the file's length where it is known. Out: an
//! [`Explanation`] with every condition, those that are met too. Each is judged by the code that
//! judges uploads; here it is only not left at the first one that fails.

use std::fmt;

use jiff::Timestamp;

use super::check::{FormView, Found, LengthRange, Wish, disagreement, excerpt, unbound};
use super::condition::Condition;
use super::document::PolicyDocument;
use crate::name::BucketName;

/// What a form is held against besides the policy.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The bucket that the form is sent to; without it, conditions on the bucket are not judged.
    pub bucket: Option<&'a BucketName>,
    /// How many bytes the file has; without it, conditions on the length are not judged.
    pub length: Option<u64>,
    /// The time at which the form arrives.
    pub now: Timestamp,
}

/// How a form fares under a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// Until when the policy holds.
    pub expiration: Timestamp,
    /// Whether it had ended.
    pub has_expired: bool,
    /// Fields of a V4 signature that the policy must bind by `eq`, and does not.
    pub unbound: Vec<&'static str>,
    /// Every condition, in order.
    pub conditions: Vec<Judged>,
}

impl Explanation {
    /// Whether the form passes, as far as it can be said.
    pub fn is_met(&self) -> bool {
        let is_unmet = |judged: &Judged| matches!(judged.verdict, Verdict::Unmet(_));
        !self.has_expired && self.unbound.is_empty() && !self.conditions.iter().any(is_unmet)
    }

    /// The conditions that are not met.
    pub fn unmet(&self) -> impl Iterator<Item = &Judged> {
        let conditions = self.conditions.iter();
        conditions.filter(|judged| matches!(judged.verdict, Verdict::Unmet(_)))
    }
}

/// A condition, and how the form fares under it. As text it is a sentence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Judged {
    /// Which one, from 1.
    pub number: usize,
    /// What it wants.
    pub condition: Condition,
    /// What became of it.
    pub verdict: Verdict,
}

/// How a form fares under one condition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is met.
    Met,
    /// It is not, and this is why. Values are cut to 200 characters.
    Unmet(Mismatch),
    /// It cannot be said: the file's length or the bucket is not known.
    Unknown,
}

/// What came instead of what a condition wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mismatch {
    /// A field, or the bucket.
    Field(Found),
    /// A file of another length, in bytes.
    Length(u64),
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wish = Wish(&self.condition);
        write!(f, "condition {} wants {wish}, and ", self.number)?;
        match &self.verdict {
            Verdict::Met => f.write_str("that is so"),
            Verdict::Unmet(Mismatch::Field(found)) => write!(f, "{found}"),
            Verdict::Unmet(Mismatch::Length(length)) => write!(f, "it has {length}"),
            Verdict::Unknown => f.write_str("that is not known"),
        }
    }
}

/// Goes through everything that [`check`](fn@super::check) checks.
pub fn explain(
    policy: &PolicyDocument,
    form: &impl FormView,
    circumstances: &Circumstances<'_>,
) -> Explanation {
    let numbered = (1..).zip(&policy.conditions);
    Explanation {
        expiration: policy.expiration,
        has_expired: policy.check_expiration(circumstances.now).is_err(),
        unbound: unbound(policy, form).collect(),
        conditions: numbered
            .map(|(number, condition)| Judged {
                number,
                condition: condition.clone(),
                verdict: judge(condition, form, circumstances),
            })
            .collect(),
    }
}

fn judge(
    condition: &Condition,
    form: &impl FormView,
    circumstances: &Circumstances<'_>,
) -> Verdict {
    if let Condition::ContentLengthRange { min, max } = condition {
        let range = LengthRange {
            min: *min,
            max: *max,
        };
        return match circumstances.length {
            None => Verdict::Unknown,
            Some(length) if range.check(length).is_err() => {
                Verdict::Unmet(Mismatch::Length(length))
            }
            Some(_) => Verdict::Met,
        };
    }
    let is_about_bucket = condition.field().is_some_and(super::check::is_bucket);
    let Some(bucket) = circumstances.bucket else {
        if is_about_bucket {
            return Verdict::Unknown;
        }
        return of_field(disagreement(condition, form, ""));
    };
    of_field(disagreement(condition, form, bucket.as_str()))
}

fn of_field(found: Option<Found>) -> Verdict {
    let cut = |found| match found {
        Found::Value(value) => Found::Value(excerpt(&value)),
        Found::StoredType(value) => Found::StoredType(excerpt(&value)),
        Found::Absent | Found::Hidden | Found::Repeated => found,
    };
    found.map_or(Verdict::Met, |found| {
        Verdict::Unmet(Mismatch::Field(cut(found)))
    })
}
