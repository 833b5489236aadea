//! Wrong admin secrets, given by programs or at the console's login: counted, and logged.
//!
//! The secret is compared first, and the right one is never made to wait. Behind a proxy or a NAT all
//! clients may have one address, and a stranger with wrong secrets would lock the operator out. So
//! nothing here keeps a secret from being guessed; its length does ([`AdminSecret::MIN_BYTES`]). What
//! is bounded is what guessing costs the server and its log: past the budget of its address, or of
//! all addresses, a wrong secret is answered with 429 and the connection closes.
//!
//! [`AdminSecret::MIN_BYTES`]: super::AdminSecret::MIN_BYTES

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::http::peers::Peer;
use crate::limits;

/// The wrong secrets of the last minutes.
#[derive(Debug, Default)]
pub(in crate::admin) struct WrongSecrets(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    by_address: HashMap<Peer, Budget>,
    all: Budget,
    log: LogBudget,
}

/// Wrong secrets that are not forgotten yet: one of them is, every so often.
#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    count: u32,
    since: Timestamp,
}

/// When the log got its last line, and what it has not got since.
#[derive(Debug, Default)]
struct LogBudget {
    last: Option<Timestamp>,
    unlogged: u64,
}

/// How a wrong secret is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::admin) enum Verdict {
    Wrong,
    /// The budget is used up.
    TooMany {
        /// Until one more is within it.
        wait: Duration,
    },
}

impl WrongSecrets {
    /// Counts a wrong secret, and writes to the log that it came.
    pub(in crate::admin) fn count(&self, peer: IpAddr, now: Timestamp) -> Verdict {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts {
            by_address,
            all,
            log,
        } = &mut *counts;
        if let Some(count) = log.due(now) {
            tracing::warn!(%peer, count, "wrong admin secrets were given");
        }
        let address = Peer::of(peer);
        by_address.retain(|_, budget| budget.left(EACH_INTERVAL, now) > 0);
        if by_address.len() >= limits::WRONG_SECRET_ADDRESSES && !by_address.contains_key(&address)
        {
            let oldest = by_address.iter().min_by_key(|(_, budget)| budget.since);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                by_address.remove(&oldest);
            }
        }
        let each = by_address.entry(address).or_default();
        let each = each.take(limits::WRONG_SECRETS_EACH, EACH_INTERVAL, now);
        let all = all.take(limits::WRONG_SECRETS, ALL_INTERVAL, now);
        match each.max(all) {
            None => Verdict::Wrong,
            Some(wait) => Verdict::TooMany { wait },
        }
    }
}

impl Budget {
    /// What is not forgotten yet of the count.
    fn left(self, interval: Duration, now: Timestamp) -> u32 {
        // A clock that was set back forgets nothing.
        let age: Duration = now
            .duration_since(self.since)
            .try_into()
            .unwrap_or_default();
        let forgotten = age.as_secs() / interval.as_secs().max(1);
        self.count
            .saturating_sub(forgotten.try_into().unwrap_or(u32::MAX))
    }

    /// Counts one more; the time to wait if there is no room for it.
    fn take(&mut self, most: u32, interval: Duration, now: Timestamp) -> Option<Duration> {
        let left = self.left(interval, now);
        if left >= most {
            return Some(interval);
        }
        *self = Self {
            count: left + 1,
            since: now,
        };
        None
    }
}

impl LogBudget {
    /// Counts one, and says how many a line is to tell of, if one is due.
    fn due(&mut self, now: Timestamp) -> Option<u64> {
        self.unlogged += 1;
        let is_due = self.last.is_none_or(|last| {
            let age: Duration = now.duration_since(last).try_into().unwrap_or_default();
            age >= limits::WRONG_SECRET_LOG
        });
        if !is_due {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unlogged))
    }
}

/// Time in which an address is forgiven one wrong secret.
const EACH_INTERVAL: Duration = Duration::from_secs(5);

/// Time in which one is forgiven in all.
const ALL_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn is_wrong(secrets: &WrongSecrets, address: IpAddr, seconds: i64) -> bool {
        secrets.count(address, at(seconds)) == Verdict::Wrong
    }

    #[test]
    fn an_address_has_a_budget_that_fills_again() {
        let secrets = WrongSecrets::default();
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..limits::WRONG_SECRETS_EACH {
            assert!(is_wrong(&secrets, here, 1));
        }
        assert_eq!(
            secrets.count(here, at(1)),
            Verdict::TooMany {
                wait: EACH_INTERVAL
            }
        );
        assert!(is_wrong(&secrets, there, 1));
        assert!(is_wrong(&secrets, here, 6));
        assert!(!is_wrong(&secrets, here, 6));
    }

    #[test]
    fn many_addresses_have_one_budget_and_little_memory() {
        let secrets = WrongSecrets::default();
        let mut wrong = 0;
        for number in 0..3000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            wrong += u32::from(is_wrong(&secrets, address, 1));
        }
        assert_eq!(wrong, limits::WRONG_SECRETS);
        let counts = secrets.0.lock().unwrap();
        assert_eq!(counts.by_address.len(), limits::WRONG_SECRET_ADDRESSES);
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_address() {
        let secrets = WrongSecrets::default();
        let most = u16::try_from(limits::WRONG_SECRETS_EACH).unwrap();
        for host in 0..most {
            let address = IpAddr::from([0x2001, 0xdb8, 0, 7, host, 0, 0, 1]);
            assert!(is_wrong(&secrets, address, 1));
        }
        let address = IpAddr::from([0x2001, 0xdb8, 0, 7, 0xffff, 0, 0, 1]);
        assert!(!is_wrong(&secrets, address, 1));
    }

    #[test]
    fn the_log_gets_a_line_a_minute_with_the_number_of_all() {
        let mut log = LogBudget::default();
        assert_eq!(log.due(at(100)), Some(1));
        for _ in 0..17_490 {
            assert_eq!(log.due(at(102)), None);
        }
        assert_eq!(log.due(at(160)), Some(17_491));
        assert_eq!(log.due(at(161)), None);
    }
}
