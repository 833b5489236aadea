//! The signer: everything in a call that depends on a key.
//!
//! In: what a call says, and the kind of key that was chosen for it. Out: [`CallSignature`], all of it
//! made with the keys of one moment: a rotation in between changes the next call, never a part of this
//! one.
//!
//! Source: OSS, "Callback" (signature 1.0); Standard Webhooks (`v1a`, Ed25519).

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderValue;
use jiff::Timestamp;
use upcall::name::BucketName;
use upcall_crypto::CryptoError;

use super::keys::{KeyRing, KeyScope, KeyUrl, Rotation, RotationError};
use super::vouching::{KeyChoice, KeyClass, VouchingRules};

/// Where key rings are kept.
pub trait KeyKeeper: Send + Sync + 'static {
    /// Keeps `ring` in place of the one before. When it returns, no crash undoes it; a crash in
    /// between leaves one of the two. It may block.
    ///
    /// # Errors
    /// The ring could not be written; the one before may or may not be there still.
    fn keep(&self, scope: &KeyScope, ring: &KeyRing) -> io::Result<()>;

    /// Removes the ring, durably, if it is there. It may block.
    ///
    /// # Errors
    /// The ring could not be removed.
    fn remove(&self, scope: &KeyScope) -> io::Result<()>;
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
    /// The server's own keys.
    pub keys: KeyRing,
    /// The rings of other scopes that were kept before.
    pub other_keys: Vec<(KeyScope, KeyRing)>,
    /// Which kind of key signs what.
    pub vouching: VouchingRules,
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
    rings: RwLock<Rings>,
    /// Held while a ring is replaced: one after the other.
    keeper: Mutex<Box<dyn KeyKeeper>>,
    vouching: VouchingRules,
    new_key_bits: u32,
    key_url: KeyUrl,
    webhook_signatures: WebhookSignatures,
}

/// The rings of a moment.
struct Rings {
    server: Arc<Active>,
    /// Usually there are none.
    others: HashMap<KeyScope, Arc<Active>>,
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
        let active = |scope: &KeyScope, keys| Arc::new(Active::new(keys, scope, &key_url));
        let others = config.other_keys.into_iter();
        let rings = Rings {
            server: active(&KeyScope::Server, config.keys),
            others: others
                .map(|(scope, keys)| {
                    let ring = active(&scope, keys);
                    (scope, ring)
                })
                .collect(),
        };
        Self {
            rings: RwLock::new(rings),
            keeper: Mutex::new(config.keeper),
            vouching: config.vouching,
            new_key_bits: config.new_key_bits,
            key_url,
            webhook_signatures: config.webhook_signatures,
        }
    }

    /// Signs one call; `None` if it was decided that the call is not signed. Takes the CPU for as long
    /// as RSA does: 0.26 ms at 2,048 bits; the first call of a class that has no key yet waits for one.
    ///
    /// # Errors
    /// Memory is out, or a new key could not be made or kept.
    pub(crate) fn sign(&self, call: &CallToSign<'_>) -> Result<Option<CallSignature>, SignError> {
        let active = match call.key.class() {
            KeyClass::Unsigned => return Ok(None),
            KeyClass::Trusted => self.trusted(call.bucket),
            KeyClass::Unpinned => self.found_or_made(KeyScope::Unpinned, call.at)?,
            KeyClass::Anonymous => self.found_or_made(KeyScope::Anonymous, call.at)?,
        };
        let signature = active.keys.signing_key().sign_md5(call.string_to_sign)?;
        let webhook = match self.webhook_signatures {
            WebhookSignatures::Off => None,
            WebhookSignatures::On => Some(webhook_headers(&active.keys, call)?),
        };
        Ok(Some(CallSignature {
            authorization: STANDARD.encode(signature),
            public_key_url: active.public_key_url.clone(),
            webhook,
        }))
    }

    /// The ring that receivers of a bucket's calls are told to trust.
    fn trusted(&self, bucket: &BucketName) -> Arc<Active> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        let own = if rings.others.is_empty() {
            None
        } else {
            rings.others.get(&KeyScope::Bucket(bucket.clone()))
        };
        Arc::clone(own.unwrap_or(&rings.server))
    }

    fn found_or_made(&self, scope: KeyScope, now: Timestamp) -> Result<Arc<Active>, SignError> {
        if let Some(active) = self.active(&scope) {
            return Ok(active);
        }
        let keeper = self.keeper();
        // Another call may have made it meanwhile.
        if let Some(active) = self.active(&scope) {
            return Ok(active);
        }
        let keys = KeyRing::first_beside(self.new_key_bits, now)?;
        keeper.keep(&scope, &keys).map_err(RotationError::Unkept)?;
        Ok(self.put(scope, keys))
    }

    /// The keys of a ring as they are now.
    pub(crate) fn keys(&self, scope: &KeyScope) -> Option<Arc<KeyRing>> {
        Some(Arc::clone(&self.active(scope)?.keys))
    }

    /// The server's own keys as they are now.
    pub(crate) fn server_keys(&self) -> Arc<KeyRing> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&rings.server.keys)
    }

    /// Every other ring that there is, in order.
    pub(crate) fn other_scopes(&self) -> Vec<KeyScope> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        let mut scopes: Vec<_> = rings.others.keys().cloned().collect();
        scopes.sort();
        scopes
    }

    /// Where receivers find the public key of this id.
    pub(crate) fn url_of(&self, scope: &KeyScope, id: &str) -> String {
        url_of(&self.key_url, scope, id)
    }

    pub(crate) const fn new_key_bits(&self) -> u32 {
        self.new_key_bits
    }

    pub(crate) const fn vouching(&self) -> VouchingRules {
        self.vouching
    }

    pub(crate) const fn webhook_signatures(&self) -> WebhookSignatures {
        self.webhook_signatures
    }

    /// Makes new keys for a ring and signs with them from then on; a ring that there is not yet begins
    /// with them. Blocks: for the new key, and for the disk.
    ///
    /// # Errors
    /// Then the keys are what they were.
    pub(crate) fn rotate(
        &self,
        scope: KeyScope,
        rotation: Rotation,
    ) -> Result<Arc<KeyRing>, RotationError> {
        if scope == KeyScope::Server && !self.key_url.has_id() {
            return Err(RotationError::FixedUrl {
                url: self.key_url.to_string(),
            });
        }
        let keeper = self.keeper();
        let next = match self.keys(&scope) {
            Some(keys) => keys.rotated(rotation)?,
            None => KeyRing::first_beside(rotation.bits, rotation.now)?,
        };
        // First kept, then used: what a receiver was told must not be forgotten.
        keeper.keep(&scope, &next).map_err(RotationError::Unkept)?;
        Ok(Arc::clone(&self.put(scope, next).keys))
    }

    /// Forgets a bucket's own keys, so that the server's sign for it again. Blocks for the disk.
    ///
    /// # Errors
    /// The file could not be removed; then the keys go on signing.
    pub(crate) fn remove_bucket(&self, bucket: &BucketName) -> io::Result<()> {
        let scope = KeyScope::Bucket(bucket.clone());
        let keeper = self.keeper();
        if self.active(&scope).is_none() {
            return Ok(());
        }
        keeper.remove(&scope)?;
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        rings.others.remove(&scope);
        Ok(())
    }

    fn keeper(&self) -> MutexGuard<'_, Box<dyn KeyKeeper>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn active(&self, scope: &KeyScope) -> Option<Arc<Active>> {
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        if *scope == KeyScope::Server {
            return Some(Arc::clone(&rings.server));
        }
        rings.others.get(scope).cloned()
    }

    fn put(&self, scope: KeyScope, keys: KeyRing) -> Arc<Active> {
        let active = Arc::new(Active::new(keys, &scope, &self.key_url));
        let mut rings = self.rings.write().unwrap_or_else(PoisonError::into_inner);
        if scope == KeyScope::Server {
            rings.server = Arc::clone(&active);
        } else {
            rings.others.insert(scope, Arc::clone(&active));
        }
        active
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("keys", &self.server_keys())
            .field("others", &self.other_scopes())
            .field("key_url", &self.key_url)
            .finish_non_exhaustive()
    }
}

impl Active {
    fn new(keys: KeyRing, scope: &KeyScope, url: &KeyUrl) -> Self {
        let encoded = STANDARD.encode(url_of(url, scope, keys.current_id()));
        Self {
            keys: Arc::new(keys),
            public_key_url: HeaderValue::try_from(encoded).expect("base64 is plain ASCII"),
        }
    }
}

/// The server's keys are where its setting says; the others where no pattern for those leads.
fn url_of(server: &KeyUrl, scope: &KeyScope, id: &str) -> String {
    match scope {
        KeyScope::Server => server.of(id),
        KeyScope::Anonymous | KeyScope::Unpinned | KeyScope::Bucket(_) => {
            server.beside(&scope.key_path(id))
        }
    }
}

/// Why a call is not signed that should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("the first key for such calls could not be made")]
    NewKey(#[from] RotationError),
}

/// What of a call is signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallToSign<'c> {
    /// Who answers for the call decides which key signs it.
    pub(crate) key: KeyChoice,
    pub(crate) bucket: &'c BucketName,
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
