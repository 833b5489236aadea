//! Requests that an access key signs, in each of the ways that the protocol has.

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use upcall::name::{AccessKeyId, AccessKeySecret};
use upcall::signature::v4::Credential;
use upcall::signature::{Scope, SignedRequest, v1, v4};

use crate::client::Answer;
use crate::server::{KEY_ID, SECRET, TestServer};

/// Where a request's signature stands, and of which version it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    HeaderV1,
    HeaderV4,
    UrlV1,
    UrlV4,
}

pub(crate) const WAYS: [Way; 4] = [Way::HeaderV1, Way::HeaderV4, Way::UrlV1, Way::UrlV4];

/// A request, path style.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    method: String,
    bucket: String,
    key: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Signed {
    /// An empty key addresses the bucket.
    pub(crate) fn new(method: &str, bucket: &str, key: &str) -> Self {
        Self {
            method: method.to_owned(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn parameter(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// Signs, and sends.
    pub(crate) async fn send(mut self, server: &TestServer, way: Way) -> Answer {
        let now = Timestamp::now();
        let (id, secret) = key();
        let credential = Credential::new(&id, Scope::oss("cn-hangzhou"), now);
        let query = match way {
            Way::HeaderV1 => {
                self = self.header("Date", &time(now, "%a, %d %b %Y %H:%M:%S GMT"));
                let signature = v1::authorization(&id, &secret, &self.request());
                self = self.header("Authorization", &signature);
                encoded(&self.query)
            }
            Way::HeaderV4 => {
                self = self
                    .header("x-oss-date", &time(now, "%Y%m%dT%H%M%SZ"))
                    .header("x-oss-content-sha256", "UNSIGNED-PAYLOAD");
                let signature = v4::authorization(&credential, &secret, &self.request(), &[]);
                self = self.header("Authorization", &signature);
                encoded(&self.query)
            }
            Way::UrlV1 => {
                let until = now + SignedDuration::from_mins(5);
                v1::presign(&id, &secret, &self.request(), until).unwrap()
            }
            Way::UrlV4 => {
                let validity = SignedDuration::from_mins(5);
                v4::presign(&credential, &secret, &self.request(), &[], now, validity)
            }
        };
        self.send_with(server, &query).await
    }

    /// Sends it with the V1 signature that an application made for another key, as it was.
    pub(crate) async fn send_as(mut self, server: &TestServer, signed_key: &str) -> Answer {
        let expires = Timestamp::now().as_second() + 300;
        let (_, secret) = key();
        let content_type = self.headers.iter().find(|(name, _)| name == "Content-Type");
        let text = format!(
            "{}\n\n{}\n{expires}\n/{}/{signed_key}",
            self.method,
            content_type.map_or("", |(_, value)| value.as_str()),
            self.bucket
        );
        // base64(HMAC-SHA1) of the text: what V1 does with a policy, too.
        let signature = v1::sign_policy(&secret, &text);
        for (name, value) in [
            ("OSSAccessKeyId", KEY_ID),
            ("Expires", &expires.to_string()),
            ("Signature", &signature),
        ] {
            self = self.parameter(name, value);
        }
        let query = encoded(&self.query);
        self.send_with(server, &query).await
    }

    async fn send_with(self, server: &TestServer, query: &str) -> Answer {
        let mut headers = String::new();
        for (name, value) in &self.headers {
            headers += &[name, ": ", value, "\r\n"].concat();
        }
        let path = utf8_percent_encode(&self.key, UNRESERVED);
        let target = format!("/{}/{path}?{query}", self.bucket);
        let client = server.client();
        client
            .request(&self.method, &target, &headers, &self.body)
            .await
    }

    fn request(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &self.method,
            bucket: Some(&self.bucket),
            key: Some(&self.key)
                .filter(|key| !key.is_empty())
                .map(String::as_str),
            query: &self.query,
            headers: &self.headers,
        }
    }
}

fn key() -> (AccessKeyId, AccessKeySecret) {
    (
        AccessKeyId::parse(KEY_ID).unwrap(),
        AccessKeySecret::new(SECRET),
    )
}

fn encoded(query: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let pairs = query.iter();
    let pairs = pairs.map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn time(now: Timestamp, format: &str) -> String {
    now.strftime(format).to_string()
}

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
