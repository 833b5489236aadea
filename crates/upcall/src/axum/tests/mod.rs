//! The extractor in a router, without sockets: what a request gets for an answer.

mod bindings;
mod keys;
mod requests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use jiff::Timestamp;
use md5::Md5;
use rsa::pkcs8::DecodePrivateKey;
use serde_json::Value;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::*;
use crate::callback::tests::key_urls;
use crate::callback::{CallbackVerifier, PublicKeyUrl, PublicKeyUrls, string_to_sign};

/// Where the storage server of most tests has its key.
const KEY_URL: &str = "http://127.0.0.1:8700/callback_pub_key_v1.pem";

/// How many may fetch at a time.
const GATE: u32 = 64;

/// Keys by address, counted, and given out while the gate is open.
#[derive(Clone)]
struct KeyServer(Arc<Shared>);

struct Shared {
    files: Mutex<HashMap<String, String>>,
    asked: AtomicUsize,
    gate: Semaphore,
    seconds: AtomicI64,
}

impl KeyServer {
    fn new(files: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(Arc::new(Shared {
            files: Mutex::new(files.into_iter().collect()),
            asked: AtomicUsize::new(0),
            gate: Semaphore::new(GATE as usize),
            seconds: AtomicI64::new(0),
        }))
    }

    /// With the key that [`signed`] signs with.
    fn with_key() -> Self {
        Self::new([(KEY_URL.to_owned(), public_pem(1))])
    }

    /// A receiver that trusts it, whose clock [`advance`](Self::advance) moves.
    fn receiver(&self) -> CallbackReceiver {
        let urls = PublicKeyUrls::oss().and("http://127.0.0.1:8700/callback_pub_key_*.pem");
        let clock = self.clone();
        CallbackReceiver::new(CallbackVerifier::new(urls.unwrap()), self.clone())
            .clock(move || Timestamp::from_second(clock.0.seconds.load(Ordering::SeqCst)).unwrap())
    }

    fn put(&self, pem: Option<&str>) {
        let mut files = self.0.files.lock().unwrap();
        files.clear();
        files.extend(pem.map(|pem| (KEY_URL.to_owned(), pem.to_owned())));
    }

    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    fn advance(&self, seconds: i64) {
        self.0.seconds.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl FetchKey for KeyServer {
    async fn fetch(&self, url: &PublicKeyUrl) -> Result<Bytes, FetchError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let _gate = self.0.gate.acquire().await?;
        let found = self.0.files.lock().unwrap().get(url.as_str()).cloned();
        found.map(Bytes::from).ok_or_else(|| "404".into())
    }
}

/// Answers every address with the body of the callback that came, or with what was wrong.
fn router(receiver: CallbackReceiver) -> Router {
    Router::new().fallback(echo).with_state(receiver)
}

async fn echo(callback: Result<Callback, CallbackRejection>) -> Response {
    match callback {
        Ok(callback) => callback.into_body().into_response(),
        Err(refused) => {
            let told = [("code", refused.code()), ("part", refused.part())];
            (told, refused).into_response()
        }
    }
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    code: Option<String>,
    part: Option<String>,
    content_type: String,
    body: Vec<u8>,
}

async fn send(router: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| {
        let value = parts.headers.get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    Answer {
        status: parts.status,
        code: header("code"),
        part: header("part"),
        content_type: header("content-type").unwrap_or_default(),
        body: body.into(),
    }
}

/// A callback as the storage server would send it to `target`.
fn signed(target: &str, body: &str) -> Request<Body> {
    signed_with(1, target, body)
}

/// Signed with another of the throwaway keys.
fn signed_with(key: usize, target: &str, body: &str) -> Request<Body> {
    let text = string_to_sign(target, body.as_bytes());
    let signature = private_key(key).pkcs1v15_sign::<Md5>(&text).unwrap();
    Request::post(target)
        .header("Authorization", STANDARD.encode(signature))
        .header("x-oss-pub-key-url", STANDARD.encode(KEY_URL))
        .body(Body::from(body.to_owned()))
        .unwrap()
}

fn vectors(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn throwaway(number: usize) -> Value {
    vectors("callback-signature.json")["throwaway_keys_for_tests"][number].clone()
}

fn private_key(number: usize) -> rsa::PrivateKey {
    let key = throwaway(number);
    rsa::PrivateKey::from_pkcs8_pem(text(&key["private_key_pkcs8_pem"])).unwrap()
}

fn public_pem(number: usize) -> String {
    text(&throwaway(number)["public_key_pem"]).to_owned()
}
