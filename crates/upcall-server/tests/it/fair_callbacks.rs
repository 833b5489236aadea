//! What uploaders make up costs others nothing: names of hosts for one listener that stalls, bodies that
//! multiply what was sent, and hosts that never asked to be called.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use upcall_server::Limits;

use crate::application::{Application, Reply, answer};
use crate::callbacks::parameter;
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{ADMIN, Setup, TestServer};

/// Takes every connection, and says nothing; how many there were, at how many of its addresses.
async fn stalled() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, count)
}

/// An anonymous upload whose uploader made its callback up.
async fn put(server: SocketAddr, key: &str, callback: &str) -> Answer {
    let headers = format!("x-oss-callback: {callback}\r\n");
    let target = format!("/open/{key}");
    Client::new(server)
        .request("PUT", &target, &headers, b"hello")
        .await
}

/// An upload whose policy fixes its callback.
fn pinned(key: &str, url: &str) -> Form {
    let callback = parameter(url, "o=${object}", "");
    Form::empty("photos")
        .field("key", key)
        .policy(&format!(r#"[{{"callback":"{callback}"}}]"#))
        .field("callback", &callback)
        .file("a", b"hello")
}

#[tokio::test(flavor = "multi_thread")]
async fn names_without_number_for_one_stalled_listener_take_no_place_of_a_gated_bucket() {
    let server = TestServer::start_with(Setup {
        limits: Limits {
            callback: Duration::from_secs(3),
            callback_wait: Duration::from_millis(500),
            callbacks: 60,
            callbacks_under_way: 20,
            callbacks_under_way_each: 8,
            callbacks_waiting_each: 12,
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let client = Client::new(server.admin());
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let path = "/v1/buckets/photos/callback";
    let gate = json!({ "gate": "refuse" }).to_string();
    let set = client.request("PUT", path, &headers, gate.as_bytes()).await;
    assert_eq!(set.status, 204, "{set:?}");
    let app = Application::agreeing(r#"{"Status":"OK"}"#).await;
    let (listener, connections) = stalled().await;
    let address = server.address();
    // As many as there are places, and for each that ends a new one: by ever new names.
    let names = Arc::new(AtomicUsize::new(0));
    let mut attackers = JoinSet::new();
    for _ in 0..90 {
        let names = Arc::clone(&names);
        attackers.spawn(async move {
            loop {
                let name = names.fetch_add(1, Ordering::SeqCst);
                let host = format!("127.1.{}.{}", name / 250, name % 250 + 1);
                let url = format!("http://{host}:{}/", listener.port());
                put(
                    address,
                    &format!("evil/{name}"),
                    &parameter(&url, "a=b", ""),
                )
                .await;
            }
        });
    }
    let began = Instant::now();
    while connections.load(Ordering::SeqCst) < 5 {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "nothing is called"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for number in 0..40 {
        let key = format!("honest/{number}");
        let given = server.post(&pinned(&key, &app.url("/"))).await;
        assert_eq!(given.status, 200, "{number}: {given:?}");
    }
    assert_eq!(server.keys("photos").await.len(), 40);
    assert!(names.load(Ordering::SeqCst) >= 90);
}

#[tokio::test]
async fn a_body_that_multiplies_what_was_sent_goes_nowhere() {
    let server = TestServer::start().await;
    let app = Application::start(Reply::KeepAlive(answer("404 No", "{}"))).await;
    let urls = (0..5)
        .map(|n| app.url(&format!("/{n}")))
        .collect::<Vec<_>>();
    // 600 placeholders and a value of which each byte becomes three: 500 KB of some 5.
    let callback = parameter(&urls.join(";"), &"${x:a}".repeat(600), "");
    let form = Form::signed("photos", "a")
        .field("callback", &callback)
        .field("x:a", &"/".repeat(280));
    let given = server.post(&form.file("a", b"hello")).await;
    given.assert_refused(203, "CallbackFailed", "");
    assert!(given.element("Hint").contains("8 times"), "{given:?}");
    assert!(app.calls().is_empty());

    // A name of three bytes for each character, in JSON and twice: as pages send them.
    let key = "猫".repeat(300);
    let callback = parameter(&app.url("/"), "a=${object}&b=${object}&c=${x:a}", "");
    let form = Form::signed("photos", &key)
        .field("callback", &callback)
        .field("x:a", &"猫".repeat(300));
    let given = server.post(&form.file("a", b"hello")).await;
    given.assert_refused(203, "CallbackFailed", "Error status : 404.");
    assert_eq!(app.calls().len(), 1);
}

#[tokio::test]
async fn several_urls_of_one_host_are_one_call() {
    let server = TestServer::start().await;
    let app = Application::start(Reply::KeepAlive(answer("404 No", "{}"))).await;
    let urls = (0..5)
        .map(|n| app.url(&format!("/{n}")))
        .collect::<Vec<_>>();
    let form = |urls: &str| {
        let callback = parameter(urls, "a=b", "");
        Form::signed("photos", "a")
            .field("callback", &callback)
            .file("a", b"hello")
    };
    let given = server.post(&form(&urls.join(";"))).await;
    given.assert_refused(203, "CallbackFailed", "Error status : 404.");
    assert_eq!(app.calls().len(), 1);
    // Another port may be another application, also where nothing listens.
    let nobody = crate::callbacks::closed_port();
    let two = format!("http://{nobody}/;http://{nobody}/;{};{}", urls[0], urls[1]);
    let given = server.post(&form(&two)).await;
    given.assert_refused(203, "CallbackFailed", "Error status : 404.");
    assert_eq!(app.calls().len(), 2);
    // What a policy fixed is called as it says.
    let given = server.post(&pinned("a", &urls.join(";"))).await;
    given.assert_refused(203, "CallbackFailed", "Error status : 404.");
    let targets: Vec<String> = app.calls()[2..]
        .iter()
        .map(|call| call.request_line().to_owned())
        .collect();
    let expected: Vec<String> = (0..5).map(|n| format!("POST /{n} HTTP/1.1")).collect();
    assert_eq!(targets, expected);
}

#[tokio::test]
async fn a_host_that_never_agreed_is_sent_little_and_one_that_did_as_much_as_there_is() {
    let server = TestServer::start_with(Setup {
        limits: Limits {
            callback_unproven_bytes: 10_000,
            // Nothing comes back while the test runs.
            callback_unproven_rate: 0,
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let app = Application::start(Reply::KeepAlive(answer("404 No", "{}"))).await;
    let (address, callback) = (server.address(), parameter(&app.url("/"), "a=b", ""));
    let mut messages = HashSet::new();
    for number in 0..40 {
        let given = put(address, &format!("a/{number}"), &callback).await;
        given.assert_refused(203, "CallbackFailed", "");
        messages.insert(given.element("Message"));
    }
    let sent: usize = app
        .calls()
        .iter()
        .map(|call| call.head.len() + call.body.len())
        .sum();
    assert!((5_000..=11_000).contains(&sent), "{sent}");
    assert!(
        messages.contains("Too many callback requests."),
        "{messages:?}"
    );

    // It agrees to a call that a policy fixed, and is an application like any other from then on.
    let before = app.calls().len();
    app.reply(Reply::KeepAlive(answer("200 OK", "{}")));
    assert_eq!(server.post(&pinned("b", &app.url("/"))).await.status, 200);
    app.reply(Reply::KeepAlive(answer("404 No", "{}")));
    for number in 0..20 {
        let given = put(address, &format!("b/{number}"), &callback).await;
        given.assert_refused(203, "CallbackFailed", "Error status : 404.");
    }
    assert_eq!(app.calls().len(), before + 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_urls_share_one_time_limit_and_the_last_is_tried_all_the_same() {
    let server = TestServer::start_with(Setup {
        limits: Limits {
            callback: Duration::from_secs(2),
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let (listener, _) = stalled().await;
    let app = Application::agreeing(r#"{"a":1}"#).await;
    let stalls = |number| format!("http://127.0.0.{number}:{}/", listener.port());
    let callback = |last: &str| {
        let urls = [&stalls(11), &stalls(12), &stalls(13), last].map(str::to_owned);
        parameter(&urls.join(";"), "a=b", "")
    };
    let took = Mutex::new(Vec::new());
    let timed = async |key: &str, callback: String| {
        let began = Instant::now();
        let given = put(server.address(), key, &callback).await;
        took.lock().unwrap().push(began.elapsed());
        given
    };
    let (good, bad) = tokio::join!(
        timed("good", callback(&app.url("/"))),
        timed("bad", callback(&stalls(14)))
    );
    assert_eq!((good.status, good.text().as_str()), (200, r#"{"a":1}"#));
    bad.assert_refused(203, "CallbackFailed", "Cost too long time.");
    let took = took.into_inner().unwrap();
    // Four times the limit would be 8 s.
    assert!(
        took.iter().all(|took| *took < Duration::from_secs(5)),
        "{took:?}"
    );
}
