//! The outbox where things go wrong around it: clocks that are set, applications that are named by
//! strangers, names that are asked for in other buckets.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use upcall_server::Clock;

use crate::application::{Application, Reply, answer};
use crate::callbacks::{closed_port, parameter};
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{ADMIN, Setup, TestServer};

const AGREED: &str = r#"{"Status":"OK"}"#;

async fn application(status: &str, body: &str) -> Application {
    Application::start(Reply::KeepAlive(answer(status, body))).await
}

async fn admin(server: &TestServer, method: &str, path: &str, body: &str) -> Answer {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    Client::new(server.admin())
        .request(method, path, &headers, body.as_bytes())
        .await
}

async fn set(server: &TestServer, bucket: &str, settings: Value) {
    let path = format!("/v1/buckets/{bucket}/callback");
    let answer = admin(server, "PUT", &path, &settings.to_string()).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

async fn owed(server: &TestServer) -> Vec<Value> {
    let answer = admin(server, "GET", "/v1/owed", "").await;
    let json: Value = serde_json::from_str(&answer.text()).unwrap();
    json["calls"].as_array().unwrap().clone()
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn upload(bucket: &str, key: &str, url: &str) -> Form {
    let callback = parameter(url, "o=${object}", "");
    Form::empty(bucket)
        .field("key", key)
        .policy(&format!(r#"[{{"callback":"{callback}"}}]"#))
        .field("callback", &callback)
}

/// The wait for the next attempt was told by the clock that was set back.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_delays_no_call() {
    let ahead = Arc::new(Mutex::new(SignedDuration::from_hours(24 * 30)));
    let hand = Arc::clone(&ahead);
    let server = TestServer::start_with(Setup {
        clock: Clock::from_fn(move || Timestamp::now() + *hand.lock().unwrap()),
        ..Setup::default()
    })
    .await;
    set(&server, "photos", json!({ "redeliverSeconds": 600 })).await;
    let app = application("500 Oops", "{}").await;
    let given = server
        .post(&upload("photos", "a", &app.url("/")).file("a", b"1"))
        .await;
    assert_eq!(given.status, 203, "{given:?}");
    *ahead.lock().unwrap() = SignedDuration::ZERO;
    app.reply(Reply::KeepAlive(answer("200 OK", AGREED)));
    until("it arrives", async || owed(&server).await.is_empty()).await;
}

/// A stranger's callback that names an application first and a dead address second says nothing of the
/// application.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_have_an_application_taken_for_down() {
    let server = TestServer::start().await;
    set(&server, "photos", json!({ "gate": "refuse" })).await;
    let app = Application::agreeing("{}").await;
    app.answer_by_body(vec![
        ("o=evil".to_owned(), answer("500 No", "{}")),
        ("o=good".to_owned(), answer("200 OK", AGREED)),
    ]);
    let dead = closed_port();
    let both = parameter(
        &format!("{};http://{dead}/", app.url("/")),
        "o=${object}",
        "",
    );
    for number in 0..5 {
        let form = Form::empty("open")
            .field("key", "evil")
            .field("callback", &both)
            .field("idempotency-key", &format!("0123456789abcdef{number}"));
        let given = server.post(&form.file("a", b"1")).await;
        given.assert_refused(203, "CallbackFailed", "Error status : -1");
    }
    let form = upload("photos", "good", &app.url("/")).file("a", b"1");
    let given = server.post(&form).await;
    assert_eq!((given.status, given.text().as_str()), (200, AGREED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_tells_nothing_in_another_bucket() {
    let server = TestServer::start().await;
    set(&server, "photos", json!({ "gate": "keep" })).await;
    let app = application("502 Bad Gateway", "{}").await;
    let form = upload("photos", "secret/name", &app.url("/")).file("a", b"1");
    let given = server.post(&form).await;
    assert_eq!(given.status, 202, "{given:?}");
    // What the server remembers, and what the store says.
    let folder = server.shutdown().await;
    let server = TestServer::again(folder, Setup::default()).await;
    let id = given.header("x-oss-request-id");
    let path = format!("/open/?x-upcall-answer&request-id={id}");
    let began = Instant::now();
    let asked = server.client().request("GET", &path, "", b"").await;
    asked.assert_refused(404, "NoSuchUpload", "");
    assert!(!asked.text().contains("secret"), "{}", asked.text());
    assert!(began.elapsed() < Duration::from_secs(3));
}

/// Whoever waits for an answer has the call made once, not each time that another one ends.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_an_answer_does_not_make_the_application_busy() {
    let server = TestServer::start().await;
    set(&server, "photos", json!({ "redeliverSeconds": 600 })).await;
    let app = Application::agreeing("{}").await;
    app.answer_by_body(vec![
        ("o=bad".to_owned(), answer("500 No", "{}")),
        ("o=good".to_owned(), answer("200 OK", AGREED)),
    ]);
    let name = "0123456789abcdef";
    let bad = upload("photos", "bad", &app.url("/"))
        .field("idempotency-key", name)
        .file("a", b"1");
    assert_eq!(server.post(&bad).await.status, 203);
    let path = format!("/photos/?x-upcall-answer&idempotency-key={name}");
    let client = server.client();
    let (asked, ()) = tokio::join!(client.request("GET", &path, "", b""), async {
        for _ in 0..40 {
            let good = upload("photos", "good", &app.url("/")).file("a", b"1");
            assert_eq!(server.post(&good).await.status, 200);
        }
    });
    asked.assert_refused(503, "ServiceUnavailable", "");
    let calls = app.calls();
    let bad = calls.iter().filter(|call| call.body == b"o=bad").count();
    // The upload's own, the one that was asked for, and those after 1, 2 and 4 s.
    assert!((2..=6).contains(&bad), "{bad}");
}

/// A name that makes the call's body too long must not be a way around the application.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_made_is_no_way_around_the_application() {
    let server = TestServer::start().await;
    set(&server, "photos", json!({ "required": true })).await;
    let app = Application::agreeing("{}").await;
    let callback = parameter(&app.url("/"), &"${object}".repeat(380), "");
    let form = Form::empty("photos")
        .field("key", &"猫".repeat(341))
        .policy(&format!(r#"[{{"callback":"{callback}"}}]"#))
        .field("callback", &callback);
    let given = server.post(&form.file("a", b"1")).await;
    given.assert_refused(400, "InvalidArgument", "");
    assert_eq!(server.keys("photos").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_name_is_none_for_put_as_for_a_form() {
    let server = TestServer::start().await;
    let client = server.client();
    let given = client
        .request("PUT", "/open/a", "Idempotency-Key: \r\n", b"1")
        .await;
    assert_eq!(given.status, 200, "{given:?}");
    let form = Form::empty("open")
        .field("key", "b")
        .field("idempotency-key", "");
    let given = server.post(&form.file("a", b"1")).await;
    assert_eq!(given.status, 204, "{given:?}");
}

/// What a gate dropped is gone for whoever asks, at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_dropped_may_be_sent_again_under_its_name() {
    let server = TestServer::start().await;
    set(&server, "photos", json!({ "gate": "refuse" })).await;
    // Long enough that the index has heard of the call before it ends.
    let app = Application::slow(Duration::from_millis(300), answer("500 No", "{}")).await;
    let name = "0123456789abcdef";
    let form = || {
        upload("photos", "a", &app.url("/"))
            .field("idempotency-key", name)
            .file("a", b"1")
    };
    for _ in 0..5 {
        let given = server.post(&form()).await;
        assert_eq!(given.status, 503, "{given:?}");
        assert_eq!(given.header("x-upcall-verdict"), "unavailable");
        let path = format!("/photos/?x-upcall-answer&idempotency-key={name}");
        let asked = server.client().request("GET", &path, "", b"").await;
        asked.assert_refused(404, "NoSuchUpload", "");
    }
    app.reply(Reply::KeepAlive(answer("200 OK", AGREED)));
    assert_eq!(server.post(&form()).await.text(), AGREED);
}

/// Changes one byte where this text stands in the log of a server that is down.
fn damage_log(folder: &std::path::Path, text: &str) {
    for file in std::fs::read_dir(folder.join("log")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        if let Some(at) = memchr::memmem::find(&bytes, text.as_bytes()) {
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            return;
        }
    }
    panic!("{text:?} is not in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_call_is_given_up_and_keeps_nobody_back() {
    let server = TestServer::start().await;
    set(&server, "photos", json!({ "gate": "keep" })).await;
    let app = application("502 Bad Gateway", "{}").await;
    let form = upload("photos", "a", &app.url("/")).file("a", b"1");
    let given = server.post(&form).await;
    assert_eq!(given.status, 202, "{given:?}");
    let folder = server.shutdown().await;
    damage_log(folder.path(), given.header("x-oss-request-id"));

    let server = TestServer::again(folder, Setup::default()).await;
    until("it is given up", async || {
        owed(&server).await[0]["state"] == "givenUp"
    })
    .await;
    assert_eq!(server.keys("photos").await, [""; 0]);
    app.reply(Reply::KeepAlive(answer("200 OK", AGREED)));
    let given = server.post(&form).await;
    assert_eq!((given.status, given.text().as_str()), (200, AGREED));
}

/// Who was told that its upload is pending asks by the request id, and hears what came of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_pending_is_decided_for_whoever_asks_by_request_id() {
    let server = TestServer::start().await;
    set(&server, "photos", json!({ "gate": "keep" })).await;
    let app = application("502 Bad Gateway", "{}").await;
    for (key, status, body) in [
        ("good", "200 OK", AGREED),
        ("bad", "422 No", r#"{"why":"not a photo"}"#),
    ] {
        app.reply(Reply::KeepAlive(answer("502 Bad Gateway", "{}")));
        let form = upload("photos", key, &app.url("/")).file("a", b"1");
        let given = server.post(&form).await;
        assert_eq!(given.status, 202, "{given:?}");
        app.reply(Reply::KeepAlive(answer(status, body)));
        let id = given.header("x-oss-request-id");
        let path = format!("/photos/?x-upcall-answer&request-id={id}");
        let asked = server.client().request("GET", &path, "", b"").await;
        assert_eq!(asked.status.to_string(), status[..3], "{asked:?}");
        assert_eq!(asked.text(), body);
        // And again, when it is long decided.
        let asked = server.client().request("GET", &path, "", b"").await;
        assert_eq!(asked.text(), body);
    }
    assert_eq!(server.keys("photos").await, ["good"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_made_again_by_hand_is_counted_on() {
    let server = TestServer::start().await;
    set(&server, "photos", json!({ "redeliverSeconds": 1 })).await;
    let app = application("500 Oops", "{}").await;
    let form = upload("photos", "a", &app.url("/")).file("a", b"1");
    assert_eq!(server.post(&form).await.status, 203);
    for _ in 0..2 {
        until("it is given up", async || {
            owed(&server).await[0]["state"] == "givenUp"
        })
        .await;
        let (call, made) = (owed(&server).await[0].clone(), app.calls().len());
        assert_eq!(call["attempts"], made, "{call}");
        let path = format!("/v1/owed/{}/deliver", call["id"].as_str().unwrap());
        assert_eq!(admin(&server, "POST", &path, "").await.status, 202);
        until("it is made", async || app.calls().len() > made).await;
    }
}

/// Somebody drops what is held while the application is asked.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_dropped_while_the_application_was_asked_is_a_final_no() {
    let server = TestServer::start().await;
    set(&server, "photos", json!({ "gate": "keep" })).await;
    let app = Application::slow(Duration::from_millis(800), answer("200 OK", AGREED)).await;
    let form = upload("photos", "a", &app.url("/")).file("a", b"1");
    let (given, ()) = tokio::join!(server.post(&form), async {
        until("it is called", async || !app.calls().is_empty()).await;
        let calls = owed(&server).await;
        let path = format!("/v1/owed/{}", calls[0]["id"].as_str().unwrap());
        assert_eq!(admin(&server, "DELETE", &path, "").await.status, 204);
    });
    given.assert_refused(403, "AccessDenied", "");
    assert_eq!(given.header("x-upcall-verdict"), "refused");
    assert_eq!(server.keys("photos").await, [""; 0]);
}
