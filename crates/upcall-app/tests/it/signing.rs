//! Callbacks, signed as the storage server signs them.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use upcall::callback::string_to_sign;
use upcall_crypto::RsaPrivateKey;

use crate::client::Request;

/// The storage server's key.
pub(crate) fn ours() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::generate(2048).unwrap())
}

/// Somebody else's.
pub(crate) fn theirs() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::generate(2048).unwrap())
}

/// A callback whose parts a test may change after it was signed.
#[derive(Clone, Debug)]
pub(crate) struct SignedCallback {
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl SignedCallback {
    pub(crate) fn new(key_url: &str, target: &str, body: &str) -> Self {
        let mut callback = Self {
            target: target.to_owned(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        callback.set("content-type", "application/x-www-form-urlencoded");
        callback.set("user-agent", "aliyun-oss-callback");
        callback.set("x-oss-bucket", "photos");
        callback.set("x-oss-pub-key-url", &STANDARD.encode(key_url));
        callback.set("x-oss-request-id", "5F0D6E2B8C7A4E0012345678");
        callback.set("x-oss-signature-version", "1.0");
        callback.set("x-oss-tag", "CALLBACK");
        callback.digest();
        callback.sign(ours());
        callback
    }

    /// Sends it somewhere else.
    pub(crate) fn aim(&mut self, target: &str) {
        target.clone_into(&mut self.target);
    }

    /// Replaces a header, or adds it.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.add(name, value);
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(has, _)| has != name);
    }

    pub(crate) fn get(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(has, _)| has == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// `Content-MD5` of the body as it is now.
    pub(crate) fn digest(&mut self) {
        self.set("content-md5", &STANDARD.encode(Md5::digest(&self.body)));
    }

    /// `Authorization` for target and body as they are now.
    pub(crate) fn sign(&mut self, key: &RsaPrivateKey) {
        self.sign_text(key, &string_to_sign(&self.target, &self.body));
    }

    pub(crate) fn sign_text(&mut self, key: &RsaPrivateKey, text: &[u8]) {
        self.set(
            "authorization",
            &STANDARD.encode(key.sign_md5(text).unwrap()),
        );
    }

    pub(crate) fn request(&self) -> Request {
        let mut request = Request::new("POST", &self.target);
        request.headers.extend(self.headers.iter().cloned());
        request.body.clone_from(&self.body);
        request
    }
}
