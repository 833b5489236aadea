//! Is this callback the storage server's, and is it new? The headers of Standard Webhooks.
//!
//! They come beside OSS's own signature where the storage server is set to send them. They sign what
//! that one leaves out: an id and a time, so that a copy which comes later can be refused. They leave
//! out the target.
//!
//! In: a request as it came, body included, and the present time. Out: [`VerifiedWebhook`]. Nothing is
//! remembered here: who wants to hear of each call once keeps the ids of those heard within twice the
//! tolerance, and refuses one that is there already.
//!
//! Source: Standard Webhooks, 1.0.0 ("Signature scheme", asymmetric); RFC 8032.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use jiff::{SignedDuration, Timestamp};

use super::verifier::CallbackRequest;

/// A public key, as the storage server prints it: `whpk_` and base64 of an Ed25519 key.
#[derive(Clone, Eq, PartialEq)]
pub struct WebhookKey(VerifyingKey);

impl WebhookKey {
    /// Reads `whpk_…`.
    ///
    /// # Errors
    /// Says what it is instead; nothing of it is repeated, as it might be a secret key.
    pub fn parse(text: &str) -> Result<Self, InvalidWebhookKey> {
        let text = text.trim();
        if text.starts_with(SECRET_PREFIX) || text.starts_with(SHARED_PREFIX) {
            return Err(InvalidWebhookKey::Secret);
        }
        let base64 = text
            .strip_prefix(PUBLIC_PREFIX)
            .ok_or(InvalidWebhookKey::Prefix)?;
        let bytes = STANDARD
            .decode(base64)
            .map_err(|_| InvalidWebhookKey::NotBase64)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| InvalidWebhookKey::Length)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| InvalidWebhookKey::NotAKey)?;
        // Under such a key, signatures can be made that fit many messages.
        if key.is_weak() {
            return Err(InvalidWebhookKey::NotAKey);
        }
        Ok(Self(key))
    }
}

impl fmt::Display for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC_PREFIX}{}", STANDARD.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookKey({self})")
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidWebhookKey {
    /// The bytes are another number of them.
    #[error("a webhook key has 32 bytes in base64 after its prefix")]
    Length,
    /// The bytes are no point of the curve, or one that is not safe.
    #[error("the webhook key is no Ed25519 key")]
    NotAKey,
    /// What comes after the prefix is no base64.
    #[error("the webhook key is not base64 after its prefix")]
    NotBase64,
    /// It begins with something else.
    #[error("a public webhook key begins with `whpk_`")]
    Prefix,
    /// It is the secret one.
    #[error("this is a secret key; callbacks are verified with the public one, `whpk_…`")]
    Secret,
}

/// Verifies callbacks by their webhook headers.
///
/// ```
/// use jiff::Timestamp;
/// use upcall::callback::CallbackRequest;
/// use upcall::callback::webhook::{WebhookError, WebhookKey, WebhookVerifier};
///
/// fn receive(request: &CallbackRequest<'_>, key: WebhookKey) -> Result<String, WebhookError> {
///     let webhook = WebhookVerifier::new([key]).verify(request, Timestamp::now())?;
///     // A copy has the same id: refuse one that was heard already.
///     Ok(webhook.id().to_owned())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct WebhookVerifier {
    keys: Vec<WebhookKey>,
    tolerance: SignedDuration,
}

impl WebhookVerifier {
    /// Accepts signatures of any of these keys: of one, or while keys are rotated of two. The time may
    /// be off by five minutes.
    pub fn new(keys: impl IntoIterator<Item = WebhookKey>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            tolerance: SignedDuration::from_mins(5),
        }
    }

    /// How far the time of signing may lie before or after the present time.
    #[must_use]
    pub const fn tolerance(mut self, tolerance: SignedDuration) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Checks that a key's owner signed id, time and body, and that it was of late.
    ///
    /// # Errors
    /// The first part that is wrong: a header, the signature, the time. The time is judged last, so
    /// that [`WebhookError::TooOld`] is said of genuine calls only.
    pub fn verify<'a>(
        &self,
        request: &CallbackRequest<'a>,
        now: Timestamp,
    ) -> Result<VerifiedWebhook<'a>, WebhookError> {
        let id = header(request, WEBHOOK_ID)?;
        // A full stop ends the id in what is signed: with one in it, id and time could be read in two
        // ways.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
        if !(1..=MAX_ID_BYTES).contains(&id.len()) || !id.bytes().all(is_plain) {
            return Err(WebhookError::HeaderUnreadable { name: WEBHOOK_ID });
        }
        let time = header(request, WEBHOOK_TIMESTAMP)?;
        let unreadable = || WebhookError::HeaderUnreadable {
            name: WEBHOOK_TIMESTAMP,
        };
        let is_digits = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = time.parse().map_err(|_| unreadable())?;
        let timestamp = Timestamp::from_second(seconds)
            .ok()
            .filter(|_| is_digits)
            .ok_or_else(unreadable)?;
        let signatures = signatures(header(request, WEBHOOK_SIGNATURE)?)?;
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", request.body].concat();
        let is_signed = |signature: &Signature| {
            let keys = self.keys.iter();
            keys.map(|key| key.0.verify_strict(&signed, signature))
                .any(|verified| verified.is_ok())
        };
        if !signatures.iter().any(is_signed) {
            return Err(WebhookError::Signature);
        }
        let age = now.duration_since(timestamp);
        if age > self.tolerance {
            return Err(WebhookError::TooOld);
        }
        if -age > self.tolerance {
            return Err(WebhookError::TooNew);
        }
        Ok(VerifiedWebhook {
            id,
            timestamp,
            body: request.body,
        })
    }
}

/// A call that a key's owner signed of late.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VerifiedWebhook<'a> {
    id: &'a str,
    timestamp: Timestamp,
    body: &'a [u8],
}

impl<'a> VerifiedWebhook<'a> {
    /// The call's id, which a copy of it, and the same call made again, has too; 1 to 256 printable
    /// characters of ASCII.
    pub const fn id(&self) -> &'a str {
        self.id
    }

    /// When it was signed, in whole seconds.
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The body.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// Why a request is not believed by its webhook headers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WebhookError {
    /// A header is missing.
    #[error("the header `{name}` is missing")]
    HeaderMissing {
        /// Which one.
        name: &'static str,
    },
    /// A header comes twice.
    #[error("the header `{name}` comes twice")]
    HeaderTwice {
        /// Which one.
        name: &'static str,
    },
    /// A header is not of its form.
    #[error("the header `{name}` is not of its form")]
    HeaderUnreadable {
        /// Which one.
        name: &'static str,
    },
    /// No signature is of a key that is known.
    #[error("no signature in `webhook-signature` is that of a known key under id, time and body")]
    Signature,
    /// It was signed in the future.
    #[error("the call was signed in the future: one of the two clocks is wrong")]
    TooNew,
    /// It was signed long ago.
    #[error("the call was signed too long ago: it is a copy, or one of the two clocks is wrong")]
    TooOld,
}

/// The one header of this name.
fn header<'a>(request: &CallbackRequest<'a>, name: &'static str) -> Result<&'a str, WebhookError> {
    let is_it = |(has, _): &&(&str, &str)| has.eq_ignore_ascii_case(name);
    let mut found = request.headers.iter().filter(is_it);
    match (found.next(), found.next()) {
        (None, _) => Err(WebhookError::HeaderMissing { name }),
        (Some((_, value)), None) => Ok(value),
        (Some(_), Some(_)) => Err(WebhookError::HeaderTwice { name }),
    }
}

/// The Ed25519 signatures of the list; those of other versions are passed over.
fn signatures(list: &str) -> Result<Vec<Signature>, WebhookError> {
    let unreadable = WebhookError::HeaderUnreadable {
        name: WEBHOOK_SIGNATURE,
    };
    let entries: Vec<&str> = list.split_ascii_whitespace().collect();
    if entries.is_empty() || entries.len() > MAX_SIGNATURES {
        return Err(unreadable);
    }
    let mut signatures = Vec::new();
    for entry in entries {
        let (version, base64) = entry.split_once(',').ok_or(unreadable)?;
        if version != VERSION {
            continue;
        }
        let bytes = STANDARD.decode(base64).map_err(|_| unreadable)?;
        signatures.push(Signature::from_slice(&bytes).map_err(|_| unreadable)?);
    }
    Ok(signatures)
}

const WEBHOOK_ID: &str = "webhook-id";
const WEBHOOK_SIGNATURE: &str = "webhook-signature";
const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";

/// Ed25519; `v1` is HMAC with a shared secret.
const VERSION: &str = "v1a";

const PUBLIC_PREFIX: &str = "whpk_";
const SECRET_PREFIX: &str = "whsk_";
const SHARED_PREFIX: &str = "whsec_";

/// Ids are some thirty characters long.
const MAX_ID_BYTES: usize = 256;

/// One for each key that is in use while keys are rotated; each costs a verification.
const MAX_SIGNATURES: usize = 16;
