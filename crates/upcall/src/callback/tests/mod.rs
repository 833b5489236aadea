//! Tests of the whole callback: against the protocol's vectors, the table of refusals, and the
//! verifier.

mod parameter;
mod vectors;
mod verifier;
mod verify_table;
#[cfg(feature = "webhook")]
mod webhook;

use serde_json::Value;

pub(super) fn read(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
