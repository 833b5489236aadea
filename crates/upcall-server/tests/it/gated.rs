//! Gated buckets: nobody sees an object before the application agrees, and nobody after it refused.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::application::{Application, Reply, answer};
use crate::callbacks::parameter;
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{ADMIN, Setup, TestServer};

const AGREED: &str = r#"{"Status":"OK"}"#;

async fn application(status: &str, body: &str) -> Application {
    Application::start(Reply::KeepAlive(answer(status, body))).await
}

fn upload(key: &str, url: &str) -> Form {
    let callback = parameter(url, "o=${object}", "");
    let pin = format!(r#"[{{"callback":"{callback}"}}]"#);
    Form::empty("photos")
        .field("key", key)
        .policy(&pin)
        .field("callback", &callback)
}

async fn set(server: &TestServer, settings: Value) {
    let client = Client::new(server.admin());
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let path = "/v1/buckets/photos/callback";
    let body = settings.to_string();
    let answer = client.request("PUT", path, &headers, body.as_bytes()).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// Nobody sees it, however they look.
async fn assert_absent(server: &TestServer, key: &str) {
    assert!(server.object("photos", key).await.is_none(), "{key}");
    assert!(!server.keys("photos").await.contains(&key.to_owned()));
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn verdict(answer: &Answer) -> &str {
    answer.header("x-upcall-verdict")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_there_when_the_application_has_agreed() {
    for small_bytes in [1024 * 1024, 0] {
        let server = TestServer::start_with(Setup {
            small_bytes,
            ..Setup::default()
        })
        .await;
        set(&server, json!({ "gate": "refuse" })).await;
        let app = Application::slow(Duration::from_millis(300), answer("200 OK", AGREED)).await;
        let form = upload("a", &app.url("/")).file("a", b"content");
        let (given, ()) = tokio::join!(server.post(&form), async {
            until("it is called", async || !app.calls().is_empty()).await;
            assert_absent(&server, "a").await;
        });
        assert_eq!((given.status, given.text().as_str()), (200, AGREED));
        assert!(server.object("photos", "a").await.is_some());
        assert_eq!(server.keys("photos").await, ["a"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_application_refuses_is_gone_and_the_uploader_reads_why() {
    for small_bytes in [1024 * 1024, 0] {
        let server = TestServer::start_with(Setup {
            small_bytes,
            ..Setup::default()
        })
        .await;
        set(&server, json!({ "gate": "keep" })).await;
        let app = application("422 No", r#"{"why":"not a photo"}"#).await;
        let form = upload("a", &app.url("/")).file("a", b"content");

        let given = server.post(&form).await;

        assert_eq!(given.status, 422, "{given:?}");
        assert_eq!(given.text(), r#"{"why":"not a photo"}"#);
        assert_eq!(verdict(&given), "refused");
        assert_absent(&server, "a").await;
        server.store().settle();
        assert_eq!(server.blob_files(), 0);
        // What says nothing that can be handed on is a refusal all the same.
        app.reply(Reply::KeepAlive(answer("403 No", "<h1>no</h1>")));
        let given = server.post(&form).await;
        given.assert_refused(
            403,
            "AccessDenied",
            "The application has refused this upload.",
        );
        assert_eq!(
            (given.element("Verdict").as_str(), verdict(&given)),
            ("refused", "refused")
        );
        assert_absent(&server, "a").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_stays_until_the_application_agrees_to_the_next() {
    let server = TestServer::start().await;
    let first = server
        .post(&Form::signed("photos", "a").file("a", b"first"))
        .await;
    assert_eq!(first.status, 204);
    set(&server, json!({ "gate": "refuse" })).await;
    let app = application("409 No", "{}").await;
    let given = server
        .post(&upload("a", &app.url("/")).file("a", b"second"))
        .await;
    assert_eq!(given.status, 409);
    let there = server.object("photos", "a").await.expect("the first");
    assert_eq!(there.length, 5);
    app.reply(Reply::KeepAlive(answer("200 OK", AGREED)));
    let given = server
        .post(&upload("a", &app.url("/")).file("a", b"second"))
        .await;
    assert_eq!(given.status, 200);
    assert_eq!(server.object("photos", "a").await.unwrap().length, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_to_ask_means_try_later_and_soon_means_before_the_file_is_sent() {
    let server = TestServer::start().await;
    set(&server, json!({ "gate": "refuse" })).await;
    let nobody = crate::callbacks::closed_port();
    let form = upload("a", &format!("http://{nobody}/")).file("a", &vec![7; 200_000]);
    for _ in 0..3 {
        let given = server.post(&form).await;
        given.assert_refused(503, "ServiceUnavailable", "");
        assert_eq!(verdict(&given), "unavailable");
        assert!(given.header("retry-after").parse::<u64>().is_ok());
    }
    let given = server.post(&form).await;
    given.assert_refused(
        503,
        "ServiceUnavailable",
        "The application does not answer.",
    );
    assert!(given.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_absent(&server, "a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_wait_is_pending_until_the_application_can_be_asked() {
    let server = TestServer::start().await;
    set(&server, json!({ "gate": "keep" })).await;
    let app = application("503 Busy", "{}").await;
    for key in ["yes", "no"] {
        let given = server
            .post(&upload(key, &app.url("/")).file("a", b"content"))
            .await;
        given.assert_refused(202, "CallbackPending", "");
        assert_eq!(verdict(&given), "pending");
        assert_absent(&server, key).await;
    }
    let folder = server.shutdown().await;
    app.answer_by_body(vec![
        ("o=yes".to_owned(), answer("200 OK", AGREED)),
        ("o=no".to_owned(), answer("410 Gone", "{}")),
    ]);
    let server = TestServer::again(folder, Setup::default()).await;
    until("it is decided", async || {
        server.object("photos", "yes").await.is_some()
    })
    .await;
    until("the other is dropped", async || {
        app.calls()
            .iter()
            .filter(|call| call.body == b"o=no")
            .count()
            >= 2
    })
    .await;
    assert_eq!(server.keys("photos").await, ["yes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_overwrite_is_refused_when_the_key_was_taken_meanwhile() {
    let server = TestServer::start().await;
    set(&server, json!({ "gate": "refuse" })).await;
    let app = Application::slow(Duration::from_millis(300), answer("200 OK", AGREED)).await;
    let quick = application("200 OK", AGREED).await;
    let form = upload("a", &app.url("/"))
        .field("x-oss-forbid-overwrite", "true")
        .file("a", b"slow");
    let (slow, ()) = tokio::join!(server.post(&form), async {
        until("it is called", async || !app.calls().is_empty()).await;
        let _ = server
            .post(&upload("b", &quick.url("/")).file("a", b"other"))
            .await;
    });
    assert_eq!(slow.status, 200);
    let again = server.post(&form).await;
    again.assert_refused(409, "FileAlreadyExists", "");
    assert_eq!(
        app.calls().len(),
        1,
        "it is known before the application is asked"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_cannot_skip_the_application() {
    let server = TestServer::start().await;
    let app = application("200 OK", AGREED).await;
    let callback = parameter(&app.url("/own"), "o=${object}&u=${x:user}", "");
    for settings in [json!({ "required": true }), json!({ "gate": "refuse" })] {
        set(&server, settings).await;
        let without = Form::signed("photos", "a").file("a", b"1");
        let unpinned = Form::signed("photos", "a")
            .field("callback", &callback)
            .file("a", b"1");
        for form in [without, unpinned] {
            let given = server.post(&form).await;
            given.assert_refused(403, "AccessDenied", "The bucket requires a callback.");
        }
        let pinned = upload("a", &app.url("/pinned")).file("a", b"1");
        assert_eq!(server.post(&pinned).await.status, 200);
    }
    let default: Value = json!({
        "callbackUrl": app.url("/default"),
        "callbackBody": "o=${object}&u=${x:user}",
    });
    set(&server, json!({ "required": true, "default": default })).await;
    let plain = Form::signed("photos", "mine").field("x:user", "eric");
    let given = server.post(&plain.file("a", b"1")).await;
    assert_eq!((given.status, given.text().as_str()), (200, AGREED));
    let last = app.calls().pop().unwrap();
    assert_eq!(last.request_line(), "POST /default HTTP/1.1");
    assert_eq!(last.body, b"o=mine&u=eric");
    let other = Form::signed("photos", "a").field("callback", &callback);
    let other = server.post(&other.file("a", b"1")).await;
    other.assert_refused(403, "AccessDenied", "The bucket requires a callback.");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_are_refused() {
    let server = TestServer::start().await;
    let client = Client::new(server.admin());
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let long = "a".repeat(5000);
    let long = json!({ "default": { "callbackUrl": "http://a/", "callbackBody": long } });
    for bad in [
        // No upload could have it.
        long.to_string().as_str(),
        r#"{"gate":"perhaps"}"#,
        r#"{"redeliverSeconds":0}"#,
        // It would do nothing.
        r#"{"keepAlive":true}"#,
        r#"{"redeliver":5}"#,
        r#"{"default":{"callbackUrl":"http://a/"}}"#,
        r#"{"default":{"callbackUrl":"http://a:x/","callbackBody":"a"}}"#,
        r#"{"default":7}"#,
    ] {
        let path = "/v1/buckets/photos/callback";
        let answer = client.request("PUT", path, &headers, bad.as_bytes()).await;
        assert_eq!(answer.status, 400, "{bad}: {answer:?}");
    }
    let path = "/v1/buckets/none/callback";
    let answer = client.request("PUT", path, &headers, b"{}").await;
    assert_eq!(answer.status, 404);
}

/// Whether a key holds an object that nobody may see yet, a stranger learns from no answer and from no wait:
/// its upload is asked about at once, and not after the call that the key's upload waits for.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_does_not_learn_that_a_key_is_held() {
    let server = TestServer::start_with(Setup {
        limits: upcall_server::Limits {
            // Nothing here takes so long.
            callback: Duration::from_secs(60),
            ..upcall_server::Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let app = Application::start(Reply::Stall(Vec::new())).await;
    let callback = parameter(&app.url("/"), "o=${object}", "");
    let default: Value = serde_json::from_slice(&STANDARD.decode(&callback).unwrap()).unwrap();
    let settings = json!({ "gate": "refuse", "default": default });
    let client = Client::new(server.admin());
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let path = "/v1/buckets/open/callback";
    let settings = settings.to_string();
    let set = client.request("PUT", path, &headers, settings.as_bytes());
    assert_eq!(set.await.status, 204);

    let owner = Form::signed("open", "held").file("a", b"the owner's");
    let address = server.address();
    let held = tokio::spawn(async move { Client::new(address).post_form(&owner).await });
    until("the owner's call is made", async || app.calls().len() == 1).await;
    app.reply(Reply::KeepAlive(answer("403 Forbidden", r#"{"no":1}"#)));

    let stranger = async |key: &str, forbid: bool| {
        let form = Form::empty("open").field("key", key);
        let form = if forbid {
            form.field("x-oss-forbid-overwrite", "true")
        } else {
            form
        };
        let given = server.post(&form.file("a", b"a stranger's")).await;
        let mut headers = given.headers;
        for own in ["date", "x-oss-request-id", "x-oss-server-time"] {
            headers.remove(own);
        }
        (given.status, given.body, headers)
    };
    for forbid in [false, true] {
        let at_held = stranger("held", forbid).await;
        assert_eq!(at_held, stranger("absent", forbid).await);
        assert_eq!(at_held.0, 403);
    }
    // Each was asked about, while the owner's call is still under way.
    assert_eq!(app.calls().len(), 5);
    assert!(!held.is_finished(), "the owner's call has ended");
    held.abort();
}
