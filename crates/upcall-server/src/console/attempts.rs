//! Guessing the secret is slow: a few wrong ones from an address are free, and each further one
//! doubles the time in which no other is looked at.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// The wrong secrets of late, by where they came from.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Failures>>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
}

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Judgement {
    Right,
    Wrong,
    /// Nothing was looked at; also the right secret has to wait.
    Wait(Duration),
}

impl Attempts {
    /// In one step, so that attempts at the same time do not all count as the first.
    pub(super) fn judge(&self, from: IpAddr, is_right: bool, now: Timestamp) -> Judgement {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, known| known.age(now) < FORGOTTEN);
        let before = failures.get(&from).copied();
        if let Some(wait) = before.and_then(|known| known.wait(now)) {
            return Judgement::Wait(wait);
        }
        if is_right {
            failures.remove(&from);
            return Judgement::Right;
        }
        if before.is_none() && failures.len() >= MOST_ADDRESSES {
            let oldest = failures.iter().min_by_key(|(_, known)| known.last);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                failures.remove(&oldest);
            }
        }
        let count = before.map_or(1, |known| known.count.saturating_add(1));
        failures.insert(from, Failures { count, last: now });
        Judgement::Wrong
    }
}

impl Failures {
    fn age(self, now: Timestamp) -> Duration {
        // A clock that was set back makes everything new.
        now.duration_since(self.last).try_into().unwrap_or_default()
    }

    /// What is left of the time to wait.
    fn wait(self, now: Timestamp) -> Option<Duration> {
        let doublings = self.count.checked_sub(FREE)?;
        let whole = Duration::from_secs(1 << doublings.min(10)).min(LONGEST);
        let left = whole.saturating_sub(self.age(now));
        (!left.is_zero()).then_some(left)
    }
}

/// Wrong secrets that cost nothing: a person mistypes.
const FREE: u32 = 5;

/// The longest wait: a secret has 16 characters at least, and the person who has it should not be
/// kept out for long by somebody behind the same proxy.
const LONGEST: Duration = Duration::from_secs(30);

/// After this time without another one, wrong secrets are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);

/// Addresses that are remembered. Beyond it the one that was quiet for longest is forgotten.
const MOST_ADDRESSES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn wrong_secrets_make_the_next_one_wait_longer_and_longer() {
        let attempts = Attempts::default();
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..FREE {
            assert_eq!(attempts.judge(here, false, at(0)), Judgement::Wrong);
        }
        let second = |seconds| Judgement::Wait(Duration::from_secs(seconds));
        assert_eq!(attempts.judge(here, true, at(0)), second(1));
        assert_eq!(attempts.judge(there, true, at(0)), Judgement::Right);
        assert_eq!(attempts.judge(here, false, at(1)), Judgement::Wrong);
        assert_eq!(attempts.judge(here, true, at(1)), second(2));
        assert_eq!(attempts.judge(here, true, at(3)), Judgement::Right);
        // The slate is clean.
        assert_eq!(attempts.judge(here, false, at(3)), Judgement::Wrong);
        assert_eq!(attempts.judge(here, false, at(3)), Judgement::Wrong);
    }

    #[test]
    fn a_wait_has_an_end_and_is_forgotten() {
        let attempts = Attempts::default();
        let here = IpAddr::from([192, 0, 2, 1]);
        let mut now = 0;
        for _ in 0..40 {
            match attempts.judge(here, false, at(now)) {
                Judgement::Wait(wait) => {
                    assert!(wait <= LONGEST, "{wait:?}");
                    now += i64::try_from(wait.as_secs()).unwrap();
                }
                Judgement::Wrong => {}
                Judgement::Right => panic!("it was wrong"),
            }
        }
        assert_eq!(attempts.judge(here, false, at(now + 900)), Judgement::Wrong);
        assert_eq!(attempts.judge(here, false, at(now + 900)), Judgement::Wrong);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let attempts = Attempts::default();
        for number in 0..3000_u32 {
            let judged = attempts.judge(IpAddr::from(number.to_be_bytes()), false, at(1));
            assert_eq!(judged, Judgement::Wrong);
        }
        assert_eq!(attempts.0.lock().unwrap().len(), MOST_ADDRESSES);
    }
}
