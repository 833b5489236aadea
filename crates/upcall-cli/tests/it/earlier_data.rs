//! A data folder that an earlier build wrote, served by this one.
//!
//! `tests/fixtures/data-folder-1/README.md` says what is in it and how it was made.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::tempdir;
use upcall::name::{AccessKeyId, AccessKeySecret};
use upcall::signature::{SignedRequest, v1};
use upcall_crypto::Md5;

use crate::http::get;
use crate::program::Upcall;

#[test]
fn a_folder_of_the_build_before_this_one_is_served() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    copy_private(&fixture().join("data"), &data);
    let expected = fs::read(fixture().join("expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    // Callbacks may not go to this machine, so what is owed stays owed.
    let serve = Upcall::serve(&data).start();
    let storage = serve.address("storage");

    for object in list(&expected["objects"]) {
        has_object(storage, &expected["accessKey"], object);
    }
    for absent in list(&expected["absent"]) {
        let (bucket, key) = text(absent).split_once('/').unwrap();
        let answer = get(storage, &signed(&expected["accessKey"], bucket, key));
        assert_eq!(answer.status, 404, "{absent}: {answer:?}");
    }
    let deleted = signed(&expected["deletedKey"], "photos", "private.txt");
    let answer = get(storage, &deleted);
    assert!(answer.body.contains("InvalidAccessKeyId"), "{answer:?}");
    let pem = get(storage, "/callback_pub_key_v1.pem");
    assert_eq!(
        digest(&pem.body),
        expected["publicKeyMd5"],
        "the callback key"
    );
    has_settings(&data, &expected);
    serve.stop().done();

    let sound = Upcall::new(&["fsck", "--json"]).data(&data).run();
    assert_eq!(sound.done_json()["damaged"], 0);
}

fn has_object(storage: &str, key: &Value, object: &Value) {
    let (bucket, name) = (text(&object["bucket"]), text(&object["key"]));
    let answer = get(storage, &signed(key, bucket, name));
    assert_eq!(answer.status, 200, "{object}: {answer:?}");
    assert_eq!(answer.body.len() as u64, object["length"], "{object}");
    assert_eq!(digest(&answer.body), object["md5"], "{object}");
    for (header, value) in object["headers"].as_object().into_iter().flatten() {
        assert_eq!(answer.header(header), value.as_str(), "{object}");
    }
    let anonymous = get(storage, &format!("/{bucket}/{name}"));
    let status = if object["isPrivate"] == json!(true) {
        403
    } else {
        200
    };
    assert_eq!(anonymous.status, status, "{object} without a signature");
}

fn has_settings(data: &Path, expected: &Value) {
    let run = |words: &[&str]| {
        let ended = Upcall::new(words).and(&["--json"]).data(data).run();
        ended.done_json()
    };
    has(
        &run(&["bucket", "list"])["buckets"],
        &expected["buckets"],
        "buckets",
    );
    has(&run(&["key", "list"])["keys"], &expected["keys"], "keys");
    for (bucket, settings) in expected["callbackSettings"].as_object().unwrap() {
        has(
            &run(&["bucket", "callback", "get", bucket]),
            settings,
            bucket,
        );
    }
    // Some may have been tried and given up meanwhile; all are still there.
    let owed = run(&["callback", "owed"]);
    for call in list(&expected["owed"]) {
        let found = list(&owed["calls"]).iter().find(|c| c["id"] == call["id"]);
        has(found.unwrap_or(&Value::Null), call, "an owed call");
    }
}

/// Whether everything expected is found; a later build may say more.
fn has(found: &Value, expected: &Value, what: &str) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            for (name, expected) in expected {
                let found = found.get(name).unwrap_or(&Value::Null);
                has(found, expected, &format!("{what}, {name}"));
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                has(found, expected, what);
            }
        }
        _ => assert_eq!(found, expected, "{what}"),
    }
}

/// The target of a GET that is signed by this key.
fn signed(key: &Value, bucket: &str, name: &str) -> String {
    let id = AccessKeyId::parse(text(&key["id"])).unwrap();
    let secret = AccessKeySecret::new(text(&key["secret"]));
    let decoded = percent_encoding::percent_decode_str(name);
    let decoded = decoded.decode_utf8().unwrap();
    let request = SignedRequest {
        method: "GET",
        bucket: Some(bucket),
        key: Some(&decoded),
        query: &[],
        headers: &[],
    };
    let until = Timestamp::now() + SignedDuration::from_mins(10);
    let query = v1::presign(&id, &secret, &request, until).unwrap();
    format!("/{bucket}/{name}?{query}")
}

fn digest(body: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in Md5::digest(body.as_bytes()) {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Copies a folder so that its owner alone may look into it, as a server keeps it.
fn copy_private(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_private(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data-folder-1")
}
