//! Hearing of an upload: `POST /callback`.
//!
//! In: a request from anyone. Out: a row in the table and 200, or a refusal. Steps: read the body
//! (bounded), judge target, headers and digest, get the key from an allowed address, verify the
//! signature, read what the body says, keep it, answer. Nothing of the body is looked at before its
//! signature is verified.
//!
//! Source: OSS, "Callback" (steps 3 to 5).

mod body;
mod fetch;
mod keys;
mod notice;
mod refusal;
mod tls;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use upcall::callback::{CallbackRequest, CallbackVerifier, PublicKeyUrls};

use body::Bodies;
use keys::Keys;
use notice::Notice;
use refusal::Refused;

use crate::clock::Clock;
use crate::http::AppState;
use crate::limits::Limits;
use crate::uploads::Upload;

/// What is needed to hear of uploads.
#[derive(Debug)]
pub(crate) struct CallbackReceiver {
    bodies: Bodies,
    verifier: CallbackVerifier,
    keys: Keys,
    clock: Clock,
}

impl CallbackReceiver {
    pub(crate) fn new(key_urls: PublicKeyUrls, limits: &Limits, clock: Clock) -> Self {
        Self {
            bodies: Bodies::new(limits.body),
            verifier: CallbackVerifier::new(key_urls),
            keys: Keys::new(limits.key_fetch, clock.clone()),
            clock,
        }
    }

    /// Verifies the signature, and reads what it is under.
    async fn verify(&self, parts: &Parts, body: &Bytes) -> Result<Notice, Refused> {
        let headers: Vec<_> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let request = CallbackRequest {
            method: parts.method.as_str(),
            target: parts
                .uri
                .path_and_query()
                .map_or("/", |target| target.as_str()),
            headers: &headers,
            body,
        };
        let unverified = self.verifier.read(&request)?;
        let url = unverified.key_url().clone();
        let key = self.keys.key(&url).await?;
        let verified = match unverified.clone().verify(&key) {
            Ok(verified) => verified,
            // The storage server may have another key by now.
            Err(refused) => match self.keys.renewed(&url, &key).await {
                Some(key) => unverified.verify(&key)?,
                None => return Err(refused.into()),
            },
        };
        Ok(Notice::read(verified.body())?)
    }
}

/// `POST /callback`.
pub(crate) async fn receive(State(app): State<Arc<AppState>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let heard: Result<Upload, Refused> = async {
        let body = app.callbacks.bodies.read(&parts.headers, body).await?;
        let notice = app.callbacks.verify(&parts, &body).await?;
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

/// The template that our policies ask for; [`Notice`] reads what comes of it.
///
/// The id is in it so that it is signed: a callback that is told twice is then one row.
pub(crate) const CALLBACK_BODY: &str = "bucket=${bucket}&object=${object}&etag=${etag}\
    &size=${size}&mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}\
    &requestId=${reqId}";

/// OSS's request ids have 24 bytes.
const MAX_ID_BYTES: usize = 64;
