//! `upcall bucket` and `upcall key`: a running server is asked through its admin interface.

use std::path::Path;

use serde_json::json;
use tempfile::tempdir;

use crate::program::Upcall;

fn at(data: &Path, words: &[&str]) -> Upcall {
    Upcall::new(words).data(data)
}

#[test]
fn buckets_are_created_listed_changed_and_deleted() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let _serve = Upcall::serve(data).start();

    let created = at(data, &["bucket", "create", "photos"]).run().done();
    assert_eq!(created, "bucket `photos` created\n");
    let again = at(data, &["bucket", "create", "photos"]).run().not_done();
    assert!(again.starts_with("error: "), "{again}");
    let changed = at(data, &["bucket", "acl", "photos", "public-read"]);
    assert_eq!(changed.run().done(), "bucket `photos` changed\n");

    let listed = at(data, &["bucket", "list", "--json"]).run().done_json();
    let table = at(data, &["bucket", "list"]).run().done();

    assert_eq!(listed["buckets"][0]["name"], "photos");
    assert_eq!(listed["buckets"][0]["acl"], "public-read");
    assert_eq!(listed["buckets"].as_array().unwrap().len(), 1);
    let created = listed["buckets"][0]["created"].as_str().unwrap();
    let width = created.len();
    assert_eq!(
        table,
        format!(
            "NAME    ACL          CORS RULES  CREATED\nphotos  public-read  0           {created:<width$}\n"
        )
    );
    let deleted = at(data, &["bucket", "delete", "photos"]).run().done();
    assert_eq!(deleted, "bucket `photos` deleted\n");
    let gone = at(data, &["bucket", "delete", "photos"]).run().not_done();
    assert_eq!(
        gone,
        "error: there is no bucket of this name

\
         hint: `upcall bucket list` shows which there are
"
    );
}

#[test]
fn cors_rules_are_set_shown_and_deleted() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let _serve = Upcall::serve(data).start();
    at(data, &["bucket", "create", "photos"]).run().done();

    at(data, &["bucket", "cors", "set", "photos"])
        .and(&[
            "--origin",
            "https://a.example",
            "--origin",
            "https://*.b.example",
        ])
        .and(&["--method", "POST", "--max-age", "60"])
        .run()
        .done();
    let rules = at(data, &["bucket", "cors", "get", "photos", "--json"]);
    let rules = rules.run().done_json();
    let table = at(data, &["bucket", "cors", "get", "photos"]).run().done();

    assert_eq!(
        rules["rules"],
        json!([{
            "allowedOrigins": ["https://a.example", "https://*.b.example"],
            "allowedMethods": ["POST"],
            "allowedHeaders": ["*"],
            "exposeHeaders": ["ETag", "x-oss-request-id"],
            "maxAgeSeconds": 60,
        }])
    );
    assert!(
        table.contains("https://a.example https://*.b.example  POST"),
        "{table}"
    );
    at(data, &["bucket", "cors", "add", "photos"])
        .and(&["--origin", "https://c.example"])
        .run()
        .done();
    let rules = at(data, &["bucket", "cors", "get", "photos", "--json"]);
    let rules = rules.run().done_json();
    assert_eq!(rules["rules"][0]["maxAgeSeconds"], 60, "{rules}");
    assert_eq!(
        rules["rules"][1]["allowedOrigins"],
        json!(["https://c.example"])
    );
    for command in ["add", "set"] {
        let refused = at(data, &["bucket", "cors", command, "photos"])
            .and(&["--origin", "www.example.com"])
            .run()
            .not_done();
        assert!(
            refused.contains("write `https://www.example.com`"),
            "{refused}"
        );
    }
    assert_eq!(
        at(data, &["bucket", "cors", "get", "photos", "--json"])
            .run()
            .done_json(),
        rules
    );
    at(data, &["bucket", "cors", "delete", "photos"])
        .run()
        .done();
    let listed = at(data, &["bucket", "list", "--json"]).run().done_json();
    assert!(listed["buckets"][0]["cors"].is_null(), "{listed}");
}

#[test]
fn keys_are_created_listed_and_deleted_and_show_their_secret_once() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let _serve = Upcall::serve(data)
        .env("UPCALL_ACCESS_KEY_ID", "root")
        .env("UPCALL_ACCESS_KEY_SECRET", "secret-of-root")
        .start();

    let made = at(
        data,
        &["key", "create", "--description", "line\nbreak", "--json"],
    );
    let made = made.run().done_json();
    let (id, secret) = (
        made["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    let table = at(data, &["key", "list"]).run().done();

    assert!(table.contains(&format!("{id}  line\\nbreak")), "{table}");
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(
        !table.contains(secret) && !table.contains("secret-of-root"),
        "{table}"
    );
    let deleted = at(data, &["key", "delete", id]).run().done();
    assert_eq!(deleted, format!("key `{id}` deleted\n"));
    let listed = at(data, &["key", "list", "--json"]).run().done_json();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    assert_eq!(listed["keys"][0]["id"], "root");
}

#[test]
fn a_name_that_is_none_never_reaches_another_thing() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let _serve = Upcall::serve(data)
        .env("UPCALL_ACCESS_KEY_ID", "a_b")
        .env("UPCALL_ACCESS_KEY_SECRET", "secret")
        .start();

    let key = at(data, &["key", "delete", "a/b"]).run().not_done();
    let bucket = at(data, &["bucket", "delete", "../keys"]).run().not_done();

    assert_eq!(
        key,
        "error: `a/b` is no access key id\n\n\
         hint: an access key id has 1 to 128 letters, digits, `.`, `_`, `=` and `-`\n"
    );
    assert_eq!(
        bucket,
        "error: `../keys` is no bucket name\n\n\
         hint: a bucket name has only lower-case letters, digits and `-`\n"
    );
    let listed = at(data, &["key", "list", "--json"]).run().done_json();
    assert_eq!(listed["keys"][0]["id"], "a_b");
}

#[test]
fn who_has_no_secret_or_no_server_is_told_so() {
    let folder = tempdir().unwrap();
    let serve = Upcall::serve(folder.path()).start();
    let admin = serve.address("admin").to_owned();

    let wrong = at(folder.path(), &["bucket", "list"])
        .env("UPCALL_ADMIN_SECRET", &"0".repeat(64))
        .run()
        .not_done();
    let elsewhere = tempdir().unwrap();
    let nowhere = at(elsewhere.path(), &["bucket", "list"]).run().not_done();
    let no_secret = at(elsewhere.path(), &["bucket", "list", "--admin", &admin]);
    let no_secret = no_secret.run().not_done();
    let secret = std::fs::read_to_string(folder.path().join("admin-secret")).unwrap();
    let by_environment = Upcall::new(&["bucket", "list"])
        .env("UPCALL_ADMIN", &admin)
        .env("UPCALL_ADMIN_SECRET", &secret);
    by_environment.run().done();
    serve.stop().done();
    let stopped = at(folder.path(), &["bucket", "list", "--admin", &admin]);
    let stopped = stopped.run().not_done();

    assert!(wrong.starts_with("error: "), "{wrong}");
    assert!(!wrong.contains("0000"), "{wrong}");
    assert!(
        nowhere.contains("no running server is known in"),
        "{nowhere}"
    );
    assert!(
        no_secret.contains("cannot read the admin secret"),
        "{no_secret}"
    );
    assert!(
        stopped.starts_with(&format!("error: no server answers on `{admin}`\n\nhint: ")),
        "{stopped}"
    );
}

#[test]
fn callback_settings_of_a_bucket_are_set_and_shown() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let _serve = Upcall::serve(data).start();
    at(data, &["bucket", "create", "photos"]).run().done();
    let default = r#"{"callbackUrl":"http://app.example/up","callbackBody":"key=${object}"}"#;

    let set = at(
        data,
        &[
            "bucket",
            "callback",
            "set",
            "photos",
            "--required",
            "--redeliver",
            "24h",
            "--gate",
            "keep",
            "--keep-alive",
            "--chunked-answers",
            "--default",
            default,
        ],
    );
    assert_eq!(set.run().done(), "bucket `photos` changed\n");

    let shown = at(data, &["bucket", "callback", "get", "photos", "--json"]);
    let shown = shown.run().done_json();
    assert_eq!(shown["required"], json!(true));
    assert_eq!(shown["redeliverSeconds"], json!(86400));
    assert_eq!(shown["gate"], json!("keep"));
    assert_eq!(shown["keepAlive"], json!(true));
    assert_eq!(shown["chunkedAnswers"], json!(true));
    assert_eq!(
        shown["default"]["callbackUrl"],
        json!("http://app.example/up")
    );
    let off = at(data, &["bucket", "callback", "set", "photos"]);
    off.run().done();
    let shown = at(data, &["bucket", "callback", "get", "photos"]).run();
    assert_eq!(
        shown.done(),
        "SETTING          VALUE\ndefault          none\nrequired         false\n\
         redeliver        no\ngate             none\nkeep-alive       false\nchunked-answers  false\n"
    );
    let wrong = at(
        data,
        &["bucket", "callback", "set", "photos", "--default", "{"],
    );
    let wrong = wrong.run().not_done();
    assert!(wrong.contains("not JSON"), "{wrong}");
}

#[test]
fn owed_calls_are_listed_and_unknown_ones_are_told() {
    let folder = tempdir().unwrap();
    let data = folder.path();
    let _serve = Upcall::serve(data).start();
    let listed = at(data, &["callback", "owed", "--json"]).run().done_json();
    assert_eq!(listed["calls"], json!([]));
    let id = "0".repeat(32);
    for words in [
        ["callback", "deliver", id.as_str()],
        ["callback", "drop", id.as_str()],
    ] {
        let unknown = at(data, &words).run().not_done();
        assert!(
            unknown.contains("no call is owed under this id"),
            "{unknown}"
        );
    }
    let all = at(data, &["callback", "deliver", "--all"]).run().done();
    assert_eq!(all, "0 calls are made now\n");
}
