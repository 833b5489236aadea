//! `upcall app`: the application alone, beside any storage server.

use tempfile::tempdir;

use crate::http::get;
use crate::program::{ANY, Upcall};

#[test]
fn it_signs_policies_for_the_address_it_was_given() {
    let folder = tempdir().unwrap();
    let app = Upcall::new(&["app", "--json", "--listen", ANY, "--bucket", "photos"])
        .and(&[
            "--host",
            "https://oss.example.com/photos/",
            "--region",
            "cn-beijing",
        ])
        .data(&folder.path().join("app.sqlite"))
        .env("UPCALL_ACCESS_KEY_ID", "key-1")
        .env("UPCALL_ACCESS_KEY_SECRET", "hunter2-hunter2")
        .start();

    let policy = get(app.address("app"), "/policy").body;

    let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    assert_eq!(policy["accessid"], "key-1");
    assert_eq!(policy["host"], "https://oss.example.com/photos/");
    let newer = get(app.address("app"), "/get_post_signature_for_oss_upload").body;
    let newer: serde_json::Value = serde_json::from_str(&newer).unwrap();
    let credential = newer["x_oss_credential"].as_str().unwrap();
    assert!(
        credential.ends_with("/cn-beijing/oss/aliyun_v4_request"),
        "{credential}"
    );
    let examples = get(app.address("app"), "/examples/settings");
    assert_eq!(examples.status, 404, "{examples:?}");
    let stopped = app.stop();
    assert!(!stopped.stderr.contains("hunter2"), "{stopped:?}");
    stopped.done();
}

#[test]
fn what_it_cannot_work_with_it_says_at_once() {
    let folder = tempdir().unwrap();
    let app = |words: &[&str]| {
        Upcall::new(&["app", "--listen", ANY, "--host", "http://h/"])
            .and(words)
            .data(&folder.path().join("app.sqlite"))
            .env("UPCALL_ACCESS_KEY_ID", "key-1")
    };

    let no_secret = app(&["--bucket", "photos"]).run().not_done();
    let bad_url = app(&["--bucket", "photos", "--key-url", "k.example"])
        .env("UPCALL_ACCESS_KEY_SECRET", "secret")
        .run()
        .not_done();

    assert!(
        no_secret.starts_with("error: `UPCALL_ACCESS_KEY_SECRET` is not set\n\nhint: "),
        "{no_secret}"
    );
    assert!(
        bad_url.starts_with("error: `k.example` (--key-url) cannot be used: "),
        "{bad_url}"
    );
}
