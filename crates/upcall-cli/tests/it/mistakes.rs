//! What receivers get wrong, written down as it reached their verification: `upcall callback verify`
//! names the cause, with nothing but the key.
//!
//! The requests in `tests/mistakes` were all one genuine call of its kind; what happened to them was
//! done by the very functions that receivers use: `rawurldecode`, `urldecode`, `htmlspecialchars`,
//! `parse_str` and `json_encode` of PHP, `URLSearchParams` of JavaScript, `json.dumps` of Python.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;

use crate::program::Upcall;

/// File, cause, how sure it must be, and what the sentence must tell to do.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    // Headers.
    (
        "authorization-kept-by-apache",
        "authorization-missing",
        "proven",
        "CGIPassAuth On",
    ),
    (
        "key-url-header-lost-at-the-gateway",
        "key-url-missing",
        "proven",
        "passes on known headers only",
    ),
    // Path.
    (
        "path-decoded-by-the-framework",
        "path-decoded",
        "proven",
        "before the verification, which decodes it itself",
    ),
    (
        "plus-in-the-path-read-as-blank",
        "path-decoded",
        "proven",
        "`+`",
    ),
    (
        "prefix-stripped-by-the-proxy",
        "path-prefix-removed",
        "proven",
        "`/api` was taken from the beginning",
    ),
    (
        "prefix-added-by-the-gateway",
        "path-prefix-added",
        "proven",
        "begins with `/prod`",
    ),
    (
        "target-with-host",
        "target-absolute",
        "proven",
        "path and query alone",
    ),
    // Query.
    (
        "query-not-appended",
        "query-dropped",
        "likely",
        "append `?` and the raw query",
    ),
    (
        "question-mark-always-inserted",
        "query-mark",
        "proven",
        "only if the query is not empty",
    ),
    (
        "query-sorted",
        "query-reordered",
        "proven",
        "built from a map or sorted",
    ),
    (
        "query-encoded-anew",
        "query-encoded",
        "proven",
        "verify the raw query",
    ),
    // Body.
    (
        "body-eaten-by-the-parser",
        "body-empty",
        "proven",
        "take the raw bytes first",
    ),
    (
        "body-cut-at-a-limit",
        "body-truncated",
        "likely",
        "after 100 of 183 bytes",
    ),
    (
        "form-parsed-and-encoded-anew",
        "body-form-rewritten",
        "proven",
        "verify the raw bytes",
    ),
    (
        "body-decoded-as-a-whole",
        "body-form-rewritten",
        "proven",
        "verify the raw bytes",
    ),
    (
        "form-turned-into-json",
        "body-form-rewritten",
        "likely",
        "verify the raw bytes",
    ),
    (
        "json-parsed-and-serialised-anew",
        "body-json-rewritten",
        "proven",
        "JSON.stringify",
    ),
    (
        "line-feed-added",
        "body-tail",
        "proven",
        "mostly one line break",
    ),
    (
        "body-read-as-latin-1",
        "body-charset",
        "proven",
        "before they become text",
    ),
    (
        "byte-order-mark-put-before",
        "body-byte-order-mark",
        "proven",
        "EF BB BF",
    ),
    (
        "body-through-an-html-filter",
        "body-html-escaped",
        "proven",
        "exempt this address from the filter",
    ),
    (
        "json-through-an-html-filter",
        "body-html-escaped",
        "proven",
        "exempt this address from the filter",
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes")
}

/// What the program says of one of the files, and how it ends.
fn verified(name: &str, key: &Path) -> (Value, Option<i32>) {
    let file = folder().join(format!("{name}.txt"));
    let words = ["callback", "verify", file.to_str().unwrap(), "--json"];
    let ended = Upcall::new(&words)
        .and(&["--key", key.to_str().unwrap()])
        .run();
    let said = serde_json::from_str(&ended.stdout);
    (
        said.unwrap_or_else(|_| panic!("{name}: {ended:?}")),
        ended.status.code(),
    )
}

#[test]
fn the_right_cause_of_each_is_named_first() {
    let desk = tempdir().unwrap();
    let key = desk.path().join("key.pem");
    let vectors = include_str!("../../../upcall/tests/vectors/callback-signature.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let pem = &vectors["throwaway_keys_for_tests"][1]["public_key_pem"];
    fs::write(&key, pem.as_str().unwrap()).unwrap();

    let (said, status) = verified("genuine", &key);
    assert_eq!((&said["outcome"], status), (&"verifies".into(), Some(0)));

    for (name, cause, certainty, advice) in MISTAKES {
        let (said, status) = verified(name, &key);
        assert_eq!(
            (&said["outcome"], status),
            (&"fails".into(), Some(1)),
            "{name}"
        );
        let first = &said["findings"][0];
        assert_eq!(first["reason"], *cause, "{name}: {said}");
        assert_eq!(first["certainty"], *certainty, "{name}: {said}");
        let text = first["text"].as_str().unwrap();
        assert!(text.contains(advice), "{name}: {text}");
        // Nothing else is said to be as sure.
        let others = said["findings"].as_array().unwrap().iter().skip(1);
        let as_sure: Vec<_> = others
            .filter(|finding| finding["certainty"] == *certainty)
            .collect();
        assert!(as_sure.is_empty(), "{name}: {as_sure:?}");
    }
}

#[test]
fn every_file_is_in_the_table() {
    let in_table: BTreeSet<String> = MISTAKES
        .iter()
        .map(|(name, ..)| format!("{name}.txt"))
        .chain(["genuine.txt".to_owned(), ".gitattributes".to_owned()])
        .collect();
    let in_folder: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(in_folder, in_table);
}
