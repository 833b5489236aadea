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
        r#"[["eq","$bucket","photos"],["starts-with","$key","a/"],["content-length-range",0,10485760],["not-in","$x-oss-object-acl",["public-read","public-read-write"]],["eq","$success_action_redirect",""],["eq","$x-oss-forbid-overwrite","true"]]"#
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

#[test]
fn each_warning_can_be_mended_by_a_flag() {
    let sign = |words: &[&str]| {
        Upcall::new(&["policy", "sign", "--bucket", "photos", "--max-size", "1MiB"])
            .and(words)
            .env("UPCALL_ACCESS_KEY_ID", "key-1")
            .env("UPCALL_ACCESS_KEY_SECRET", "secret")
            .run()
    };
    let names = |stderr: &str| -> Vec<String> {
        let lines = stderr
            .lines()
            .filter_map(|line| line.split_once("warning: "));
        let names = lines.filter_map(|(_, text)| text.split_once(": "));
        names.map(|(name, _)| name.to_owned()).collect()
    };
    let open = sign(&[]);
    assert_eq!(
        names(&open.stderr),
        ["callback-open", "type-open", "key-prefix-empty"]
    );

    let all = ["--key-prefix", "user/eric/", "--type", "image/png"];
    let url = ["--callback-url", "http://app.example/callback"];
    let closed = sign(&[&all[..], &url[..]].concat());
    assert_eq!(names(&closed.stderr), [""; 0], "{closed:?}");
    let printed = closed.done();
    for line in [
        "Content-Type: image/png",
        "x-oss-forbid-overwrite: true",
        "success_action_redirect: ",
    ] {
        assert!(printed.lines().any(|has| has == line), "{line}: {printed}");
    }

    let again = sign(&["--allow-overwrite"]);
    assert!(
        names(&again.stderr).contains(&"overwrite-open".to_owned()),
        "{again:?}"
    );
}

#[test]
fn what_the_bucket_closes_is_not_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let dev = Upcall::dev(folder.path()).start();
    // What the reference application makes for the pages of the classic samples.
    let policy = crate::http::get(dev.address("app"), "/policy").body;
    let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    let policy = policy["policy"].as_str().unwrap();
    let lint = |more: &[&str]| {
        let lint = Upcall::new(&["policy", "lint", "--policy", policy, "--json"]).and(more);
        let ended = lint.data(folder.path()).run();
        let said: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        let warnings = said["warnings"].as_array().unwrap().iter();
        warnings
            .map(|warning| warning["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(lint(&[]), ["type-open", "redirect-open", "overwrite-open"]);
    // As `dev` makes it for its own application.
    assert_eq!(lint(&["--bucket", "photos"]), ["overwrite-open"]);

    let set = [
        "bucket",
        "uploads",
        "set",
        "photos",
        "--forbid-overwrite",
        "--forbid-acl",
    ];
    let set = Upcall::new(&set).and(&["--no-redirects", "--pages-as-downloads"]);
    set.data(folder.path()).run().done();
    assert_eq!(lint(&["--bucket", "photos"]), [""; 0]);
    let shown = Upcall::new(&["bucket", "uploads", "get", "photos"]);
    let shown = shown.data(folder.path()).run().done();
    assert!(shown.contains("redirects           none"), "{shown}");
}
