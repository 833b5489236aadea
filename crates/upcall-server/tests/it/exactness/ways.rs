//! Every way in which an upload brings a callback: two operations, who signs how, and what carries it.

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use upcall::callback::CallbackVars;
use upcall::name::{AccessKeyId, AccessKeySecret};
use upcall::signature::v4::Credential;
use upcall::signature::{Scope, SignedRequest, v1, v4};

use crate::client::Answer;
use crate::form::Form;
use crate::server::{KEY_ID, SECRET, TestServer};

/// What carries callback and variables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Carried {
    Fields,
    Headers,
    Query,
}

/// Who signs, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signed {
    Nobody,
    Policy,
    HeaderV1,
    UrlV1,
    HeaderV4,
    UrlV4,
}

pub(super) type Way = (Signed, Carried);

/// All of them; forms are `PostObject`, the rest is `PutObject`.
pub(super) const WAYS: [Way; 12] = [
    (Signed::Policy, Carried::Fields),
    (Signed::Nobody, Carried::Fields),
    (Signed::Nobody, Carried::Headers),
    (Signed::Nobody, Carried::Query),
    (Signed::HeaderV1, Carried::Headers),
    (Signed::HeaderV1, Carried::Query),
    (Signed::UrlV1, Carried::Headers),
    (Signed::UrlV1, Carried::Query),
    (Signed::HeaderV4, Carried::Headers),
    (Signed::HeaderV4, Carried::Query),
    (Signed::UrlV4, Carried::Headers),
    (Signed::UrlV4, Carried::Query),
];

pub(super) fn operation(way: Way) -> &'static str {
    match way.1 {
        Carried::Fields => "PostObject",
        Carried::Headers | Carried::Query => "PutObject",
    }
}

/// What is uploaded, into the bucket `open`.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) content_type: Option<String>,
    pub(super) bytes: Vec<u8>,
    /// Base64.
    pub(super) callback: String,
    pub(super) variables: Vec<(String, String)>,
}

impl Upload {
    pub(super) fn new(key: &str, callback: &str) -> Self {
        Self {
            key: key.to_owned(),
            content_type: None,
            bytes: b"hello".to_vec(),
            callback: callback.to_owned(),
            variables: Vec::new(),
        }
    }

    pub(super) async fn send(&self, server: &TestServer, way: Way) -> Answer {
        match way.1 {
            Carried::Fields => server.post(&self.form(way.0)).await,
            Carried::Headers | Carried::Query => {
                let variables: CallbackVars = self.variables.iter().cloned().collect();
                let variables =
                    (!self.variables.is_empty()).then(|| ("callback-var", variables.encode()));
                let brought = [("callback", self.callback.clone())];
                let brought = brought.into_iter().chain(variables);
                let mut put = Put::new(self);
                for (name, value) in brought {
                    put.bring(way.1, name, &value);
                }
                put.send(server, way.0).await
            }
        }
    }

    pub(super) fn form(&self, signed: Signed) -> Form {
        let mut form = if signed == Signed::Policy {
            Form::signed("open", &self.key)
        } else {
            Form::empty("open").field("key", &self.key)
        };
        form = form.field("callback", &self.callback);
        for (name, value) in &self.variables {
            form = form.field(name, value);
        }
        if let Some(content_type) = &self.content_type {
            return form.file_of_type("a", content_type, &self.bytes);
        }
        let head = b"Content-Disposition: form-data; name=\"file\"\r\n\r\n";
        form.part(&[head, self.bytes.as_slice()].concat())
    }
}

/// A `PutObject`, to be signed.
pub(super) struct Put<'u> {
    upload: &'u Upload,
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
}

impl<'u> Put<'u> {
    pub(super) fn new(upload: &'u Upload) -> Self {
        let content_type = upload.content_type.clone();
        Self {
            upload,
            headers: content_type
                .map(|value| ("Content-Type".to_owned(), value))
                .into_iter()
                .collect(),
            query: Vec::new(),
        }
    }

    /// Brings `callback` or `callback-var`.
    pub(super) fn bring(&mut self, carried: Carried, name: &str, value: &str) {
        if carried == Carried::Query {
            self.query.push((name.to_owned(), value.to_owned()));
        } else {
            self.header(&format!("x-oss-{name}"), value);
        }
    }

    pub(super) async fn send(mut self, server: &TestServer, signed: Signed) -> Answer {
        let now = Timestamp::now();
        let id = AccessKeyId::parse(KEY_ID).unwrap();
        let secret = AccessKeySecret::new(SECRET);
        let credential = Credential::new(&id, Scope::oss("cn-hangzhou"), now);
        let query = match signed {
            Signed::HeaderV1 => {
                self.header("Date", &time(now, "%a, %d %b %Y %H:%M:%S GMT"));
                let signature = v1::authorization(&id, &secret, &self.request());
                self.header("Authorization", &signature);
                self.encoded_query()
            }
            Signed::HeaderV4 => {
                self.header("x-oss-date", &time(now, "%Y%m%dT%H%M%SZ"));
                self.header("x-oss-content-sha256", "UNSIGNED-PAYLOAD");
                let signature = v4::authorization(&credential, &secret, &self.request(), &[]);
                self.header("Authorization", &signature);
                self.encoded_query()
            }
            Signed::UrlV1 => {
                // By hand: `presign` refuses keys and values that V1 signs ambiguously.
                let expires = (now + SignedDuration::from_mins(5)).as_second().to_string();
                let mut headers = self.headers.clone();
                headers.push(("Date".to_owned(), expires.clone()));
                let text = v1::string_to_sign(&SignedRequest {
                    headers: &headers,
                    ..self.request()
                });
                let signature = v1::sign_policy(&secret, &text);
                for (name, value) in [
                    ("OSSAccessKeyId", KEY_ID),
                    ("Expires", &expires),
                    ("Signature", &signature),
                ] {
                    self.query.push((name.to_owned(), value.to_owned()));
                }
                self.encoded_query()
            }
            Signed::UrlV4 => {
                let validity = SignedDuration::from_mins(5);
                v4::presign(&credential, &secret, &self.request(), &[], now, validity)
            }
            Signed::Nobody | Signed::Policy => self.encoded_query(),
        };
        let mut headers = String::new();
        for (name, value) in &self.headers {
            headers += &[name, ": ", value, "\r\n"].concat();
        }
        let path = utf8_percent_encode(&self.upload.key, UNRESERVED);
        let target = format!("/open/{path}?{query}");
        let client = server.client();
        client
            .request("PUT", &target, &headers, &self.upload.bytes)
            .await
    }

    fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn request(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: "PUT",
            bucket: Some("open"),
            key: Some(&self.upload.key),
            query: &self.query,
            headers: &self.headers,
        }
    }

    fn encoded_query(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        let pairs = self.query.iter();
        let pairs = pairs.map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

fn time(now: Timestamp, format: &str) -> String {
    now.strftime(format).to_string()
}

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
