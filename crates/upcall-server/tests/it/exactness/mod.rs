//! The protocol's page on callbacks, row by row: every variable, every refusal, every header, for
//! `PostObject` and `PutObject` and each way of bringing a callback.
//!
//! What the page leaves open is marked "open" beside its row: there the server does what it did.

mod calls;
mod images;
mod refusals;
mod values;
mod ways;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A callback with these members, as base64.
pub(crate) fn encoded(members: &Value) -> String {
    STANDARD.encode(members.to_string())
}

/// A callback with this body.
fn callback(url: &str, body: &str, is_json: bool) -> String {
    let mut members = json!({ "callbackUrl": url, "callbackBody": body });
    if is_json {
        members["callbackBodyType"] = "application/json".into();
    }
    encoded(&members)
}
