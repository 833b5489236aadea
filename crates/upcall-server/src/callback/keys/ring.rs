//! The key ring: the keys that sign now, and what is left of those that did before.
//!
//! A ring is never changed; rotation gives a new one. So whoever signs or writes it down sees all
//! of one ring and nothing of another.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use upcall_crypto::{CryptoError, Ed25519PrivateKey, RsaPrivateKey};

use super::stored;
use super::stored::InvalidKeyRing;

/// The keys of a server: an RSA key for OSS's signature and an Ed25519 key for webhook headers, and
/// those that were theirs before.
#[derive(Debug)]
pub struct KeyRing {
    pub(super) current: SigningKeys,
    /// Newest first.
    pub(super) former: Vec<FormerKeys>,
}

impl KeyRing {
    /// The first ring of a server, with an RSA key of `bits`.
    ///
    /// Takes the CPU for some hundred milliseconds at 2,048 bits.
    ///
    /// # Errors
    /// [`CryptoError::Size`] if there is no such key, [`CryptoError::Library`] if memory is out.
    pub fn first(bits: u32, now: Timestamp) -> Result<Self, CryptoError> {
        Self::with_key(RsaPrivateKey::generate(bits)?, now)
    }

    /// The first ring of a server that has an RSA key already.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if memory is out.
    pub fn with_key(rsa: RsaPrivateKey, now: Timestamp) -> Result<Self, CryptoError> {
        Ok(Self {
            current: SigningKeys::new(KeyId::first(), rsa, whole_second(now))?,
            former: Vec::new(),
        })
    }

    /// The first ring of another scope than the server's. Its id is random from the beginning: nobody
    /// expects an address, and a ring that is made anew must not give its address to a second key.
    pub(crate) fn first_beside(bits: u32, now: Timestamp) -> Result<Self, RotationError> {
        let rsa = RsaPrivateKey::generate(bits)?;
        Ok(Self {
            current: SigningKeys::new(KeyId::random()?, rsa, whole_second(now))?,
            former: Vec::new(),
        })
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// Says what is wrong with it; nothing of a key is repeated.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyRing> {
        stored::read(text)
    }

    /// The ring as JSON, private keys and all: whoever keeps it keeps it from others.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if memory is out.
    pub fn to_text(&self) -> Result<String, CryptoError> {
        stored::write(self)
    }

    /// The RSA key that signs now.
    pub fn signing_key(&self) -> &RsaPrivateKey {
        &self.current.rsa
    }

    /// The id of the keys that sign now; `v1` before the first rotation.
    pub fn current_id(&self) -> &str {
        self.current.id.as_str()
    }

    /// New keys; those that signed until now become former ones, and what has ended is left out.
    pub(crate) fn rotated(&self, rotation: Rotation) -> Result<Self, RotationError> {
        let Rotation { bits, overlap, now } = rotation;
        let now = whole_second(now);
        let rsa = RsaPrivateKey::generate(bits)?;
        let until = SignedDuration::try_from(overlap)
            .ok()
            .and_then(|overlap| now.checked_add(overlap).ok())
            .ok_or(RotationError::Overlap)?;
        let mut former: Vec<_> = self.former_at(now).cloned().collect();
        if until > now {
            former.insert(0, self.current.retire(now, until)?);
        }
        if former.len() > FORMER_KEYS {
            return Err(RotationError::TooMany);
        }
        Ok(Self {
            current: SigningKeys::new(KeyId::random()?, rsa, now)?,
            former,
        })
    }

    /// Those former keys whose time has not ended.
    pub(crate) fn former_at(&self, now: Timestamp) -> impl Iterator<Item = &FormerKeys> {
        self.former.iter().filter(move |keys| keys.until > now)
    }

    /// The keys that sign webhook headers, the current one first.
    pub(crate) fn webhook_keys_at(&self, now: Timestamp) -> impl Iterator<Item = &WebhookKey> {
        let former = self.former_at(now).map(|keys| &keys.webhook);
        std::iter::once(&self.current.webhook).chain(former)
    }

    pub(crate) const fn current(&self) -> &SigningKeys {
        &self.current
    }

    /// The public key of this id as PEM, if it is still served.
    pub(crate) fn public_pem(&self, id: &str, now: Timestamp) -> Option<&str> {
        if self.current.id.as_str() == id {
            return Some(&self.current.rsa_public_pem);
        }
        let keys = self.former_at(now).find(|keys| keys.id.as_str() == id)?;
        Some(&keys.rsa_public_pem)
    }
}

/// Without the fraction, which nobody wants to read in a list of keys.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A rotation that somebody wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    /// Of the new RSA key.
    pub(crate) bits: u32,
    /// How long the keys that sign until now are still known.
    pub(crate) overlap: Duration,
    pub(crate) now: Timestamp,
}

/// What names a pair of keys, in addresses too.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KeyId(Box<str>);

impl KeyId {
    /// Of the first keys of a server, so that their address is the one that OSS has.
    fn first() -> Self {
        Self("v1".into())
    }

    /// Not counted: a server that was restored from a backup would give a number, and with it an
    /// address, to a second key.
    fn random() -> Result<Self, RotationError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| RotationError::NoRandomness)?;
        Ok(Self(format!("{:016x}", u64::from_be_bytes(random)).into()))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let is_id = (1..=32).contains(&text.len()) && text.bytes().all(is_plain);
        is_id.then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The keys that sign.
#[derive(Debug)]
pub(crate) struct SigningKeys {
    pub(crate) id: KeyId,
    pub(crate) created: Timestamp,
    pub(crate) rsa: RsaPrivateKey,
    pub(crate) rsa_public_pem: String,
    pub(crate) webhook: WebhookKey,
}

impl SigningKeys {
    fn new(id: KeyId, rsa: RsaPrivateKey, created: Timestamp) -> Result<Self, CryptoError> {
        let webhook = WebhookKey::new(Ed25519PrivateKey::generate()?)?;
        Self::of(id, created, rsa, webhook)
    }

    pub(super) fn of(
        id: KeyId,
        created: Timestamp,
        rsa: RsaPrivateKey,
        webhook: WebhookKey,
    ) -> Result<Self, CryptoError> {
        Ok(Self {
            id,
            created,
            rsa_public_pem: rsa.public_key_pem()?,
            rsa,
            webhook,
        })
    }

    fn retire(&self, retired: Timestamp, until: Timestamp) -> Result<FormerKeys, CryptoError> {
        Ok(FormerKeys {
            id: self.id.clone(),
            created: self.created,
            retired,
            until,
            rsa_public_pem: self.rsa.public_key_pem()?,
            webhook: self.webhook.clone(),
        })
    }
}

/// What is left of keys that signed before: the RSA key's public half, to verify with, and the
/// whole Ed25519 key, with which a second signature is made as long as `until` is not over.
#[derive(Clone, Debug)]
pub(crate) struct FormerKeys {
    pub(crate) id: KeyId,
    pub(crate) created: Timestamp,
    pub(crate) retired: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) rsa_public_pem: String,
    pub(crate) webhook: WebhookKey,
}

/// An Ed25519 key, and its public half as receivers are given it.
#[derive(Clone)]
pub(crate) struct WebhookKey {
    private: Arc<Ed25519PrivateKey>,
    public: Box<str>,
}

impl WebhookKey {
    pub(super) fn new(private: Ed25519PrivateKey) -> Result<Self, CryptoError> {
        let public = format!("whpk_{}", STANDARD.encode(private.public_key()?));
        Ok(Self {
            private: Arc::new(private),
            public: public.into(),
        })
    }

    pub(crate) fn private(&self) -> &Ed25519PrivateKey {
        &self.private
    }

    /// `whpk_` and base64. Source: Standard Webhooks, "Signature scheme".
    pub(crate) fn public(&self) -> &str {
        &self.public
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookKey({})", self.public)
    }
}

/// How many pairs of former keys are known at a time: each costs a signature in every webhook
/// header.
pub const FORMER_KEYS: usize = 8;

/// Why keys are not rotated; those that signed go on signing.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// There is no such key, or it could not be made.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// The key's address is the operator's, and has no place for an id.
    #[error("the address of the public key, `{url}`, has no place for another key")]
    FixedUrl {
        /// The address.
        url: String,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The overlap ends beyond what a calendar has.
    #[error("the overlap is too long")]
    Overlap,
    /// There are too many former keys whose time has not ended.
    #[error("{FORMER_KEYS} former keys are still known, and no more can be")]
    TooMany,
    /// The new ring could not be written down.
    #[error("the new keys could not be kept")]
    Unkept(#[source] std::io::Error),
}
