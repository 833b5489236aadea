//! How much is sent where no application has agreed to a call yet.
//!
//! A host that an uploader names may be one that never asked for calls. Until it has agreed to one, what
//! is sent to its address is bounded in bytes and over time; from then on it is an application like any
//! other. Hosts are known by name and port, and the bound belongs to the address, of which an uploader
//! cannot make up any number. Calls whose callback a bucket or a policy fixed are not bounded by it.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::shares::network;
use crate::callback::destination::Destination;

/// Hosts that have agreed, and what may still be sent to the addresses of others.
#[derive(Debug)]
pub(in crate::callback) struct Unproven {
    limits: UnprovenLimits,
    ids: RandomState,
    state: Mutex<State>,
}

/// How much that is. The reasons stand at the fields of [`Limits`](crate::Limits).
#[derive(Clone, Copy, Debug)]
pub(in crate::callback) struct UnprovenLimits {
    /// Bytes at once.
    pub(in crate::callback) bytes: u64,
    /// Bytes in a second.
    pub(in crate::callback) rate: u64,
}

#[derive(Debug, Default)]
struct State {
    /// Hosts that have agreed lately, and before that.
    agreed: [HashSet<u64>; 2],
    budgets: HashMap<u64, Budget>,
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    bytes: u64,
    at: Instant,
}

impl Unproven {
    pub(in crate::callback) fn new(limits: UnprovenLimits) -> Self {
        Self {
            limits,
            ids: RandomState::new(),
            state: Mutex::default(),
        }
    }

    /// Whether a request of so many bytes may go to this host at this address, and counts it if so.
    pub(in crate::callback) fn may_send(
        &self,
        to: &Destination,
        address: SocketAddr,
        bytes: usize,
        now: Instant,
    ) -> bool {
        let (host, id) = (
            self.ids.hash_one(to),
            self.ids.hash_one(network(address.ip())),
        );
        let mut state = self.lock();
        if state.has_agreed(host) {
            return true;
        }
        state.budget(id, &self.limits, now).take(bytes as u64)
    }

    /// A host has agreed to a call.
    pub(in crate::callback) fn agreed(&self, to: &Destination) {
        let host = self.ids.hash_one(to);
        self.lock().note(host);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_agreed(&mut self, host: u64) -> bool {
        let [lately, before] = &self.agreed;
        let is_known = lately.contains(&host);
        if !is_known && before.contains(&host) {
            self.note(host);
            return true;
        }
        is_known
    }

    fn note(&mut self, host: u64) {
        let [lately, before] = &mut self.agreed;
        if lately.len() >= KNOWN / 2 {
            *before = std::mem::take(lately);
        }
        lately.insert(host);
    }

    /// What may be sent to an address now.
    fn budget(&mut self, id: u64, limits: &UnprovenLimits, now: Instant) -> &mut Budget {
        if self.budgets.len() >= KNOWN && !self.budgets.contains_key(&id) {
            // What is full again is as good as new.
            self.budgets
                .retain(|_, budget| budget.refilled(limits, now).bytes < limits.bytes);
        }
        // If each of so many has sent something just now, those that come are one.
        let id = if self.budgets.len() >= KNOWN && !self.budgets.contains_key(&id) {
            OTHERS
        } else {
            id
        };
        let budget = self.budgets.entry(id).or_insert(Budget {
            bytes: limits.bytes,
            at: now,
        });
        *budget = budget.refilled(limits, now);
        budget
    }
}

impl Budget {
    fn refilled(&self, limits: &UnprovenLimits, now: Instant) -> Self {
        let passed = now.saturating_duration_since(self.at);
        let more = u128::from(limits.rate) * passed.as_millis() / SECOND.as_millis();
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        if more == 0 {
            // Not forgotten: many short times make a long one.
            return *self;
        }
        Self {
            bytes: self.bytes.saturating_add(more).min(limits.bytes),
            at: now,
        }
    }

    /// A request that is larger than the whole goes, if nothing went before.
    fn take(&mut self, bytes: u64) -> bool {
        let may = self.bytes > 0;
        self.bytes = self.bytes.saturating_sub(bytes);
        may
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Hosts that are known to have agreed, and addresses that are counted, each: some 300 KiB.
const KNOWN: usize = 8192;

/// The addresses that there was no room for.
const OTHERS: u64 = 0;

#[cfg(test)]
mod tests {
    use upcall::callback::CallbackUrl;

    use super::*;

    const LIMITS: UnprovenLimits = UnprovenLimits {
        bytes: 10_000,
        rate: 100,
    };

    fn host(name: &str) -> Destination {
        let url = CallbackUrl::parse(&format!("http://{name}/")).unwrap();
        Destination::new(&url, false)
    }

    fn address(number: u32) -> SocketAddr {
        (std::net::Ipv4Addr::from(0xc633_0000 + number), 80).into()
    }

    #[test]
    fn an_address_gets_no_more_by_other_names_until_its_host_has_agreed() {
        let unproven = Unproven::new(LIMITS);
        let now = Instant::now();
        let sent = |name: &str, at: Instant| unproven.may_send(&host(name), address(1), 1000, at);
        let count = (0..100).filter(|n| sent(&format!("a{n}"), now)).count();
        assert_eq!(count, 10);
        assert!(
            unproven.may_send(&host("a"), address(2), 1000, now),
            "another address"
        );

        // It comes back as time passes, and is never more than the whole.
        let later = now + Duration::from_secs(20);
        let count = (0..100).filter(|n| sent(&format!("b{n}"), later)).count();
        assert_eq!(count, 2);
        let much_later = now + Duration::from_secs(100_000);
        let count = (0..100)
            .filter(|n| sent(&format!("c{n}"), much_later))
            .count();
        assert_eq!(count, 10);

        unproven.agreed(&host("good"));
        assert!((0..100).all(|_| sent("good", much_later)));
        assert!(!sent("a1", much_later), "and its neighbour has not");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let unproven = Unproven::new(LIMITS);
        let now = Instant::now();
        for number in 0..3 * KNOWN {
            let number = u32::try_from(number).unwrap();
            unproven.agreed(&host(&format!("host{number}")));
            unproven.may_send(&host("a"), address(number), 1, now);
        }
        let state = unproven.lock();
        let known: usize = state.agreed.iter().map(HashSet::len).sum();
        assert!(known <= KNOWN, "{known}");
        assert!(state.budgets.len() <= KNOWN + 1, "{}", state.budgets.len());
        drop(state);
        assert!(unproven.may_send(&host("host24575"), address(1), 1, now));
    }
}
