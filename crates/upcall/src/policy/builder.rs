//! Writes policies.

use jiff::{Timestamp, Unit};

use super::condition::Condition;
use super::document::PolicyDocument;

/// Builds a policy, condition by condition.
///
/// A field without a condition may have any value and may be left out: bind whatever matters, above
/// all `key`, the length and `callback`.
///
/// ```
/// use upcall::policy::PolicyBuilder;
///
/// let policy = PolicyBuilder::new("2026-12-01T12:00:00Z".parse()?)
///     .bucket("photos")
///     .starts_with("key", "user/eric/")
///     .is_in("content-type", ["image/jpeg", "image/png"])
///     .content_length_range(1, 10 * 1024 * 1024)
///     .build();
/// assert_eq!(policy.conditions.len(), 4);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PolicyBuilder {
    expiration: Timestamp,
    conditions: Vec<Condition>,
}

impl PolicyBuilder {
    /// A policy that holds until `expiration`, cut to milliseconds.
    pub fn new(expiration: Timestamp) -> Self {
        Self {
            expiration: whole_milliseconds(expiration),
            conditions: Vec::new(),
        }
    }

    /// The form must be sent to this bucket.
    pub fn bucket(self, name: &str) -> Self {
        self.equals("bucket", name)
    }

    /// The field must have this value. In `key`, `${filename}` stands for itself: it is compared
    /// before the file's name takes its place.
    pub fn equals(self, field: &str, value: &str) -> Self {
        self.and(Condition::Equals {
            field: field.to_owned(),
            value: value.to_owned(),
        })
    }

    /// The field must begin so.
    pub fn starts_with(self, field: &str, prefix: &str) -> Self {
        self.and(Condition::StartsWith {
            field: field.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// The field must have one of these values.
    pub fn is_in<V: AsRef<str>>(self, field: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.and(Condition::In {
            field: field.to_owned(),
            values: texts(values),
        })
    }

    /// The field must have none of these values.
    pub fn not_in<V: AsRef<str>>(self, field: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.and(Condition::NotIn {
            field: field.to_owned(),
            values: texts(values),
        })
    }

    /// The file must have so many bytes, both bounds included. With `max` below `min` the policy is
    /// one that every server refuses.
    pub fn content_length_range(self, min: u64, max: u64) -> Self {
        self.and(Condition::ContentLengthRange { min, max })
    }

    /// One more condition.
    pub fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// The policy. The protocol refuses one without conditions, so that one says in its words what it
    /// means: a file of any length.
    pub fn build(mut self) -> PolicyDocument {
        if self.conditions.is_empty() {
            self = self.content_length_range(0, i64::MAX.unsigned_abs());
        }
        PolicyDocument {
            expiration: self.expiration,
            conditions: self.conditions,
        }
    }

    /// The JSON text of [`build`](Self::build).
    pub fn to_json(self) -> String {
        self.build().to_json()
    }

    /// The base64 text of [`build`](Self::build), which is what gets signed.
    pub fn encode(self) -> String {
        self.build().encode()
    }
}

/// The last whole millisecond at or before `time`, which is what a document can say.
fn whole_milliseconds(time: Timestamp) -> Timestamp {
    let rounding = jiff::TimestampRound::new()
        .smallest(Unit::Millisecond)
        .mode(jiff::RoundMode::Floor);
    // Rounding down fails nowhere but at the calendar's end, where nothing expires any more.
    time.round(rounding).unwrap_or(time)
}

fn texts<V: AsRef<str>>(values: impl IntoIterator<Item = V>) -> Vec<String> {
    let texts = values.into_iter().map(|value| value.as_ref().to_owned());
    texts.collect()
}
