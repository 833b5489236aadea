//! A test for each reason, with the sentence that it gives.

mod changes;
mod evidence;
mod hostile;

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use rsa::pkcs8::DecodePrivateKey;

use super::super::tests::{read, text};
use super::super::{CallbackRequest, PublicKey, PublicKeyUrls, string_to_sign};
use super::*;

/// A callback, as the storage server sends it.
#[derive(Clone)]
struct Call {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Call {
    /// Signed, with the headers that matter and no `Content-MD5`, as OSS's oldest ones.
    fn new(target: &str, body: &[u8]) -> Self {
        let signature = KEY
            .pkcs1v15_sign::<Md5>(&string_to_sign(target, body))
            .unwrap();
        let mut call = Self {
            method: "POST",
            target: target.to_owned(),
            headers: Vec::new(),
            body: body.to_vec(),
        };
        call.set("host", "app.example");
        call.set("authorization", &STANDARD.encode(signature));
        call.set("x-oss-pub-key-url", &STANDARD.encode(KEY_URL));
        call
    }

    /// With `Content-MD5` and `Content-Length`, as today's.
    fn with_digest(mut self) -> Self {
        let (digest, length) = (STANDARD.encode(Md5::digest(&self.body)), self.body.len());
        self.set("content-md5", &digest);
        self.set("content-length", &length.to_string());
        self
    }

    /// The same call with another target and body.
    fn arriving(&self, target: &str, body: &[u8]) -> Self {
        let mut call = self.clone();
        target.clone_into(&mut call.target);
        call.body = body.to_vec();
        call
    }

    fn drop(&mut self, name: &str) {
        self.headers.retain(|(has, _)| has != name);
    }

    fn set(&mut self, name: &str, value: &str) {
        self.drop(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(has, _)| has == name);
        found.map(|(_, value)| &**value).unwrap()
    }
}

/// What is known besides the request that arrived.
#[derive(Clone, Copy)]
struct Known<'a> {
    key: Option<&'a PublicKey>,
    sent: Option<&'a Call>,
}

fn diagnosed(received: &Call, known: Known<'_>) -> Diagnosis {
    let urls = PublicKeyUrls::none().and(KEY_URL).unwrap();
    let received_headers = pairs(&received.headers);
    let sent_headers = known
        .sent
        .map(|sent| pairs(&sent.headers))
        .unwrap_or_default();
    diagnose(&Evidence {
        received: request(received, &received_headers),
        key: known.key,
        key_urls: Some(&urls),
        sent: known.sent.map(|sent| request(sent, &sent_headers)),
    })
}

fn pairs(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect()
}

fn request<'a>(call: &'a Call, headers: &'a [(&'a str, &'a str)]) -> CallbackRequest<'a> {
    CallbackRequest {
        method: call.method,
        target: &call.target,
        headers,
        body: &call.body,
    }
}

/// With the key alone.
fn by_key(received: &Call) -> Diagnosis {
    let known = Known {
        key: Some(&PUBLIC),
        sent: None,
    };
    diagnosed(received, known)
}

/// With what was sent alone.
fn by_sent(received: &Call, sent: &Call) -> Diagnosis {
    let known = Known {
        key: None,
        sent: Some(sent),
    };
    diagnosed(received, known)
}

/// Names of the reasons and how sure they are.
fn names(diagnosis: &Diagnosis) -> Vec<(&'static str, Certainty)> {
    diagnosis
        .findings
        .iter()
        .map(|finding| (finding.reason.name(), finding.certainty))
        .collect()
}

const KEY_URL: &str = "http://127.0.0.1:8700/callback_pub_key_v1.pem";

static KEY: LazyLock<rsa::PrivateKey> = LazyLock::new(|| {
    let vectors = read("callback-signature.json");
    let pem = text(&vectors["throwaway_keys_for_tests"][1]["private_key_pkcs8_pem"]);
    rsa::PrivateKey::from_pkcs8_pem(pem).unwrap()
});

static PUBLIC: LazyLock<PublicKey> = LazyLock::new(|| public_key(1));

fn public_key(number: usize) -> PublicKey {
    let vectors = read("callback-signature.json");
    let keys = &vectors["throwaway_keys_for_tests"];
    PublicKey::from_pem(text(&keys[number]["public_key_pem"])).unwrap()
}
