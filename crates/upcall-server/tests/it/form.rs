//! Forms made by hand, so that the code under test does not check itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::server::{KEY_ID, SECRET};

pub(crate) const BOUNDARY: &str = "----upcall-test-boundary";

#[derive(Clone)]
pub(crate) struct Form {
    bucket: String,
    parts: Vec<Vec<u8>>,
    extra_headers: String,
    content_type: String,
    is_closed: bool,
}

impl Form {
    /// A form without any field.
    pub(crate) fn empty(bucket: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            parts: Vec::new(),
            extra_headers: String::new(),
            content_type: format!("multipart/form-data; boundary={BOUNDARY}"),
            is_closed: true,
        }
    }

    /// A form for `key`, with a policy that allows everything for an hour.
    pub(crate) fn signed(bucket: &str, key: &str) -> Self {
        Self::empty(bucket)
            .field("key", key)
            .policy(r#"[["starts-with","$key",""]]"#)
    }

    /// Signs a policy with these conditions, valid for an hour.
    pub(crate) fn policy(self, conditions: &str) -> Self {
        self.policy_until("2099-01-01T00:00:00.000Z", conditions)
    }

    pub(crate) fn policy_until(self, expiration: &str, conditions: &str) -> Self {
        self.policy_text(&format!(
            r#"{{"expiration":"{expiration}","conditions":{conditions}}}"#
        ))
    }

    /// Signs a policy of this text.
    pub(crate) fn policy_text(self, text: &str) -> Self {
        self.policy_field(&STANDARD.encode(text))
    }

    /// Signs a `policy` field of this value.
    pub(crate) fn policy_field(self, policy: &str) -> Self {
        let signature = sign(SECRET, policy);
        self.field("OSSAccessKeyId", KEY_ID)
            .field("policy", policy)
            .field("Signature", &signature)
    }

    pub(crate) fn field(self, name: &str, value: &str) -> Self {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}");
        self.part(head.as_bytes())
    }

    pub(crate) fn file(self, filename: &str, bytes: &[u8]) -> Self {
        self.file_of_type(filename, "application/octet-stream", bytes)
    }

    pub(crate) fn file_of_type(self, filename: &str, content_type: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "Content-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\
             Content-Type: {content_type}\r\n\r\n"
        );
        self.part(&[head.as_bytes(), bytes].concat())
    }

    /// A part as it stands between two delimiters.
    pub(crate) fn part(mut self, bytes: &[u8]) -> Self {
        self.parts.push(bytes.to_vec());
        self
    }

    /// A part before all others.
    pub(crate) fn with_first(mut self, bytes: &[u8]) -> Self {
        self.parts.insert(0, bytes.to_vec());
        self
    }

    /// Another header of the request.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.extra_headers += &[name, ": ", value, "\r\n"].concat();
        self
    }

    pub(crate) fn with_content_type(mut self, content_type: &str) -> Self {
        content_type.clone_into(&mut self.content_type);
        self
    }

    /// Leaves the closing delimiter out.
    pub(crate) fn unclosed(mut self) -> Self {
        self.is_closed = false;
        self
    }

    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(crate) fn extra_headers(&self) -> &str {
        &self.extra_headers
    }

    pub(crate) fn content_type(&self) -> &str {
        &self.content_type
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for part in &self.parts {
            body.extend_from_slice(format!("--{BOUNDARY}\r\n").as_bytes());
            body.extend_from_slice(part);
            body.extend_from_slice(b"\r\n");
        }
        if self.is_closed {
            body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        }
        body
    }

    /// The whole request.
    pub(crate) fn request(&self, host: &str) -> Vec<u8> {
        let body = self.body();
        let head = format!(
            "POST /{}/ HTTP/1.1\r\nHost: {host}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n",
            self.bucket,
            self.content_type,
            body.len(),
            self.extra_headers
        );
        [head.as_bytes(), &body].concat()
    }
}

/// base64(HMAC-SHA1). Source: OSS, "PostObject" (Signature V1).
pub(crate) fn sign(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
