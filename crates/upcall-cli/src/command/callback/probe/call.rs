//! One call to an application, as the storage server would send it, or with something wrong.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use upcall::callback::answer::MAX_ANSWER_BYTES;
use upcall::callback::string_to_sign;
use upcall_crypto::{Md5, RsaPrivateKey};

use crate::command::exchange::Question;
use crate::data::random_hex;
use crate::terminal::message::Failure;

/// A call, and the signature that it carries.
#[derive(Clone)]
pub(super) struct Call<'k> {
    /// Where it is sent, whatever was signed.
    pub(super) target: String,
    /// What is sent, whatever was signed.
    body: Vec<u8>,
    key: &'k RsaPrivateKey,
    /// `None` is a call without one.
    pub(super) signature: Option<Vec<u8>>,
    pub(super) key_url: String,
    bucket: &'static str,
    request_id: String,
}

impl<'k> Call<'k> {
    /// A genuine one.
    ///
    /// # Errors
    /// There is no signature, for want of memory.
    pub(super) fn new(
        target: &str,
        body: Vec<u8>,
        key: &'k RsaPrivateKey,
        key_url: &str,
    ) -> Result<Self, Failure> {
        let mut call = Self {
            target: target.to_owned(),
            body,
            key,
            signature: None,
            key_url: key_url.to_owned(),
            bucket: "upcall-check",
            request_id: random_hex(12)?.to_uppercase(),
        };
        call.sign_for(target)?;
        Ok(call)
    }

    /// Says in its headers that it is for this bucket and request; they are not signed.
    pub(super) fn is_for(&mut self, bucket: &'static str, request_id: &str) {
        self.bucket = bucket;
        request_id.clone_into(&mut self.request_id);
    }

    /// Signs it as if it were sent to another target.
    pub(super) fn sign_for(&mut self, target: &str) -> Result<(), Failure> {
        let text = string_to_sign(target, &self.body);
        self.signature = Some(self.key.sign_md5(&text)?);
        Ok(())
    }

    /// Signs it with another key.
    pub(super) fn sign_with(&mut self, key: &'k RsaPrivateKey) -> Result<(), Failure> {
        self.key = key;
        self.sign_for(&self.target.clone())
    }

    /// Changes the body after it was signed: a form and a JSON object can both have this at their
    /// end, and mean what they did.
    pub(super) fn change_body(&mut self) {
        let tail: &[u8] = if self.is_json() { b" " } else { b"&unsigned=1" };
        self.body.extend_from_slice(tail);
    }

    fn is_json(&self) -> bool {
        self.body.starts_with(b"{")
    }

    /// The request. Its digest is that of the body that is sent: only the signature tells.
    pub(super) fn question(&self) -> Result<Question, Failure> {
        let signature = self.signature.as_ref().map(|bytes| STANDARD.encode(bytes));
        let digest = STANDARD.encode(Md5::digest(&self.body));
        let date = Timestamp::now()
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string();
        let key_url = STANDARD.encode(&self.key_url);
        let content_type = if self.is_json() {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close"),
            ("content-md5", &digest),
            ("content-type", content_type),
            ("date", &date),
            ("user-agent", "aliyun-oss-callback"),
            ("x-oss-additional-headers", ""),
            ("x-oss-bucket", self.bucket),
            ("x-oss-owner", "upcall"),
            ("x-oss-pub-key-url", &key_url),
            ("x-oss-request-id", &self.request_id),
            ("x-oss-requester", "upcall-check"),
            ("x-oss-signature-version", "1.0"),
            ("x-oss-tag", "CALLBACK"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
        }
        if let Some(signature) = signature {
            headers.insert("authorization", HeaderValue::from_str(&signature)?);
        }
        Ok(Question {
            method: Method::POST,
            headers,
            body: Bytes::from(self.body.clone()),
            time_limit: TIME_LIMIT,
            most_bytes: usize::try_from(MAX_ANSWER_BYTES)?,
        })
    }
}

/// Longer than an application may take, so that it can be told how much too slow it is.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(15);
