//! `upcall policy sign`.

use crate::program::Upcall;

#[test]
fn it_prints_the_fields_and_a_line_for_the_shell() {
    let printed = Upcall::new(&[
        "policy",
        "sign",
        "--bucket",
        "photos",
        "--key-prefix",
        "it's/",
    ])
    .env("UPCALL_ACCESS_KEY_ID", "key-1")
    .env("UPCALL_ACCESS_KEY_SECRET", "hunter2-hunter2")
    .run()
    .done();

    for line in [
        "key: it's/${filename}",
        "OSSAccessKeyId: key-1",
        "success_action_status: 200",
        "curl -i \\",
        "  -F 'key=it'\\''s/${filename}' \\",
        "  -F file=@FILE 'http://127.0.0.1:8700/photos/'",
    ] {
        assert!(printed.lines().any(|has| has == line), "{line}: {printed}");
    }
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn the_document_says_what_was_asked_for() {
    let signed = Upcall::new(&["policy", "sign", "--json", "--bucket", "photos"])
        .and(&[
            "--key-prefix",
            "a/",
            "--max-size",
            "10MiB",
            "--expires",
            "1h",
        ])
        .env("UPCALL_ACCESS_KEY_ID", "key-1")
        .env("UPCALL_ACCESS_KEY_SECRET", "secret")
        .run()
        .done_json();

    let document: serde_json::Value =
        serde_json::from_str(signed["document"].as_str().unwrap()).unwrap();
    assert_eq!(document["expiration"], signed["expiration"]);
    assert_eq!(
        document["conditions"].to_string(),
        r#"[["eq","$bucket","photos"],["starts-with","$key","a/"],["content-length-range",0,10485760]]"#
    );
}

#[test]
fn what_cannot_be_signed_says_why() {
    let sign = |words: &[&str]| {
        Upcall::new(&["policy", "sign"])
            .and(words)
            .env("UPCALL_ACCESS_KEY_ID", "key-1")
            .env("UPCALL_ACCESS_KEY_SECRET", "secret")
            .run()
            .not_done()
    };

    let no_key = Upcall::new(&["policy", "sign", "--bucket", "photos"]);
    assert_eq!(
        no_key.run().not_done(),
        "error: `UPCALL_ACCESS_KEY_ID` is not set\n\nhint: set the access key's id and secret in \
         the environment, or the same names with `_FILE`\n"
    );
    assert_eq!(
        sign(&["--bucket", "Photos"]),
        "error: a bucket name has only lower-case letters, digits and `-`\n"
    );
    assert!(
        sign(&["--bucket", "photos", "--callback-url", "ftp://x/"])
            .starts_with("error: the callback cannot be used: ")
    );
    assert!(sign(&["--bucket", "photos", "--max-size", "10 apples"]).contains("write a size as"));
    assert!(sign(&["--bucket", "photos", "--expires", "soon"]).contains("write a time as"));
}
