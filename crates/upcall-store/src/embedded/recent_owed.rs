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

/// What is known of an upload that somebody asks for again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum KnownUpload {
    /// The index knows.
    Nothing,
    /// It is over, and nobody kept what it was told; the index may not have heard of that.
    NotKept,
    Kept(Recalled),
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
        forget_name(&mut self.by_request, &row.facts.request_id, row.id());
        if let Some(name) = &row.facts.idempotency {
            forget_name(&mut self.by_idempotency, name, row.id());
        }
    }

    pub(super) fn look(&self, id: BlobId) -> KnownCall {
        match self.calls.get(&id).map(|entry| &entry.state) {
            None => KnownCall::Nothing,
            Some(CallState::Settled(_)) => KnownCall::NotOwed,
            Some(CallState::Owed(row)) => KnownCall::Owed(Arc::clone(row)),
        }
    }

    pub(super) fn recall(&self, by: RecallBy<'_>) -> KnownUpload {
        let id = match by {
            RecallBy::RequestId(name) => self.by_request.get(name),
            RecallBy::Idempotency(name) => self.by_idempotency.get(name),
        };
        let entry = id.and_then(|id| self.calls.get(id));
        match entry.map(|entry| &entry.state) {
            None => KnownUpload::Nothing,
            Some(CallState::Owed(row)) => KnownUpload::Kept(Recalled::Owed(row.facts.clone())),
            Some(CallState::Settled(None)) => KnownUpload::NotKept,
            Some(CallState::Settled(Some(kept))) => {
                KnownUpload::Kept(Recalled::Answered(kept.as_ref().clone()))
            }
        }
    }
}

/// Another call may have the name by now.
fn forget_name(names: &mut HashMap<Box<str>, BlobId>, name: &str, id: BlobId) {
    if names.get(name) == Some(&id) {
        names.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use upcall::name::{BucketName, ObjectKey};

    use super::*;
    use crate::catalog::{CallProgress, OwedFacts};
    use crate::embedded::log::record::At;

    const HERE: At = At {
        segment: 1,
        offset: 48,
    };

    /// A call under a name.
    fn row(request_id: &str) -> Arc<OwedRow> {
        Arc::new(OwedRow {
            facts: OwedFacts {
                id: BlobId::new(),
                bucket: BucketName::parse("photos").unwrap(),
                key: ObjectKey::parse("a").unwrap(),
                request_id: request_id.to_owned(),
                idempotency: Some("name".to_owned()),
                created: Timestamp::UNIX_EPOCH,
                is_held: true,
                progress: CallProgress::default(),
            },
            at: HERE,
            head_bytes: 8,
            data_bytes: 0,
        })
    }

    fn change(sequence: u64, effect: Effect) -> Change {
        Change {
            sequence,
            next: HERE,
            effect,
        }
    }

    fn owes(sequence: u64, row: &Arc<OwedRow>) -> Change {
        let (new, old) = (Arc::clone(row), None);
        change(sequence, Effect::Owes { new, old })
    }

    fn settles(sequence: u64, row: &Arc<OwedRow>) -> Change {
        let (old, kept) = (Arc::clone(row), None);
        change(sequence, Effect::Settles { old, kept })
    }

    const NAME: RecallBy<'_> = RecallBy::Idempotency("name");

    /// The index may still have the call; it must not be asked.
    #[test]
    fn what_was_settled_without_an_answer_is_known_to_have_none() {
        let (mut owed, dropped) = (RecentOwed::default(), row("1"));
        assert_eq!(owed.recall(NAME), KnownUpload::Nothing);
        owed.add(&owes(1, &dropped));
        owed.forget(&owes(1, &dropped));
        owed.add(&settles(2, &dropped));
        assert_eq!(owed.recall(NAME), KnownUpload::NotKept);
        let by_request = owed.recall(RecallBy::RequestId("1"));
        assert_eq!(by_request, KnownUpload::NotKept);
        owed.forget(&settles(2, &dropped));
        assert_eq!(owed.recall(NAME), KnownUpload::Nothing);
    }

    #[test]
    fn a_name_that_was_taken_again_is_not_forgotten_with_the_first() {
        let (mut owed, first, second) = (RecentOwed::default(), row("1"), row("2"));
        for change in [owes(1, &first), settles(2, &first), owes(3, &second)] {
            owed.add(&change);
        }
        owed.forget(&owes(1, &first));
        owed.forget(&settles(2, &first));
        let found = Recalled::Owed(second.facts.clone());
        assert_eq!(owed.recall(NAME), KnownUpload::Kept(found));
    }
}
