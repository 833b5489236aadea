//! The public keys that were fetched, by address.
//!
//! A key is fetched once; callbacks that come meanwhile wait for the same fetch. A fetch that failed
//! is not repeated at once, and a key that did not fit a signature is looked up again at most once a
//! minute: whoever sends forgeries cannot make us send requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::OnceCell;
use upcall::callback::{PublicKey, PublicKeyUrl};

use super::fetch::{FetchError, Fetcher};
use super::refusal::chain;
use crate::clock::Clock;
use crate::limits::{KEY_RENEW_AFTER, KEY_RETRY_AFTER, KEYS_KEPT};

/// The public keys that were fetched, by address.
#[derive(Debug)]
pub(super) struct Keys {
    fetcher: Fetcher,
    clock: Clock,
    slots: Mutex<HashMap<PublicKeyUrl, Slot>>,
}

impl Keys {
    pub(super) fn new(fetch_limit: Duration, clock: Clock) -> Self {
        Self {
            fetcher: Fetcher::new(fetch_limit),
            clock,
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
        let now = self.clock.now();
        let fetch = {
            let mut slots = self.slots();
            match slots.get(url) {
                Some(slot) if !slot.may_retry(now) => slot.current.clone(),
                _ => {
                    make_room(&mut slots, url)?;
                    let slot = Slot::new(now);
                    let fetch = slot.current.clone();
                    slots.insert(url.clone(), slot);
                    fetch
                }
            }
        };
        Ok(fetch.result(&self.fetcher, url).await?)
    }

    /// The key that is at `url` now, if it was not asked for lately and is another than `stale`.
    ///
    /// If it cannot be fetched, `stale` stays: a forgery must not cost us a good key.
    pub(super) async fn renewed(
        &self,
        url: &PublicKeyUrl,
        stale: &Arc<PublicKey>,
    ) -> Option<Arc<PublicKey>> {
        let now = self.clock.now();
        let fetch = {
            let mut slots = self.slots();
            let slot = slots.get_mut(url)?;
            if slot.asked_at.duration_until(now) >= KEY_RENEW_AFTER {
                slot.asked_at = now;
                slot.renewal = Some(Fetch::default());
            }
            slot.renewal.clone()?
        };
        let key = match fetch.result(&self.fetcher, url).await {
            Ok(key) => key,
            Err(error) => {
                tracing::warn!(reason = chain(&error), "a public key could not be renewed");
                return None;
            }
        };
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

    fn slots(&self) -> MutexGuard<'_, HashMap<PublicKeyUrl, Slot>> {
        // Whoever panicked while holding it left whole slots.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no key.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error("too many public keys are being fetched")]
    TooMany,
    #[error("the public key could not be fetched")]
    Fetch(#[from] FetchError),
}

/// What is known of one address.
#[derive(Debug)]
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

    fn may_retry(&self, now: Timestamp) -> bool {
        self.current.state() == FetchState::Failed
            && self.asked_at.duration_until(now) >= KEY_RETRY_AFTER
    }
}

/// One fetch, shared by all who wait for it, and then its result.
#[derive(Clone, Debug, Default)]
struct Fetch(Arc<OnceCell<Result<Arc<PublicKey>, FetchError>>>);

impl Fetch {
    async fn result(
        &self,
        fetcher: &Fetcher,
        url: &PublicKeyUrl,
    ) -> Result<Arc<PublicKey>, FetchError> {
        let fetch = async || fetcher.fetch(url).await.map(Arc::new);
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

/// Failures go first: an address that never had a key must not push out one that has.
fn make_room(slots: &mut HashMap<PublicKeyUrl, Slot>, url: &PublicKeyUrl) -> Result<(), KeyError> {
    if slots.len() < KEYS_KEPT || slots.contains_key(url) {
        return Ok(());
    }
    let least = slots
        .iter()
        .map(|(url, slot)| (slot.current.state(), slot.asked_at, url))
        .min()
        .filter(|(state, ..)| *state != FetchState::Running)
        .map(|(.., url)| url.clone())
        .ok_or(KeyError::TooMany)?;
    slots.remove(&least);
    Ok(())
}
