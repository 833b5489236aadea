//! What the log has and the index has not yet, in memory.
//!
//! In: changes, durable in the log, in its order. Out: the same to readers at once, and in batches to
//! the index, on a thread of its own. Only when the index has taken a change in is it forgotten here,
//! so a reader that looks here first and into the index second misses nothing. What the index was asked
//! for is remembered for a while, too: every change comes by here, and takes it away.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use upcall::name::{BucketName, ObjectKey};

use super::change::{Change, Effect, KeyEffect};
use super::index::Index;
use super::recent_owed::{KnownCall, KnownUpload, RecentOwed};
use crate::blobs::BlobId;
use crate::catalog::{CatalogError, ObjectFacts, RecallBy};

/// What is newer than the index.
#[derive(Debug, Default)]
pub(super) struct Recent {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    buckets: HashMap<BucketName, BTreeMap<Box<str>, Entry>>,
    /// What the index was asked for lately, and has not changed since.
    looked_up: HashMap<BucketName, HashMap<Box<str>, Arc<ObjectFacts>>>,
    looked_up_count: usize,
    owed: RecentOwed,
    /// What the index must take in, in order.
    pending: VecDeque<Change>,
    /// The last change that came, and the last that the index has.
    last: u64,
    applied: u64,
    /// Somebody waits for the index: no gathering.
    waiting: usize,
    /// Batches that the index could not take in so far; what went wrong with the last.
    failures: u64,
    failure: Option<CatalogError>,
    is_stopped: bool,
}

#[derive(Debug)]
struct Entry {
    sequence: u64,
    object: Option<Arc<ObjectFacts>>,
}

/// What is known of a key here.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// The index knows.
    Nothing,
    /// There is no object under it.
    Absent,
    Object(Arc<ObjectFacts>),
}

impl Recent {
    /// Begins behind this change, which the index has.
    pub(super) fn begin(&self, sequence: u64) {
        let mut state = self.lock();
        state.last = sequence;
        state.applied = sequence;
    }

    pub(super) fn look(&self, bucket: &BucketName, key: &ObjectKey) -> Known {
        let state = self.lock();
        let entry = state
            .buckets
            .get(bucket)
            .and_then(|keys| keys.get(key.as_str()));
        match entry {
            None => {
                let keys = state.looked_up.get(bucket);
                match keys.and_then(|keys| keys.get(key.as_str())) {
                    Some(object) => Known::Object(Arc::clone(object)),
                    None => Known::Nothing,
                }
            }
            Some(Entry { object: None, .. }) => Known::Absent,
            Some(Entry {
                object: Some(object),
                ..
            }) => Known::Object(Arc::clone(object)),
        }
    }

    /// The last change that came, to be told to [`remember`](Self::remember).
    pub(super) fn last(&self) -> u64 {
        self.lock().last
    }

    /// Keeps what the index was asked for and said, if nothing has changed since the change `last`,
    /// which had come before the key was looked for here.
    pub(super) fn remember(&self, object: Arc<ObjectFacts>, last: u64) {
        let mut state = self.lock();
        if state.last != last {
            return;
        }
        if state.looked_up_count >= MOST_LOOKED_UP {
            // What is asked for again comes back at once.
            state.looked_up.clear();
            state.looked_up_count = 0;
        }
        let key = object.key.as_str().into();
        let is_new = if let Some(keys) = state.looked_up.get_mut(&object.bucket) {
            keys.insert(key, object).is_none()
        } else {
            let bucket = object.bucket.clone();
            let keys = HashMap::from([(key, object)]);
            state.looked_up.insert(bucket, keys).is_none()
        };
        state.looked_up_count += usize::from(is_new);
    }

    /// What is known here of an owed call.
    pub(super) fn look_call(&self, id: BlobId) -> KnownCall {
        self.lock().owed.look(id)
    }

    /// What is known here of an upload that somebody asks for again.
    pub(super) fn recall(&self, by: RecallBy<'_>) -> KnownUpload {
        self.lock().owed.recall(by)
    }

    /// Everything of a bucket from `first` on whose key can begin with `prefix`, for a listing.
    pub(super) fn overlay(
        &self,
        bucket: &BucketName,
        first: &str,
        prefix: &str,
    ) -> Vec<(Box<str>, Option<Arc<ObjectFacts>>)> {
        let state = self.lock();
        let Some(keys) = state.buckets.get(bucket) else {
            return Vec::new();
        };
        let from = if first < prefix { prefix } else { first };
        keys.range::<str, _>((Bound::Included(from), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, entry)| (key.clone(), entry.object.clone()))
            .collect()
    }

    /// Takes changes that are durable; they are visible from now on. Waits while the index is far
    /// behind.
    pub(super) fn add(&self, changes: Vec<Change>) {
        let mut state = self.lock();
        while state.pending.len() >= MOST_PENDING && !state.is_stopped {
            state = self.wait(state);
        }
        let was_empty = state.pending.is_empty();
        for change in changes {
            state.last = change.sequence;
            match &change.effect {
                Effect::Key(effect) => state.point(change.sequence, effect),
                Effect::Owes { .. } | Effect::Settles { .. } => state.owed.add(&change),
            }
            state.pending.push_back(change);
        }
        // Else the thread is gathering, and wakes by itself.
        let wakes = was_empty || state.waiting > 0 || state.pending.len() >= BATCH;
        drop(state);
        if wakes {
            self.changed.notify_all();
        }
    }

    /// Waits until the index has everything that came so far. Blocks.
    ///
    /// # Errors
    /// The index's, if it cannot take in what is there.
    pub(super) fn drain(&self) -> Result<(), CatalogError> {
        let mut state = self.lock();
        let (until, failures) = (state.last, state.failures);
        state.waiting += 1;
        self.changed.notify_all();
        let result = loop {
            if state.applied >= until {
                break Ok(());
            }
            if state.failures > failures {
                break Err(state.failure.clone().unwrap_or(CatalogError::Closed));
            }
            if state.is_stopped {
                break Err(CatalogError::Closed);
            }
            state = self.wait(state);
        };
        state.waiting -= 1;
        result
    }

    /// The next changes that the index is to take in; `None` when there is nothing and never will be.
    fn next_batch(&self) -> Option<Vec<Change>> {
        let mut state = self.lock();
        let mut gather: Option<Instant> = None;
        loop {
            if state.pending.is_empty() {
                if state.is_stopped {
                    return None;
                }
                gather = None;
                state = self.wait(state);
                continue;
            }
            let until = *gather.get_or_insert_with(|| Instant::now() + GATHER);
            let left = until.saturating_duration_since(Instant::now());
            let is_time = left.is_zero() || state.waiting > 0 || state.is_stopped;
            if is_time || state.pending.len() >= BATCH {
                return Some(state.pending.iter().take(BATCH).cloned().collect());
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The index has these now.
    fn forget(&self, batch: &[Change]) {
        let mut state = self.lock();
        for change in batch {
            state.pending.pop_front();
            match &change.effect {
                Effect::Key(effect) => state.unpoint(change.sequence, effect),
                Effect::Owes { .. } | Effect::Settles { .. } => state.owed.forget(change),
            }
            state.applied = change.sequence;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The index could not take them in; after a while it is tried again.
    fn failed(&self, error: &CatalogError) {
        let mut state = self.lock();
        state.failures += 1;
        state.failure = Some(error.clone());
        self.changed.notify_all();
        let until = Instant::now() + AGAIN;
        while !state.is_stopped && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State>) -> MutexGuard<'g, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A key points to something else.
    fn point(&mut self, sequence: u64, effect: &KeyEffect) {
        let bucket = self.looked_up.get_mut(&effect.bucket);
        let was_looked_up = bucket.and_then(|keys| keys.remove(effect.key.as_str()));
        self.looked_up_count -= usize::from(was_looked_up.is_some());
        let entry = Entry {
            sequence,
            object: effect.new.clone(),
        };
        // Most buckets are there; their names need no copy then.
        let key = effect.key.as_str().into();
        if let Some(keys) = self.buckets.get_mut(&effect.bucket) {
            keys.insert(key, entry);
        } else {
            let keys = BTreeMap::from([(key, entry)]);
            self.buckets.insert(effect.bucket.clone(), keys);
        }
    }

    /// The index knows.
    fn unpoint(&mut self, sequence: u64, effect: &KeyEffect) {
        let Some(keys) = self.buckets.get_mut(&effect.bucket) else {
            return;
        };
        let key = effect.key.as_str();
        if keys
            .get(key)
            .is_some_and(|entry| entry.sequence == sequence)
        {
            keys.remove(key);
        }
        if keys.is_empty() {
            self.buckets.remove(&effect.bucket);
        }
    }
}

/// The thread that brings the index up to date.
#[derive(Debug)]
pub(super) struct Follower {
    recent: Arc<Recent>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Follower {
    pub(super) fn start(recent: Arc<Recent>, index: Arc<Index>) -> std::io::Result<Self> {
        let worker = Arc::clone(&recent);
        let thread = std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(move || follow(&worker, &index))?;
        Ok(Self {
            recent,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Takes in what is there, if that can be done at once, and ends. Blocks.
    pub(super) fn stop(&self) {
        self.recent.stop();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the index's thread did not end well");
        }
    }
}

fn follow(recent: &Recent, index: &Index) {
    while let Some(batch) = recent.next_batch() {
        match index.apply(&batch) {
            Ok(()) => recent.forget(&batch),
            Err(error) => {
                tracing::error!(%error, changes = batch.len(), "the index cannot follow the log");
                if recent.lock().is_stopped {
                    // The log has them; the next start reads it.
                    return;
                }
                recent.failed(&error);
            }
        }
    }
}

/// Changes that the index takes in at a time: they share the pages that they touch.
const BATCH: usize = 4096;

/// How long changes are gathered before they go into the index.
const GATHER: Duration = Duration::from_millis(200);

/// Changes that may wait for the index; beyond it commits wait. Each takes about half a kilobyte.
const MOST_PENDING: usize = 16 * 1024;

/// Objects that are remembered from the index: some two megabytes of them.
const MOST_LOOKED_UP: usize = 4096;

/// How long the index rests after it failed.
const AGAIN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use upcall::name::ETag;

    use super::*;
    use crate::blobs::{BlobId, BlobPlace};
    use crate::catalog::{ObjectAcl, StoredHeaders};
    use crate::embedded::log::record::At;

    fn object(key: &str) -> Arc<ObjectFacts> {
        Arc::new(ObjectFacts {
            bucket: BucketName::parse("photos").unwrap(),
            key: ObjectKey::parse(key).unwrap(),
            blob: BlobId::new(),
            place: BlobPlace::default(),
            length: 1,
            etag: ETag::from_md5([0; 16]),
            crc64: 0,
            content_type: String::new(),
            headers: StoredHeaders::default(),
            metadata: Vec::new(),
            acl: ObjectAcl::Default,
            storage_class: String::new(),
            modified: jiff::Timestamp::UNIX_EPOCH,
        })
    }

    fn change(sequence: u64, object: &Arc<ObjectFacts>) -> Change {
        Change {
            sequence,
            next: At {
                segment: 1,
                offset: 48,
            },
            effect: Effect::Key(KeyEffect {
                bucket: object.bucket.clone(),
                key: object.key.clone(),
                new: Some(Arc::clone(object)),
                old: None,
            }),
        }
    }

    fn blob(recent: &Recent, object: &ObjectFacts) -> Option<BlobId> {
        match recent.look(&object.bucket, &object.key) {
            Known::Object(object) => Some(object.blob),
            Known::Nothing | Known::Absent => None,
        }
    }

    /// What the index said before a change must not come back when the change has gone into the index.
    #[test]
    fn what_was_looked_up_is_forgotten_with_the_next_change() {
        let recent = Recent::default();
        let (old, new) = (object("a"), object("a"));
        recent.remember(Arc::clone(&old), recent.last());
        assert_eq!(blob(&recent, &old), Some(old.blob));

        let before = recent.last();
        let changes = vec![change(1, &new)];
        recent.add(changes.clone());
        assert_eq!(blob(&recent, &old), Some(new.blob));
        // Whoever asked the index before that, and hears of it now.
        recent.remember(Arc::clone(&old), before);
        recent.forget(&changes);
        assert_eq!(blob(&recent, &old), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let recent = Recent::default();
        for number in 0..3 * MOST_LOOKED_UP {
            recent.remember(object(&number.to_string()), 0);
        }
        let state = recent.lock();
        let count: usize = state.looked_up.values().map(HashMap::len).sum();
        assert_eq!(count, state.looked_up_count);
        assert!(count <= MOST_LOOKED_UP, "{count}");
    }
}
