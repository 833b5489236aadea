//! Faults that are ordered on the admin address: each happens to what it means and to nothing else,
//! and the record says that it was ordered.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use upcall::callback::PublicKey;
use upcall::name::BucketName;
use upcall_server::FaultInjection;

use crate::application::{Application, Call, Reply, answer};
use crate::callbacks::parameter;
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{ADMIN, Setup, TestServer};

pub(crate) const AGREED: &str = r#"{"Status":"OK"}"#;

pub(crate) async fn faulty_server() -> TestServer {
    TestServer::start_with(Setup {
        fault_injection: FaultInjection::On,
        ..Setup::default()
    })
    .await
}

pub(crate) async fn ask(server: &TestServer, method: &str, path: &str, body: &Value) -> Answer {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let client = Client::new(server.admin());
    client
        .request(method, path, &headers, body.as_bytes())
        .await
}

pub(crate) async fn get(server: &TestServer, path: &str) -> Value {
    let answer = ask(server, "GET", path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

pub(crate) async fn order(server: &TestServer, fault: Value) -> Value {
    let answer = ask(server, "POST", "/v1/faults", &fault).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

pub(crate) fn upload(bucket: &str, key: &str, url: &str) -> Form {
    Form::signed(bucket, key)
        .field("callback", &parameter(url, "object=${object}", ""))
        .file("a", b"hello")
}

/// The recorded calls of a bucket, all of each.
pub(crate) async fn calls(server: &TestServer, bucket: &str) -> Vec<Value> {
    let list = get(server, &format!("/v1/callbacks?bucket={bucket}")).await;
    let mut calls = Vec::new();
    for call in list["calls"].as_array().unwrap() {
        let id = call["id"].as_str().unwrap();
        let whole = get(server, &format!("/v1/callbacks/{id}")).await;
        assert_eq!(whole["fault"], call["fault"]);
        calls.push(whole);
    }
    calls
}

#[tokio::test]
async fn a_call_goes_wrong_as_it_was_ordered_and_the_next_one_does_not() {
    let server = faulty_server().await;
    // What the uploader hears, how often the application is called, and the status that is recorded.
    for (kind, status, said, called, recorded) in [
        (
            "refuse",
            203,
            "OSS can not connect to your callbackUrl",
            0,
            json!(null),
        ),
        (
            "reset",
            203,
            "OSS can not connect to your callbackUrl",
            1,
            json!(null),
        ),
        ("500", 203, "Error status : 500.", 0, json!(500)),
        (
            "bad-json",
            203,
            "Response body is not valid json format.",
            0,
            json!(200),
        ),
        ("twice", 200, AGREED, 2, json!(200)),
        ("wrong-signature", 200, AGREED, 1, json!(200)),
    ] {
        let app = Application::agreeing(AGREED).await;
        let form = upload("photos", kind, &app.url("/cb"));
        let fault = json!({ "bucket": "photos", "on": "call", "kind": kind });
        let ordered = order(&server, fault).await;
        assert_eq!(
            (&ordered["count"], &ordered["left"]),
            (&json!(1), &json!(1))
        );

        let given = server.post(&form).await;

        assert_eq!(given.status, status, "{kind}: {given:?}");
        assert!(given.text().contains(said), "{kind}: {given:?}");
        assert!(server.object("photos", kind).await.is_some(), "{kind}");
        assert_eq!(app.calls().len(), called, "{kind}");
        let made = calls(&server, "photos").await;
        assert_eq!(made.len(), called.max(1), "{kind}: {made:?}");
        for call in &made {
            let fault = json!({ "id": ordered["id"], "kind": kind });
            assert_eq!(call["fault"], fault, "{kind}");
            let why = call["explanation"].as_str().unwrap();
            let words = format!("(`{kind}`) was ordered for this call: ");
            assert!(why.contains(&words), "{kind}: {why}");
            let status = call["answer"].get("status").unwrap_or(&Value::Null);
            assert_eq!(*status, recorded, "{kind}");
        }
        let left = get(&server, "/v1/faults?bucket=photos").await;
        assert_eq!(left["faults"][0]["left"], 0, "{kind}");

        let next = server.post(&form).await;
        assert_eq!((next.status, next.text().as_str()), (200, AGREED), "{kind}");
        assert_eq!(app.calls().len(), called + 1, "{kind}");
        let of_next = calls(&server, "photos").await;
        assert_eq!(of_next.last().unwrap()["fault"], Value::Null);
        let emptied = ask(
            &server,
            "DELETE",
            "/v1/buckets/photos/contents",
            &Value::Null,
        )
        .await;
        assert_eq!(emptied.status, 204);
    }
}

async fn verifies(server: &TestServer, call: &Call) -> bool {
    let url = STANDARD.decode(call.header("x-oss-pub-key-url")).unwrap();
    let url = String::from_utf8(url).unwrap();
    let path = url.replace(&format!("http://{}", server.address()), "");
    let pem = server.client().request("GET", &path, "", b"").await.text();
    let signature = STANDARD.decode(call.header("authorization")).unwrap();
    let text = [b"/cb\n", &call.body[..]].concat();
    PublicKey::from_pem(&pem)
        .unwrap()
        .verify_md5(&text, &signature)
        .is_ok()
}

#[tokio::test]
async fn a_wrong_signature_does_not_verify_and_two_calls_are_one_request() {
    let server = faulty_server().await;
    let app = Application::agreeing(AGREED).await;
    let wrong = json!({ "bucket": "photos", "on": "call", "kind": "wrong-signature" });
    order(&server, wrong).await;
    server.post(&upload("photos", "a", &app.url("/cb"))).await;
    let twice = json!({ "bucket": "photos", "on": "call", "kind": "twice" });
    order(&server, twice).await;
    // So slow that a second request of its own would have another date.
    app.reply(Reply::After(
        Duration::from_millis(1100),
        answer("200 OK", AGREED),
    ));
    server.post(&upload("photos", "a", &app.url("/cb"))).await;

    let made = app.calls();
    assert_eq!(made.len(), 3);
    assert!(!verifies(&server, &made[0]).await);
    assert!(verifies(&server, &made[1]).await);
    assert_eq!(
        (&made[1].head, &made[1].body),
        (&made[2].head, &made[2].body)
    );
}

#[tokio::test]
async fn the_second_of_two_calls_counts() {
    let server = faulty_server().await;
    let app = Application::slow(Duration::from_millis(50), answer("200 OK", AGREED)).await;
    let twice = json!({ "bucket": "photos", "on": "call", "kind": "twice" });
    order(&server, twice).await;
    let form = upload("photos", "a", &app.url("/cb"));
    let (given, ()) = tokio::join!(server.post(&form), async {
        while app.calls().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        app.reply(Reply::KeepAlive(answer(
            "409 Conflict",
            r#"{"why":"twice"}"#,
        )));
    });
    assert_eq!(given.status, 203, "{given:?}");
    assert_eq!(given.element("Message"), "Error status : 409.");
    // The first was answered when it was asked: by whichever reply was there then.
    let last = calls(&server, "photos").await.pop().unwrap();
    assert_eq!(last["answer"]["status"], 409);
}

#[tokio::test]
async fn a_slow_answer_comes_late_or_not_in_time() {
    let server = TestServer::start_with(Setup {
        fault_injection: FaultInjection::On,
        limits: upcall_server::Limits {
            callback: Duration::from_millis(1500),
            ..upcall_server::Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let app = Application::agreeing(AGREED).await;
    let slow =
        |delay: u64| json!({ "bucket": "photos", "on": "call", "kind": "slow", "delayMs": delay });
    order(&server, slow(300)).await;
    order(&server, slow(10_000)).await;

    let began = Instant::now();
    let late = server.post(&upload("photos", "a", &app.url("/cb"))).await;
    let took = began.elapsed();
    let never = server.post(&upload("photos", "b", &app.url("/cb"))).await;

    assert_eq!((late.status, late.text().as_str()), (200, AGREED));
    assert!(took >= Duration::from_millis(300), "{took:?}");
    assert_eq!(never.element("Message"), "Cost too long time.", "{never:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(app.calls().len(), 2);
    let made = calls(&server, "photos").await;
    assert_eq!(made[0]["answer"]["body"], AGREED);
    assert_eq!(made[1]["answer"], Value::Null);
}

#[tokio::test]
async fn an_upload_goes_wrong_as_it_was_ordered_and_nothing_is_stored() {
    let server = faulty_server().await;
    let app = Application::agreeing(AGREED).await;
    for (kind, status, code) in [
        ("refuse", 403, "AccessDenied"),
        ("500", 500, "InternalError"),
        ("disk-full", 503, "ServiceUnavailable"),
    ] {
        let fault = json!({ "bucket": "photos", "key": kind, "on": "upload", "kind": kind });
        let id = order(&server, fault).await["id"].clone();
        let other = server
            .post(&upload("photos", "other", &app.url("/cb")))
            .await;
        assert_eq!(other.status, 200, "another key: {other:?}");
        // Nobody's upload: it must not take what is ordered for a real one.
        let forged = upload("photos", kind, &app.url("/cb"));
        let forged = Form::empty("photos")
            .field("key", kind)
            .field("OSSAccessKeyId", "nobody")
            .field("policy", "e30=")
            .field("Signature", "AAAA")
            .file("a", &forged.body());
        assert_eq!(server.post(&forged).await.status, 403);

        let given = server.post(&upload("photos", kind, &app.url("/cb"))).await;

        given.assert_refused(status, code, "");
        let hint = format!(
            "fault {} (`{kind}`) was ordered for this upload",
            id.as_str().unwrap()
        );
        assert!(given.text().contains(&hint), "{given:?}");
        assert!(server.object("photos", kind).await.is_none());
        let next = server.post(&upload("photos", kind, &app.url("/cb"))).await;
        assert_eq!(next.status, 200, "{next:?}");
    }
    assert_eq!(
        server.keys("photos").await,
        ["500", "disk-full", "other", "refuse"]
    );
}

#[tokio::test]
async fn an_upload_is_slow_or_its_connection_is_reset() {
    let server = faulty_server().await;
    let app = Application::agreeing(AGREED).await;
    let form = upload("photos", "a", &app.url("/cb"));
    let slow = json!({ "bucket": "photos", "on": "upload", "kind": "slow", "delayMs": 300 });
    order(&server, slow).await;
    let began = Instant::now();
    assert_eq!(server.post(&form).await.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(300));

    let reset = json!({ "bucket": "photos", "on": "upload", "kind": "reset", "count": 2 });
    order(&server, reset).await;
    let request = upload("photos", "b", &app.url("/cb")).request("h");
    let put = |target: &str| {
        format!("PUT {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello").into_bytes()
    };
    let open = json!({ "bucket": "open", "on": "upload", "kind": "reset" });
    order(&server, open).await;
    for request in [request.clone(), request, put("/open/b")] {
        let mut socket = server.client().connect().await;
        socket.write_all(&request).await.unwrap();
        let mut came = Vec::new();
        let ended = socket.read_to_end(&mut came).await;
        assert_eq!(
            ended.unwrap_err().kind(),
            std::io::ErrorKind::ConnectionReset
        );
        assert_eq!(came, b"");
    }
    assert!(server.object("photos", "b").await.is_none());
    assert!(server.object("open", "b").await.is_none());
    assert_eq!(app.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_and_a_call_of_the_outbox_are_calls_like_any_other() {
    let server = faulty_server().await;
    let app = Application::agreeing(AGREED).await;
    server.post(&upload("photos", "a", &app.url("/cb"))).await;
    let fault = json!({ "bucket": "photos", "key": "a", "on": "call", "kind": "500" });
    order(&server, fault).await;
    let id = calls(&server, "photos").await[0]["id"].clone();

    let path = format!("/v1/callbacks/{}/replay", id.as_str().unwrap());
    let replayed = ask(&server, "POST", &path, &Value::Null).await;
    let replayed: Value = serde_json::from_slice(&replayed.body).unwrap();

    assert_eq!(replayed["fault"]["kind"], "500");
    assert_eq!(replayed["attempt"], 2);
    assert_eq!(app.calls().len(), 1);

    // A call that is owed is made again, and arrives when nothing is ordered any more.
    let settings = json!({ "redeliverSeconds": 60 });
    let set = ask(&server, "PUT", "/v1/buckets/photos/callback", &settings).await;
    assert_eq!(set.status, 204);
    let refuse = json!({ "bucket": "photos", "key": "b", "on": "call", "kind": "refuse" });
    order(&server, refuse).await;
    let waiting = get(
        &server,
        "/v1/callbacks/next?bucket=photos&key=b&status=200&timeout=20s",
    );
    let form = upload("photos", "b", &app.url("/cb"));
    let (arrived, given) = tokio::join!(waiting, server.post(&form));
    assert_eq!(given.status, 203, "{given:?}");
    assert_eq!(
        (&arrived["attempt"], &arrived["fault"]),
        (&json!(2), &json!(null))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_fault_happens_exactly_as_often_as_it_was_ordered() {
    let server = faulty_server().await;
    let app = Application::agreeing(AGREED).await;
    let five = json!({ "bucket": "photos", "on": "call", "kind": "500", "count": 5 });
    order(&server, five).await;
    let three = json!({ "bucket": "photos", "on": "upload", "kind": "disk-full", "count": 3 });
    order(&server, three).await;
    let url = app.url("/cb");

    let mut statuses = Vec::new();
    let posts = (0..24).map(|number| {
        let form = upload("photos", &format!("key-{number}"), &url);
        let client = server.client();
        tokio::spawn(async move { client.post_form(&form).await.status })
    });
    for post in posts.collect::<Vec<_>>() {
        statuses.push(post.await.unwrap());
    }

    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(503), count(203), count(200)), (3, 5, 16));
    assert_eq!(app.calls().len(), 16);
    let failed = get(&server, "/v1/callbacks?status=500").await;
    assert_eq!(failed["calls"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn orders_are_listed_withdrawn_and_refused() {
    let server = faulty_server().await;
    let one = order(
        &server,
        json!({ "bucket": "photos", "on": "call", "kind": "twice", "count": 3 }),
    )
    .await;
    let slow =
        json!({ "bucket": "open", "key": "a/b", "on": "upload", "kind": "slow", "delayMs": 9 });
    let two = order(&server, slow).await;
    assert_eq!(
        two,
        json!({ "id": "2", "bucket": "open", "key": "a/b", "on": "upload", "kind": "slow",
                "count": 1, "delayMs": 9, "left": 1 })
    );
    let all = get(&server, "/v1/faults").await;
    assert_eq!(all, json!({ "faults": [one, two] }));
    let of_open = get(&server, "/v1/faults?bucket=open").await;
    assert_eq!(of_open, json!({ "faults": [two] }));
    for (method, path, status, left) in [
        ("DELETE", "/v1/faults/7", 404, 2),
        ("DELETE", "/v1/faults/x", 404, 2),
        ("DELETE", "/v1/faults?bucket=shown", 204, 2),
        ("DELETE", "/v1/faults?buket=photos", 400, 2),
        ("DELETE", "/v1/faults?bucket=No", 400, 2),
        ("DELETE", "/v1/faults/2", 204, 1),
        ("DELETE", "/v1/faults", 204, 0),
    ] {
        let answer = ask(&server, method, path, &Value::Null).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        let faults = get(&server, "/v1/faults").await;
        assert_eq!(faults["faults"].as_array().unwrap().len(), left, "{path}");
    }
    for (fault, status) in [
        (json!({ "on": "call", "kind": "twice" }), 400),
        (
            json!({ "bucket": "nowhere", "on": "call", "kind": "twice" }),
            404,
        ),
        (
            json!({ "bucket": "photos", "on": "upload", "kind": "twice" }),
            400,
        ),
        (
            json!({ "bucket": "photos", "on": "call", "kind": "slow" }),
            400,
        ),
    ] {
        let refused = ask(&server, "POST", "/v1/faults", &fault).await;
        assert_eq!(refused.status, status, "{fault}: {refused:?}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_made_anew_has_no_faults_of_the_former_one() {
    let server = faulty_server().await;
    order(
        &server,
        json!({ "bucket": "shown", "on": "call", "kind": "500" }),
    )
    .await;
    let deleted = ask(&server, "DELETE", "/v1/buckets/shown", &Value::Null).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(get(&server, "/v1/faults").await, json!({ "faults": [] }));

    // One that was ordered when the bucket was about to go finds none to be taken back with.
    order(
        &server,
        json!({ "bucket": "photos", "on": "call", "kind": "500" }),
    )
    .await;
    let photos = BucketName::parse("photos").unwrap();
    let catalog = server.store().catalog();
    catalog
        .delete_bucket(&photos, &upcall_store::catalog::Writer::Operator)
        .await
        .unwrap();
    let made = ask(&server, "PUT", "/v1/buckets/photos", &json!({})).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(get(&server, "/v1/faults").await, json!({ "faults": [] }));
}

#[tokio::test]
async fn each_address_of_a_callback_takes_a_fault_of_its_own() {
    let server = faulty_server().await;
    let (one, two) = (
        Application::agreeing(AGREED).await,
        Application::agreeing(AGREED).await,
    );
    let urls = format!("{};{}", one.url("/cb"), two.url("/cb"));
    let refuse = json!({ "bucket": "photos", "on": "call", "kind": "refuse", "count": 3 });
    order(&server, refuse).await;

    let mut told = Vec::new();
    for _ in 0..3 {
        let given = server.post(&upload("photos", "a", &urls)).await;
        told.push((given.status, one.calls().len(), two.calls().len()));
    }

    // Both are refused; then the first alone; then nothing is left.
    assert_eq!(told, [(203, 0, 0), (200, 0, 1), (200, 1, 1)]);
    let kinds = calls(&server, "photos").await;
    let kinds: Vec<_> = kinds
        .iter()
        .map(|call| call["fault"]["kind"].as_str())
        .collect();
    let refused = Some("refuse");
    assert_eq!(kinds, [refused, refused, refused, None, None]);
}

#[tokio::test]
async fn a_server_without_fault_injection_has_no_such_routes() {
    let server = TestServer::start().await;
    let fault = json!({ "bucket": "photos", "on": "call", "kind": "500" });
    for (method, path, body) in [
        ("POST", "/v1/faults", &fault),
        ("GET", "/v1/faults", &Value::Null),
        ("DELETE", "/v1/faults", &Value::Null),
        ("DELETE", "/v1/faults/1", &Value::Null),
    ] {
        let answer = ask(&server, method, path, body).await;
        assert_eq!(answer.status, 404, "{method} {path}");
        assert!(answer.text().contains("NoFaultInjection"), "{answer:?}");
    }
}
