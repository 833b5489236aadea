//! Signing policies: what a page needs to post a form straight to the storage server.
//!
//! In: who uploads, and where the form goes. Out: the documented JSON. Whatever the page could
//! change, the policy pins: the bucket, the folder, the size, the content types, the answer, and the
//! callback, without which we would not hear of the file.
//!
//! Source: OSS, "Direct upload with a server-signed policy and callback" (the classic walkthrough).

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

pub(crate) use maker::{ContentTypes, PolicyMaker, UnusableTypes};
use user::User;

use crate::http::{AppState, refuse, refuse_host};

/// What a page may say about itself.
#[derive(Debug, Deserialize)]
pub(crate) struct PolicyQuestion {
    /// Who uploads. A real application knows that from its session, and asks nobody.
    user: Option<String>,
}

/// `GET /policy`: a signed policy, for pages of any origin, never cached.
pub(crate) async fn answer(
    State(app): State<Arc<AppState>>,
    question: Result<Query<PolicyQuestion>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let asked = match &question {
        Ok(Query(question)) => question.user.as_deref(),
        Err(_) => return refuse_user("the query must be `user=NAME`, or nothing"),
    };
    let user = match asked.map_or_else(|| Ok(User::guest()), User::parse) {
        Ok(user) => user,
        Err(why) => return refuse_user(&why.to_string()),
    };
    let Some(action) = app.form_action(&headers) else {
        return refuse_host();
    };
    tracing::info!(%user, "a policy was signed");
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_TYPE, "application/json"),
        (VARY, "Accept"),
    ];
    (headers, app.policies.sign(&user, action.url).to_json()).into_response()
}

fn refuse_user(message: &str) -> Response {
    let refused = refuse(StatusCode::BAD_REQUEST, "InvalidUser", message);
    ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], refused).into_response()
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

/// `GET /settings`: what the page tells before anything is chosen.
pub(crate) async fn settings(State(app): State<Arc<AppState>>) -> Response {
    let policies = &app.policies;
    let settings = json!({
        "maxBytes": policies.max_bytes(),
        "allowedTypes": policies.types().listed(),
        "bucket": policies.bucket().as_str(),
    });
    ([(CACHE_CONTROL, "no-store")], Json(settings)).into_response()
}
