//! Why a form is refused.

use super::boundary::InvalidBoundary;
use super::credentials::CredentialFault;
use super::head::PartHeadFault;
use crate::error::{Refusal, WireError, first_characters};
use crate::name::InvalidObjectKey;

/// Why a form is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FormError {
    /// The request's `Content-Type` has no usable boundary.
    #[error(transparent)]
    Boundary(#[from] InvalidBoundary),
    /// A credential field is missing, empty or impossible.
    #[error(transparent)]
    Credential(#[from] CredentialFault),
    /// Behind a boundary stands neither a line break nor `--`.
    #[error("a boundary is followed by neither CR LF nor `--`")]
    DelimiterLine,
    /// The values before `file` are too long together.
    #[error("the fields before `file` are longer than {limit} bytes together")]
    FieldsTooLong {
        /// The most they may have.
        limit: usize,
    },
    /// `x-oss-forbid-overwrite` is neither `true` nor `false`.
    #[error("field `x-oss-forbid-overwrite` is {value:?}; it is `true` or `false`")]
    ForbidOverwrite {
        /// What was sent, shortened.
        value: String,
    },
    /// The key is made of the file's name, which cannot be read.
    #[error("`filename*` of the part `file` cannot be read, and `key` holds `${{filename}}`")]
    FilenameUnreadable,
    /// A value that becomes a header is too long.
    #[error("field `{name}` is {bytes} bytes long; as a header it has at most {limit}")]
    HeaderTooLong {
        /// The field, shortened.
        name: String,
        /// How long it is.
        bytes: usize,
        /// The most it may have.
        limit: usize,
    },
    /// A value that becomes a header holds a control character.
    #[error("field `{name}` becomes a header and holds a control character")]
    HeaderUnwritable {
        /// The field, shortened.
        name: String,
    },
    /// The object's name breaks a rule.
    #[error(transparent)]
    Key(#[from] InvalidObjectKey),
    /// The metadata is too long.
    #[error("the user metadata is {bytes} bytes long; it has at most {limit}")]
    MetadataTooLong {
        /// How long it is.
        bytes: usize,
        /// The most it may have.
        limit: usize,
    },
    /// A field's name is too long.
    #[error("the name of a field is {bytes} bytes long; it has at most {limit}")]
    NameTooLong {
        /// How long it is.
        bytes: usize,
        /// The most it may have.
        limit: usize,
    },
    /// A part with a file name, of another name than `file`, and no part `file`.
    #[error("the form has no part `file`, and part `{name}` has a file name")]
    MisnamedFile {
        /// The part, shortened.
        name: String,
    },
    /// The boundary that the request announced does not come.
    #[error("the body does not begin with the boundary of the content type{}", begins_with(found.as_deref()))]
    NoDelimiter {
        /// The boundary that the body begins with, if it begins with one.
        found: Option<String>,
    },
    /// The form has no part `file`.
    #[error("the form has no part `file`")]
    NoFile,
    /// There is no field `key` before `file`.
    #[error("the form has no field `key` before `file`")]
    NoKey,
    /// The request is no form.
    #[error("the content type is not `multipart/form-data`")]
    NotMultipart,
    /// The head of a part cannot be read.
    #[error(transparent)]
    PartHead(#[from] PartHeadFault),
    /// The head of a part is too long.
    #[error("the head of a part is longer than {limit} bytes")]
    PartHeadTooLong {
        /// The most it may have.
        limit: usize,
    },
    /// A field stands twice.
    #[error("field `{name}` stands twice in the form")]
    Repeated {
        /// The field, shortened.
        name: String,
    },
    /// There are two parts `file`.
    #[error("the form has a second part `file`")]
    SecondFile,
    /// Too many parts.
    #[error("the form has more than {limit} parts")]
    TooManyParts {
        /// The most there may be.
        limit: usize,
    },
    /// What follows the file is too long.
    #[error("the parts after `file` are longer than {limit} bytes")]
    TrailerTooLong {
        /// The most they may have.
        limit: usize,
    },
    /// The body ends before the closing delimiter.
    #[error("the body ends before the closing boundary")]
    Truncated,
    /// A value is not UTF-8.
    #[error("the value of field `{}` is not UTF-8", shorten(name))]
    ValueNotUtf8 {
        /// The field.
        name: String,
    },
    /// A value is too long.
    #[error("the value of field `{}` is longer than {limit} bytes", shorten(name))]
    ValueTooLong {
        /// The field.
        name: String,
        /// The most it may have.
        limit: usize,
        /// Whether the part has a file name: a file that is not called `file`.
        is_upload: bool,
    },
}

impl FormError {
    /// What the client gets to read.
    pub fn refusal(&self) -> Refusal {
        let refusal = match self {
            Self::Boundary(_) | Self::NotMultipart => {
                WireError::REQUEST_IS_NOT_MULTI_PART_CONTENT.into()
            }
            Self::Credential(fault) => return fault.refusal(),
            Self::DelimiterLine
            | Self::NoDelimiter { .. }
            | Self::NoFile
            | Self::TrailerTooLong { .. }
            | Self::Truncated
            | Self::PartHead(PartHeadFault::ControlCharacter | PartHeadFault::NotUtf8) => {
                WireError::MALFORMED_POST_REQUEST.into()
            }
            Self::PartHead(PartHeadFault::TypeBeforeDisposition) => {
                Refusal::new(WireError::MALFORMED_POST_REQUEST)
                    .ec(TYPE_FIRST_EC)
                    .message(NOT_WELL_FORMED)
            }
            Self::PartHead(_) => invalid_argument(UNRECOGNIZED_FIELD),
            Self::FieldsTooLong { .. } | Self::TooManyParts { .. } => {
                WireError::MAX_POST_PRE_DATA_LENGTH_EXCEEDED.into()
            }
            Self::NameTooLong { .. } | Self::PartHeadTooLong { .. } => {
                WireError::FIELD_ITEM_TOO_LONG.into()
            }
            Self::ValueTooLong { name, .. } => Refusal::new(WireError::FIELD_ITEM_TOO_LONG)
                .ec(VALUE_TOO_LONG_EC)
                .extra(ARGUMENT_NAME, shorten(name)),
            Self::ValueNotUtf8 { name } => {
                Refusal::new(WireError::INVALID_ARGUMENT).extra(ARGUMENT_NAME, shorten(name))
            }
            Self::HeaderTooLong { name, .. }
            | Self::HeaderUnwritable { name }
            | Self::Repeated { name } => {
                Refusal::new(WireError::INVALID_ARGUMENT).extra(ARGUMENT_NAME, name)
            }
            Self::ForbidOverwrite { value } => Refusal::new(WireError::INVALID_ARGUMENT)
                .extra(ARGUMENT_NAME, "x-oss-forbid-overwrite")
                .extra("ArgumentValue", value),
            Self::MetadataTooLong { .. } => WireError::INVALID_ARGUMENT.into(),
            Self::NoKey => invalid_argument(NO_KEY).extra(ARGUMENT_NAME, "key"),
            Self::MisnamedFile { .. } | Self::SecondFile => {
                WireError::INCORRECT_NUMBER_OF_FILES.into()
            }
            Self::FilenameUnreadable => {
                Refusal::new(WireError::INVALID_ARGUMENT).extra(ARGUMENT_NAME, "file")
            }
            Self::Key(why) => refused_key(why),
        };
        refusal.hint(format!("{self}; {}", self.advice()))
    }

    /// What to change.
    const fn advice(&self) -> &'static str {
        match self {
            Self::Boundary(InvalidBoundary::Comma) => {
                "send `multipart/form-data; boundary=…`, with a semicolon"
            }
            Self::Boundary(InvalidBoundary::Merged) => {
                "send the header `Content-Type` once: where a library writes it for a form, set none"
            }
            Self::Boundary(_) => {
                "send `multipart/form-data; boundary=…`; libraries write it themselves if the header is left to them"
            }
            Self::Credential(fault) => fault.advice(),
            Self::DelimiterLine => {
                "end every line of a part's head, and every boundary, with CR LF, and the last boundary with `--`"
            }
            Self::FieldsTooLong { .. }
            | Self::ValueTooLong {
                is_upload: false, ..
            } => "put long content into `file`, not into fields",
            Self::ValueTooLong {
                is_upload: true, ..
            }
            | Self::MisnamedFile { .. } => "name the part with the content `file`",
            Self::FilenameUnreadable => {
                "send `filename*=utf-8''…` with UTF-8 in percent-encoding, a plain `filename`, or a key without `${filename}`"
            }
            Self::ForbidOverwrite { .. } => "send `true` or `false`, or leave the field out",
            Self::HeaderTooLong { .. } | Self::MetadataTooLong { .. } => "shorten it",
            Self::HeaderUnwritable { .. } => {
                "send plain text on one line, and metadata names of letters, digits and `-`"
            }
            Self::Key(_) => "change the field `key` or the name of the file",
            Self::NameTooLong { .. } | Self::PartHeadTooLong { .. } => {
                "shorten the names of the field and of the file"
            }
            Self::NoDelimiter { .. } => {
                "leave the header `Content-Type` to the library that writes the body, or send the boundary that the body has, where `--` goes before it"
            }
            Self::NoFile => "send the content as the last part, named `file`",
            Self::NoKey => {
                "send the object's name as field `key`, before `file`: fields after `file` are not read"
            }
            Self::NotMultipart => "send the form as `multipart/form-data`",
            Self::PartHead(PartHeadFault::NotUtf8) | Self::ValueNotUtf8 { .. } => {
                "send the form in UTF-8, and the content of a file as the part `file`"
            }
            Self::PartHead(_) => {
                "begin each part with the line `Content-Disposition: form-data; name=\"…\"`, ended by CR LF, and put nothing but headers before the blank line"
            }
            Self::Repeated { .. } => "send each field once; case does not tell names apart",
            Self::SecondFile => "send one file a form",
            Self::TooManyParts { .. } => "send fewer fields",
            Self::TrailerTooLong { .. } => "send `file` last",
            Self::Truncated => "send the whole form, with `--` behind the last boundary",
        }
    }
}

fn begins_with(found: Option<&str>) -> String {
    found.map_or_else(String::new, |found| format!(", but with `--{found}`"))
}

/// A name or a value as a message may hold it: its first 64 characters.
pub(super) fn shorten(text: &str) -> String {
    first_characters(text, 64)
}

fn invalid_argument(message: &'static str) -> Refusal {
    Refusal::new(WireError::INVALID_ARGUMENT).message(message)
}

fn refused_key(why: &InvalidObjectKey) -> Refusal {
    let refusal = Refusal::new(WireError::INVALID_OBJECT_NAME);
    match why {
        InvalidObjectKey::Empty => refusal.message("The Object name can not be empty."),
        InvalidObjectKey::TooLong { .. } => {
            refusal.message("The Length of Object name must be less than 1024.")
        }
        InvalidObjectKey::ControlCharacter | InvalidObjectKey::LeadingSlash => refusal,
    }
}

const NO_KEY: &str = "The bucket POST must contain the specified 'key'. If it is specified, please check the order of the fields";
const UNRECOGNIZED_FIELD: &str = "The bucket POST contains unrecognized field name.";
/// As OSS was seen to answer a `Content-Type` in front: another EC, and no full stop.
const TYPE_FIRST_EC: &str = "0006-00000109";
const NOT_WELL_FORMED: &str =
    "The body of your POST request is not well-formed multipart/form-data";
const VALUE_TOO_LONG_EC: &str = "0006-00000111";
pub(super) const ARGUMENT_NAME: &str = "ArgumentName";
