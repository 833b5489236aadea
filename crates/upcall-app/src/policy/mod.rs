//! Signing policies: what a page needs to post a form straight to the storage server.
//!
//! In: who uploads, and where the form goes. Out: the documented JSON. What the page could
//! change and its generation sends, the policy pins: the bucket, the folder, the size, the content
//! types, the answer, and the callback, without which we would not hear of the file. What no page of
//! the samples sends (a redirect, whether a file may be replaced), the bucket's settings close.
//!
//! Source: OSS, "Direct upload with a server-signed policy and callback" (the classic walkthrough,
//! V1), and "Obtain signature information from the server and upload data to OSS" (V4).

mod bound_callback;
mod maker;
mod user;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_TYPE, VARY,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

pub(crate) use bound_callback::BoundCallback;
pub(crate) use maker::{ContentTypes, PolicyKind, PolicyMaker, UnusableTypes};
use user::User;

use crate::config::Examples;
use crate::examples;
use crate::http::{AppState, POLICY, UPLOADS, refuse, refuse_host};

/// What a page may say about itself.
#[derive(Debug, Deserialize)]
pub(crate) struct PolicyQuestion {
    /// Who uploads. A real application knows that from its session, and asks nobody.
    user: Option<String>,
}

/// What a page asked, or that it cannot be read.
pub(crate) type Asked = Result<Query<PolicyQuestion>, QueryRejection>;

/// `GET /policy`: a signed policy, for pages of any origin, never cached.
pub(crate) async fn answer(
    State(app): State<Arc<AppState>>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    for_any_page(signed(&app, &asked, &headers, PolicyKind::V1))
}

/// `GET /get_post_signature_for_oss_upload`: the same for the pages of the newer samples.
pub(crate) async fn answer_v4(
    State(app): State<Arc<AppState>>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    for_any_page(signed(&app, &asked, &headers, PolicyKind::V4))
}

/// The answer without the header that lets pages of other origins read it.
pub(crate) fn signed(
    app: &AppState,
    asked: &Asked,
    headers: &HeaderMap,
    kind: PolicyKind,
) -> Response {
    let asked = match asked {
        Ok(Query(question)) => question.user.as_deref(),
        Err(_) => return refuse_user("the query must be `user=NAME`, or nothing"),
    };
    let user = match asked.map_or_else(|| Ok(User::guest()), User::parse) {
        Ok(user) => user,
        Err(why) => return refuse_user(&why.to_string()),
    };
    let Some(action) = app.form_action(headers) else {
        return refuse_host();
    };
    tracing::info!(%user, "a policy was signed");
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_TYPE, "application/json"),
        (VARY, "Accept"),
    ];
    let signed = app.policies.sign(&user, action.url, kind);
    (headers, signed.to_json()).into_response()
}

fn for_any_page(answer: Response) -> Response {
    ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], answer).into_response()
}

fn refuse_user(message: &str) -> Response {
    refuse(StatusCode::BAD_REQUEST, "InvalidUser", message)
}

/// `OPTIONS`: any page may ask, with any header.
pub(crate) async fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// `GET /settings`: what the page tells before anything is chosen, and whom it asks for policies.
pub(crate) async fn settings(State(app): State<Arc<AppState>>) -> Response {
    let policies = &app.policies;
    let (policy_url, uploads_url) = match &app.policy_url {
        // Whether that server lists its uploads, and where, is not known.
        Some(elsewhere) => (elsewhere.url.as_str(), None),
        None => (POLICY, Some(UPLOADS)),
    };
    let settings = json!({
        "maxBytes": policies.max_bytes(),
        "allowedTypes": policies.types().listed(),
        "bucket": policies.bucket().as_str(),
        "policyUrl": policy_url,
        "uploadsUrl": uploads_url,
        "examplesUrl": (app.examples == Examples::WithSecret).then_some(examples::FOLDER),
    });
    ([(CACHE_CONTROL, "no-store")], Json(settings)).into_response()
}
