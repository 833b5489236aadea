//! What the callbacks said: the table, and the list that a page shows.
//!
//! This is the database row that a real application would write.

mod table;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::json;

pub(crate) use table::{OpenError, TableThread, Uploads, UploadsError};

use crate::http::{AppState, refuse};
use crate::limits::UPLOADS_LISTED;

/// One upload, as the storage server told of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Upload {
    /// Who was permitted to upload it, as the callback's binding says.
    pub(crate) user: Option<String>,
    /// The whole key.
    pub(crate) object: String,
    /// In bytes.
    pub(crate) size: Option<u64>,
    pub(crate) mime_type: Option<String>,
    /// In pixels; `None` if it is no image.
    pub(crate) width: Option<u64>,
    /// In pixels; `None` if it is no image.
    pub(crate) height: Option<u64>,
    /// The id of the request that uploaded it: the same callback, told twice, is one row.
    pub(crate) request_id: Option<String>,
    #[serde(serialize_with = "as_text")]
    pub(crate) received_at: Timestamp,
}

/// As RFC 3339 has it, such as `2026-11-23T18:02:11.482Z`.
fn as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// `GET /uploads`: the newest first.
pub(crate) async fn list(State(app): State<Arc<AppState>>) -> Response {
    match app.uploads.recent(UPLOADS_LISTED).await {
        Ok(uploads) => (
            [(CACHE_CONTROL, "no-store")],
            Json(json!({"uploads": uploads})),
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "the table of uploads could not be read");
            let message = "the list of uploads cannot be read at the moment";
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
        }
    }
}
