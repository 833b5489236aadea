//! Why a callback is not of an upload that was permitted.

use super::super::body::InvalidBody;

/// Why a callback is not of an upload that was permitted. Every one of them is final: sent again, the
/// call is refused again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BindingError {
    /// The body could be read in two ways.
    #[error(transparent)]
    Body(#[from] InvalidBody),
    /// The body names another bucket, or none.
    #[error("the body does not name the bucket that the binding permits")]
    Bucket,
    /// It has ended.
    #[error("the binding has expired")]
    Expired,
    /// No key made it.
    #[error("the binding was made with another secret, or changed")]
    Mac,
    /// It is none.
    #[error("the field `binding` is no binding of version 1")]
    Malformed,
    /// It is not there.
    #[error("the body has no field `binding`")]
    Missing,
    /// The body names an object that was not permitted, or none.
    #[error("the body does not name an object that the binding permits")]
    Object,
}

impl BindingError {
    /// A stable name, the same in the kit's every language.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Body(why) => why.code(),
            Self::Bucket => "binding-bucket",
            Self::Expired => "binding-expired",
            Self::Mac => "binding-mac",
            Self::Malformed => "binding-malformed",
            Self::Missing => "binding-missing",
            Self::Object => "binding-object",
        }
    }
}

/// A secret for bindings is too short.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a secret for bindings has 16 bytes or more")]
pub struct ShortBindingSecret;
