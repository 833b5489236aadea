//! Tests of the whole callback: against the protocol's vectors, the table of refusals, and the
//! verifier.

mod parameter;
mod vectors;
mod verifier;
mod verify_table;
#[cfg(feature = "webhook")]
mod webhook;

use serde_json::Value;

use super::PublicKeyUrls;

pub(super) fn read(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The addresses that a list of `verify.json` allows, as a setting would.
pub(crate) fn key_urls(list: &Value) -> PublicKeyUrls {
    let entries: Vec<&str> = list.as_array().unwrap().iter().map(text).collect();
    PublicKeyUrls::parse(&entries.join(" ")).unwrap()
}
