//! Keys: served under their addresses, rotated with an overlap, and the headers of Standard
//! Webhooks.

use std::fs;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use upcall::callback::webhook::{WebhookError, WebhookKey, WebhookVerifier};
use upcall::callback::{CallbackRequest, PublicKey, PublicKeyUrls, string_to_sign};
use upcall_crypto::Ed25519PrivateKey;
use upcall_server::Clock;
use upcall_server::callback::{FORMER_KEYS, KeyUrl, WebhookSignatures};

use crate::application::{Application, Call};
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{ADMIN, KEY_FILE, Setup, TestServer};

async fn ask(server: &TestServer, method: &str, path: &str, body: &str) -> Answer {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    Client::new(server.admin())
        .request(method, path, &headers, body.as_bytes())
        .await
}

async fn rotate(server: &TestServer, body: &str) -> Value {
    let answer = ask(server, "POST", "/v1/callback-key/rotate", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

async fn get(server: &TestServer, path: &str) -> Answer {
    server.client().request("GET", path, "", b"").await
}

/// Uploads something, and gives the call that the application got.
async fn call(server: &TestServer, app: &Application) -> Call {
    let parameter = format!(
        r#"{{"callbackUrl":"{}","callbackBody":"o=${{object}}"}}"#,
        app.url("/cb?x=1")
    );
    let form = Form::signed("photos", "a").field("callback", &STANDARD.encode(parameter));
    let given = server.post(&form.file("a", b"hello")).await;
    assert_eq!(given.status, 200, "{}", given.text());
    app.calls().pop().unwrap()
}

/// The path of the key that a call announces.
fn key_path(server: &TestServer, call: &Call) -> String {
    let url = STANDARD.decode(call.header("x-oss-pub-key-url")).unwrap();
    let url = String::from_utf8(url).unwrap();
    let own = format!("http://{}", server.address());
    url.strip_prefix(&own).unwrap().to_owned()
}

fn is_signed_by(call: &Call, pem: &str) -> bool {
    let signature = STANDARD.decode(call.header("authorization")).unwrap();
    let signed = string_to_sign("/cb?x=1", &call.body);
    PublicKey::from_pem(pem)
        .unwrap()
        .verify_md5(&signed, &signature)
        .is_ok()
}

/// A clock that a test sets.
#[derive(Clone)]
struct Hand(Arc<Mutex<Timestamp>>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(
            "2026-11-26T15:04:05Z".parse().unwrap(),
        )))
    }

    fn clock(&self) -> Clock {
        let hand = self.clone();
        Clock::from_fn(move || *hand.0.lock().unwrap())
    }

    fn move_days(&self, days: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_hours(24 * days);
    }
}

#[tokio::test]
async fn the_new_key_signs_under_a_new_address_and_the_former_is_known_for_a_time() {
    let hand = Hand::new();
    let server = TestServer::start_with(Setup {
        clock: hand.clock(),
        ..Setup::default()
    })
    .await;
    let app = Application::agreeing("{}").await;
    let first = call(&server, &app).await;
    let first_path = key_path(&server, &first);
    assert_eq!(first_path, "/callback_pub_key_v1.pem");
    let first_pem = get(&server, &first_path).await.text();

    let keys = rotate(&server, r#"{"bits":1152}"#).await;
    let second = call(&server, &app).await;
    let second_path = key_path(&server, &second);
    let second_pem = get(&server, &second_path).await.text();

    let id = keys["current"]["id"].as_str().unwrap();
    assert_eq!(second_path, format!("/callback_pub_key_{id}.pem"));
    assert_ne!(id, "v1");
    assert_eq!(keys["current"]["bits"], 1152);
    assert_eq!(keys["current"]["publicKey"], second_pem.as_str());
    assert_eq!(keys["former"][0]["id"], "v1");
    assert_eq!(keys["former"][0]["publicKey"], first_pem.as_str());
    assert_eq!(keys["former"][0]["retired"], "2026-11-26T15:04:05Z");
    assert_eq!(keys["former"][0]["servedUntil"], "2026-12-26T15:04:05Z");
    assert!(is_signed_by(&first, &first_pem) && is_signed_by(&second, &second_pem));
    assert!(!is_signed_by(&first, &second_pem) && !is_signed_by(&second, &first_pem));
    assert_eq!(get(&server, &first_path).await.text(), first_pem);
    // One pattern is good for both, as the application server takes it.
    let pattern = format!("http://{}/callback_pub_key_*.pem", server.address());
    let list = PublicKeyUrls::none().and(&pattern).unwrap();
    for call in [&first, &second] {
        assert!(list.admit_header(call.header("x-oss-pub-key-url")).is_ok());
    }

    hand.move_days(30);
    assert_ne!(get(&server, &first_path).await.status, 200);
    assert_eq!(get(&server, &second_path).await.text(), second_pem);
    let shown = ask(&server, "GET", "/v1/callback-key", "").await;
    let shown: Value = serde_json::from_slice(&shown.body).unwrap();
    assert_eq!(shown["former"], json!([]));
    assert_eq!(shown["current"], keys["current"]);
}

#[tokio::test]
async fn a_key_that_was_stolen_is_forgotten_at_once() {
    let server = TestServer::start().await;
    let keys = rotate(&server, r#"{"overlapSeconds":0}"#).await;

    assert_eq!(keys["former"], json!([]));
    assert_ne!(get(&server, "/callback_pub_key_v1.pem").await.status, 200);
    let kept = fs::read_to_string(server.folder.path().join(KEY_FILE)).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["former"], json!([]));
    assert_eq!(kept["current"]["id"], keys["current"]["id"]);
}

#[tokio::test]
async fn what_cannot_be_rotated_says_why_and_goes_on_signing() {
    let server = TestServer::start().await;
    for (body, code) in [
        (r#"{"bits":1000}"#, "InvalidArgument"),
        (r#"{"bits":8192}"#, "InvalidArgument"),
        (
            r#"{"overlapSeconds":18446744073709551615}"#,
            "InvalidArgument",
        ),
        (r#"{"bit":2048}"#, "MalformedJSON"),
    ] {
        let refused = ask(&server, "POST", "/v1/callback-key/rotate", body).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text());
        assert!(refused.text().contains(code), "{body}: {}", refused.text());
    }
    for _ in 0..FORMER_KEYS {
        rotate(&server, r#"{"bits":512}"#).await;
    }
    let refused = ask(&server, "POST", "/v1/callback-key/rotate", "").await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("TooManyKeys"), "{}", refused.text());
    let open = Client::new(server.admin());
    let refused = open
        .request("POST", "/v1/callback-key/rotate", "", b"")
        .await;
    assert_eq!(refused.status, 401);

    let fixed = TestServer::start_with(Setup {
        key_url: Some(KeyUrl::new("https://k.example/key")),
        ..Setup::default()
    })
    .await;
    let refused = ask(&fixed, "POST", "/v1/callback-key/rotate", "").await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(
        refused.text().contains("--callback-key-url"),
        "{}",
        refused.text()
    );
    let app = Application::agreeing("{}").await;
    let url = STANDARD.encode("https://k.example/key");
    assert_eq!(call(&fixed, &app).await.header("x-oss-pub-key-url"), url);
}

#[tokio::test]
async fn keys_that_cannot_be_kept_do_not_sign() {
    let server = TestServer::start().await;
    // A folder where the file should be.
    fs::create_dir(server.folder.path().join(KEY_FILE)).unwrap();
    let refused = ask(&server, "POST", "/v1/callback-key/rotate", "").await;
    assert_eq!(refused.status, 500, "{}", refused.text());
    let app = Application::agreeing("{}").await;
    let call = call(&server, &app).await;
    assert_eq!(key_path(&server, &call), "/callback_pub_key_v1.pem");
}

#[tokio::test]
async fn webhook_headers_are_signed_with_every_key_that_is_still_known() {
    let hand = Hand::new();
    let server = TestServer::start_with(Setup {
        clock: hand.clock(),
        webhook_signatures: WebhookSignatures::On,
        ..Setup::default()
    })
    .await;
    let app = Application::agreeing("{}").await;
    let before = call(&server, &app).await;
    assert_eq!(before.header("webhook-signature").split(' ').count(), 1);
    let first_key = get(&server, "/callback_webhook_key.txt").await.text();

    let shown = rotate(&server, "").await;
    let after = call(&server, &app).await;

    assert_eq!(shown["webhookSignatures"], true);
    assert_eq!(shown["former"][0]["webhookKey"], first_key.trim_end());
    let current = get(&server, "/callback_webhook_key.txt").await.text();
    assert_eq!(shown["current"]["webhookKey"], current.trim_end());
    let kept = fs::read_to_string(server.folder.path().join(KEY_FILE)).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let key = |pem: &Value| Ed25519PrivateKey::from_pkcs8_pem(pem.as_str().unwrap().as_bytes());
    let current = key(&kept["current"]["ed25519"]).unwrap();
    let former = key(&kept["former"][0]["ed25519"]).unwrap();
    let public = STANDARD.encode(former.public_key().unwrap());
    assert_eq!(first_key, format!("whpk_{public}\n"));
    let signed = |call: &Call, key: &Ed25519PrivateKey| {
        let (id, at) = (call.header("x-oss-request-id"), 1_795_705_445);
        assert_eq!(call.header("webhook-id"), id);
        assert_eq!(call.header("webhook-timestamp"), at.to_string());
        let head = format!("{id}.{at}.");
        let signature = key.sign(&[head.as_bytes(), &call.body].concat()).unwrap();
        format!("v1a,{}", STANDARD.encode(signature))
    };
    assert_eq!(before.header("webhook-signature"), signed(&before, &former));
    let both = format!("{} {}", signed(&after, &current), signed(&after, &former));
    assert_eq!(after.header("webhook-signature"), both);

    hand.move_days(30);
    let later = call(&server, &app).await;
    assert_eq!(later.header("webhook-signature").split(' ').count(), 1);
}

#[tokio::test]
async fn an_application_that_has_one_of_the_keys_believes_them_and_no_copy() {
    let hand = Hand::new();
    let server = TestServer::start_with(Setup {
        clock: hand.clock(),
        webhook_signatures: WebhookSignatures::On,
        ..Setup::default()
    })
    .await;
    let app = Application::agreeing("{}").await;
    let former = get(&server, "/callback_webhook_key.txt").await.text();
    rotate(&server, "").await;
    let call = call(&server, &app).await;
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = names.map(|name| (name, call.header(name)));
    let request = CallbackRequest {
        method: "POST",
        target: "/cb",
        headers: &headers,
        body: &call.body,
    };
    let signed: i64 = call.header("webhook-timestamp").parse().unwrap();
    let verify = |seconds: i64| {
        let verifier = WebhookVerifier::new([WebhookKey::parse(&former).unwrap()]);
        let now = Timestamp::from_second(signed + seconds).unwrap();
        let id = verifier.verify(&request, now).map(|webhook| webhook.id());
        id.map(str::to_owned)
    };

    assert_eq!(verify(1).as_deref(), Ok(call.header("x-oss-request-id")));
    assert_eq!(verify(301), Err(WebhookError::TooOld));
}

#[tokio::test]
async fn without_the_setting_a_call_is_as_oss_sends_it() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let call = call(&server, &app).await;
    assert!(
        !call.head.to_ascii_lowercase().contains("webhook"),
        "{}",
        call.head
    );
    // Whoever switches it on can have the key before.
    assert!(
        get(&server, "/callback_webhook_key.txt")
            .await
            .text()
            .starts_with("whpk_")
    );
}
