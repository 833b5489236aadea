//! The document: base64 of JSON, read strictly.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::condition::Condition;
use super::error::{BYTE_ORDER_MARK, PolicyError, SyntaxFault};
use super::expiration;
use super::json::{self, Json, push_text};
use crate::signature::date;

/// A policy, parsed: until when it holds, and what a form must satisfy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyDocument {
    /// The request must have arrived, whole, before.
    pub expiration: Timestamp,
    /// What a form must satisfy; one condition at least.
    pub conditions: Vec<Condition>,
}

impl PolicyDocument {
    /// The longest JSON text, in bytes. OSS names no limit but that of a field, 2 MiB; 64 KiB hold
    /// the most conditions that a policy may have.
    pub const MAX_BYTES: usize = 64 * 1024;
    /// The most conditions. OSS names no limit; samples have ten.
    pub const MAX_CONDITIONS: usize = 256;

    /// Reads the value of the form field `policy`.
    ///
    /// # Errors
    /// [`PolicyError::Syntax`] with the rule that is broken. Base64 must be in the standard alphabet,
    /// padded, without line breaks and without spare bits.
    pub fn decode(base64: &str) -> Result<Self, PolicyError> {
        if base64.len() > MAX_BASE64_BYTES {
            return Err(SyntaxFault::TooLong.into());
        }
        let bytes = STANDARD
            .decode(base64)
            .map_err(|_| SyntaxFault::NotBase64)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| SyntaxFault::NotUtf8)?;
        Self::parse_json(text)
    }

    /// Reads the JSON text.
    ///
    /// # Errors
    /// [`PolicyError::Syntax`] with the rule that is broken.
    pub fn parse_json(text: &str) -> Result<Self, PolicyError> {
        Ok(read(text)?)
    }

    /// The JSON text, strict and without blanks.
    pub fn to_json(&self) -> String {
        let mut json = String::from("{\"expiration\":");
        push_text(
            &mut json,
            &date::print(date::ISO_MILLISECONDS, self.expiration),
        );
        json.push_str(",\"conditions\":[");
        for (place, condition) in self.conditions.iter().enumerate() {
            if place > 0 {
                json.push(',');
            }
            condition.write(&mut json);
        }
        json.push_str("]}");
        json
    }

    /// The value of the form field `policy`. This very text is what gets signed.
    pub fn encode(&self) -> String {
        STANDARD.encode(self.to_json())
    }

    /// Whether a form that satisfies this has one of a few fixed values in the field: whoever fills the
    /// form cannot leave it out, nor make one up.
    pub fn pins(&self, field: &str) -> bool {
        self.conditions.iter().any(|condition| {
            matches!(condition, Condition::Equals { .. } | Condition::In { .. })
                && condition
                    .field()
                    .is_some_and(|name| name.eq_ignore_ascii_case(field))
        })
    }

    /// # Errors
    /// [`PolicyError::Expired`] from the instant of the expiration on. A form is checked when its
    /// fields have come, and again when its last byte has.
    pub fn check_expiration(&self, now: Timestamp) -> Result<(), PolicyError> {
        if now < self.expiration {
            return Ok(());
        }
        Err(PolicyError::Expired {
            expiration: self.expiration,
            now,
        })
    }
}

fn read(text: &str) -> Result<PolicyDocument, SyntaxFault> {
    if text.len() > PolicyDocument::MAX_BYTES {
        return Err(SyntaxFault::TooLong);
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(SyntaxFault::ByteOrderMark);
    }
    let Json::Object(members) = json::parse(text).map_err(SyntaxFault::Json)? else {
        return Err(SyntaxFault::NotObject);
    };
    let member = |wanted| {
        members
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, json)| json)
    };
    match (member("expiration"), member("conditions")) {
        (None, None) => Err(SyntaxFault::BothMissing),
        (None, Some(_)) => Err(SyntaxFault::ExpirationMissing),
        (Some(_), None) => Err(SyntaxFault::ConditionsMissing),
        (Some(expiration), Some(conditions)) => Ok(PolicyDocument {
            expiration: read_expiration(expiration)?,
            conditions: read_conditions(conditions)?,
        }),
    }
}

fn read_expiration(json: &Json) -> Result<Timestamp, SyntaxFault> {
    let Json::Text(text) = json else {
        return Err(SyntaxFault::ExpirationType);
    };
    if text.is_empty() {
        return Err(SyntaxFault::ExpirationEmpty);
    }
    expiration::parse(text)
}

fn read_conditions(json: &Json) -> Result<Vec<Condition>, SyntaxFault> {
    let Json::Array(items) = json else {
        return Err(SyntaxFault::ConditionsType);
    };
    if items.is_empty() {
        return Err(SyntaxFault::ConditionsEmpty);
    }
    if items.len() > PolicyDocument::MAX_CONDITIONS {
        return Err(SyntaxFault::ConditionsMany);
    }
    let numbered = (1..).zip(items);
    numbered
        .map(|(number, item)| Condition::read(number, item))
        .collect()
}

const MAX_BASE64_BYTES: usize = PolicyDocument::MAX_BYTES.div_ceil(3) * 4;
