//! The record of callbacks on the admin address: what is in it, what is not, how it is found,
//! waited for, replayed and wiped.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use upcall::callback::PublicKey;
use upcall_server::Limits;

use crate::application::{Application, Reply, answer};
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{ADMIN, Setup, TestServer};

async fn ask(server: &TestServer, method: &str, path: &str) -> Answer {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    Client::new(server.admin())
        .request(method, path, &headers, b"")
        .await
}

async fn get(server: &TestServer, path: &str) -> Value {
    let answer = ask(server, "GET", path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

async fn upload(server: &TestServer, key: &str, urls: &str, body: &str) -> Answer {
    let parameter = format!(r#"{{"callbackUrl":"{urls}","callbackBody":"{body}"}}"#);
    let form = Form::signed("photos", key)
        .field("callback", &STANDARD.encode(parameter))
        .file("a", b"hello");
    server.post(&form).await
}

/// The keys of the calls in a list, in its order.
fn keys(list: &Value) -> Vec<&str> {
    let calls = list["calls"].as_array().unwrap();
    calls
        .iter()
        .map(|call| call["key"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_call_is_recorded_whole_and_without_secrets() {
    let server = TestServer::start().await;
    let reply = "HTTP/1.1 302 Found\r\nLocation: http://u:p@h.example/login\r\n\
                 Set-Cookie: sid=secret\r\nContent-Length: 4\r\n\r\n猫!";
    let app = Application::start(Reply::KeepAlive(reply.as_bytes().to_vec())).await;

    let given = upload(&server, "a", &app.url("/c%20b?x=%2F"), "o=${object}").await;
    let id = &get(&server, "/v1/callbacks").await["calls"][0]["id"];
    let call = get(&server, &format!("/v1/callbacks/{}", id.as_str().unwrap())).await;

    assert_eq!(given.status, 203);
    let address = app.url("").replace("http://", "");
    let sent = &app.calls()[0];
    let timing = &call["timing"];
    assert!(timing["tlsMs"].is_null(), "{timing}");
    for step in ["resolveMs", "connectMs", "firstByteMs"] {
        let took = timing[step].as_f64().unwrap();
        assert!(
            took >= 0.0 && took <= timing["totalMs"].as_f64().unwrap(),
            "{timing}"
        );
    }
    assert!(call["at"].as_str().unwrap().ends_with('Z'), "{call}");
    let headers: Vec<(String, String)> =
        serde_json::from_value(call["requestHeaders"].clone()).unwrap();
    assert_eq!(headers[0], ("Host".to_owned(), address.clone()));
    for (name, value) in &headers {
        assert_eq!(sent.header(name), value, "{name}");
    }
    assert_eq!(headers.len(), sent.head.trim_end().lines().count() - 1);
    for (member, value) in [
        ("id", id.clone()),
        ("requestId", json!(given.header("x-oss-request-id"))),
        ("bucket", json!("photos")),
        ("key", json!("a")),
        ("attempt", json!(1)),
        ("url", json!(app.url("/c%20b?x=%2F"))),
        ("method", json!("POST")),
        ("target", json!("/c%20b?x=%2F")),
        ("body", json!("o=a")),
        ("stringToSign", json!("/c b?x=%2F\no=a")),
        ("address", json!(address)),
        ("isReused", json!(false)),
        ("outcome", json!("failed")),
        ("message", json!("Error status : 302.")),
        (
            "explanation",
            json!("answered 302 to http://…@h.example/login: a callback must not need a session"),
        ),
        (
            "answer",
            json!({
                "status": 302,
                "headers": [
                    ["Location", "http://…@h.example/login"],
                    ["Set-Cookie", "…"],
                    ["Content-Length", "4"],
                ],
                "body": "猫!",
                "bodyBytes": 4,
            }),
        ),
    ] {
        assert_eq!(call[member], value, "{member}");
    }
    assert!(!call.to_string().contains("secret"), "{call}");
}

#[tokio::test]
async fn bytes_that_are_no_text_and_long_bodies_are_told_apart() {
    let server = TestServer::start().await;
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    let binary = Reply::Bytes([head.as_bytes(), b"\"\xff\xfe\""].concat());
    let binary = Application::start(binary).await;
    let long = format!("\"{}\"", "x".repeat(200_000));
    let long = Application::agreeing(&long).await;
    upload(&server, "binary", &binary.url("/%FF"), "a=b").await;
    let given = upload(&server, "long", &long.url("/"), "a=b").await;
    assert_eq!((given.status, given.body.len()), (200, 200_002));

    let of = async |key: &str| {
        let list = get(&server, &format!("/v1/callbacks?key={key}")).await;
        let id = list["calls"][0]["id"].as_str().unwrap().to_owned();
        get(&server, &format!("/v1/callbacks/{id}")).await
    };
    let (binary, long) = (of("binary").await, of("long").await);

    assert_eq!(
        binary["answer"]["bodyBase64"],
        STANDARD.encode(b"\"\xff\xfe\"")
    );
    assert!(binary["answer"].get("body").is_none(), "{binary}");
    assert_eq!(binary["stringToSignBase64"], STANDARD.encode(b"/\xff\na=b"));
    assert_eq!(long["answer"]["body"].as_str().unwrap().len(), 64 * 1024);
    assert_eq!(long["answer"]["bodyBytes"], 200_002);
    assert_eq!(long["message"], Value::Null);
}

#[tokio::test]
async fn each_url_is_a_call_and_calls_are_found_by_what_they_are() {
    let server = TestServer::start().await;
    let no = Application::start(Reply::Bytes(answer("500 No", "{}"))).await;
    let yes = Application::agreeing("{}").await;
    let both = format!("{};{}", no.url("/1"), yes.url("/2"));
    let first = upload(&server, "a", &both, "a=b").await;
    upload(&server, "b/c d", &yes.url("/"), "a=b").await;

    let all = get(&server, "/v1/callbacks").await;
    assert_eq!(keys(&all), ["a", "a", "b/c d"]);
    let ids: Vec<&str> = all["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["id"].as_str().unwrap())
        .collect();
    assert!(ids.is_sorted(), "{ids:?}");
    let request_id = first.header("x-oss-request-id");
    for (query, expected) in [
        ("key=b%2Fc+d".to_owned(), &["b/c d"][..]),
        (format!("requestId={request_id}"), &["a", "a"]),
        ("outcome=failed".to_owned(), &["a"]),
        ("outcome=agreed&bucket=photos".to_owned(), &["a", "b/c d"]),
        ("bucket=open".to_owned(), &[]),
        ("limit=1".to_owned(), &["b/c d"]),
        (format!("after={}&limit=1", ids[0]), &["a"]),
        (format!("after={}", ids[1]), &["b/c d"]),
    ] {
        let found = get(&server, &format!("/v1/callbacks?{query}")).await;
        assert_eq!(keys(&found), expected, "{query}");
    }
    // Both URLs are one attempt to make the call.
    assert_eq!(all["calls"][1]["attempt"], 1);
    assert_eq!(all["calls"][1]["status"], 200);
    for query in [
        "/v1/callbacks?buket=photos",
        "/v1/callbacks?limit=0",
        "/v1/callbacks/next?limit=1",
    ] {
        assert_eq!(ask(&server, "GET", query).await.status, 400, "{query}");
    }
    for path in [
        "/v1/callbacks/0000000000000000",
        "/v1/callbacks/x",
        "/v1/callbacks/x/y",
    ] {
        assert_eq!(ask(&server, "GET", path).await.status, 404, "{path}");
    }

    assert_eq!(ask(&server, "DELETE", "/v1/callbacks").await.status, 204);
    assert_eq!(keys(&get(&server, "/v1/callbacks").await), [""; 0]);
    let unknown = Client::new(server.admin())
        .request("GET", "/v1/callbacks", "", b"")
        .await;
    assert_eq!(unknown.status, 401);
}

#[tokio::test]
async fn the_next_call_is_waited_for() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    upload(&server, "before", &app.url("/"), "a=b").await;
    let before = get(&server, "/v1/callbacks").await;
    let before = before["calls"][0]["id"].as_str().unwrap();

    let path = format!("/v1/callbacks/next?after={before}&key=wanted&timeout=20s");
    let began = Instant::now();
    let (next, ()) = tokio::join!(get(&server, &path), async {
        upload(&server, "other", &app.url("/"), "a=b").await;
        upload(&server, "wanted", &app.url("/"), "a=b").await;
    });

    assert_eq!(next["key"], "wanted");
    assert_eq!(next["answer"]["body"], "{}");
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    let at_once = get(&server, &path).await;
    assert_eq!(at_once["id"], next["id"]);
    let none = ask(&server, "GET", "/v1/callbacks/next?key=wanted&timeout=50ms").await;
    assert_eq!((none.status, none.body.len()), (204, 0));
}

#[tokio::test]
async fn who_waits_for_the_next_call_does_not_hold_up_a_stop() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let waiting = tokio::spawn(async move {
        let headers = format!("Authorization: Bearer {ADMIN}\r\n");
        let path = "/v1/callbacks/next?timeout=60s";
        Client::new(admin).request("GET", path, &headers, b"").await
    });
    // So that the request is there before the end.
    get(&server, "/v1/callbacks").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    server.shutdown().await;
    assert_eq!(waiting.await.unwrap().status, 204);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_replay_is_the_same_call_signed_anew() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{\"a\":1}").await;
    let given = upload(&server, "a", &app.url("/cb"), "o=${object}").await;
    let first = get(&server, "/v1/callbacks").await["calls"][0].clone();

    let path = format!("/v1/callbacks/{}/replay", first["id"].as_str().unwrap());
    let answer = ask(&server, "POST", &path).await;
    let replayed: Value = serde_json::from_slice(&answer.body).unwrap();

    assert_eq!(answer.status, 200, "{replayed}");
    assert_eq!(replayed["attempt"], 2);
    assert_eq!(replayed["requestId"], given.header("x-oss-request-id"));
    assert_eq!(replayed["answer"]["body"], "{\"a\":1}");
    assert_eq!(replayed["isReused"], true);
    let steps = &replayed["timing"];
    assert!(
        steps["resolveMs"].is_null() && steps["connectMs"].is_null(),
        "{steps}"
    );
    let calls = app.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        (&calls[0].body, calls[0].request_line()),
        (&calls[1].body, calls[1].request_line())
    );
    let pem = server
        .client()
        .request("GET", "/callback_pub_key_v1.pem", "", b"")
        .await
        .text();
    let signature = STANDARD.decode(calls[1].header("authorization")).unwrap();
    let signed = replayed["stringToSign"].as_str().unwrap();
    let key = PublicKey::from_pem(&pem).unwrap();
    key.verify_md5(signed.as_bytes(), &signature).unwrap();

    let again = ask(&server, "POST", &path).await;
    let again: Value = serde_json::from_slice(&again.body).unwrap();
    assert_eq!(again["attempt"], 3);
    let gone = ask(&server, "POST", "/v1/callbacks/0000000000000000/replay").await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn nothing_is_recorded_where_nothing_is_to_be() {
    let limits = Limits {
        record_calls: 0,
        ..Limits::default()
    };
    let server = TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let app = Application::agreeing("{}").await;
    assert_eq!(upload(&server, "a", &app.url("/"), "a=b").await.status, 200);
    assert_eq!(keys(&get(&server, "/v1/callbacks").await), [""; 0]);
}
