//! Where the key comes from: once, from an allowed address, again only when there is a reason.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use upcall::callback::PublicKeyUrls;
use upcall_crypto::RsaPrivateKey;

use crate::app::TestApp;
use crate::callbacks::PHOTO;
use crate::key_server::KeyServer;
use crate::signing::{ours, theirs};

#[tokio::test]
async fn the_key_is_fetched_once() {
    let app = TestApp::start().await;
    for number in 0..5 {
        let body = format!("object=file-{number}&requestId=R{number}");
        assert_eq!(app.send(app.callback(&body).request()).await.status, 200);
    }
    assert_eq!(app.keys.connections(), 1);
}

#[tokio::test]
async fn callbacks_that_come_meanwhile_share_the_fetch() {
    let app = TestApp::start().await;
    app.keys.close_gate();
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..20 {
        let body = format!("object=file-{number}&requestId=R{number}");
        asked.spawn(app.callback(&body).request().send(app.address()));
    }
    app.keys.asked().await;
    app.keys.open_gate();

    while let Some(answer) = asked.join_next().await {
        assert_eq!(answer.unwrap().status, 200);
    }

    assert_eq!(app.keys.connections(), 1);
}

#[tokio::test]
async fn a_key_server_that_is_down_is_not_asked_again_at_once() {
    let app = TestApp::start().await;
    app.keys.answer_with("");
    assert_refused(&app).await;
    assert_refused(&app).await;
    assert_eq!(app.keys.connections(), 1);

    app.keys.change_key(&ours().public_key_pem().unwrap());
    app.clock.advance(2);

    assert_eq!(app.send(app.callback(PHOTO).request()).await.status, 200);
    assert_eq!(app.keys.connections(), 2);
}

#[tokio::test]
async fn a_key_server_that_refuses_the_connection_costs_the_callback_only() {
    let gone = KeyServer::start("").await;
    let url = gone.url();
    drop(gone);
    let app = TestApp::start_with(|config| {
        config.key_urls = PublicKeyUrls::none().and(&url).unwrap();
    })
    .await;
    let mut callback = app.callback(PHOTO);
    callback.set("x-oss-pub-key-url", &STANDARD.encode(&url));

    let answer = app.send(callback.request()).await;

    assert_eq!(answer.status, 503);
    assert_eq!(app.get("/uploads").await.status, 200);
}

#[tokio::test]
async fn a_key_server_that_does_not_answer_is_given_up() {
    let app = TestApp::start_with(|config| {
        config.limits.key_fetch = std::time::Duration::from_millis(50);
    })
    .await;
    app.keys.close_gate();
    assert_refused(&app).await;
}

#[tokio::test]
async fn what_is_no_key_is_none() {
    let redirect = KeyServer::start(&ours().public_key_pem().unwrap()).await;
    let long = "a".repeat(17 * 1024);
    let pem = ours().public_key_pem().unwrap();
    let answers = [
        (
            "a redirect",
            format!(
                "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
                redirect.url()
            ),
        ),
        (
            "not found",
            format!(
                "HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{pem}",
                pem.len()
            ),
        ),
        (
            "too long",
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{pem}{long}",
                pem.len() + long.len()
            ),
        ),
        (
            "endless",
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{pem}{long}"),
        ),
        (
            "cut short",
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{pem}",
                pem.len() + 1
            ),
        ),
        ("a private key", ok(SMALL)),
        ("no key", ok("<html>")),
        ("nothing", ok("")),
        ("no HTTP", "hello\r\n\r\n".to_owned()),
    ];
    for (what, answer) in answers {
        let app = TestApp::start().await;
        app.keys.answer_with(&answer);
        let answer = app.send(app.callback(PHOTO).request()).await;
        assert_eq!(answer.status, 503, "{what}");
        assert_eq!(answer.json(), json!({"Status": "verify not ok"}), "{what}");
    }
    assert_eq!(redirect.connections(), 0, "a redirect was followed");
}

#[tokio::test]
async fn a_key_that_can_be_factored_is_taken_from_oss_only() {
    let app = TestApp::start().await;
    let small = RsaPrivateKey::from_pkcs8_pem(SMALL.as_bytes()).unwrap();
    app.keys.change_key(&small.public_key_pem().unwrap());
    let mut callback = app.callback(PHOTO);
    callback.sign(&small);

    let answer = app.send(callback.request()).await;

    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.json(), json!({"Status": "verify not ok"}));
}

#[tokio::test]
async fn a_new_key_is_taken_up_within_a_minute() {
    let app = TestApp::start().await;
    assert_eq!(app.send(app.callback(PHOTO).request()).await.status, 200);
    app.keys.change_key(&theirs().public_key_pem().unwrap());
    let mut with_new_key = app.callback("object=b&requestId=B");
    with_new_key.sign(theirs());

    app.clock.advance(59);
    assert_eq!(
        app.send(with_new_key.request()).await.status,
        400,
        "asked for too early"
    );
    assert_eq!(app.keys.connections(), 1);

    app.clock.advance(1);
    assert_eq!(app.send(with_new_key.request()).await.status, 200);
    assert_eq!(app.keys.connections(), 2);
    assert_eq!(
        app.send(app.callback("object=c").request()).await.status,
        400,
        "the old key"
    );
}

#[tokio::test]
async fn a_forgery_while_the_key_server_is_down_does_not_cost_the_key() {
    let app = TestApp::start().await;
    assert_eq!(app.send(app.callback(PHOTO).request()).await.status, 200);
    app.keys.answer_with("");
    app.clock.advance(60);
    let mut forged = app.callback("object=b&requestId=B");
    forged.sign(theirs());

    assert_eq!(app.send(forged.request()).await.status, 400);
    assert_eq!(app.send(forged.request()).await.status, 400);

    assert_eq!(app.keys.connections(), 2, "one look a minute");
    assert_eq!(app.send(app.callback(PHOTO).request()).await.status, 200);
}

#[tokio::test]
async fn addresses_below_an_allowed_folder_are_bounded_in_number() {
    let app = TestApp::start_with(|config| {
        config.key_urls = PublicKeyUrls::none().and("http://127.0.0.1:1/").unwrap();
    })
    .await;
    // More than are kept: each is forgotten in turn, none of them holds up the next.
    for number in 0..100 {
        let mut callback = app.callback(PHOTO);
        let url = format!("http://127.0.0.1:1/{number}.pem");
        callback.set("x-oss-pub-key-url", &STANDARD.encode(url));
        assert_eq!(app.send(callback.request()).await.status, 503);
    }
}

/// A callback whose key cannot be had: for now, so the storage server is to call again.
async fn assert_refused(app: &TestApp) {
    let answer = app.send(app.callback(PHOTO).request()).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.json(), json!({"Status": "verify not ok"}));
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// 512 bits, made for this test.
const SMALL: &str = "\
-----BEGIN PRIVATE KEY-----
MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEA1b3xBO1L5lQXCMmd
pJbjtttA/evFGBUQuW5qdDcvn2/5gMA10Xw8DF/vWj9aYw5xd3WuxLghoXX9g8mU
UONaywIDAQABAkEAnTqA3l/0cjUvUI6HATjhv3QfpenWbTWpvM4FTwH9bSjoTwka
RpB/TMRlVFti/n06RajxbZ/pZU3LEQ2xdmj8mQIhAO2psalW8rQHIjYgLdkD/+Nr
cC8p5xQNdFWOuXN3GoD1AiEA5jvDR7fvYyEH86rCBS6a9UiLzyYR3o91vZuaZ0ui
FL8CIQCH2hZ6K/90NRezRNWwVX7yKrnn29YBOmejeIA9pnl5+QIgH7nmjBB9rXRU
yzAhsmMcuWY41d/SIJA2Ul2J5mgWurMCICWtOqfIvReNSQjqrapgqTkUG3RhLwlp
EAhBVG/cn+UV
-----END PRIVATE KEY-----
";
