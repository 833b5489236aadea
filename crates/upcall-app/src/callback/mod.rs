//! Hearing of an upload: `POST /callback`.
//!
//! In: a request from anyone. Out: a row in the table and 200, or a refusal. Steps: read the body
//! (bounded), judge target, headers and digest, get the key from an allowed address, verify the
//! signature, hold the body against its binding, read what it says, keep it, answer. Nothing of the
//! body is looked at before its signature is verified, and who uploaded is what the binding says.
//!
//! Source: OSS, "Callback" (steps 3 to 5).

mod body;
mod fetch;
mod notice;
mod refusal;
mod tls;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use upcall::axum::CallbackReceiver;
use upcall::callback::CallbackVerifier;
use upcall::callback::binding::Binding;

use body::Bodies;
use fetch::Fetcher;
use notice::Notice;
use refusal::Refused;

use crate::clock::Clock;
use crate::http::AppState;
use crate::limits::Limits;
use crate::uploads::Upload;

/// What is needed to hear of uploads.
#[derive(Debug)]
pub(crate) struct Callbacks {
    bodies: Bodies,
    receiver: CallbackReceiver,
    clock: Clock,
}

impl Callbacks {
    pub(crate) fn new(
        verifier: CallbackVerifier,
        binding: Arc<Binding>,
        limits: &Limits,
        clock: Clock,
    ) -> Self {
        let receiver_clock = clock.clone();
        Self {
            bodies: Bodies::new(limits.body),
            receiver: CallbackReceiver::new(verifier, Fetcher::new(limits.key_fetch))
                .binding(binding)
                .clock(move || receiver_clock.now()),
            clock,
        }
    }

    /// Not by the kit's extractor, since our bodies share memory and have a time to come in.
    async fn hear(&self, parts: &Parts, body: Body) -> Result<Notice, Refused> {
        let body = self.bodies.read(&parts.headers, body).await?;
        let permission = self.receiver.verify(parts, &body).await?;
        let user = permission.and_then(|permission| permission.user);
        Ok(Notice::read(&body)?.of(user))
    }
}

/// `POST /callback`.
pub(crate) async fn receive(State(app): State<Arc<AppState>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let heard: Result<Upload, Refused> = async {
        let notice = app.callbacks.hear(&parts, body).await?;
        let upload = notice.received(announced_id(&parts), app.callbacks.clock.now());
        Ok(app.uploads.keep(upload).await?)
    }
    .await;
    match heard {
        Ok(upload) => {
            tracing::info!(
                request_id = ?upload.request_id.as_deref().unwrap_or("-"),
                bytes = upload.size,
                "a callback was verified and kept"
            );
            ([(CACHE_CONTROL, "no-store")], Json(Heard::from(upload))).into_response()
        }
        Err(refused) => {
            refused.log(announced_id(&parts).as_deref());
            refused.into_response()
        }
    }
}

/// The id that the header announces. It is not signed: good for a log line, and for a row whose
/// body does not tell the id.
fn announced_id(parts: &Parts) -> Option<String> {
    let id = parts.headers.get("x-oss-request-id")?.to_str().ok()?;
    (1..=MAX_ID_BYTES)
        .contains(&id.len())
        .then(|| id.to_owned())
}

/// What the storage server hands on to the uploader.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Heard {
    #[serde(rename = "Status")]
    status: &'static str,
    object: String,
    size: Option<u64>,
    mime_type: Option<String>,
    width: Option<u64>,
    height: Option<u64>,
    request_id: Option<String>,
}

impl From<Upload> for Heard {
    fn from(upload: Upload) -> Self {
        Self {
            status: "OK",
            object: upload.object,
            size: upload.size,
            mime_type: upload.mime_type,
            width: upload.width,
            height: upload.height,
            request_id: upload.request_id,
        }
    }
}

/// OSS's request ids have 24 bytes.
const MAX_ID_BYTES: usize = 64;
