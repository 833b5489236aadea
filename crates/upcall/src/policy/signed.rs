//! A signed policy: what an application server hands to a page, and the page sends along with the
//! file.
//!
//! ```
//! use upcall::callback::CallbackParameter;
//! use upcall::name::{AccessKeyId, AccessKeySecret};
//! use upcall::policy::PolicyBuilder;
//! use upcall::policy::signed::{SignedPolicy, V4Signer};
//! use upcall::signature::Scope;
//!
//! let id = AccessKeyId::parse("ak")?;
//! let secret = AccessKeySecret::new("sk");
//! let callback = CallbackParameter::builder(
//!     "https://app.example.com/callback",
//!     "object=${object}&size=${size}&requestId=${reqId}",
//! )
//! .build()?
//! .encode();
//! let policy = PolicyBuilder::new("2026-12-01T12:00:00Z".parse()?)
//!     .bucket("photos")
//!     .starts_with("key", "user/eric/")
//!     .is_in("content-type", ["image/jpeg", "image/png"])
//!     .content_length_range(1, 10 * 1024 * 1024)
//!     .equals("callback", &callback)
//!     .build();
//!
//! // The answer to a page, as the classic samples give it:
//! let signed = SignedPolicy::v1(&id, &secret, &policy)
//!     .host("https://photos.oss-cn-hangzhou.aliyuncs.com")
//!     .dir("user/eric/")
//!     .callback(&callback);
//! assert!(signed.to_json().starts_with(r#"{"accessid":"ak","host":"https://photos."#));
//!
//! // Or the fields of the form, to be sent in this order, and `key` and `file` after them:
//! let names: Vec<_> = signed.fields().into_iter().map(|(name, _)| name).collect();
//! assert_eq!(names, ["policy", "OSSAccessKeyId", "Signature", "callback"]);
//!
//! // The same in the newer generation:
//! let signer = V4Signer {
//!     access_key_id: &id,
//!     secret: &secret,
//!     scope: Scope::oss("cn-hangzhou"),
//!     security_token: None,
//!     now: "2026-12-01T11:55:00Z".parse()?,
//! };
//! let signed = SignedPolicy::v4(&signer, &policy).dir("user/eric/").callback(&callback);
//! assert!(signed.to_json().contains(r#""x_oss_credential":"ak/20261201/cn-hangzhou/oss/"#));
//! let (name, version) = signed.fields()[2];
//! assert_eq!((name, version), ("x-oss-signature-version", "OSS4-HMAC-SHA256"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: OSS, "Obtain signature information from the server and upload data to OSS", in its two
//! generations (V1, and V4 since 2024).

use std::fmt;

use jiff::Timestamp;

use super::check::{CREDENTIAL, DATE, SECURITY_TOKEN, SIGNATURE_VERSION};
use super::condition::Condition;
use super::document::PolicyDocument;
use super::json::push_text;
use crate::name::{AccessKeyId, AccessKeySecret};
use crate::signature::{Scope, date, v1, v4};

/// A policy, its signature and what a page needs beside them. Whoever holds it may upload what the
/// policy allows until it expires.
#[derive(Clone)]
#[must_use]
pub struct SignedPolicy {
    policy: String,
    expiration: Timestamp,
    signature: Signature,
    host: String,
    dir: String,
    callback: Option<String>,
    /// More fields of the form, in order.
    more: Vec<(String, String)>,
}

/// Who signs with V4: an access key, where and when it is good, and the token that a temporary one
/// has.
#[derive(Clone, Copy, Debug)]
pub struct V4Signer<'a> {
    /// The access key.
    pub access_key_id: &'a AccessKeyId,
    /// Its secret.
    pub secret: &'a AccessKeySecret,
    /// The storage server's region.
    pub scope: Scope<'a>,
    /// The token of a temporary access key.
    pub security_token: Option<&'a str>,
    /// The present time. The signature is good for seven days from it, the policy until it expires.
    pub now: Timestamp,
}

#[derive(Clone)]
enum Signature {
    V1 {
        access_key_id: String,
        signature: String,
    },
    V4 {
        credential: String,
        date: String,
        signature: String,
        security_token: Option<String>,
    },
}

impl SignedPolicy {
    /// Signs with V1. The token of a temporary access key is one more [`field`](Self::field),
    /// `x-oss-security-token`.
    pub fn v1(id: &AccessKeyId, secret: &AccessKeySecret, policy: &PolicyDocument) -> Self {
        let encoded = policy.encode();
        let signature = Signature::V1 {
            access_key_id: id.to_string(),
            signature: v1::sign_policy(secret, &encoded),
        };
        Self::new(encoded, policy.expiration, signature)
    }

    /// Signs with V4. The conditions that V4 demands (signature version, credential, date and token)
    /// are added to the policy.
    pub fn v4(signer: &V4Signer<'_>, policy: &PolicyDocument) -> Self {
        let credential = v4::Credential::new(signer.access_key_id, signer.scope, signer.now);
        let date = date::print(date::BASIC, signer.now);
        let mut bound = policy.clone();
        let name = credential.to_string();
        let mut bind = |field: &str, value: &str| {
            bound.conditions.push(Condition::Equals {
                field: field.to_owned(),
                value: value.to_owned(),
            });
        };
        bind(SIGNATURE_VERSION, v4::VERSION);
        bind(CREDENTIAL, &name);
        bind(DATE, &date);
        if let Some(token) = signer.security_token {
            bind(SECURITY_TOKEN, token);
        }
        let encoded = bound.encode();
        let signature = Signature::V4 {
            signature: v4::sign_policy(signer.secret, &credential, &encoded),
            credential: name,
            date,
            security_token: signer.security_token.map(str::to_owned),
        };
        Self::new(encoded, policy.expiration, signature)
    }

    const fn new(policy: String, expiration: Timestamp, signature: Signature) -> Self {
        Self {
            policy,
            expiration,
            signature,
            host: String::new(),
            dir: String::new(),
            callback: None,
            more: Vec::new(),
        }
    }

    /// Where the form goes: `https://BUCKET.ENDPOINT`, or whatever addresses the bucket.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = host.into();
        self
    }

    /// What the page begins its keys with. The policy must allow it; nothing here adds a condition.
    pub fn dir(mut self, dir: impl Into<String>) -> Self {
        self.dir = dir.into();
        self
    }

    /// The callback parameter, in base64. A page can leave it out unless the policy binds `callback`.
    pub fn callback(mut self, base64: impl Into<String>) -> Self {
        self.callback = Some(base64.into());
        self
    }

    /// One more field of the form, before those of the signature.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.more.push((name.into(), value.into()));
        self
    }

    /// The base64 text of the policy.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// When the policy expires.
    pub const fn expiration(&self) -> Timestamp {
        self.expiration
    }

    /// The fields of the form, in the order to send them in; `key` (unless it was given) and `file`
    /// come after them.
    pub fn fields(&self) -> Vec<(&str, &str)> {
        let more = self
            .more
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut fields: Vec<_> = more.chain([("policy", self.policy.as_str())]).collect();
        match &self.signature {
            Signature::V1 {
                access_key_id,
                signature,
            } => fields.extend([
                ("OSSAccessKeyId", access_key_id.as_str()),
                ("Signature", signature),
            ]),
            Signature::V4 {
                credential,
                date,
                signature,
                security_token,
            } => {
                fields.extend([
                    ("x-oss-signature", signature.as_str()),
                    (SIGNATURE_VERSION, v4::VERSION),
                    (CREDENTIAL, credential),
                    (DATE, date),
                ]);
                fields.extend(
                    security_token
                        .iter()
                        .map(|token| (SECURITY_TOKEN, token.as_str())),
                );
            }
        }
        fields.extend(
            self.callback
                .iter()
                .map(|callback| ("callback", callback.as_str())),
        );
        fields
    }

    /// The JSON that pages know: of the classic samples for V1 (`accessid host policy signature
    /// expire callback dir`, `expire` in Unix seconds), of the newer ones for V4 (both spellings of
    /// the version, since samples differ; `security_token` is empty for a permanent access key).
    ///
    /// `callback` is left out if there is none.
    pub fn to_json(&self) -> String {
        let mut json = Members::default();
        match &self.signature {
            Signature::V1 {
                access_key_id,
                signature,
            } => {
                json.text("accessid", access_key_id);
                json.text("host", &self.host);
                json.text("policy", &self.policy);
                json.text("signature", signature);
                json.number("expire", self.expiration.as_second());
            }
            Signature::V4 {
                credential,
                date,
                signature,
                security_token,
            } => {
                json.text("policy", &self.policy);
                json.text("x_oss_signature_version", v4::VERSION);
                json.text("version", v4::VERSION);
                json.text("x_oss_credential", credential);
                json.text("x_oss_date", date);
                json.text("signature", signature);
                json.text(
                    "security_token",
                    security_token.as_deref().unwrap_or_default(),
                );
                json.text("host", &self.host);
            }
        }
        if let Some(callback) = &self.callback {
            json.text("callback", callback);
        }
        json.text("dir", &self.dir);
        json.finish()
    }
}

impl fmt::Debug for SignedPolicy {
    /// Without policy and signature, which must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedPolicy")
            .field("expiration", &self.expiration)
            .field("host", &self.host)
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// A JSON object, written member by member.
#[derive(Default)]
struct Members(String);

impl Members {
    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        push_text(&mut self.0, name);
        self.0.push(':');
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        push_text(&mut self.0, value);
    }

    fn number(&mut self, name: &str, value: i64) {
        self.name(name);
        self.0.push_str(&value.to_string());
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
