//! What the three classic examples need beside their pages: the key that the first one signs with in
//! the browser, and a policy without callback for the second.
//!
//! That gives the access key secret away, on purpose, to whoever opens the page. So it is for a
//! demonstration only, and not for other pages that the same browser has open: no page of another
//! origin may read an answer, and a name that was pointed to this machine (DNS rebinding) gets none.
//!
//! Source: OSS, "Upload from a web page" (the three examples of the classic walkthrough).

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::config::Examples;
use crate::http::{self, AppState, refuse, refuse_host};
use crate::policy::{Asked, PolicyKind, signed};

/// Below which the examples stand.
pub(crate) const FOLDER: &str = "/examples/";

pub(crate) const SETTINGS: &str = "/examples/settings";

pub(crate) const POLICY: &str = "/examples/policy";

/// Whether a page's file may be had: the examples only where they are switched on.
pub(crate) fn is_served(app: &AppState, path: &str) -> bool {
    app.examples == Examples::WithSecret || !path.starts_with(FOLDER)
}

/// `GET /examples/settings`: what the examples work with, the secret included.
pub(crate) async fn settings(State(app): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    if let Err(stranger) = check_same_page(&headers) {
        return stranger.into_response();
    }
    let Some(action) = app.form_action(&headers) else {
        return refuse_host();
    };
    let policies = &app.policies;
    let (policy_url, policy_url_v4, without_callback) = match &app.policy_url {
        // Whether that server can do more than the classic samples is not known.
        Some(elsewhere) => (elsewhere.url.as_str(), None, None),
        None => (http::POLICY, Some(http::POLICY_V4), Some(POLICY)),
    };
    let secret = String::from_utf8_lossy(policies.access_key_secret.expose());
    let settings = json!({
        "bucketUrl": action.url,
        "region": policies.region,
        "accessKeyId": policies.access_key_id.as_str(),
        "accessKeySecret": secret,
        "policyUrl": policy_url,
        "policyUrlV4": policy_url_v4,
        "policyUrlWithoutCallback": without_callback,
    });
    (OURS_ALONE, Json(settings)).into_response()
}

/// `GET /examples/policy`: a policy of the first generation that asks for no callback.
pub(crate) async fn policy(
    State(app): State<Arc<AppState>>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    match check_same_page(&headers) {
        Ok(()) => {
            let answer = signed(&app, &asked, &headers, PolicyKind::V1WithoutCallback);
            (OURS_ALONE, answer).into_response()
        }
        Err(stranger) => stranger.into_response(),
    }
}

/// Whether a page of ours asks, or a program: by an address that no name server can give to somebody
/// else's page, and not from one.
fn check_same_page(headers: &HeaderMap) -> Result<(), Stranger> {
    let mut hosts = headers.get_all(HOST).iter();
    let is_ours = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(is_address),
        _ => false,
    };
    if !is_ours {
        return Err(Stranger::Host);
    }
    let mut sites = headers.get_all("sec-fetch-site").iter();
    if sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none")) {
        Ok(())
    } else {
        Err(Stranger::Site)
    }
}

/// An IP address or `localhost`, with or without a port.
fn is_address(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    !host.contains('@')
        && (name.eq_ignore_ascii_case("localhost")
            || bare.unwrap_or(name).parse::<IpAddr>().is_ok())
}

/// Who does not get the secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stranger {
    /// Reached by a name.
    Host,
    /// Asked by a page of another origin.
    Site,
}

impl IntoResponse for Stranger {
    fn into_response(self) -> Response {
        let message = match self {
            Self::Host => "open the examples by an IP address or `localhost`, not by a name",
            Self::Site => "only the examples' own pages may ask this",
        };
        let refused = refuse(StatusCode::FORBIDDEN, "Forbidden", message);
        (OURS_ALONE, refused).into_response()
    }
}

/// On every answer of these two: not kept, and not to be read as anything else.
const OURS_ALONE: [(axum::http::HeaderName, &str); 3] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        axum::http::HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_no_name_server_is_asked_for() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8701",
            "192.168.1.7:8701",
            "[::1]:8701",
            "[fe80::1]",
            "localhost",
            "LocalHost:8701",
        ] {
            assert!(is_address(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example:8701",
            "localhost.evil.example",
            "evil.example@127.0.0.1",
            "127.0.0.1@evil.example",
            "::1",
            "2130706433",
            "0x7f.1",
            "localhost.",
            "127.0.0.1/",
            "127.0.0.1 ",
        ] {
            assert!(!is_address(host), "{host}");
        }
    }
}
