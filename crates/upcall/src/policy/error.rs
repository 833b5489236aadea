//! Why a policy is none, or why a form does not satisfy it.

use jiff::Timestamp;

use super::check::{Found, Unmet};
use super::document::PolicyDocument;
use super::json::JsonFault;
use crate::error::{Refusal, WireError};

/// What is wrong with a policy, or with a form under it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// A condition is not met.
    #[error("{0}")]
    ConditionUnmet(Unmet),
    /// The policy has ended.
    #[error("the policy expired at {expiration}; this server's clock says {now}")]
    Expired {
        /// When it ended.
        expiration: Timestamp,
        /// This server's time.
        now: Timestamp,
    },
    /// A form signed with V4 has a policy that does not say so.
    #[error("the policy has no condition that field `{field}` equals what the form has")]
    Required {
        /// The field.
        field: &'static str,
    },
    /// The document breaks a rule of its grammar.
    #[error("{0}")]
    Syntax(#[from] SyntaxFault),
    /// The file is longer than the policy allows.
    #[error("the file is longer than {max} bytes, the most that its policy allows")]
    TooLarge {
        /// The most.
        max: u64,
    },
    /// The file is shorter than the policy allows.
    #[error("the file is {length} bytes long; its policy wants at least {min}")]
    TooSmall {
        /// How long it is.
        length: u64,
        /// The least.
        min: u64,
    },
}

impl PolicyError {
    /// What the client gets to read.
    pub fn refusal(&self) -> Refusal {
        let refusal = match self {
            Self::ConditionUnmet(unmet) => Refusal::new(WireError::ACCESS_DENIED)
                .ec("0006-00000227")
                .message(format!(
                    "Invalid according to Policy: Policy Condition failed: {}",
                    unmet.condition
                )),
            Self::Expired { .. } => Refusal::new(WireError::ACCESS_DENIED)
                .ec("0006-00000213")
                .message("Invalid according to Policy: Policy expired."),
            Self::Required { field } => Refusal::new(WireError::INVALID_POLICY_DOCUMENT)
                .message(format!("Invalid Policy: Condition on {field} is missing.")),
            Self::Syntax(fault) => Refusal::new(WireError::INVALID_POLICY_DOCUMENT)
                .ec(fault.ec())
                .message(format!("Invalid Policy: {}", fault.message())),
            Self::TooLarge { .. } => Refusal::new(WireError::ENTITY_TOO_LARGE),
            Self::TooSmall { .. } => Refusal::new(WireError::ENTITY_TOO_SMALL),
        };
        refusal.hint(format!("{self}; {}", self.advice()))
    }

    const fn advice(&self) -> &'static str {
        match self {
            Self::ConditionUnmet(Unmet {
                found: Found::Absent,
                ..
            }) => {
                "send it before `file`, since fields after the file are not read, or have the \
                 application server sign another policy"
            }
            Self::ConditionUnmet(_) => {
                "send what the policy wants, or have the application server sign another one"
            }
            Self::Expired { .. } => "ask the application server for a new one and send again",
            Self::Required { .. } => "add it where the policy is made",
            Self::Syntax(fault) => fault.advice(),
            Self::TooLarge { .. } => "send a smaller file",
            Self::TooSmall { .. } => "send a larger file",
        }
    }
}

/// Which rule of its grammar a policy breaks. `number` is that of the condition, from 1.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SyntaxFault {
    /// Neither `expiration` nor `conditions` is there.
    #[error("the policy has neither `expiration` nor `conditions`")]
    BothMissing,
    /// The JSON text begins with U+FEFF.
    #[error("the policy begins with a byte order mark (U+FEFF), which cannot be seen")]
    ByteOrderMark,
    /// A condition is neither an object nor a list.
    #[error("condition {number} of the policy is neither an object nor a list")]
    ConditionType {
        /// Which one.
        number: usize,
    },
    /// `conditions` is empty.
    #[error("`conditions` of the policy is empty")]
    ConditionsEmpty,
    /// There are more than [`PolicyDocument::MAX_CONDITIONS`].
    #[error(
        "the policy has more than {} conditions",
        PolicyDocument::MAX_CONDITIONS
    )]
    ConditionsMany,
    /// `conditions` is missing.
    #[error("the policy has no `conditions`")]
    ConditionsMissing,
    /// `conditions` is not a list.
    #[error("`conditions` of the policy is not a list")]
    ConditionsType,
    /// `expiration` is empty.
    #[error("`expiration` of the policy is empty")]
    ExpirationEmpty,
    /// `expiration` is not written as the protocol writes it.
    #[error("`expiration` of the policy is not of the form `2026-12-01T12:00:00.000Z`")]
    ExpirationFormat,
    /// `expiration` is missing.
    #[error("the policy has no `expiration`")]
    ExpirationMissing,
    /// `expiration` is not a text.
    #[error("`expiration` of the policy is not a text")]
    ExpirationType,
    /// A list has not the three items that its operator takes.
    #[error("condition {number} of the policy has not three items")]
    ItemCount {
        /// Which one.
        number: usize,
    },
    /// It is not JSON.
    #[error("the policy is not JSON: {0}")]
    Json(JsonFault),
    /// It is not base64.
    #[error("the field `policy` is not base64")]
    NotBase64,
    /// It is JSON, but not an object.
    #[error("the policy is not an object")]
    NotObject,
    /// The decoded bytes are not UTF-8.
    #[error("the policy is not UTF-8")]
    NotUtf8,
    /// An operand is of another type than its operator takes.
    #[error("condition {number} of the policy has an operand of the wrong type")]
    OperandType {
        /// Which one.
        number: usize,
    },
    /// A list does not begin with an operator.
    #[error("condition {number} of the policy has no operator")]
    OperatorMissing {
        /// Which one.
        number: usize,
    },
    /// There is no such operator.
    #[error("condition {number} of the policy has an unknown operator")]
    OperatorUnknown {
        /// Which one.
        number: usize,
    },
    /// A bound is not a whole number from 0 to 2⁶⁴ − 1.
    #[error("condition {number} of the policy has a bound that is not a whole number below 2^64")]
    RangeBound {
        /// Which one.
        number: usize,
    },
    /// A bound is of a type that is never a number.
    #[error("condition {number} of the policy has a bound that is not a number")]
    RangeBoundType {
        /// Which one.
        number: usize,
    },
    /// The upper bound is below the lower one.
    #[error("condition {number} of the policy has its upper bound below its lower one")]
    RangeReversed {
        /// Which one.
        number: usize,
    },
    /// An object has not exactly one member.
    #[error("condition {number} of the policy is an object with other than one member")]
    SimpleCondition {
        /// Which one.
        number: usize,
    },
    /// It is longer than [`PolicyDocument::MAX_BYTES`].
    #[error("the policy is longer than {} bytes", PolicyDocument::MAX_BYTES)]
    TooLong,
}

impl SyntaxFault {
    const fn ec(&self) -> &'static str {
        match self {
            // Limits of ours, and a case that no page describes: "unspecified".
            Self::ConditionsMany | Self::NotObject | Self::TooLong => "0006-00000201",
            Self::NotBase64 => "0006-00000202",
            Self::NotUtf8 => "0006-00000203",
            Self::ByteOrderMark | Self::Json(_) => "0006-00000204",
            // The page was never seen; 205, 206, 220, 225 and 226 are left for it.
            Self::SimpleCondition { .. } => "0006-00000205",
            Self::ConditionsMissing => "0006-00000207",
            Self::ExpirationMissing => "0006-00000208",
            Self::BothMissing => "0006-00000209",
            Self::ExpirationType => "0006-00000210",
            Self::ExpirationEmpty => "0006-00000211",
            Self::ExpirationFormat => "0006-00000212",
            Self::ConditionsType => "0006-00000214",
            Self::ConditionsEmpty => "0006-00000215",
            Self::OperatorMissing { .. } => "0006-00000216",
            Self::OperatorUnknown { .. } => "0006-00000217",
            Self::ItemCount { .. } => "0006-00000218",
            Self::RangeReversed { .. } => "0006-00000219",
            Self::RangeBound { .. } => "0006-00000221",
            Self::ConditionType { .. } => "0006-00000222",
            Self::RangeBoundType { .. } => "0006-00000223",
            Self::OperandType { .. } => "0006-00000224",
        }
    }

    /// What stands behind `Invalid Policy: `. OSS's own words are known for two of them.
    fn message(&self) -> String {
        match self {
            Self::ByteOrderMark => {
                let fault = JsonFault::UnknownChar(BYTE_ORDER_MARK);
                format!("Invalid JSON: {fault}")
            }
            Self::Json(fault) => format!("Invalid JSON: {fault}"),
            Self::SimpleCondition { .. } => {
                "Invalid Simple-Condition: Simple-Conditions must have \
                                             exactly one property specified."
                    .to_owned()
            }
            Self::BothMissing
            | Self::ConditionType { .. }
            | Self::ConditionsEmpty
            | Self::ConditionsMany
            | Self::ConditionsMissing
            | Self::ConditionsType
            | Self::ExpirationEmpty
            | Self::ExpirationFormat
            | Self::ExpirationMissing
            | Self::ExpirationType
            | Self::ItemCount { .. }
            | Self::NotBase64
            | Self::NotObject
            | Self::NotUtf8
            | Self::OperandType { .. }
            | Self::OperatorMissing { .. }
            | Self::OperatorUnknown { .. }
            | Self::RangeBound { .. }
            | Self::RangeBoundType { .. }
            | Self::RangeReversed { .. }
            | Self::TooLong => format!("{self}."),
        }
    }

    const fn advice(&self) -> &'static str {
        match self {
            Self::BothMissing
            | Self::ConditionsMissing
            | Self::ConditionsType
            | Self::ExpirationMissing
            | Self::NotObject => "write `{\"expiration\": \"…\", \"conditions\": [ … ]}`",
            Self::ByteOrderMark => "write the JSON text as UTF-8 without one",
            Self::ConditionsEmpty => "add one, such as `[\"content-length-range\", 0, 1048576]`",
            Self::ConditionsMany | Self::TooLong => "sign a shorter one",
            Self::ExpirationEmpty | Self::ExpirationFormat | Self::ExpirationType => {
                "write the time in UTC, as `\"2026-12-01T12:00:00.000Z\"`"
            }
            Self::Json(_) | Self::NotUtf8 => "sign base64 of a JSON text in UTF-8, encoded once",
            Self::NotBase64 => {
                "use the standard alphabet, with padding, without line breaks and spare bits"
            }
            Self::RangeBound { .. } | Self::RangeBoundType { .. } | Self::RangeReversed { .. } => {
                "write `[\"content-length-range\", MIN, MAX]` with numbers, the smaller first"
            }
            Self::SimpleCondition { .. } => "split it into objects with one member each",
            Self::ConditionType { .. }
            | Self::ItemCount { .. }
            | Self::OperandType { .. }
            | Self::OperatorMissing { .. }
            | Self::OperatorUnknown { .. } => {
                "write `{\"field\": \"value\"}`, or `[\"eq\", \"$field\", \"value\"]` with `eq` or \
                 `starts-with`, or with `in` or `not-in` and a list of values"
            }
        }
    }
}

/// What some editors and libraries write before a text; JSON does not allow it.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';
