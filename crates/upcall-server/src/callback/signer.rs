//! The signer: everything in a call that depends on a key.
//!
//! In: what a call says. Out: [`CallSignature`], all of it made with the keys of one moment: a
//! rotation in between changes the next call, never a part of this one.
//!
//! Source: OSS, "Callback" (signature 1.0); Standard Webhooks (`v1a`, Ed25519).

use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderValue;
use jiff::Timestamp;
use upcall_crypto::CryptoError;

use super::keys::{KeyRing, KeyUrl, Rotation, RotationError};

/// Where a key ring is kept.
pub trait KeyKeeper: Send + Sync + 'static {
    /// Keeps `ring` in place of the one before. When it returns, no crash undoes it; a crash in
    /// between leaves one of the two. It may block.
    ///
    /// # Errors
    /// The ring could not be written; the one before may or may not be there still.
    fn keep(&self, ring: &KeyRing) -> io::Result<()>;
}

/// Whether calls carry the headers of Standard Webhooks beside OSS's signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WebhookSignatures {
    /// They do not, as those of OSS.
    Off,
    /// `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    On,
}

/// What callbacks are signed with.
pub struct SignerConfig {
    /// The keys.
    pub keys: KeyRing,
    /// Keeps those that follow.
    pub keeper: Box<dyn KeyKeeper>,
    /// How many bits the RSA key has that follows, if nobody says.
    pub new_key_bits: u32,
    /// What `x-oss-pub-key-url` announces; by default this server's own address.
    pub key_url: Option<KeyUrl>,
    /// Whether calls are signed twice.
    pub webhook_signatures: WebhookSignatures,
}

impl std::fmt::Debug for SignerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignerConfig")
            .field("keys", &self.keys)
            .field("new_key_bits", &self.new_key_bits)
            .field("key_url", &self.key_url)
            .field("webhook_signatures", &self.webhook_signatures)
            .finish_non_exhaustive()
    }
}

/// Signs calls.
pub(crate) struct Signer {
    active: RwLock<Arc<Active>>,
    /// Held by whoever rotates: one after the other.
    keeper: Mutex<Box<dyn KeyKeeper>>,
    new_key_bits: u32,
    key_url: KeyUrl,
    webhook_signatures: WebhookSignatures,
}

/// The keys of a moment, and what need not be worked out for each call.
struct Active {
    keys: Arc<KeyRing>,
    public_key_url: HeaderValue,
}

impl Signer {
    /// Signs with the keys of `config`; its keys are at `own_url` unless it says otherwise.
    pub(crate) fn new(config: SignerConfig, own_url: KeyUrl) -> Self {
        let key_url = config.key_url.unwrap_or(own_url);
        Self {
            active: RwLock::new(Arc::new(Active::new(config.keys, &key_url))),
            keeper: Mutex::new(config.keeper),
            new_key_bits: config.new_key_bits,
            key_url,
            webhook_signatures: config.webhook_signatures,
        }
    }

    /// Signs one call. Takes the CPU for as long as RSA does: 0.26 ms at 2,048 bits.
    ///
    /// # Errors
    /// If memory is out.
    pub(crate) fn sign(&self, call: &CallToSign<'_>) -> Result<CallSignature, CryptoError> {
        let active = self.active();
        let signature = active.keys.signing_key().sign_md5(call.string_to_sign)?;
        let webhook = match self.webhook_signatures {
            WebhookSignatures::Off => None,
            WebhookSignatures::On => Some(webhook_headers(&active.keys, call)?),
        };
        Ok(CallSignature {
            authorization: STANDARD.encode(signature),
            public_key_url: active.public_key_url.clone(),
            webhook,
        })
    }

    /// Signs something short, to see how long it takes.
    pub(crate) fn rehearse(&self) {
        // A key that cannot sign says so at the first call.
        let _ = self.active().keys.signing_key().sign_md5(b"/\n");
    }

    /// The keys as they are now.
    pub(crate) fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.active().keys)
    }

    /// Where receivers find the public key of this id.
    pub(crate) fn url_of(&self, id: &str) -> String {
        self.key_url.of(id)
    }

    pub(crate) const fn new_key_bits(&self) -> u32 {
        self.new_key_bits
    }

    pub(crate) const fn webhook_signatures(&self) -> WebhookSignatures {
        self.webhook_signatures
    }

    /// Makes new keys and signs with them from then on. Blocks: for the new key, and for the disk.
    ///
    /// # Errors
    /// Then the keys are what they were.
    pub(crate) fn rotate(&self, rotation: Rotation) -> Result<Arc<KeyRing>, RotationError> {
        if !self.key_url.has_id() {
            return Err(RotationError::FixedUrl {
                url: self.key_url.to_string(),
            });
        }
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.keys().rotated(rotation)?;
        // First kept, then used: what a receiver was told must not be forgotten.
        keeper.keep(&next).map_err(RotationError::Unkept)?;
        let next = Arc::new(Active::new(next, &self.key_url));
        let keys = Arc::clone(&next.keys);
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(keys)
    }

    fn active(&self) -> Arc<Active> {
        Arc::clone(&self.active.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("keys", &self.active().keys)
            .field("key_url", &self.key_url)
            .finish_non_exhaustive()
    }
}

impl Active {
    fn new(keys: KeyRing, url: &KeyUrl) -> Self {
        let encoded = STANDARD.encode(url.of(keys.current_id()));
        Self {
            keys: Arc::new(keys),
            public_key_url: HeaderValue::try_from(encoded).expect("base64 is plain ASCII"),
        }
    }
}

/// What of a call is signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallToSign<'c> {
    /// The same each time the call is made, so that the receiver knows a repetition.
    pub(crate) id: &'c str,
    /// What OSS signs: see [`string_to_sign`](upcall::callback::string_to_sign).
    pub(crate) string_to_sign: &'c [u8],
    pub(crate) body: &'c [u8],
    pub(crate) at: Timestamp,
}

/// What in a call depends on a key.
#[derive(Debug)]
pub(crate) struct CallSignature {
    /// The value of `Authorization`.
    pub(crate) authorization: String,
    /// The value of `x-oss-pub-key-url`.
    pub(crate) public_key_url: HeaderValue,
    pub(crate) webhook: Option<WebhookHeaders>,
}

/// The headers of Standard Webhooks.
#[derive(Debug)]
pub(crate) struct WebhookHeaders {
    id: String,
    timestamp: String,
    signature: String,
}

impl WebhookHeaders {
    /// Names and values.
    pub(crate) fn pairs(&self) -> [(&'static str, &str); 3] {
        [
            ("webhook-id", &self.id),
            ("webhook-timestamp", &self.timestamp),
            ("webhook-signature", &self.signature),
        ]
    }
}

/// Signed with the current key first, then with each former one whose time is not over: a receiver
/// that has only one of them can still verify.
fn webhook_headers(keys: &KeyRing, call: &CallToSign<'_>) -> Result<WebhookHeaders, CryptoError> {
    let timestamp = call.at.as_second().to_string();
    let head = format!("{}.{timestamp}.", call.id);
    let signed = [head.as_bytes(), call.body].concat();
    let signatures: Result<Vec<String>, CryptoError> = keys
        .webhook_keys_at(call.at)
        .map(|key| {
            Ok(format!(
                "v1a,{}",
                STANDARD.encode(key.private().sign(&signed)?)
            ))
        })
        .collect();
    Ok(WebhookHeaders {
        id: call.id.to_owned(),
        timestamp,
        signature: signatures?.join(" "),
    })
}
