//! Who is logged in: in memory, for half a day. A restart logs everybody out.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use subtle::{Choice, ConstantTimeEq as _};

/// The sessions that are open, the oldest in front.
#[derive(Default)]
pub(super) struct Sessions(Mutex<VecDeque<Session>>);

struct Session {
    token: [u8; TOKEN_BYTES],
    until: Timestamp,
}

impl Sessions {
    /// Opens one; its token goes into a cookie. `None` if the system has no randomness.
    pub(super) fn open(&self, now: Timestamp) -> Option<String> {
        let mut token = [0; TOKEN_BYTES];
        getrandom::fill(&mut token).ok()?;
        let until = now.saturating_add(LIFETIME).ok()?;
        let mut sessions = self.lock();
        sessions.retain(|session| session.until > now);
        if sessions.len() >= MOST {
            sessions.pop_front();
        }
        sessions.push_back(Session { token, until });
        Some(URL_SAFE_NO_PAD.encode(token))
    }

    /// Takes the same time whichever session it is, and however near a guess comes.
    pub(super) fn is_open(&self, token: &str, now: Timestamp) -> bool {
        let Some(token) = parse(token) else {
            return false;
        };
        let mut is_open = Choice::from(0);
        for session in self.lock().iter() {
            let is_current = Choice::from(u8::from(session.until > now));
            is_open |= session.token.ct_eq(&token) & is_current;
        }
        is_open.into()
    }

    pub(super) fn close(&self, token: &str) {
        if let Some(token) = parse(token) {
            self.lock()
                .retain(|session| !bool::from(session.token.ct_eq(&token)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

fn parse(token: &str) -> Option<[u8; TOKEN_BYTES]> {
    URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()
}

/// Time that a session lasts: a working day.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Sessions at the same time. Beyond it the oldest ends.
const MOST: usize = 64;

const TOKEN_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_session_ends_by_itself_or_when_it_is_closed() {
        let sessions = Sessions::default();
        let (first, second) = (sessions.open(at(0)).unwrap(), sessions.open(at(0)).unwrap());
        assert_ne!(first, second);
        assert!(sessions.is_open(&first, at(12 * 3600 - 1)));
        assert!(!sessions.is_open(&first, at(12 * 3600)));

        sessions.close(&first);

        assert!(!sessions.is_open(&first, at(1)));
        assert!(sessions.is_open(&second, at(1)));
        for guess in ["", "AAAA", &"A".repeat(43), &format!("{second}A"), "é"] {
            assert!(!sessions.is_open(guess, at(1)), "{guess}");
        }
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let sessions = Sessions::default();
        let first = sessions.open(at(0)).unwrap();
        let others: Vec<_> = (0..MOST).map(|_| sessions.open(at(1)).unwrap()).collect();
        assert!(!sessions.is_open(&first, at(1)));
        assert!(others.iter().all(|token| sessions.is_open(token, at(1))));
        assert_eq!(sessions.lock().len(), MOST);
    }
}
