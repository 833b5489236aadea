//! Owed calls that the log has and the index has not yet; part of [`Recent`](super::recent::Recent).

use std::collections::HashMap;
use std::sync::Arc;

use super::change::{Change, Effect};
use super::owed::OwedRow;
use crate::blobs::BlobId;
use crate::catalog::{KeptAnswer, RecallBy, Recalled};

#[derive(Debug, Default)]
pub(super) struct RecentOwed {
    calls: HashMap<BlobId, Entry>,
    by_request: HashMap<Box<str>, BlobId>,
    by_idempotency: HashMap<Box<str>, BlobId>,
}

#[derive(Debug)]
struct Entry {
    sequence: u64,
    state: CallState,
}

#[derive(Clone, Debug)]
enum CallState {
    Owed(Arc<OwedRow>),
    Settled(Option<Arc<KeptAnswer>>),
}

/// What is known of an owed call.
#[derive(Clone, Debug)]
pub(super) enum KnownCall {
    /// The index knows.
    Nothing,
    NotOwed,
    Owed(Arc<OwedRow>),
}

impl RecentOwed {
    pub(super) fn add(&mut self, change: &Change) {
        let (row, state) = match &change.effect {
            Effect::Key(_) => return,
            Effect::Owes { new, .. } => (new, CallState::Owed(Arc::clone(new))),
            Effect::Settles { old, kept } => (old, CallState::Settled(kept.clone())),
        };
        let id = row.id();
        self.by_request
            .insert(row.facts.request_id.as_str().into(), id);
        if let Some(name) = &row.facts.idempotency {
            self.by_idempotency.insert(name.as_str().into(), id);
        }
        let sequence = change.sequence;
        self.calls.insert(id, Entry { sequence, state });
    }

    /// The index has it now.
    pub(super) fn forget(&mut self, change: &Change) {
        let row = match &change.effect {
            Effect::Key(_) => return,
            Effect::Owes { new, .. } => new,
            Effect::Settles { old, .. } => old,
        };
        let is_last = self
            .calls
            .get(&row.id())
            .is_some_and(|entry| entry.sequence == change.sequence);
        if !is_last {
            return;
        }
        self.calls.remove(&row.id());
        self.by_request.remove(row.facts.request_id.as_str());
        if let Some(name) = &row.facts.idempotency {
            self.by_idempotency.remove(name.as_str());
        }
    }

    pub(super) fn look(&self, id: BlobId) -> KnownCall {
        match self.calls.get(&id).map(|entry| &entry.state) {
            None => KnownCall::Nothing,
            Some(CallState::Settled(_)) => KnownCall::NotOwed,
            Some(CallState::Owed(row)) => KnownCall::Owed(Arc::clone(row)),
        }
    }

    pub(super) fn recall(&self, by: RecallBy<'_>) -> Option<Recalled> {
        let id = match by {
            RecallBy::RequestId(name) => self.by_request.get(name)?,
            RecallBy::Idempotency(name) => self.by_idempotency.get(name)?,
        };
        match &self.calls.get(id)?.state {
            CallState::Owed(row) => Some(Recalled::Owed(row.facts.clone())),
            CallState::Settled(kept) => {
                let kept = kept.as_ref()?;
                Some(Recalled::Answered(kept.as_ref().clone()))
            }
        }
    }
}
