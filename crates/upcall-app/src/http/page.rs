//! The upload page: the built files, each with the headers that keep it to itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::refusal::refuse;
use super::routes::AppState;
use crate::config::FormAction;
use crate::examples;

/// `GET` of a page's file, and the answer to every address that is nothing else.
pub(super) async fn asset(
    State(app): State<Arc<AppState>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if !matches!(method, Method::GET | Method::HEAD) {
        let message = "this address is read with GET";
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
    }
    let found = upcall_web::asset(uri.path()).filter(|asset| examples::is_served(&app, asset.path));
    let Some(asset) = found else {
        let message = "there is nothing at this address";
        return refuse(StatusCode::NOT_FOUND, "NotFound", message);
    };
    let Some(action) = app.form_action(&headers) else {
        return refuse_host();
    };
    let cache_control = if asset.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [
        (CONTENT_TYPE, asset.content_type),
        (CACHE_CONTROL, cache_control),
        (
            CONTENT_SECURITY_POLICY,
            &content_security_policy(&action.origin, app.policy_url.as_ref()),
        ),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // `/` is the policy for whoever does not ask for HTML.
        (VARY, "Accept"),
    ];
    (headers, Body::from(asset.bytes)).into_response()
}

/// The answer to a request whose `Host` header is needed and is none.
pub(crate) fn refuse_host() -> Response {
    let message = "the header `Host` must be a host name or an IP address, with or without a port";
    refuse(StatusCode::BAD_REQUEST, "InvalidHost", message)
}

/// Everything comes from here, except that the form goes to the storage server, and the question for
/// a policy to another application where there is one.
fn content_security_policy(storage_origin: &str, policy_url: Option<&FormAction>) -> String {
    let policy_origin = match policy_url {
        Some(elsewhere) => format!(" {}", elsewhere.origin),
        None => String::new(),
    };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
         connect-src 'self' {storage_origin}{policy_origin}; font-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
