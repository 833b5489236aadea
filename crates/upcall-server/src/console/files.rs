//! The console's files, each with the headers that keep it to itself.

use http::StatusCode;
use http::header;

use crate::http::answer::Answer;
use crate::http::service::plain;

/// The file at `path`, which begins with `/console/`.
pub(super) fn answer(path: &str) -> Option<Answer> {
    if path == "/console" {
        return Some(to_console());
    }
    let asset = upcall_web::console_asset(path)?;
    // A page of yesterday would speak to the server of today.
    let cache_control = if asset.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    Some(
        plain(StatusCode::OK, asset.content_type, asset.bytes)
            .own_page(CONTENT_SECURITY_POLICY)
            .header(header::CACHE_CONTROL, cache_control)
            .header(header::X_FRAME_OPTIONS, "DENY"),
    )
}

/// To the page itself.
pub(super) fn to_console() -> Answer {
    Answer::new(StatusCode::FOUND).header(header::LOCATION, "/console/")
}

/// Everything comes from here and goes to here; nothing may stand in the page itself.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'none'";
