//! The binding: what the policy's maker permitted, told again by the callback.
//!
//! A callback's signature says that the storage server made the call. It does not say for whom: a
//! second holder of a key of that server (at OSS: any customer) can name your address, and a body of
//! their own with your bucket and your user's folder in it. So the application that signs a policy
//! puts what it permitted, with a MAC over it, into the callback's body as a constant, and takes no
//! callback without it.
//!
//! What it proves is *permitted*, not *uploaded*: a user who was permitted, and has another key of
//! the server, can have a call signed for an upload that never was. Where that matters, give the
//! bucket a callback key of its own, or look for the object ([`HeadCheck`]).
//!
//! ```
//! use std::time::Duration;
//!
//! use upcall::callback::CallbackParameter;
//! use upcall::callback::binding::{Binding, BindingKey, GRACE, Permission, Permitted};
//! use upcall::name::AccessKeySecret;
//! use upcall::policy::PolicyBuilder;
//!
//! let secret = AccessKeySecret::new("sk");
//! let binding = Binding::new(BindingKey::of_access_key(&secret));
//!
//! // With the policy: who may upload what, and until when.
//! let expiration = "2026-12-01T12:05:00Z".parse()?;
//! let permitted = Permitted::Prefix("uploads/eric/".to_owned());
//! let permission = Permission::until(expiration, GRACE, "photos", permitted).user("eric");
//! let callback = CallbackParameter::builder(
//!     "https://app.example.com/callback",
//!     "bucket=${bucket}&object=${object}&size=${size}",
//! )
//! .binding(&binding.make(&permission))
//! .build()?
//! .encode();
//! let policy = PolicyBuilder::new(expiration)
//!     .bucket("photos")
//!     .starts_with("key", "uploads/eric/")
//!     .content_length_range(1, 10 * 1024 * 1024)
//!     .equals("callback", &callback) // else the page sends another one
//!     .build();
//!
//! // With the callback, once its signature holds:
//! # let token = binding.make(&permission);
//! # let body = format!("bucket=photos&object=uploads%2Feric%2Fcat.png&size=5&binding={token}");
//! let now = "2026-12-01T12:01:00Z".parse()?;
//! let permission = binding.verify(body.as_bytes(), now)?;
//! assert_eq!(permission.user.as_deref(), Some("eric")); // from here, not from the key or an `x:`
//!
//! let theirs = body.replace("eric%2F", "mallory%2F");
//! let refused = binding.verify(theirs.as_bytes(), now).unwrap_err();
//! assert_eq!(refused.code(), "binding-object");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: this kit's own, the same in its every language; `tests/vectors/binding.json`.
//!
//! [`HeadCheck`]: super::stored::HeadCheck

mod error;
mod permission;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

pub use error::{BindingError, ShortBindingSecret};
pub use permission::{Permission, Permitted};

use super::body::CallbackBody;
use crate::name::AccessKeySecret;
use crate::signature::mac::{hmac_sha256, is_same};
use token::Token;

/// Makes bindings with its first key, and verifies those of all its keys.
#[derive(Debug)]
pub struct Binding {
    first: BindingKey,
    others: Vec<BindingKey>,
}

impl Binding {
    /// With this key, which makes and verifies.
    pub const fn new(key: BindingKey) -> Self {
        Self {
            first: key,
            others: Vec::new(),
        }
    }

    /// One more key that verifies: the one before, until what it made has expired.
    #[must_use]
    pub fn or_key(mut self, key: BindingKey) -> Self {
        self.others.push(key);
        self
    }

    /// Reads the setting `BINDING_SECRET`: secrets with commas between them, of which the first makes
    /// and all verify. Without any, the key is derived from the access key secret.
    ///
    /// # Errors
    /// If one has fewer than 16 bytes.
    pub fn from_setting(
        secrets: &str,
        access_key_secret: &AccessKeySecret,
    ) -> Result<Self, ShortBindingSecret> {
        let secrets = secrets.split(',').map(str::trim);
        let mut keys = secrets
            .filter(|secret| !secret.is_empty())
            .map(BindingKey::of_secret);
        let Some(first) = keys.next() else {
            return Ok(Self::new(BindingKey::of_access_key(access_key_secret)));
        };
        let (first, others) = (first?, keys.collect::<Result<_, _>>()?);
        Ok(Self { first, others })
    }

    /// The token for the callback's body: ASCII without `$`, `&`, `"` or anything else that a form
    /// or JSON would escape.
    pub fn make(&self, permission: &Permission) -> String {
        let signed = token::signed_text(&permission.to_json());
        let mac = self.first.mac(&signed);
        format!("{signed}.{mac}")
    }

    /// Holds the body of a callback, **whose signature was verified**, against its binding.
    ///
    /// # Errors
    /// The first thing that is wrong: the body, the binding or its MAC, its end, the bucket, the
    /// object. All are final: answer 403.
    pub fn verify(&self, body: &[u8], now: Timestamp) -> Result<Permission, BindingError> {
        self.verify_fields(&CallbackBody::parse(body)?, now)
    }

    /// The same for a body that was read already.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_fields(
        &self,
        body: &CallbackBody,
        now: Timestamp,
    ) -> Result<Permission, BindingError> {
        let text = body.get(FIELD).filter(|text| !text.is_empty());
        let token = Token::split(text.ok_or(BindingError::Missing)?)?;
        let mut keys = std::iter::once(&self.first).chain(&self.others);
        if !keys.any(|key| is_same(&key.mac(token.signed), token.mac)) {
            return Err(BindingError::Mac);
        }
        let permission = Permission::parse_json(&token.decode()?)?;
        let now = u64::try_from(now.as_second()).unwrap_or(0);
        if now > permission.expires {
            return Err(BindingError::Expired);
        }
        if body.get("bucket") != Some(&*permission.bucket) {
            return Err(BindingError::Bucket);
        }
        match body.get("object") {
            Some(object) if permission.permitted.has(object) => Ok(permission),
            Some(_) | None => Err(BindingError::Object),
        }
    }
}

/// What a token says that it permits, **unverified**: for programs that show or test bindings, and
/// have no secret. Nothing if it is no token.
pub fn permitted_by(token: &str) -> Option<Permitted> {
    let text = Token::split(token).and_then(|token| token.decode());
    let permission = Permission::parse_json(&text.ok()?);
    permission.ok().map(|permission| permission.permitted)
}

/// What a binding's MAC is made with.
pub struct BindingKey([u8; 32]);

impl BindingKey {
    /// Derived from the access key secret that signs the policies. Where another program hears the
    /// callbacks, or the access key is replaced now and then, use [`of_secret`](Self::of_secret).
    pub fn of_access_key(secret: &AccessKeySecret) -> Self {
        Self(hmac_sha256(secret.expose(), PURPOSE))
    }

    /// Derived from a secret that has no other use: 16 bytes at least, from a random generator.
    ///
    /// # Errors
    /// If it has fewer.
    pub fn of_secret(secret: &str) -> Result<Self, ShortBindingSecret> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(ShortBindingSecret);
        }
        Ok(Self(hmac_sha256(secret.as_bytes(), PURPOSE)))
    }

    fn mac(&self, signed: &str) -> String {
        token::encode(&hmac_sha256(&self.0, signed.as_bytes()))
    }
}

impl fmt::Debug for BindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BindingKey(…)")
    }
}

/// How long after its policy a binding is good, if nothing else is said.
///
/// 25 hours: an upload may be under way when its policy ends, and a bucket that makes calls again
/// does so for a day unless it is told otherwise. Give more where `--redeliver` is longer.
pub const GRACE: Duration = Duration::from_secs(25 * 60 * 60);

/// The name under which the binding stands in the callback's body.
pub const FIELD: &str = "binding";

/// Keeps the key apart from all else that is derived from the same secret.
const PURPOSE: &[u8] = b"upcall-binding-v1";

/// A secret that is shorter can be guessed from one binding that was seen.
const MIN_SECRET_BYTES: usize = 16;
