//! Calls that are owed: made again until they arrive, in their order, and once for an uploader that
//! asks again.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::application::{Application, Reply, answer};
use crate::callbacks::parameter;
use crate::client::Answer;
use crate::form::Form;
use crate::server::{ADMIN, KEY_ID, Setup, TestServer};

const AGREED: &str = r#"{"Status":"OK"}"#;

/// An application that is told what to say.
async fn application(status: &str, body: &str) -> Application {
    Application::start(Reply::KeepAlive(answer(status, body))).await
}

fn upload(key: &str, app: &Application) -> Form {
    let callback = parameter(&app.url("/up"), "o=${object}&e=${etag}&r=${reqId}", "");
    Form::signed("photos", key).field("callback", &callback)
}

/// Sets how the bucket calls the application.
async fn set(server: &TestServer, settings: Value) {
    let path = "/v1/buckets/photos/callback";
    let answer = admin(server, "PUT", path, &settings.to_string()).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

async fn admin(server: &TestServer, method: &str, path: &str, body: &str) -> Answer {
    let client = crate::client::Client::new(server.admin());
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    client
        .request(method, path, &headers, body.as_bytes())
        .await
}

async fn owed(server: &TestServer) -> Vec<Value> {
    let answer = admin(server, "GET", "/v1/owed", "").await;
    let json: Value = serde_json::from_str(&answer.text()).unwrap();
    json["calls"].as_array().unwrap().clone()
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn keys(app: &Application) -> Vec<String> {
    app.calls()
        .iter()
        .map(|call| {
            let body = String::from_utf8_lossy(&call.body).into_owned();
            let key = body.split('&').next().unwrap_or_default();
            key.trim_start_matches("o=").to_owned()
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_did_not_arrive_is_made_again_under_the_same_id() {
    let server = TestServer::start().await;
    set(&server, json!({ "redeliverSeconds": 600 })).await;
    let app = application("502 Bad Gateway", "{}").await;

    let given = server.post(&upload("a", &app).file("a", b"1")).await;

    given.assert_refused(203, "CallbackFailed", "Error status : 502.");
    let calls = owed(&server).await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0]["attempts"], 1);
    assert_eq!(calls[0]["lastFailure"], "Error status : 502.");
    assert_eq!(calls[0]["isHeld"], false);
    let figures = admin(&server, "GET", "/metrics", "").await.text();
    assert!(figures.contains("\nupcall_callbacks_owed 1\n"), "{figures}");
    app.reply(Reply::KeepAlive(answer("200 OK", AGREED)));
    until("it arrives", async || owed(&server).await.is_empty()).await;
    let calls = app.calls();
    assert!(calls.len() >= 2);
    for call in &calls {
        assert_eq!(
            call.header("x-oss-request-id"),
            given.header("x-oss-request-id")
        );
        assert_eq!(call.body, calls[0].body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_owed_where_the_bucket_does_not_say_so() {
    let server = TestServer::start().await;
    let app = application("502 Bad Gateway", "{}").await;
    let given = server.post(&upload("a", &app).file("a", b"1")).await;
    given.assert_refused(203, "CallbackFailed", "Error status : 502.");
    assert_eq!(owed(&server).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_an_answer_and_is_not_asked_for_again() {
    let server = TestServer::start().await;
    set(&server, json!({ "redeliverSeconds": 600 })).await;
    let app = application("403 Forbidden", "{}").await;
    let given = server.post(&upload("a", &app).file("a", b"1")).await;
    given.assert_refused(203, "CallbackFailed", "Error status : 403.");
    until("it is settled", async || owed(&server).await.is_empty()).await;
    assert_eq!(app.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_one_key_arrive_in_their_order() {
    let server = TestServer::start().await;
    set(&server, json!({ "redeliverSeconds": 600 })).await;
    let app = application("502 Bad Gateway", "{}").await;
    let mut etags = Vec::new();
    for content in [b"1", b"2", b"3"] {
        let given = server.post(&upload("same", &app).file("a", content)).await;
        assert_eq!(given.status, 203);
        etags.push(given.header("etag").trim_matches('"').to_owned());
    }
    app.reply(Reply::KeepAlive(answer("200 OK", AGREED)));
    let before = app.calls().len();
    until("all arrive", async || owed(&server).await.is_empty()).await;
    let arrived: Vec<String> = app.calls()[before..]
        .iter()
        .map(|call| String::from_utf8_lossy(&call.body).into_owned())
        .collect();
    let order: Vec<usize> = arrived
        .iter()
        .filter_map(|body| etags.iter().position(|etag| body.contains(etag)))
        .collect();
    assert_eq!(order, [0, 1, 2], "{arrived:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_survives_a_restart() {
    let server = TestServer::start().await;
    set(&server, json!({ "redeliverSeconds": 600 })).await;
    let app = application("500 Oops", "{}").await;
    let given = server.post(&upload("a", &app).file("a", b"1")).await;
    assert_eq!(given.status, 203);
    let folder = server.shutdown().await;
    app.reply(Reply::KeepAlive(answer("200 OK", AGREED)));
    let before = app.calls().len();

    let server = TestServer::again(folder, Setup::default()).await;

    until("it arrives", async || owed(&server).await.is_empty()).await;
    let calls = app.calls();
    assert_eq!(calls.len(), before + 1);
    assert_eq!(
        calls[before].header("x-oss-request-id"),
        given.header("x-oss-request-id")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_stays_in_the_list_and_can_be_made_again() {
    let server = TestServer::start().await;
    set(&server, json!({ "redeliverSeconds": 1 })).await;
    let app = application("500 Oops", "{}").await;
    let given = server.post(&upload("a", &app).file("a", b"1")).await;
    assert_eq!(given.status, 203);
    until("it is given up", async || {
        owed(&server).await[0]["state"] == "givenUp"
    })
    .await;
    let id = owed(&server).await[0]["id"].as_str().unwrap().to_owned();
    let given_up = admin(&server, "GET", "/v1/owed?state=givenUp", "").await;
    assert!(given_up.text().contains(&id));
    let still = admin(&server, "GET", "/v1/owed?state=owed", "").await;
    assert!(!still.text().contains(&id));

    app.reply(Reply::KeepAlive(answer("200 OK", AGREED)));
    let asked = admin(&server, "POST", &format!("/v1/owed/{id}/deliver"), "").await;
    assert_eq!(asked.status, 202, "{asked:?}");
    until("it arrives", async || owed(&server).await.is_empty()).await;
    let again = admin(&server, "DELETE", &format!("/v1/owed/{id}"), "").await;
    assert_eq!(again.status, 404);
    let unknown = admin(&server, "GET", "/v1/owed?stat=owed", "").await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_again_under_a_name_gets_the_answer_and_the_application_no_second_call() {
    let server = TestServer::start().await;
    let app = application("200 OK", r#"{"id":7}"#).await;
    let name = "0123456789abcdef-upload";
    let form = || {
        upload("named", &app)
            .field("idempotency-key", name)
            .file("a", b"content")
    };
    let first = server.post(&form()).await;
    assert_eq!((first.status, first.text().as_str()), (200, r#"{"id":7}"#));
    app.reply(Reply::KeepAlive(answer("200 OK", r#"{"id":8}"#)));

    let again = server.post(&form()).await;

    assert_eq!((again.status, again.text().as_str()), (200, r#"{"id":7}"#));
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(app.calls().len(), 1);
    let client = server.client();
    for query in [
        format!("idempotency-key={name}"),
        format!("request-id={}", first.header("x-oss-request-id")),
    ] {
        let path = format!("/photos/?x-upcall-answer&{query}");
        let asked = client.request("GET", &path, "", b"").await;
        assert_eq!(
            (asked.status, asked.text().as_str()),
            (200, r#"{"id":7}"#),
            "{asked:?}"
        );
    }
    // Nobody else's bucket, no other key, no short name.
    let path = format!("/open/?x-upcall-answer&idempotency-key={name}");
    let other = client.request("GET", &path, "", b"").await;
    other.assert_refused(404, "NoSuchUpload", "");
    let other = upload("another", &app).field("idempotency-key", name);
    let other = server.post(&other.file("a", b"content")).await;
    other.assert_refused(400, "InvalidArgument", "");
    let short = upload("a", &app).field("idempotency-key", "1");
    let short = server.post(&short.file("a", b"content")).await;
    short.assert_refused(400, "InvalidArgument", "");

    let folder = server.shutdown().await;
    let server = TestServer::again(folder, Setup::default()).await;
    let late = server.post(&form()).await;
    assert_eq!((late.status, late.text().as_str()), (200, r#"{"id":7}"#));
    assert_eq!(app.calls().len(), 1, "{:?}", keys(&app));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_one_name_at_once_are_one_upload() {
    let server = TestServer::start().await;
    let app = Application::slow(Duration::from_millis(300), answer("200 OK", AGREED)).await;
    let form = upload("named", &app)
        .field("idempotency-key", "0123456789abcdef")
        .file("a", b"content");
    let (one, other, third) =
        tokio::join!(server.post(&form), server.post(&form), server.post(&form));
    for given in [one, other, third] {
        assert_eq!((given.status, given.text().as_str()), (200, AGREED));
    }
    assert_eq!(app.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploader_that_hung_up_finds_its_answer() {
    let server = TestServer::start().await;
    let app = Application::slow(Duration::from_millis(500), answer("200 OK", AGREED)).await;
    let form = upload("named", &app)
        .field("idempotency-key", "0123456789abcdef")
        .file("a", b"content");
    let hung_up = tokio::time::timeout(Duration::from_millis(200), server.post(&form)).await;
    assert!(hung_up.is_err(), "it was answered before it could hang up");
    let again = server.post(&form).await;
    assert_eq!((again.status, again.text().as_str()), (200, AGREED));
    assert_eq!(app.calls().len(), 1);
    assert_eq!(app.calls()[0].header("x-oss-requester"), KEY_ID);
}
