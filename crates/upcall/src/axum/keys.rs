//! The public keys that were fetched, by address.
//!
//! A key is fetched once; callbacks that come meanwhile wait for the same fetch. A fetch that failed
//! is not repeated at once, and a key that did not fit a signature is looked up again at most once a
//! minute: whoever sends forgeries cannot make us send requests.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;

use crate::callback::{InvalidPublicKey, PublicKey, PublicKeyUrl};

/// Fetches public keys: the application's HTTP client.
///
/// The address was judged already, so whatever leads elsewhere must not be followed: no redirects,
/// and no answer but one of status 200. Callbacks wait for it, and the storage server waits 5 s for
/// their answer: give up after 2 s, and after 16 KiB. Keeping the key, and sharing one fetch among
/// callbacks that come together, is done for it.
pub trait FetchKey: Send + Sync + 'static {
    /// What is at `url`: a PEM file.
    fn fetch(&self, url: &PublicKeyUrl) -> impl Future<Output = Result<Bytes, FetchError>> + Send;
}

/// Whatever a client says of a fetch that failed.
pub type FetchError = Box<dyn Error + Send + Sync>;

/// Why there is no key.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    /// The client could not fetch it.
    #[error("the public key could not be fetched")]
    Fetch(#[source] Arc<dyn Error + Send + Sync>),
    /// What was fetched is another thing.
    #[error("what is at the public key's address is none")]
    NotAKey(#[source] InvalidPublicKey),
    /// Every place is taken by an address that has not answered yet.
    #[error("too many public keys are being fetched")]
    TooMany,
}

/// The public keys that were fetched, by address.
pub(super) struct Keys {
    client: Arc<dyn Client>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    slots: Mutex<HashMap<PublicKeyUrl, Slot>>,
}

impl Keys {
    pub(super) fn new(fetch: impl FetchKey) -> Self {
        Self {
            client: Arc::new(fetch),
            now: Box::new(Timestamp::now),
            slots: Mutex::default(),
        }
    }

    /// None yet, fetched by the same client.
    pub(super) fn with_clock(&self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            client: Arc::clone(&self.client),
            now: Box::new(now),
            slots: Mutex::default(),
        }
    }

    /// The key at `url`, fetched if it is not here.
    ///
    /// # Errors
    /// Why it is not there; for two seconds after a failure, that failure again.
    ///
    /// # Cancellation
    /// If others wait for the same fetch, one of them begins it anew.
    pub(super) async fn key(&self, url: &PublicKeyUrl) -> Result<Arc<PublicKey>, KeyError> {
        let now = (self.now)();
        let fetch = {
            let mut slots = self.slots();
            match slots.get(url) {
                Some(slot) if !slot.may_retry(now) => slot.current.clone(),
                _ => {
                    make_room(&mut slots, url, now)?;
                    let slot = Slot::new(now);
                    let fetch = slot.current.clone();
                    slots.insert(url.clone(), slot);
                    fetch
                }
            }
        };
        fetch.result(&*self.client, url).await
    }

    /// The key that is at `url` now, if it was not asked for lately and is another than `stale`.
    ///
    /// If it cannot be fetched, `stale` stays: a forgery must not cost us a good key.
    pub(super) async fn renewed(
        &self,
        url: &PublicKeyUrl,
        stale: &Arc<PublicKey>,
    ) -> Option<Arc<PublicKey>> {
        let now = (self.now)();
        let fetch = {
            let mut slots = self.slots();
            let slot = slots.get_mut(url)?;
            if slot.asked_at.duration_until(now) >= RENEW_AFTER {
                slot.asked_at = now;
                slot.renewal = Some(Fetch::default());
            }
            slot.renewal.clone()?
        };
        let key = fetch.result(&*self.client, url).await.ok()?;
        if let Some(slot) = self.slots().get_mut(url)
            && slot
                .renewal
                .as_ref()
                .is_some_and(|renewal| renewal.is(&fetch))
        {
            slot.current = fetch;
        }
        (*key != **stale).then_some(key)
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        (self.now)()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<PublicKeyUrl, Slot>> {
        // Whoever panicked while holding it left whole slots.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// [`FetchKey`] with its type forgotten, so that nobody who holds a receiver must name it.
trait Client: Send + Sync {
    fn fetch<'a>(&'a self, url: &'a PublicKeyUrl) -> Fetching<'a>;
}

impl<F: FetchKey> Client for F {
    fn fetch<'a>(&'a self, url: &'a PublicKeyUrl) -> Fetching<'a> {
        Box::pin(FetchKey::fetch(self, url))
    }
}

type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Bytes, FetchError>> + Send + 'a>>;

/// What is known of one address.
struct Slot {
    current: Fetch,
    renewal: Option<Fetch>,
    asked_at: Timestamp,
}

impl Slot {
    fn new(now: Timestamp) -> Self {
        Self {
            current: Fetch::default(),
            renewal: None,
            asked_at: now,
        }
    }

    /// A fetch that nobody waits for any more is never over; it is a failure then.
    fn state(&self, now: Timestamp) -> FetchState {
        let is_old = self.asked_at.duration_until(now) >= GIVEN_UP_AFTER;
        let state = self.current.state();
        if state == FetchState::Running && is_old {
            FetchState::Failed
        } else {
            state
        }
    }

    fn may_retry(&self, now: Timestamp) -> bool {
        self.current.state() == FetchState::Failed
            && self.asked_at.duration_until(now) >= RETRY_AFTER
    }
}

/// One fetch, shared by all who wait for it, and then its result.
#[derive(Clone, Default)]
struct Fetch(Arc<OnceCell<Result<Arc<PublicKey>, KeyError>>>);

impl Fetch {
    async fn result(
        &self,
        client: &dyn Client,
        url: &PublicKeyUrl,
    ) -> Result<Arc<PublicKey>, KeyError> {
        let fetch = async || {
            let pem = client.fetch(url).await;
            let pem = pem.map_err(|error| KeyError::Fetch(error.into()))?;
            let text = str::from_utf8(&pem).map_err(|_| InvalidPublicKey::NotPem);
            let key = text.and_then(PublicKey::from_pem);
            key.map(Arc::new).map_err(KeyError::NotAKey)
        };
        self.0.get_or_init(fetch).await.clone()
    }

    fn state(&self) -> FetchState {
        match self.0.get() {
            Some(Err(_)) => FetchState::Failed,
            Some(Ok(_)) => FetchState::Kept,
            None => FetchState::Running,
        }
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// In the order in which room is made.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum FetchState {
    Failed,
    Kept,
    Running,
}

/// Failures go first: an address that never had a key must not push out one that has. Nor must many
/// that are being fetched: each host has its own bound for those.
fn make_room(
    slots: &mut HashMap<PublicKeyUrl, Slot>,
    url: &PublicKeyUrl,
    now: Timestamp,
) -> Result<(), KeyError> {
    let is_running_there = |(other, slot): &(&PublicKeyUrl, &Slot)| {
        *other != url && origin(other) == origin(url) && slot.state(now) == FetchState::Running
    };
    if slots.iter().filter(is_running_there).count() >= FETCHES_PER_HOST {
        return Err(KeyError::TooMany);
    }
    if slots.len() < KEYS_KEPT || slots.contains_key(url) {
        return Ok(());
    }
    let least = slots
        .iter()
        .map(|(url, slot)| (slot.state(now), slot.asked_at, url))
        .min()
        .filter(|(state, ..)| *state != FetchState::Running)
        .map(|(.., url)| url.clone())
        .ok_or(KeyError::TooMany)?;
    slots.remove(&least);
    Ok(())
}

/// Scheme, host and port, as they are written.
fn origin(url: &PublicKeyUrl) -> &str {
    let url = url.as_str();
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(host..).and_then(|rest| rest.find('/'));
    path.and_then(|path| url.get(..host + path)).unwrap_or(url)
}

/// How many keys are fetched from a host at a time. A stranger can name as many addresses as an
/// allowed pattern has, and a host that is slow must not hold up the others.
const FETCHES_PER_HOST: usize = 8;

/// Every client has given up by then, and so has the storage server.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// Addresses whose keys are kept or being fetched. Beyond it the oldest failure makes room, then the
/// oldest key; while all are being fetched, a further one is refused.
///
/// 32: storage servers have one key each, and an allowed folder could hold more.
const KEYS_KEPT: usize = 32;

/// A key that could not be fetched is not asked for again sooner, so that callbacks do not become
/// requests to somebody who is down.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// A key that did not fit a signature may have been replaced; it is not asked for again sooner, so
/// that forgeries do not become requests.
const RENEW_AFTER: SignedDuration = SignedDuration::from_secs(60);
