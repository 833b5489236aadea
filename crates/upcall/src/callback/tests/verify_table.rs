//! The table that the kit's every language reads: what a verifier says of a request.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::*;
use super::{key_urls, read, text};

#[test]
fn every_request_of_the_table_gets_its_verdict() {
    let table = read("verify.json");
    let mut codes = BTreeSet::new();
    for case in table["cases"].as_array().unwrap() {
        let list = case.get("keyUrls").unwrap_or(&table["keyUrls"]);
        let verifier = CallbackVerifier::new(key_urls(list));
        let verdict = verdict(&verifier, &table["keys"], case);
        let code = verdict.as_ref().err().map(|refused| refused.0);
        assert_eq!(code, case["error"].as_str(), "{}", case["name"]);
        if let Err((code, part)) = verdict {
            assert_eq!(part, text(&table["errors"][code]), "{}", case["name"]);
            codes.insert(code);
        }
    }
    let all: BTreeSet<&str> = table["errors"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(codes, all, "each error is in the table");
}

/// Code and part of what is wrong.
fn verdict(
    verifier: &CallbackVerifier,
    keys: &Value,
    case: &Value,
) -> Result<(), (&'static str, &'static str)> {
    let told = |refused: VerifyError| (refused.code(), refused.part().as_str());
    let headers: Vec<(&str, &str)> = case["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| (text(&header[0]), text(&header[1])))
        .collect();
    let body = match case["bodyBase64"].as_str() {
        Some(base64) => STANDARD.decode(base64).unwrap(),
        None => text(&case["body"]).as_bytes().to_vec(),
    };
    let request = CallbackRequest {
        method: text(&case["method"]),
        target: text(&case["target"]),
        headers: &headers,
        body: &body,
    };
    let unverified = verifier.read(&request).map_err(told)?;
    let Some(pem) = keys[unverified.key_url().as_str()].as_str() else {
        // Fetching is the caller's, and so is this verdict.
        return Err(("key-unavailable", CheckedPart::KeyUrl.as_str()));
    };
    let verified = unverified
        .verify(&PublicKey::from_pem(pem).unwrap())
        .map_err(told)?;
    assert_eq!(verified.body(), body, "{}", case["name"]);
    Ok(())
}
