//! The calls of late, in memory: bounded by count, bytes and age, and waited for without polling.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use upcall::name::BucketName;

use super::{CallId, CallRecord, NewRecord, Outcome};
use crate::clock::Clock;
use crate::limits::Limits;

/// Which calls are asked for; what is `None` does not matter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Query {
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) outcome: Option<Outcome>,
    /// The status of the application's answer.
    pub(crate) status: Option<u16>,
    /// Only calls that ended after this one.
    pub(crate) after: Option<CallId>,
}

impl Query {
    fn matches(&self, call: &CallRecord) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        let order = call.order();
        is(&self.bucket, order.bucket.as_str())
            && is(&self.key, order.key.as_str())
            && is(&self.request_id, &order.request_id)
            && self.outcome.is_none_or(|outcome| outcome == call.outcome())
            && self.status.is_none_or(|status| {
                let answer = call.answer();
                answer.is_some_and(|answer| answer.status == status)
            })
            && self.after.is_none_or(|after| call.id() > after)
    }
}

/// The calls of late.
#[derive(Debug)]
pub(crate) struct CallLog {
    most_calls: usize,
    most_bytes: usize,
    most_age: Duration,
    /// Longer than the calls of any order are under way.
    longest_order: Duration,
    clock: Clock,
    kept: Mutex<Kept>,
    /// Changes with each call; whoever waits looks when it does.
    newest: watch::Sender<Newest>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The oldest in front.
    calls: VecDeque<Arc<CallRecord>>,
    bytes: usize,
    last: u64,
    /// Which buckets (or all) were wiped of late, and when.
    wiped: Vec<(Option<BucketName>, Instant)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    id: u64,
    is_closed: bool,
}

impl CallLog {
    pub(crate) fn new(limits: &Limits, clock: Clock) -> Self {
        Self {
            most_calls: limits.record_calls,
            most_bytes: limits.record_bytes,
            most_age: limits.record_age,
            longest_order: limits.callback * MOST_CALLS + Duration::from_secs(60),
            clock,
            kept: Mutex::default(),
            newest: watch::Sender::new(Newest::default()),
        }
    }

    /// Whether anything is kept at all.
    pub(crate) fn is_on(&self) -> bool {
        self.most_calls > 0 && self.most_bytes > 0 && !self.most_age.is_zero()
    }

    /// Keeps a call, if any are kept, and lets the oldest go that are too many.
    pub(crate) fn keep(&self, call: impl FnOnce() -> NewRecord) -> Option<Arc<CallRecord>> {
        if !self.is_on() {
            return None;
        }
        let call = call();
        let now = self.clock.now();
        let (record, gone) = {
            let mut kept = self.lock();
            if kept.is_wiped(&call) {
                return None;
            }
            let id = kept.next_id(now);
            let record = Arc::new(CallRecord::new(id, now, call));
            kept.bytes += record.bytes;
            kept.calls.push_back(Arc::clone(&record));
            let mut gone = kept.expired(self.oldest(now));
            while kept.calls.len() > self.most_calls || kept.bytes > self.most_bytes {
                gone.extend(kept.pop());
            }
            (record, gone)
        };
        // Freeing them is work that nobody needs to wait for with the lock.
        drop(gone);
        self.announce(record.id);
        Some(record)
    }

    /// Of two that end at the same moment, the newer may come here first.
    fn announce(&self, id: CallId) {
        self.newest
            .send_modify(|newest| newest.id = newest.id.max(id.0));
    }

    /// The calls that match, the newest last: of those after an id the first `most`, otherwise the
    /// last.
    pub(crate) fn list(&self, query: &Query, most: usize) -> Vec<Arc<CallRecord>> {
        let mut kept = self.lock();
        kept.expired(self.oldest(self.clock.now()));
        let found = kept
            .calls
            .iter()
            .filter(|call| query.matches(call))
            .cloned();
        if query.after.is_some() {
            return found.take(most).collect();
        }
        let mut newest: Vec<_> = found.rev().take(most).collect();
        newest.reverse();
        newest
    }

    /// One call.
    pub(crate) fn call(&self, id: CallId) -> Option<Arc<CallRecord>> {
        let mut kept = self.lock();
        kept.expired(self.oldest(self.clock.now()));
        let at = kept.calls.binary_search_by_key(&id, |call| call.id());
        at.ok().map(|at| Arc::clone(&kept.calls[at]))
    }

    /// How many calls were made for a request, as far as they are kept.
    pub(crate) fn attempts(&self, request_id: &str) -> usize {
        let kept = self.lock();
        let of_request = kept
            .calls
            .iter()
            .filter(|call| call.order().request_id == request_id);
        of_request.map(|call| call.attempt()).max().unwrap_or(0)
    }

    /// Waits for a call that matches; without [`Query::after`], for one that ends from now on.
    /// `None` if there is none within `limit`, or the server stops.
    ///
    /// # Cancellation
    /// Nothing is lost: whoever asks again with the same `after` gets the same call.
    pub(crate) async fn next(&self, mut query: Query, limit: Duration) -> Option<Arc<CallRecord>> {
        let mut newest = self.newest.subscribe();
        query.after = query.after.or(Some(CallId(newest.borrow().id)));
        let found = async {
            loop {
                let seen = *newest.borrow_and_update();
                if let Some(call) = self.list(&query, 1).into_iter().next() {
                    return Some(call);
                }
                if seen.is_closed {
                    return None;
                }
                // What has been looked through need not be looked through again.
                query.after = query.after.max(Some(CallId(seen.id)));
                newest.changed().await.ok()?;
            }
        };
        tokio::time::timeout(limit, found).await.ok().flatten()
    }

    /// Forgets the calls of a bucket, or all; also those under way, which are not kept when they end.
    pub(crate) fn wipe(&self, bucket: Option<&BucketName>) {
        let mut kept = self.lock();
        let now = Instant::now();
        // Of those that began before an older wipe, all have ended.
        let most_age = self.longest_order;
        kept.wiped.retain(|(of, at)| {
            bucket.is_some() && of.as_ref() != bucket && now.duration_since(*at) < most_age
        });
        kept.wiped.push((bucket.cloned(), now));
        let all = std::mem::take(&mut kept.calls);
        let (gone, stay): (VecDeque<_>, VecDeque<_>) = all
            .into_iter()
            .partition(|call| bucket.is_none_or(|name| call.order().bucket == *name));
        kept.bytes = stay.iter().map(|call| call.bytes).sum();
        kept.calls = stay;
        drop(kept);
        drop(gone);
    }

    /// Nobody shall wait any longer: the server stops.
    pub(crate) fn close(&self) {
        self.newest.send_modify(|newest| newest.is_closed = true);
    }

    /// When the oldest call may have ended.
    fn oldest(&self, now: Timestamp) -> Timestamp {
        let age = SignedDuration::try_from(self.most_age).unwrap_or(SignedDuration::MAX);
        now.checked_sub(age).unwrap_or(Timestamp::MIN)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Whether its bucket was wiped since it began, or the call of the same order before it.
    fn is_wiped(&self, call: &NewRecord) -> bool {
        self.wiped.iter().any(|(of, at)| {
            let is_of = of.as_ref().is_none_or(|name| *name == call.order.bucket);
            is_of && call.since <= *at
        })
    }

    fn next_id(&mut self, now: Timestamp) -> CallId {
        let micros = u64::try_from(now.as_microsecond()).unwrap_or(0);
        self.last = micros.max(self.last + 1);
        CallId(self.last)
    }

    fn pop(&mut self) -> Option<Arc<CallRecord>> {
        let oldest = self.calls.pop_front()?;
        self.bytes -= oldest.bytes;
        Some(oldest)
    }

    /// Takes out what ended before `oldest`.
    fn expired(&mut self, oldest: Timestamp) -> Vec<Arc<CallRecord>> {
        let mut gone = Vec::new();
        while self.calls.front().is_some_and(|call| call.at() < oldest) {
            gone.extend(self.pop());
        }
        gone
    }
}

/// Calls that one order makes at most: of five URLs, each twice if that is ordered.
const MOST_CALLS: u32 = 10;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use bytes::Bytes;
    use upcall::callback::CallbackParameter;
    use upcall::name::ObjectKey;

    use super::*;
    use crate::callback::KeyChoice;
    use crate::callback::exchange::Chunking;
    use crate::callback::exchange::{Ending, Progress};
    use crate::callback::request::{CallbackOrder, ConnectionUse, Origin};

    fn call(key: &str, body: &Bytes) -> NewRecord {
        let json = r#"{"callbackUrl":"http://app.example/","callbackBody":"a=b"}"#;
        NewRecord {
            order: Arc::new(CallbackOrder {
                parameter: CallbackParameter::parse_json(json).unwrap().unwrap(),
                body: body.clone(),
                request_id: format!("request-{key}"),
                bucket: BucketName::parse("photos").unwrap(),
                key: ObjectKey::parse(key).unwrap(),
                owner: String::new(),
                requester: String::new(),
                connection: ConnectionUse::Kept,
                origin: Origin::Fixed,
                chunking: Chunking::Refused,
                peer: None,
                signing_key: KeyChoice::TRUSTED,
            }),
            url: 0,
            attempt: 1,
            since: Instant::now(),
            ending: Ending::NotWritten,
            progress: Progress::begin(),
            injected: None,
        }
    }

    fn log(change: impl FnOnce(&mut Limits)) -> (CallLog, Arc<AtomicI64>) {
        let second = Arc::new(AtomicI64::new(1_000_000));
        let told = Arc::clone(&second);
        let clock =
            Clock::from_fn(move || Timestamp::from_second(told.load(Ordering::Relaxed)).unwrap());
        let mut limits = Limits::default();
        change(&mut limits);
        (CallLog::new(&limits, clock), second)
    }

    fn keep(log: &CallLog, key: &str) -> CallId {
        let record = log.keep(|| call(key, &Bytes::from_static(b"a=b")));
        record.unwrap().id()
    }

    #[tokio::test]
    async fn a_call_that_is_announced_late_brings_no_older_one_back() {
        let (log, _) = log(|_| ());
        let (first, second) = (keep(&log, "a"), keep(&log, "b"));
        // As two threads may do, of which one is held up.
        log.announce(second);
        log.announce(first);
        let next = log.next(Query::default(), Duration::from_millis(20)).await;
        assert!(next.is_none(), "it ended before anybody asked: {next:?}");
    }

    fn keys(log: &CallLog, query: &Query, most: usize) -> Vec<String> {
        let calls = log.list(query, most);
        calls
            .iter()
            .map(|call| call.order().key.to_string())
            .collect()
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_or_too_much_or_too_old() {
        let all = Query::default();
        let (by_count, _) = log(|limits| limits.record_calls = 2);
        let (by_bytes, _) = log(|limits| limits.record_bytes = 250_000);
        let (by_age, second) = log(|limits| limits.record_age = Duration::from_secs(10));
        for key in ["a", "b", "c"] {
            keep(&by_count, key);
            by_bytes
                .keep(|| call(key, &Bytes::from(vec![b'a'; 100_000])))
                .unwrap();
            keep(&by_age, key);
            second.fetch_add(6, Ordering::Relaxed);
        }
        assert_eq!(keys(&by_count, &all, 9), ["b", "c"]);
        assert_eq!(keys(&by_bytes, &all, 9), ["b", "c"]);
        assert_eq!(keys(&by_age, &all, 9), ["c"]);
        second.fetch_add(60, Ordering::Relaxed);
        assert_eq!(keys(&by_age, &all, 9), [""; 0]);
        by_bytes.wipe(None);
        assert_eq!(by_bytes.lock().bytes, 0);
        assert_eq!(keys(&by_bytes, &all, 9), [""; 0]);
    }

    #[test]
    fn zero_turns_it_off() {
        for change in [
            |limits: &mut Limits| limits.record_calls = 0,
            |limits: &mut Limits| limits.record_bytes = 0,
            |limits: &mut Limits| limits.record_age = Duration::ZERO,
        ] {
            let (log, _) = log(change);
            assert!(log.keep(|| unreachable!("nobody needs it")).is_none());
        }
    }

    #[test]
    fn calls_are_found_by_what_they_are() {
        let (log, _) = log(|_| {});
        let ids: Vec<CallId> = ["a", "b", "c", "d"].map(|key| keep(&log, key)).to_vec();
        assert!(ids.is_sorted(), "{ids:?}");
        let after = Query {
            after: Some(ids[0]),
            ..Query::default()
        };
        assert_eq!(keys(&log, &after, 2), ["b", "c"]);
        assert_eq!(keys(&log, &Query::default(), 2), ["c", "d"]);
        let with = |change: fn(&mut Query)| {
            let mut query = Query::default();
            change(&mut query);
            keys(&log, &query, 9).len()
        };
        assert_eq!(with(|query| query.key = Some("b".to_owned())), 1);
        assert_eq!(with(|query| query.bucket = Some("photos".to_owned())), 4);
        assert_eq!(with(|query| query.bucket = Some("other".to_owned())), 0);
        assert_eq!(
            with(|query| query.request_id = Some("request-b".to_owned())),
            1
        );
        assert_eq!(with(|query| query.outcome = Some(Outcome::Failed)), 4);
        assert_eq!(with(|query| query.outcome = Some(Outcome::Agreed)), 0);
        assert_eq!(log.call(ids[2]).unwrap().order().key.as_str(), "c");
        assert!(log.call(CallId(7)).is_none());
        assert_eq!(log.attempts("request-b"), 1);
        assert_eq!(log.attempts("request-z"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_one_is_waited_for() {
        let (log, _) = log(|_| {});
        let log = Arc::new(log);
        let first = keep(&log, "a");
        let wait = |after, key: &str| {
            let query = Query {
                after,
                key: Some(key.to_owned()),
                ..Query::default()
            };
            let log = Arc::clone(&log);
            tokio::spawn(async move { log.next(query, Duration::from_secs(5)).await })
        };
        let (from_now, from_first, never) =
            (wait(None, "b"), wait(Some(first), "b"), wait(None, "a"));
        tokio::task::yield_now().await;
        keep(&log, "z");
        tokio::task::yield_now().await;
        let wanted = keep(&log, "b");

        assert_eq!(from_now.await.unwrap().unwrap().id(), wanted);
        assert_eq!(from_first.await.unwrap().unwrap().id(), wanted);
        assert!(never.await.unwrap().is_none(), "it was there before");
        let at_once = wait(Some(first), "b").await.unwrap();
        assert_eq!(at_once.unwrap().id(), wanted);

        let waiting = wait(None, "b");
        tokio::task::yield_now().await;
        let began = tokio::time::Instant::now();
        log.close();
        assert!(waiting.await.unwrap().is_none());
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}
