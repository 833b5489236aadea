//! An answer belongs to its call: what an application sends too late, too long or twice reaches no other
//! upload; and a connection that ends when it is used again costs nobody a call. Every answer has its own
//! date.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};
use upcall_server::Clock;

use crate::application::{Application, Reply, answer};
use crate::callbacks::parameter;
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{ADMIN, Setup, TestServer};

const AGREED: &str = r#"{"Status":"OK"}"#;

fn form(bucket: &str, key: &str, app: &Application) -> Form {
    let callback = parameter(&app.url("/"), "o=${object}", "");
    let pin = format!(r#"[{{"callback":"{callback}"}}]"#);
    Form::empty(bucket)
        .field("key", key)
        .policy(&pin)
        .field("callback", &callback)
        .file("a", b"hello")
}

async fn upload(server: &TestServer, key: &str, app: &Application) -> Answer {
    server.post(&form("photos", key, app)).await
}

async fn set(server: &TestServer, settings: Value) {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let path = "/v1/buckets/photos/callback";
    let body = settings.to_string();
    let client = Client::new(server.admin());
    let answer = client.request("PUT", path, &headers, body.as_bytes()).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

async fn record(server: &TestServer, key: &str) -> Value {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let client = Client::new(server.admin());
    let ask = async |path: &str| -> Value {
        let answer = client.request("GET", path, &headers, b"").await;
        serde_json::from_slice(&answer.body).unwrap()
    };
    let listed = ask(&format!("/v1/callbacks?key={key}")).await;
    let calls = listed["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1, "{listed}");
    ask(&format!(
        "/v1/callbacks/{}",
        calls[0]["id"].as_str().unwrap()
    ))
    .await
}

/// Which connection each call came on.
fn connections(app: &Application) -> Vec<usize> {
    app.calls().iter().map(|call| call.connection).collect()
}

#[tokio::test]
async fn bytes_that_come_late_are_nobody_elses_answer() {
    let json = r#"{"name":"猫猫猫"}"#;
    let characters = json.chars().count();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {characters}\r\n\r\n");
    let (short, rest) = json.as_bytes().split_at(characters);
    let not_found = answer("404 Not Found", "{}");
    for (first, late, message) in [
        (
            [head.as_bytes(), short].concat(),
            rest.to_vec(),
            "Response body is not valid json format.",
        ),
        (
            b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            answer("200 OK", AGREED),
            "Error status : 204.",
        ),
        (not_found, answer("200 OK", AGREED), "Error status : 404."),
    ] {
        let server = TestServer::start().await;
        let app = Application::start(Reply::Leftover(first, late)).await;
        for number in 0..20 {
            let given = upload(&server, &format!("a/{number}"), &app).await;
            given.assert_refused(203, "CallbackFailed", message);
        }
        assert_eq!(app.calls().len(), 20);
    }
}

#[tokio::test]
async fn a_second_answer_makes_nothing_visible_that_the_application_refuses() {
    for gate in ["refuse", "keep"] {
        let server = TestServer::start().await;
        set(&server, json!({ "gate": gate })).await;
        let second = answer("200 OK", AGREED);
        let refuses = Reply::Leftover(answer("403 No", "{}"), second.clone());
        let app = Application::start(refuses).await;
        for number in 0..20 {
            let given = upload(&server, &format!("no/{number}"), &app).await;
            assert_eq!(given.status, 403, "{given:?}");
        }
        assert!(server.keys("photos").await.is_empty());

        // After an answer that agreed, too, there is no connection that the second one could come on.
        app.reply(Reply::Leftover(second.clone(), second.clone()));
        assert_eq!(upload(&server, "yes", &app).await.status, 200);
        app.reply(Reply::KeepAlive(answer("403 No", "{}")));
        assert_eq!(upload(&server, "no", &app).await.status, 403);
        assert_eq!(server.keys("photos").await, ["yes"]);

        let connections = connections(&app);
        assert!(connections.is_sorted_by(|a, b| a < b), "{connections:?}");
        for call in app.calls() {
            assert_eq!(call.header("connection"), "close");
        }
    }
}

#[tokio::test]
async fn a_gated_bucket_whose_application_is_trusted_keeps_connections() {
    let server = TestServer::start().await;
    set(&server, json!({ "gate": "refuse", "keepAlive": true })).await;
    let app = Application::agreeing(AGREED).await;
    for key in ["a", "b"] {
        assert_eq!(upload(&server, key, &app).await.status, 200);
    }
    assert_eq!(connections(&app), [0, 0]);
    assert_eq!(app.calls()[1].header("connection"), "");
}

#[tokio::test]
async fn two_buckets_share_no_connection() {
    let server = TestServer::start().await;
    let app = Application::agreeing(AGREED).await;
    for bucket in ["photos", "open", "photos", "open"] {
        let given = server.post(&form(bucket, "a", &app)).await;
        assert_eq!(given.status, 200, "{given:?}");
    }
    assert_eq!(connections(&app), [0, 1, 0, 1]);
}

#[tokio::test]
async fn a_kept_connection_that_ends_without_an_answer_costs_no_call() {
    let server = TestServer::start().await;
    let ends = Reply::EndsAtReuse(answer("200 OK", AGREED), Vec::new());
    let app = Application::start(ends).await;
    for key in ["a", "b"] {
        let given = upload(&server, key, &app).await;
        assert_eq!((given.status, given.text().as_str()), (200, AGREED));
    }
    assert_eq!(connections(&app), [0, 0, 1]);
    let calls = app.calls();
    let bytes = |call: &crate::application::Call| (call.head.clone(), call.body.clone());
    assert_eq!(bytes(&calls[1]), bytes(&calls[2]), "id and signature too");

    let first = record(&server, "a").await;
    assert_eq!(
        (&first["isReused"], &first["isResent"]),
        (&json!(false), &json!(false))
    );
    let second = record(&server, "b").await;
    assert_eq!(
        (&second["isReused"], &second["isResent"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(second["outcome"], "agreed");
    let explanation = second["explanation"].as_str().unwrap();
    assert!(
        explanation.contains("; the call was sent twice: "),
        "{explanation}"
    );
}

#[tokio::test]
async fn a_call_is_not_sent_again_once_a_byte_of_an_answer_came_or_on_a_new_connection() {
    let server = TestServer::start().await;
    let ends = Reply::EndsAtReuse(answer("200 OK", AGREED), b"HTTP/1.1 2".to_vec());
    let app = Application::start(ends).await;
    assert_eq!(upload(&server, "a", &app).await.status, 200);
    let given = upload(&server, "b", &app).await;
    given.assert_refused(203, "CallbackFailed", "Error status : -1");
    assert_eq!(connections(&app), [0, 0]);
    assert_eq!(record(&server, "b").await["isResent"], json!(false));

    let app = Application::start(Reply::Bytes(Vec::new())).await;
    let given = upload(&server, "c", &app).await;
    given.assert_refused(203, "CallbackFailed", "Error status : -1");
    assert_eq!(app.calls().len(), 1);
}

/// Also backwards: an answer that is dated in the future is a stale one to caches, or fresh for too long.
#[tokio::test]
async fn the_date_of_an_answer_follows_the_clock() {
    let now = Arc::new(AtomicI64::new(1_800_000_000));
    let hand = Arc::clone(&now);
    let server = TestServer::start_with(Setup {
        clock: Clock::from_fn(move || {
            Timestamp::from_second(hand.load(Ordering::Relaxed)).unwrap()
        }),
        ..Setup::default()
    })
    .await;
    let dates = async || {
        let (storage, admin) = (
            server
                .client()
                .request("GET", "/photos/none", "", b"")
                .await,
            Client::new(server.admin())
                .request("GET", "/healthz", "", b"")
                .await,
        );
        assert_eq!((storage.status, admin.status), (403, 200));
        assert_eq!(storage.header("date"), admin.header("date"));
        storage.header("date").to_owned()
    };
    assert_eq!(dates().await, "Fri, 15 Jan 2027 08:00:00 GMT");
    now.fetch_add(1, Ordering::Relaxed);
    assert_eq!(dates().await, "Fri, 15 Jan 2027 08:00:01 GMT");
    now.fetch_sub(3601, Ordering::Relaxed);
    assert_eq!(dates().await, "Fri, 15 Jan 2027 07:00:00 GMT");
}
