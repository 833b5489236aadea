//! `upcall policy explain` and `upcall policy lint`.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::tempdir;

use crate::http::{FORM, ask, fields_of, form};
use crate::program::{Ended, Upcall};

/// What `policy sign` prints, the `curl` line or JSON.
fn signed(words: &[&str]) -> Ended {
    Upcall::new(&["policy", "sign", "--bucket", "photos", "--max-size", "1MiB"])
        .and(&["--key-prefix", "user/eric/"])
        .and(words)
        .env("UPCALL_ACCESS_KEY_ID", "key-1")
        .env("UPCALL_ACCESS_KEY_SECRET", "secret")
        .run()
}

fn explain(words: &[&str]) -> Ended {
    Upcall::new(&["policy", "explain"]).and(words).run()
}

#[test]
fn every_condition_that_fails_is_told_and_not_only_the_first() {
    let signed: Value = signed(&["--json"]).done_json();
    let policy = signed["fields"]["policy"].as_str().unwrap();
    let ended = explain(&["--policy", policy, "--form", "key=user/bob/a.jpg"]);
    let unknown = ended.stdout.clone();
    assert_eq!(ended.status.code(), Some(1), "{unknown}");
    assert_eq!(
        ended.stderr,
        "error: the form does not satisfy the policy\n"
    );
    assert!(
        unknown.contains(
            "\nunknown  condition 1 wants the `bucket` to be \"photos\", and that is not known\n"
        ),
        "{unknown}"
    );

    let words = [
        "--policy",
        policy,
        "--form",
        "key=user/bob/a.jpg",
        "--bucket",
        "music",
    ];
    let ended = explain(
        &[
            &words[..],
            &["--size", "2MiB", "--at", "2126-01-01T00:00:00Z"],
        ]
        .concat(),
    );
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        lines[0].starts_with("unmet    the policy expired at "),
        "{lines:?}"
    );
    assert_eq!(
        lines[1..],
        [
            "unmet    condition 1 wants the `bucket` to be \"photos\", and it is \"music\"",
            "unmet    condition 2 wants field `key` to begin with \"user/eric/\", and it is \
             \"user/bob/a.jpg\"",
            "unmet    condition 3 wants the file to have 0 to 1048576 bytes, and it has 2097152",
            "met      condition 4 wants field `x-oss-object-acl` to be none of [\"public-read\", \
             \"public-read-write\"], and that is so",
            "unmet    condition 5 wants field `success_action_redirect` to be \"\", and it is not there",
            "unmet    condition 6 wants field `x-oss-forbid-overwrite` to be \"true\", and it is not there",
        ]
    );
}

#[test]
fn a_form_that_was_written_down_is_read() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("form");
    let path = file.to_str().unwrap();
    let curl = signed(&[]).done();
    fs::write(&file, &curl[curl.find("curl").unwrap()..]).unwrap();
    let words = ["--form-file", path, "--bucket", "photos", "--size", "1"];
    let printed = explain(&words).done();
    assert!(
        printed.lines().all(|line| line.starts_with("met  ")),
        "{printed}"
    );

    let json = signed(&["--json"]).done();
    fs::write(&file, json).unwrap();
    let said = explain(&[&words[..], &["--json"]].concat()).done_json();
    assert_eq!(said["met"], true);
    assert_eq!(said["conditions"][1]["verdict"], "met");
    assert_eq!(
        said["conditions"][1]["condition"],
        r#"["starts-with", "$key", "user/eric/"]"#
    );
}

#[test]
fn what_cannot_be_explained_says_why() {
    let not_done = |words: &[&str]| explain(words).not_done();
    assert!(not_done(&[]).starts_with("error: no policy was given\n"));
    let broken = not_done(&["--policy", "!"]);
    assert_eq!(
        broken,
        "error: the field `policy` is not base64\n\nhint: use the standard alphabet, with padding, \
         without line breaks and spare bits\n"
    );
    assert!(not_done(&["--form", "key"]).contains("hint: write it as `FIELD=VALUE`"));
    let twice = not_done(&["--form", "key=a", "--form", "Key=b"]);
    assert!(
        twice.starts_with("error: the form would be refused: "),
        "{twice}"
    );
    assert!(not_done(&["--form-file", "/nowhere"]).starts_with("error: cannot read `/nowhere`"));
}

#[test]
fn what_a_policy_leaves_open_is_told_before_and_when_it_is_signed() {
    let said = signed(&[]);
    let open = "warning: callback-open: nothing binds `callback`, so a page can leave it out";
    assert!(said.stderr.contains(open), "{said:?}");
    assert!(!said.stdout.contains("warning"), "{said:?}");

    let policy = r#"{"expiration":"2126-01-01T00:00:00Z","conditions":[{"bucket":"photos"},{"bucket":"music"},["starts-with","$key","a"]]}"#;
    let ended = Upcall::new(&["policy", "lint", "--policy", policy]).run();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.stderr.starts_with("error: there are 9 warnings\n"),
        "{ended:?}"
    );
    let first = "contradiction: no value of `bucket` can meet conditions 1 and 2 both";
    assert!(ended.stdout.starts_with(first), "{ended:?}");
    assert!(ended.stdout.contains("\nkey-prefix-unended: "), "{ended:?}");

    let mut child = Command::new(env!("CARGO_BIN_EXE_upcall"))
        .args(["policy", "lint", "--json", "--policy", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(policy.as_bytes())
        .unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(said["warnings"].as_array().unwrap().len(), 9);
    assert_eq!(said["warnings"][0]["name"], "contradiction");

    let broken = Upcall::new(&["policy", "lint", "--policy", "{}"])
        .run()
        .not_done();
    assert!(
        broken.contains("neither `expiration` nor `conditions`"),
        "{broken}"
    );
}

#[test]
fn a_refused_upload_is_explained_by_its_request_id() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let serve = Upcall::serve(data)
        .env("UPCALL_ACCESS_KEY_ID", "key-1")
        .env("UPCALL_ACCESS_KEY_SECRET", "secret")
        .start();
    let bucket = Upcall::new(&["bucket", "create", "photos"]).data(data);
    bucket.run().done();
    let mut fields = fields_of(&signed(&["--json"]).done_json());
    for (name, value) in &mut fields {
        if name == "key" {
            "user/bob/a.jpg".clone_into(value);
        }
    }
    let body = form(&fields, "a.jpg", "bytes");
    let refused = ask(serve.address("storage"), "POST /photos/", FORM, &body);
    assert_eq!(refused.status, 403);
    let id = refused.header("x-oss-request-id").unwrap();

    let ended = explain(&["--request-id", id, "--data", data.to_str().unwrap()]);

    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(
        ended.stdout.starts_with("refused  403 AccessDenied: "),
        "{}",
        ended.stdout
    );
    assert!(
        ended
            .stdout
            .contains("\nunmet    condition 2 wants field `key` to begin with"),
        "{}",
        ended.stdout
    );
    let unknown = "0".repeat(24);
    let unknown = explain(&["--request-id", &unknown, "--data", data.to_str().unwrap()]);
    assert_eq!(unknown.stdout, "");
    let both = explain(&["--request-id", id, "--policy", "e30="]);
    assert_eq!(both.status.code(), Some(2));
}
