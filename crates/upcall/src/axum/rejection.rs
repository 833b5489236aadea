//! Why a request is no callback, and what its sender is answered.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::keys::KeyError;
use crate::callback::binding::BindingError;
use crate::callback::{CheckedPart, VerifyError};

/// Why a request is no callback of ours. Strangers are answered in the samples' words; the log gets
/// [`code`](Self::code) and the text.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallbackRejection {
    /// The signature holds, and no policy of ours permitted the upload.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The body was not read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// There is no key to verify with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A part is wrong.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl CallbackRejection {
    /// A stable name, the same in the kit's every language.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Binding(error) => error.code(),
            Self::Body(BodyError::CutOff) => "body-cut-off",
            Self::Body(BodyError::TooLong { .. }) => "body-too-long",
            Self::Key(_) => "key-unavailable",
            Self::Verify(error) => error.code(),
        }
    }

    /// Which part is wrong: a [`CheckedPart`], `binding`, or `body` if it was not read, or two readers
    /// could read it in two ways.
    pub const fn part(&self) -> &'static str {
        match self {
            Self::Binding(BindingError::Body(_)) | Self::Body(_) => "body",
            Self::Binding(_) => "binding",
            Self::Key(_) => CheckedPart::KeyUrl.as_str(),
            Self::Verify(error) => error.part().as_str(),
        }
    }

    /// 400; 403 for what was not permitted; 413 for a body that is too long; 503 if the key cannot be
    /// had. After a 4xx, upcall does not call again, and drops what a gated bucket holds: no answer to
    /// a passing trouble.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Binding(BindingError::Body(_))
            | Self::Body(BodyError::CutOff)
            | Self::Verify(_) => StatusCode::BAD_REQUEST,
            Self::Binding(_) => StatusCode::FORBIDDEN,
            Self::Body(BodyError::TooLong { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Key(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for CallbackRejection {
    fn into_response(self) -> Response {
        let words = match self {
            Self::Binding(BindingError::Body(_)) => r#"{"Status":"body not understood"}"#,
            Self::Binding(_) => r#"{"Status":"not permitted"}"#,
            Self::Body(_) => r#"{"Status":"body not read"}"#,
            Self::Key(_) | Self::Verify(_) => r#"{"Status":"verify not ok"}"#,
        };
        (self.status(), [(CONTENT_TYPE, "application/json")], words).into_response()
    }
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BodyError {
    /// The connection ended before it.
    #[error("the body ended early")]
    CutOff,
    /// It is longer than the receiver takes.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// How many it takes.
        limit: usize,
    },
}
