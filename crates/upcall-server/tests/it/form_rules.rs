//! What a bucket refuses of forms, whatever their policies leave open, and the forms of both
//! generations of the official pages, which it takes.

use serde_json::{Value, json};

use crate::faults::ask;
use crate::form::Form;
use crate::server::TestServer;

/// A server whose bucket closes all that it can.
async fn strict() -> TestServer {
    let server = TestServer::start().await;
    set(&server, &all()).await;
    server
}

fn all() -> Value {
    json!({
        "forbidOverwrite": true,
        "forbidAcl": true,
        "redirects": ["https://app.example/"],
        "pagesAsDownloads": true,
    })
}

async fn set(server: &TestServer, rules: &Value) {
    let path = "/v1/buckets/photos/uploads";
    let answer = ask(server, "PUT", path, rules).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

fn form(key: &str, fields: &[(&str, &str)]) -> Form {
    let form = Form::signed("photos", key);
    fields
        .iter()
        .fold(form, |form, (name, value)| form.field(name, value))
}

#[tokio::test]
async fn forms_as_both_generations_of_pages_send_them_are_taken() {
    let server = strict().await;
    // plupload's `name`, then what `upload.js` sends; the newer page sends no more than that.
    let classic = form(
        "user/a.png",
        &[("name", "a.png"), ("success_action_status", "200")],
    );
    let newer = form("user/b.png", &[("success_action_status", "200")]);
    for form in [classic, newer] {
        let answer = server.post(&form.file("a.png", b"hello")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(server.keys("photos").await, ["user/a.png", "user/b.png"]);
}

#[tokio::test]
async fn what_the_policy_left_open_the_bucket_closes() {
    let server = strict().await;
    let post = async |key: &str, fields: &[(&str, &str)]| {
        server.post(&form(key, fields).file("a", b"hello")).await
    };
    assert_eq!(post("a", &[]).await.status, 204);
    assert_eq!(post("a", &[]).await.element("Code"), "FileAlreadyExists");
    // Not even by a form that says so.
    let again = post("a", &[("x-oss-forbid-overwrite", "false")]).await;
    assert_eq!(again.element("Code"), "FileAlreadyExists", "{again:?}");
    for acl in ["public-read", "public-read-write"] {
        let refused = post("b", &[("x-oss-object-acl", acl)]).await;
        assert_eq!(
            (refused.status, refused.element("Code").as_str()),
            (403, "AccessDenied")
        );
    }
    assert_eq!(
        post("c", &[("x-oss-object-acl", "private")]).await.status,
        204
    );
    let elsewhere = [(
        "success_action_redirect",
        "https://app.example.evil.example/",
    )];
    let refused = post("d", &elsewhere).await;
    assert_eq!(
        (refused.status, refused.element("Code").as_str()),
        (403, "AccessDenied")
    );
    let allowed = post(
        "e",
        &[("success_action_redirect", "https://app.example/done")],
    )
    .await;
    assert_eq!(allowed.status, 303, "{allowed:?}");
    assert_eq!(server.keys("photos").await, ["a", "c", "e"]);
}

#[tokio::test]
async fn a_page_is_stored_as_a_download() {
    let server = strict().await;
    let page = Form::signed("photos", "a").field("Content-Disposition", "inline");
    let answer = server
        .post(&page.file_of_type("a", "text/html;charset=utf-8", b"<p>"))
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    let object = server.object("photos", "a").await.unwrap();
    assert_eq!(
        object.headers.content_disposition.as_deref(),
        Some("attachment")
    );
}

#[tokio::test]
async fn rules_come_back_as_they_were_set_and_default_to_none() {
    let server = TestServer::start().await;
    let path = "/v1/buckets/photos/uploads";
    let off = json!({
        "forbidOverwrite": false, "forbidAcl": false, "redirects": null, "pagesAsDownloads": false,
    });
    let get = async || {
        let answer = ask(&server, "GET", path, &Value::Null).await;
        serde_json::from_str::<Value>(&answer.text()).unwrap()
    };
    assert_eq!(get().await, off);
    set(&server, &all()).await;
    assert_eq!(get().await, all());
    set(&server, &json!({})).await;
    assert_eq!(get().await, off);
    for bad in [
        json!({"redirects": ["https://app.example"]}),
        json!({"redirects": ["app.example/"]}),
        json!({"redirects": vec!["https://app.example/"; 33]}),
        json!({"forbidOverwrites": true}),
    ] {
        let answer = ask(&server, "PUT", path, &bad).await;
        assert_eq!(answer.status, 400, "{bad}: {answer:?}");
    }
}
