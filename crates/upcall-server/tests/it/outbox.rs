//! The outbox where things go wrong around it: clocks that are set, applications that are named by
//! strangers, names that are asked for in other buckets.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use upcall_server::Clock;

use crate::application::{Application, Reply, answer};
use crate::callbacks::parameter;
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
