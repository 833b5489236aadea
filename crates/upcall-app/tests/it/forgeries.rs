//! Forged callbacks: each is refused, nothing is kept, and nobody else's server is asked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::app::{TestApp, bound};
use crate::callbacks::PHOTO;
use crate::key_server::KeyServer;
use crate::signing::{SignedCallback, ours, theirs};

/// What a forger has: a genuine callback to look at, and a server and a key of their own.
struct Forger {
    server: KeyServer,
    allowed_url: String,
}

impl Forger {
    fn with_own_address(&self, template: &str) -> String {
        let foreign = self.server.address().to_string();
        let allowed = self
            .allowed_url
            .trim_start_matches("http://")
            .split('/')
            .next()
            .unwrap();
        template
            .replace("ALLOWED", allowed)
            .replace("FOREIGN", &foreign)
    }
}

/// Points to `url` and signs with the forger's key.
fn with_key_at(callback: &mut SignedCallback, url: &str) {
    callback.set("x-oss-pub-key-url", &STANDARD.encode(url));
    callback.sign(theirs());
}

type Forge = fn(&Forger, &mut SignedCallback);

/// The genuine one is signed for `/callback?user=1`.
const CHANGED: &[(&str, Forge)] = &[
    ("a byte of the query", |_, c| c.aim("/callback?user=2")),
    ("the query is gone", |_, c| c.aim("/callback")),
    ("the query is empty", |_, c| c.aim("/callback?")),
    ("the query has more", |_, c| {
        c.aim("/callback?user=1&admin=1");
    }),
    ("the query is encoded", |_, c| c.aim("/callback?user=%31")),
    ("a byte of the body", |_, c| {
        c.body[20] ^= 1;
        c.digest();
    }),
    ("a byte of the body, and the old digest", |_, c| {
        c.body[20] ^= 1;
    }),
    ("the body has more", |_, c| {
        c.body.extend(b"&size=1");
        c.digest();
    }),
    ("the body is cut", |_, c| {
        c.body.pop();
        c.digest();
    }),
    ("the body is empty", |_, c| {
        c.body.clear();
        c.digest();
    }),
    ("part of the query moved to the body", |_, c| {
        c.aim("/callback?user=1%0Aobject=a");
        c.digest();
    }),
];

const HEADERS: &[(&str, Forge)] = &[
    ("no signature", |_, c| c.remove("authorization")),
    ("an empty signature", |_, c| c.set("authorization", "")),
    ("two signatures", |_, c| {
        let again = c.get("authorization");
        c.add("authorization", &again);
    }),
    ("a signature that is no base64", |_, c| {
        c.set("authorization", "Bearer !");
    }),
    ("a signature that is cut", |_, c| {
        let signature = STANDARD.decode(c.get("authorization")).unwrap();
        c.set("authorization", &STANDARD.encode(&signature[..255]));
    }),
    ("a signature that is longer", |_, c| {
        let mut signature = STANDARD.decode(c.get("authorization")).unwrap();
        signature.insert(0, 0);
        c.set("authorization", &STANDARD.encode(signature));
    }),
    ("a bit of the signature", |_, c| {
        let mut signature = STANDARD.decode(c.get("authorization")).unwrap();
        signature[100] ^= 1;
        c.set("authorization", &STANDARD.encode(signature));
    }),
    ("a signature of zeros", |_, c| {
        c.set("authorization", &STANDARD.encode([0; 256]));
    }),
    ("a signature of the body alone", |_, c| {
        let body = c.body.clone();
        c.sign_text(ours(), &body);
    }),
    ("another's signature", |_, c| c.sign(theirs())),
    ("the digest of another body", |_, c| {
        c.set("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    }),
    ("a digest that is no base64", |_, c| {
        c.set("content-md5", "none");
    }),
    ("two digests", |_, c| {
        c.add("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    }),
    ("another signature version", |_, c| {
        c.set("x-oss-signature-version", "2.0");
    }),
];

const KEY_URLS: &[(&str, Forge)] = &[
    ("no key url", |_, c| c.remove("x-oss-pub-key-url")),
    ("an empty key url", |_, c| c.set("x-oss-pub-key-url", "")),
    ("a key url that is no base64", |f, c| {
        c.set("x-oss-pub-key-url", &f.server.url());
    }),
    ("the forger's key url", |f, c| {
        with_key_at(c, &f.server.url());
    }),
    ("the forger's key url after ours", |f, c| {
        c.add("x-oss-pub-key-url", &STANDARD.encode(f.server.url()));
        c.sign(theirs());
    }),
    ("the forger's key url before ours", |f, c| {
        let allowed = c.get("x-oss-pub-key-url");
        with_key_at(c, &f.server.url());
        c.add("x-oss-pub-key-url", &allowed);
    }),
];

/// Addresses that begin, end or look like ours, and lead to the forger if they are read loosely.
const LOOK_ALIKES: &[&str] = &[
    "http://ALLOWED@FOREIGN/callback_pub_key_v1.pem",
    "http://FOREIGN/@ALLOWED/callback_pub_key_v1.pem",
    "http://FOREIGN/http://ALLOWED/callback_pub_key_v1.pem",
    "http://FOREIGN#http://ALLOWED/callback_pub_key_v1.pem",
    "http://FOREIGN?http://ALLOWED/callback_pub_key_v1.pem",
    "http://FOREIGN\\@ALLOWED/callback_pub_key_v1.pem",
    "http://ALLOWED\\@FOREIGN/callback_pub_key_v1.pem",
    "http://ALLOWED%2F@FOREIGN/callback_pub_key_v1.pem",
    "http://ALLOWED.FOREIGN/callback_pub_key_v1.pem",
    "//FOREIGN/callback_pub_key_v1.pem",
    "https://FOREIGN/callback_pub_key_v1.pem",
    "HTTP://FOREIGN/callback_pub_key_v1.pem",
    " http://FOREIGN/callback_pub_key_v1.pem",
    "http://ALLOWED/callback_pub_key_v1.pem\r\nHost: FOREIGN",
    "http://ALLOWED/callback_pub_key_v1.pem/../../FOREIGN",
    "http://ALLOWED/callback_pub_key_v1.pem?next=http://FOREIGN/",
    "http://ALLOWED/callback_pub_key_v1.pem.evil",
    "https://ALLOWED/callback_pub_key_v1.pem",
    "http://localhost/callback_pub_key_v1.pem",
    "file:///etc/passwd",
];

#[tokio::test]
async fn every_forgery_is_refused_and_leaves_nothing() {
    let app = TestApp::start().await;
    let server = KeyServer::start(&theirs().public_key_pem().unwrap()).await;
    let forger = Forger {
        server,
        allowed_url: app.keys.url(),
    };
    let genuine = SignedCallback::new(&app.keys.url(), "/callback?user=1", &bound(PHOTO));

    for (what, forge) in CHANGED.iter().chain(HEADERS).chain(KEY_URLS) {
        let mut forged = genuine.clone();
        forge(&forger, &mut forged);
        assert_refused(&app, &forged, what).await;
    }
    for look_alike in LOOK_ALIKES {
        let mut forged = genuine.clone();
        with_key_at(&mut forged, &forger.with_own_address(look_alike));
        assert_refused(&app, &forged, look_alike).await;
    }

    assert_eq!(
        forger.server.connections(),
        0,
        "somebody else's server was asked"
    );
    assert_eq!(
        app.keys.connections(),
        1,
        "forgeries made us ask for the key again"
    );
    assert_eq!(app.uploads().await, [Value::Null; 0]);
    // And the one they were made of is good.
    assert_eq!(app.send(genuine.request()).await.status, 200);
}

async fn assert_refused(app: &TestApp, forged: &SignedCallback, what: &str) {
    let answer = app.send(forged.request()).await;
    assert_eq!(answer.status, 400, "{what}: {answer:?}");
    assert_eq!(answer.json(), json!({"Status": "verify not ok"}), "{what}");
}

#[tokio::test]
async fn another_spelling_of_the_path_leads_nowhere() {
    let app = TestApp::start().await;
    for target in [
        "/callback/",
        "//callback",
        "/Callback",
        "/%63allback",
        "/a/../callback",
        "/",
    ] {
        let callback = SignedCallback::new(&app.keys.url(), target, &bound(PHOTO));
        let status = app.send(callback.request()).await.status;
        assert!(matches!(status, 404 | 405), "{target}: {status}");
    }
    assert_eq!(app.uploads().await, [Value::Null; 0]);
}
