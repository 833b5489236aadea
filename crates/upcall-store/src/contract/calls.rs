//! What was promised of owed calls; part of the [`Ledger`](super::Ledger).
//!
//! A call is owed with its object or not at all, stays owed until it was settled, and is never owed again
//! after that. What was tried and not answered may have happened or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use upcall::name::{BucketName, ObjectKey};

use super::ledger::Broken;
use super::moment;
use crate::blobs::BlobId;
use crate::catalog::OwedCall;

/// Every call that was tried.
#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<BTreeMap<BlobId, CallFate>>);

/// What became of a call.
#[derive(Clone, Debug)]
pub(super) struct CallFate {
    /// The number of its upload.
    pub(super) number: u64,
    pub(super) bucket: BucketName,
    pub(super) key: String,
    pub(super) is_held: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Nobody was told that it is owed.
    Tried,
    Owed,
    /// Nobody was told that it is settled.
    Settling,
    Settled,
}

/// The call of an upload, as it is recorded.
pub(super) fn owed(id: BlobId, bucket: &BucketName, key: &ObjectKey, number: u64) -> OwedCall {
    OwedCall {
        id,
        bucket: bucket.clone(),
        key: key.clone(),
        request_id: format!("request-{number}"),
        idempotency: number.is_multiple_of(2).then(|| format!("name-{number}")),
        created: moment(number.cast_signed()),
        call: format!("call {number}").repeat(1 + usize::try_from(number % 90).unwrap_or(0)),
    }
}

impl Calls {
    /// It is about to be owed.
    pub(super) fn try_owe(&self, call: &OwedCall, number: u64, is_held: bool) {
        let fate = CallFate {
            number,
            bucket: call.bucket.clone(),
            key: call.key.to_string(),
            is_held,
            state: State::Tried,
        };
        self.fates().insert(call.id, fate);
    }

    pub(super) fn told_owed(&self, id: BlobId) {
        self.set(id, State::Owed);
    }

    /// It was refused, says the engine.
    pub(super) fn told_refused(&self, id: BlobId) {
        self.set(id, State::Settled);
    }

    pub(super) fn try_settle(&self, id: BlobId) {
        self.set(id, State::Settling);
    }

    pub(super) fn told_settled(&self, id: BlobId) {
        self.set(id, State::Settled);
    }

    fn set(&self, id: BlobId, state: State) {
        if let Some(fate) = self.fates().get_mut(&id) {
            fate.state = state;
        }
    }

    /// A call that is certainly owed, of those whose key begins so.
    pub(super) fn owed_below(&self, prefix: &str, turn: usize) -> Option<(BlobId, CallFate)> {
        let fates = self.fates();
        let owed = fates
            .iter()
            .filter(|(_, fate)| fate.state == State::Owed && fate.key.starts_with(prefix));
        let owed: Vec<_> = owed.collect();
        let (id, fate) = owed.get(turn % owed.len().max(1))?;
        Some((**id, (*fate).clone()))
    }

    /// After a crash: everything that is owed. It is what is known from now on. `visible` says which
    /// upload a key holds, and `last` which was tried for it last.
    pub(super) fn settle(
        &self,
        found: &BTreeSet<BlobId>,
        visible: impl Fn(&CallFate) -> Option<u64>,
        last: impl Fn(&CallFate) -> Option<u64>,
    ) -> Result<(), Broken> {
        let mut fates = self.fates();
        for id in found {
            if !fates.contains_key(id) {
                return Err(Broken(format!("nobody has uploaded what {id} is owed for")));
            }
        }
        for (id, fate) in fates.iter_mut() {
            let is_owed = found.contains(id);
            let is_visible = visible(fate) == Some(fate.number);
            let is_last = last(fate) == Some(fate.number);
            let wrong = match (fate.state, is_owed) {
                (State::Owed, false) => Some("was owed, and is not"),
                (State::Settled, true) => Some("was settled, and is owed"),
                (State::Tried, false) if is_visible && !fate.is_held => {
                    Some("is not owed, and its object is there")
                }
                (State::Tried, true) if !fate.is_held && is_last && !is_visible => {
                    Some("is owed, and its object is not there")
                }
                (_, true) if fate.is_held && is_visible => {
                    Some("is owed, and what is held for it is there")
                }
                _ => None,
            };
            if let Some(wrong) = wrong {
                return Err(Broken(format!("the call {id} {wrong}: {fate:?}")));
            }
            fate.state = if is_owed { State::Owed } else { State::Settled };
        }
        fates.retain(|_, fate| fate.state == State::Owed);
        Ok(())
    }

    fn fates(&self) -> MutexGuard<'_, BTreeMap<BlobId, CallFate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
