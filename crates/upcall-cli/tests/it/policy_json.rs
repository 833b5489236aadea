//! What the pages make of the JSON that the application gives them is what the server takes, in both
//! generations.

use serde_json::Value;
use tempfile::tempdir;

use crate::http::{Answer, FORM, ask, form, get};
use crate::program::{Running, Upcall};

fn asked(dev: &Running, target: &str) -> Value {
    let answer = get(dev.address("app"), target);
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

/// Posts fields, each with a value or the member of the JSON that has it, to where the JSON says.
fn post(json: &Value, fields: &[(&str, Given)]) -> Answer {
    let text = |member: &str| json[member].as_str().unwrap().to_owned();
    let fields: Vec<(String, String)> = fields
        .iter()
        .map(|(name, given)| {
            let value = match given {
                Given::Member(member) => text(member),
                Given::Value(value) => (*value).to_owned(),
                Given::Key(name) => text("dir") + name,
            };
            ((*name).to_owned(), value)
        })
        .collect();
    let host = text("host");
    let (address, path) = host
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .unwrap();
    let body = form(&fields, "cat.txt", "meow");
    ask(address, &format!("POST /{path}"), FORM, &body)
}

#[derive(Clone, Copy)]
enum Given {
    Member(&'static str),
    Value(&'static str),
    /// Below `dir`.
    Key(&'static str),
}

/// As the classic `upload.js` does it, with what plupload puts before.
const CLASSIC: &[(&str, Given)] = &[
    ("name", Given::Value("cat.txt")),
    ("key", Given::Key("${filename}")),
    ("policy", Given::Member("policy")),
    ("OSSAccessKeyId", Given::Member("accessid")),
    ("success_action_status", Given::Value("200")),
    ("callback", Given::Member("callback")),
    ("signature", Given::Member("signature")),
];

/// As the page of the newer samples does it.
const NEWER: &[(&str, Given)] = &[
    ("success_action_status", Given::Value("200")),
    ("policy", Given::Member("policy")),
    ("x-oss-signature", Given::Member("signature")),
    ("x-oss-signature-version", Given::Member("version")),
    ("x-oss-credential", Given::Member("x_oss_credential")),
    ("x-oss-date", Given::Member("x_oss_date")),
    ("key", Given::Key("newer.txt")),
    ("callback", Given::Member("callback")),
];

#[test]
fn a_page_of_either_generation_uploads_and_the_application_hears_of_it() {
    let folder = tempdir().unwrap();
    let dev = Upcall::dev(folder.path()).start();
    for (target, fields, object) in [
        ("/policy?user=eric", CLASSIC, "uploads/eric/cat.txt"),
        (
            "/get_post_signature_for_oss_upload?user=eric",
            NEWER,
            "uploads/eric/newer.txt",
        ),
    ] {
        let answer = post(&asked(&dev, target), fields);

        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        let heard: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(heard["object"], object);
        assert_eq!(heard["Status"], "OK");
    }
    let listed = asked(&dev, "/uploads");
    assert_eq!(listed["uploads"].as_array().unwrap().len(), 2);
}

#[test]
fn the_second_example_uploads_and_nobody_hears_of_it() {
    let folder = tempdir().unwrap();
    let dev = Upcall::dev(folder.path()).start();
    let is_other = |(name, _): &&(&str, Given)| *name != "callback";
    let fields: Vec<_> = CLASSIC.iter().filter(is_other).copied().collect();

    let answer = post(&asked(&dev, "/examples/policy"), &fields);

    assert_eq!((answer.status, &*answer.body), (200, ""), "{answer:?}");
    assert_eq!(asked(&dev, "/uploads")["uploads"], Value::Array(Vec::new()));
    // The one that signs in the browser has what it needs.
    let settings = asked(&dev, "/examples/settings");
    assert_eq!(settings["accessKeySecret"], dev.text("accessKeySecret"));
    assert_eq!(
        settings["bucketUrl"],
        format!("{}/photos/", dev.text("storage"))
    );
    // A policy that asks for a callback is not satisfied by a form without one.
    let refused = post(&asked(&dev, "/policy"), &fields);
    assert_eq!(refused.status, 403, "{refused:?}");
}
