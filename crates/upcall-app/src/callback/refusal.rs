//! Why a callback was not accepted: what the log says, and what the storage server is answered.

use std::error::Error;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use upcall::axum::CallbackRejection;
use upcall::callback::binding::BindingError;

use super::body::BodyError;
use super::notice::InvalidNotice;
use crate::uploads::UploadsError;

/// Why a callback was not accepted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Notice(#[from] InvalidNotice),
    #[error(transparent)]
    Uploads(#[from] UploadsError),
    #[error(transparent)]
    Verify(#[from] CallbackRejection),
}

impl Refused {
    /// One line; the body, the signature and the key's address are not in it.
    pub(super) fn log(&self, request_id: Option<&str>) {
        let request_id = request_id.unwrap_or("-");
        let reason = chain(self);
        match self {
            Self::Uploads(_) => {
                tracing::error!(?request_id, reason, "a verified callback could not be kept");
            }
            Self::Verify(error @ CallbackRejection::Key(_)) => {
                let part = format_args!("{}", error.part());
                tracing::warn!(?request_id, %part, reason, "a callback was refused");
            }
            Self::Verify(error) => {
                let part = format_args!("{}", error.part());
                tracing::info!(?request_id, %part, reason, "a callback was refused");
            }
            Self::Body(_) | Self::Notice(_) => {
                let part = format_args!("body");
                tracing::info!(?request_id, %part, reason, "a callback was refused");
            }
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Verify(error) => error.status(),
            Self::Notice(_) | Self::Body(BodyError::CutOff) => StatusCode::BAD_REQUEST,
            Self::Body(BodyError::TooLong) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Uploads(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The samples' words; strangers learn no more than that.
    const fn words(&self) -> &'static str {
        match self {
            Self::Verify(CallbackRejection::Binding(BindingError::Body(_))) | Self::Notice(_) => {
                "body not understood"
            }
            Self::Verify(CallbackRejection::Binding(_)) => "not permitted",
            Self::Verify(_) => "verify not ok",
            Self::Body(_) => "body not read",
            Self::Uploads(_) => "not kept",
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status(), Json(json!({"Status": self.words()}))).into_response()
    }
}

/// An error and its causes, for the log.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
