//! The route table, and what every handler can reach.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, DATE, HOST};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::page;
use crate::callback::{self, Callbacks};
use crate::clock::Clock;
use crate::config::{Examples, FormAction, HostRule};
use crate::examples;
use crate::policy::{self, Asked, PolicyMaker};
use crate::uploads::{self, Uploads};

/// What every handler can reach.
#[derive(Debug)]
pub(crate) struct AppState {
    pub(crate) host: HostRule,
    /// Whom the page asks for policies, if not us.
    pub(crate) policy_url: Option<FormAction>,
    pub(crate) examples: Examples,
    pub(crate) policies: PolicyMaker,
    pub(crate) callbacks: Callbacks,
    pub(crate) uploads: Uploads,
}

impl AppState {
    /// Where the browser that sent `headers` posts its forms.
    pub(crate) fn form_action(&self, headers: &HeaderMap) -> Option<FormAction> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        self.host.form_action(host, self.policies.bucket())
    }
}

/// Every address of this server; each answer has a `Date` by `clock`.
pub(crate) fn routes(state: Arc<AppState>, clock: Clock) -> Router {
    let routes = Router::new()
        .route("/", get(root).options(policy::preflight))
        .route(POLICY, get(policy::answer).options(policy::preflight))
        .route(POLICY_V4, get(policy::answer_v4).options(policy::preflight))
        .route("/callback", post(callback::receive))
        .route(UPLOADS, get(uploads::list))
        .route("/settings", get(policy::settings));
    let routes = match state.examples {
        Examples::Off => routes,
        Examples::WithSecret => routes
            .route(examples::SETTINGS, get(examples::settings))
            .route(examples::POLICY, get(examples::policy)),
    };
    let dated = move |response| std::future::ready(with_date(response, clock.now()));
    routes
        .fallback(page::asset)
        .with_state(state)
        .layer(map_response(dated))
}

/// The address of policies.
pub(crate) const POLICY: &str = "/policy";

/// The same with V4; the name is that of the official samples, whose pages ask it.
pub(crate) const POLICY_V4: &str = "/get_post_signature_for_oss_upload";

/// The address of the list.
pub(crate) const UPLOADS: &str = "/uploads";

/// `GET /` is the page for a browser that goes there, and the policy for everything else: the
/// classic pages ask whatever address they were given, with `Accept: */*`.
async fn root(state: State<Arc<AppState>>, question: Asked, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if wants_html(&parts.headers) {
        page::asset(state, parts.method, parts.uri, parts.headers).await
    } else {
        policy::answer(state, question, parts.headers).await
    }
}

/// Source: RFC 9110, 6.6.1. A time that has no form there (before the year 0) gives no header.
fn with_date(mut response: Response, now: Timestamp) -> Response {
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    if let Some(date) = date.ok().and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(DATE, date);
    }
    response
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok())
        .flat_map(|accept| accept.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|media_type| media_type.trim().eq_ignore_ascii_case("text/html"))
}
