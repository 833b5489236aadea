//! One condition of a policy: what it wants, how it is read and how it is written.

use std::fmt;

use super::error::SyntaxFault;
use super::json::{Json, push_text};

/// What a form must satisfy.
///
/// Names of fields are as they were written, without the `$`; they mean the field of that name
/// whatever its case. Values are compared byte for byte. The field `bucket` means the bucket that the
/// form was sent to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Condition {
    /// The file's length in bytes, both bounds included.
    ContentLengthRange {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// The field is there and has exactly this value.
    Equals {
        /// The field.
        field: String,
        /// The value.
        value: String,
    },
    /// The field is there and has one of these values.
    In {
        /// The field.
        field: String,
        /// The values.
        values: Vec<String>,
    },
    /// The field has none of these values, or is not there.
    NotIn {
        /// The field.
        field: String,
        /// The values.
        values: Vec<String>,
    },
    /// The field begins so; where nothing is asked for, it need not be there.
    StartsWith {
        /// The field.
        field: String,
        /// The beginning.
        prefix: String,
    },
}

impl Condition {
    /// The field that it is about; nothing for the length, which is no field's.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::ContentLengthRange { .. } => None,
            Self::Equals { field, .. }
            | Self::In { field, .. }
            | Self::NotIn { field, .. }
            | Self::StartsWith { field, .. } => Some(field),
        }
    }

    /// Whether a field with this value, or its absence, is what the condition wants.
    pub(super) fn is_met_by(&self, found: Option<&str>) -> bool {
        let is_one_of = |values: &[String]| values.iter().any(|value| found == Some(value));
        match self {
            Self::ContentLengthRange { .. } => true,
            Self::Equals { value, .. } => found == Some(value),
            Self::In { values, .. } => is_one_of(values),
            Self::NotIn { values, .. } => !is_one_of(values),
            Self::StartsWith { prefix, .. } => found.unwrap_or_default().starts_with(prefix),
        }
    }

    /// Reads the condition with this number, from 1.
    pub(super) fn read(number: usize, json: &Json) -> Result<Self, SyntaxFault> {
        match json {
            Json::Object(members) => match members.as_slice() {
                [(field, Json::Text(value))] => Ok(Self::Equals {
                    field: field.clone(),
                    value: without_escapes(value),
                }),
                [_] => Err(SyntaxFault::OperandType { number }),
                _ => Err(SyntaxFault::SimpleCondition { number }),
            },
            Json::Array(items) => read_list(number, items),
            Json::Null | Json::Bool | Json::Number(_) | Json::Text(_) => {
                Err(SyntaxFault::ConditionType { number })
            }
        }
    }

    /// Appends the condition as a policy has it, in strict JSON.
    pub(super) fn write(&self, json: &mut String) {
        self.push_list(json, ",", &with_escapes);
    }

    fn push_list(&self, json: &mut String, comma: &str, escape: &dyn Fn(&str) -> String) {
        let (operator, field) = match self {
            Self::ContentLengthRange { min, max } => {
                let (min, max) = (min.to_string(), max.to_string());
                json.extend(["[\"", LENGTH_RANGE, "\"", comma, &min, comma, &max, "]"]);
                return;
            }
            Self::Equals { field, .. } => (EQUALS, field),
            Self::In { field, .. } => (IN, field),
            Self::NotIn { field, .. } => (NOT_IN, field),
            Self::StartsWith { field, .. } => (STARTS_WITH, field),
        };
        json.extend(["[\"", operator, "\"", comma]);
        push_text(json, &format!("${field}"));
        json.push_str(comma);
        match self {
            Self::ContentLengthRange { .. } => {}
            Self::Equals { value: operand, .. }
            | Self::StartsWith {
                prefix: operand, ..
            } => {
                push_text(json, &escape(operand));
            }
            Self::In { values, .. } | Self::NotIn { values, .. } => {
                for (place, value) in values.iter().enumerate() {
                    json.push_str(if place == 0 { "[" } else { comma });
                    push_text(json, &escape(value));
                }
                json.push_str(if values.is_empty() { "[]" } else { "]" });
            }
        }
        json.push(']');
    }
}

impl fmt::Display for Condition {
    /// As OSS prints it: a list with `", "` between its items and `$` before the field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_list(&mut text, ", ", &str::to_owned);
        f.write_str(&text)
    }
}

fn read_list(number: usize, items: &[Json]) -> Result<Condition, SyntaxFault> {
    let operator = match items.first() {
        Some(Json::Text(text)) if !text.starts_with('$') => text.as_str(),
        _ => return Err(SyntaxFault::OperatorMissing { number }),
    };
    if ![EQUALS, IN, LENGTH_RANGE, NOT_IN, STARTS_WITH].contains(&operator) {
        return Err(SyntaxFault::OperatorUnknown { number });
    }
    let [_, first, second] = items else {
        return Err(SyntaxFault::ItemCount { number });
    };
    match (operator, first, second) {
        (LENGTH_RANGE, min, max) => read_range(number, min, max),
        (EQUALS, Json::Text(field), Json::Text(value)) => Ok(Condition::Equals {
            field: without_dollar(field),
            value: without_escapes(value),
        }),
        (STARTS_WITH, Json::Text(field), Json::Text(prefix)) => Ok(Condition::StartsWith {
            field: without_dollar(field),
            prefix: without_escapes(prefix),
        }),
        (IN, Json::Text(field), Json::Array(values)) => Ok(Condition::In {
            field: without_dollar(field),
            values: read_values(number, values)?,
        }),
        (NOT_IN, Json::Text(field), Json::Array(values)) => Ok(Condition::NotIn {
            field: without_dollar(field),
            values: read_values(number, values)?,
        }),
        _ => Err(SyntaxFault::OperandType { number }),
    }
}

fn read_range(number: usize, min: &Json, max: &Json) -> Result<Condition, SyntaxFault> {
    let bound = |json: &Json| match json {
        Json::Number(Some(bound)) => Ok(*bound),
        Json::Number(None) | Json::Text(_) => Err(SyntaxFault::RangeBound { number }),
        Json::Null | Json::Bool | Json::Array(_) | Json::Object(_) => {
            Err(SyntaxFault::RangeBoundType { number })
        }
    };
    let (min, max) = (bound(min)?, bound(max)?);
    if max < min {
        return Err(SyntaxFault::RangeReversed { number });
    }
    Ok(Condition::ContentLengthRange { min, max })
}

fn read_values(number: usize, values: &[Json]) -> Result<Vec<String>, SyntaxFault> {
    let value = |json: &Json| match json {
        Json::Text(value) => Ok(without_escapes(value)),
        Json::Null | Json::Bool | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Err(SyntaxFault::OperandType { number })
        }
    };
    values.iter().map(value).collect()
}

/// A few pages of the documentation leave the `$` before a field out.
fn without_dollar(field: &str) -> String {
    field.strip_prefix('$').unwrap_or(field).to_owned()
}

/// `\$` is how a value writes a dollar; a dollar by itself stands for itself too.
fn without_escapes(value: &str) -> String {
    value.replace("\\$", "$")
}

fn with_escapes(value: &str) -> String {
    value.replace('$', "\\$")
}

const EQUALS: &str = "eq";
const IN: &str = "in";
const LENGTH_RANGE: &str = "content-length-range";
const NOT_IN: &str = "not-in";
const STARTS_WITH: &str = "starts-with";
