//! The outbox: calls that are owed, until they have arrived.
//!
//! The store says what is owed; in here stands who makes which call when. An upload makes its own call
//! and tells the outbox what came of it; what did not arrive is made again by the outbox, in the order
//! of each key, with waits that grow, until it arrives or its time is over. After a start it begins with
//! what the store has.

mod backoff;
mod delivery;
mod line;
mod lines;
mod progress;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use upcall::callback::CallbackParameter;
use upcall::callback::answer::CallbackFailure;
use upcall::name::BucketName;
use upcall_store::blobs::{BlobId, Blobs};
use upcall_store::catalog::{CallProgress, Catalog, CatalogError, OwedFacts, OwedQuery};

use self::line::{Line, line_of, line_of_key};
use self::lines::{Destination, Lines, MOST_IN_LINE, Own};
use self::progress::Unwritten;
use super::dispatcher::Dispatcher;
use super::owed_order::OwedOrder;
use crate::clock::Clock;

/// Calls that are owed.
#[derive(Debug)]
pub(crate) struct Outbox(Arc<Shared>);

struct Shared {
    catalog: Arc<dyn Catalog>,
    blobs: Arc<dyn Blobs>,
    dispatcher: Arc<Dispatcher>,
    clock: Clock,
    lines: Mutex<Lines>,
    /// Whether the store was looked through since the start.
    is_loaded: watch::Sender<bool>,
    /// The lines tell time by this, since the clock may be set.
    started: (Instant, u64),
    unwritten: Unwritten,
    /// Calls that uploads under way make.
    expected: Mutex<HashSet<BlobId>>,
    /// Counts calls that ended.
    ends: watch::Sender<u64>,
    changed: Notify,
    places: Arc<Semaphore>,
    deliveries: TaskTracker,
}

/// The task that makes calls again, to be stopped.
#[derive(Debug)]
pub(crate) struct OutboxTask {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl OutboxTask {
    /// No new calls are made; those under way end.
    pub(crate) async fn stop(self) {
        // Nobody receives only if the task has ended.
        let _ = self.stop.send(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the outbox did not end well");
        }
    }
}

impl Outbox {
    pub(crate) fn new(
        catalog: Arc<dyn Catalog>,
        blobs: Arc<dyn Blobs>,
        dispatcher: Arc<Dispatcher>,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Shared {
            catalog,
            blobs,
            dispatcher,
            started: (Instant::now(), millis(clock.now())),
            clock,
            lines: Mutex::new(Lines::partial()),
            is_loaded: watch::Sender::new(false),
            unwritten: Unwritten::default(),
            expected: Mutex::default(),
            ends: watch::Sender::new(0),
            changed: Notify::new(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            deliveries: TaskTracker::new(),
        }))
    }

    /// Begins to make what the store has.
    pub(crate) fn start(&self) -> OutboxTask {
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::clone(&self.0);
        OutboxTask {
            stop,
            task: tokio::spawn(shared.run(stopped)),
        }
    }

    /// An upload is about to owe this call, and will make it: until the guard is dropped the outbox does
    /// not take it from the store, where it may find it before the upload comes by.
    pub(crate) fn expect(&self, id: BlobId) -> Expected {
        self.0.expected().insert(id);
        Expected {
            shared: Arc::clone(&self.0),
            id,
        }
    }

    /// An upload's call is owed, and the upload will make it: ends when it is its turn, or not before
    /// `limit`.
    pub(crate) async fn take_turn(&self, owed: &OwedOrder, limit: Duration) -> Turn {
        let shared = &self.0;
        let line = line_of(owed);
        let destination = destination_of(owed);
        let until = Instant::now() + limit;
        // What the last process has left comes first; if that takes too long, the outbox makes this one.
        let mut is_loaded = shared.is_loaded.subscribe();
        let _ = tokio::time::timeout(limit, is_loaded.wait_for(|is_loaded| *is_loaded)).await;
        let created = owed.created.as_millisecond();
        let own = {
            let now = shared.now();
            let mut lines = shared.lines();
            lines.add_own(owed.id, &line, destination, now, created)
        };
        let mut told = match own {
            Own::Now => return Turn::Now,
            Own::Later => return Turn::Later,
            Own::When(told) => told,
        };
        shared.changed.notify_one();
        let left = until.saturating_duration_since(Instant::now());
        // The line goes on without the upload.
        let is_told = if let Ok(told) = tokio::time::timeout(left, &mut told).await {
            told.is_ok()
        } else {
            // It may have been told at the last moment; nobody else makes it then.
            told.close();
            told.try_recv().is_ok()
        };
        if is_told { Turn::Now } else { Turn::Later }
    }

    /// The upload does not make its call, and nobody else is to make it; whether that could be had. If
    /// not, it is under way.
    pub(crate) fn withdraw(&self, owed: &OwedOrder) -> bool {
        let shared = &self.0;
        let is_withdrawn = shared.lines().withdraw(owed.id, shared.now());
        shared.changed.notify_one();
        is_withdrawn
    }

    /// A call is owed no more.
    pub(crate) fn ended(&self, owed: &OwedOrder) {
        self.0.end(owed.id);
        self.0.changed.notify_one();
    }

    /// Changes whenever a call ends.
    pub(crate) fn ends(&self) -> watch::Receiver<u64> {
        self.0.ends.subscribe()
    }

    /// An upload's own call did not arrive; the outbox makes it again.
    pub(crate) fn failed(&self, owed: &OwedOrder, failure: CallbackFailure) {
        self.0.failed(owed.id, failure);
        self.0.changed.notify_one();
    }

    /// What came of an upload's call could not be written; the outbox asks again.
    pub(crate) fn undecided(&self, owed: &OwedOrder) {
        let shared = &self.0;
        let line = line_of(owed);
        let (now, created) = (shared.now(), owed.created.as_millisecond());
        shared.lines().add(owed.id, &line, 1, now, created);
        self.failed(owed, CallbackFailure::CannotConnect);
    }

    /// What a call says of where it went, also one that is not owed.
    pub(crate) fn heard(&self, owed: &OwedOrder, failure: Option<CallbackFailure>) {
        self.0.heard(&destination_of(owed), failure);
    }

    /// If nobody answers where this bucket's call would go: how long an uploader had better wait.
    pub(crate) fn down_for(
        &self,
        bucket: &BucketName,
        parameter: &CallbackParameter,
    ) -> Option<Duration> {
        let destination = destination(bucket, parameter);
        let left = self.0.lines().down_for(&destination, self.0.now())?;
        Some(Duration::from_millis(left))
    }

    /// Makes a call now, whatever was tried before: also one that was given up.
    ///
    /// # Errors
    /// The catalog's; [`CatalogError::NotOwed`] if it is not owed.
    pub(crate) async fn hurry(&self, id: BlobId) -> Result<(), CatalogError> {
        let shared = &self.0;
        let owed = shared.catalog.owed_call(id).await?;
        let call = owed.ok_or(CatalogError::NotOwed)?.call;
        let created = call.created.as_millisecond();
        let line = match OwedOrder::read(&call) {
            Some(owed) => line_of(&owed),
            None => line_of_key(call.bucket, call.key),
        };
        let is_in_line = shared.lines().has(id);
        if !is_in_line {
            let former = shared.progress(id, &line).await?;
            let progress = CallProgress {
                next: None,
                is_given_up: false,
                ..former
            };
            shared.unwritten.note(id, progress.clone());
            let now = shared.now();
            let mut lines = shared.lines();
            lines.add(id, &line, progress.attempts, now, created);
        }
        shared.lines().ask(id, shared.now());
        shared.changed.notify_one();
        Ok(())
    }

    /// Forgets a call that is owed; an object that is held for it is dropped. Whether it was owed.
    ///
    /// # Errors
    /// The catalog's.
    pub(crate) async fn drop_call(&self, id: BlobId) -> Result<bool, CatalogError> {
        let was_owed = self.0.catalog.settle_call(id, None).await?;
        self.0.end(id);
        self.0.changed.notify_one();
        Ok(was_owed)
    }

    /// Forgets the calls of a bucket, drops the objects that are held for them, and forgets where nobody
    /// answered. A call under way goes on, and what the application says to it changes nothing any more.
    ///
    /// # Errors
    /// The catalog's; some of them may be forgotten then.
    pub(crate) async fn drop_calls(&self, bucket: &BucketName) -> Result<(), CatalogError> {
        self.drop_those(|facts| facts.bucket == *bucket).await?;
        let now = self.0.now();
        self.0.lines().forget_destinations(bucket.as_str(), now);
        self.0.changed.notify_one();
        Ok(())
    }

    /// Forgets the calls of these objects, which are gone.
    ///
    /// # Errors
    /// As [`Self::drop_calls`].
    pub(crate) async fn drop_calls_of(&self, gone: &HashSet<BlobId>) -> Result<(), CatalogError> {
        self.drop_those(|facts| gone.contains(&facts.id)).await
    }

    async fn drop_those(&self, is_meant: impl Fn(&OwedFacts) -> bool) -> Result<(), CatalogError> {
        let mut query = OwedQuery {
            limit: LOADED_AT_ONCE,
            ..OwedQuery::default()
        };
        loop {
            let page = self.0.catalog.owed_calls(query.clone()).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            query.after = Some(last.id);
            for facts in page.iter().filter(|facts| is_meant(facts)) {
                self.drop_call(facts.id).await?;
            }
        }
    }

    /// How many calls are in line, 100,000 at most; the others wait in the store.
    pub(crate) fn len(&self) -> usize {
        self.0.lines().len()
    }

    /// Owed calls, with the newest that is known of each.
    ///
    /// # Errors
    /// The catalog's.
    pub(crate) async fn list(&self, query: OwedQuery) -> Result<Vec<OwedFacts>, CatalogError> {
        self.0.write_progress().await;
        self.0.catalog.owed_calls(query).await
    }
}

/// A call that its upload makes.
#[derive(Debug)]
pub(crate) struct Expected {
    shared: Arc<Shared>,
    id: BlobId,
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.shared.expected().remove(&self.id);
    }
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Turn {
    /// The upload makes its call now.
    Now,
    /// The outbox makes it, when those before it were made.
    Later,
}

impl Shared {
    async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        self.load().await;
        self.is_loaded.send_replace(true);
        let mut loaded = Instant::now();
        let mut written = tokio::time::interval(WRITTEN_EACH);
        loop {
            self.begin_deliveries();
            if self.has_room_for_more() && loaded.elapsed() >= LOADED_EACH {
                self.load().await;
                loaded = Instant::now();
            }
            let wait = self.lines().next_moment().map_or(IDLE, |moment| {
                Duration::from_millis(moment.saturating_sub(self.now())).min(IDLE)
            });
            tokio::select! {
                () = is_stopped(&mut stopped) => break,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(wait.max(LEAST_WAIT)) => {}
                _ = written.tick() => self.write_progress().await,
            }
        }
        self.deliveries.close();
        self.deliveries.wait().await;
        self.write_progress().await;
    }

    /// Takes from the store what is owed.
    async fn load(&self) {
        self.lines().begin_load();
        // What was given up and is tried again is in the store only then.
        self.write_progress().await;
        let mut after = None;
        loop {
            let query = OwedQuery {
                after,
                is_given_up: Some(false),
                key: None,
                limit: LOADED_AT_ONCE,
            };
            let page = match self.catalog.owed_calls(query).await {
                Ok(page) => page,
                Err(error) => {
                    // It is tried again with the next look.
                    tracing::error!(error = %crate::fault::chain(&error), "what is owed cannot be read");
                    return;
                }
            };
            let now = self.now();
            let mut lines = self.lines();
            let Some(last) = page.last() else {
                lines.end_load(now);
                return;
            };
            after = Some(last.id);
            for facts in page {
                if self.expected().contains(&facts.id) {
                    continue;
                }
                let due = self.due(&facts.progress, now);
                let created = facts.created.as_millisecond();
                let line = line_of_key(facts.bucket, facts.key);
                if !lines.add(facts.id, &line, facts.progress.attempts, due, created) {
                    return;
                }
            }
        }
    }

    /// When a call of the store is made; not later than if it had failed now, whatever the clock was when
    /// it failed.
    fn due(&self, progress: &CallProgress, now: u64) -> u64 {
        let Some(next) = progress.next else {
            return now;
        };
        let wait = millis(next).saturating_sub(millis(self.clock.now()));
        now + wait.min(backoff::MOST_MS)
    }

    /// What is known of a call that is not in line.
    async fn progress(&self, id: BlobId, line: &Line) -> Result<CallProgress, CatalogError> {
        self.write_progress().await;
        let query = OwedQuery {
            key: Some((line.bucket.clone(), line.key.clone())),
            limit: LOADED_AT_ONCE,
            ..OwedQuery::default()
        };
        let calls = self.catalog.owed_calls(query).await?;
        let found = calls.into_iter().find(|facts| facts.id == id);
        Ok(found.map(|facts| facts.progress).unwrap_or_default())
    }

    /// Begins what is due, as far as there are places.
    fn begin_deliveries(self: &Arc<Self>) {
        loop {
            if self.is_enough() {
                return;
            }
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                return;
            };
            let Some(next) = self.lines().take_due(self.now()) else {
                return;
            };
            let shared = Arc::clone(self);
            self.deliveries.spawn(async move {
                shared.deliver(&next).await;
                drop(place);
                shared.changed.notify_one();
            });
        }
    }

    /// Whether more calls at a time would take too much from uploads that wait for theirs: where there
    /// are some, the outbox has a sixth of what is under way, and two calls in any case.
    fn is_enough(&self) -> bool {
        let own = AT_ONCE - self.places.available_permits();
        let others = self.dispatcher.under_way().saturating_sub(own);
        let most = if others == 0 {
            AT_ONCE
        } else {
            (others / 5).clamp(LEAST_AT_ONCE, AT_ONCE)
        };
        own >= most
    }

    fn failed(&self, id: BlobId, failure: CallbackFailure) {
        let now = self.now();
        if failure == CallbackFailure::TooMany {
            self.lines().crowded(id, now);
            return;
        }
        let (attempts, due) = self.lines().failed(id, now);
        let wait = jiff::SignedDuration::from_millis(due.saturating_sub(now).cast_signed());
        self.unwritten.note(
            id,
            CallProgress {
                attempts,
                next: self.clock.now().checked_add(wait).ok(),
                last_failure: Some(failure.refusal().text().to_owned()),
                is_given_up: false,
            },
        );
    }

    fn end(&self, id: BlobId) {
        self.unwritten.forget(id);
        self.lines().end(id, self.now());
        self.ends.send_modify(|ends| *ends += 1);
    }

    fn heard(&self, destination: &Destination, failure: Option<CallbackFailure>) {
        let now = self.now();
        match failure {
            Some(
                CallbackFailure::CannotConnect
                | CallbackFailure::PlainHttp
                | CallbackFailure::SpeaksTls
                | CallbackFailure::TimedOut,
            ) => {
                self.lines().is_down(destination, now);
            }
            Some(CallbackFailure::TooMany) => {}
            // Whatever it says, somebody is there.
            Some(_) | None => {
                self.lines().is_up(destination, now);
            }
        }
    }

    /// Writes what was tried to the store.
    async fn write_progress(&self) {
        let progress = self.unwritten.take();
        if progress.is_empty() {
            return;
        }
        if let Err(error) = self.catalog.note_calls(progress).await {
            tracing::warn!(error = %crate::fault::chain(&error), "what was tried of owed calls could not be noted");
        }
    }

    /// Milliseconds of the Unix time at the start, and what has passed since.
    fn now(&self) -> u64 {
        let (instant, at) = self.started;
        let passed = u64::try_from(instant.elapsed().as_millis()).unwrap_or(u64::MAX);
        at.saturating_add(passed)
    }

    fn has_room_for_more(&self) -> bool {
        let lines = self.lines();
        lines.is_partial() && lines.len() < MOST_IN_LINE / 2
    }

    fn expected(&self) -> MutexGuard<'_, HashSet<BlobId>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("calls", &self.lines().len())
            .finish_non_exhaustive()
    }
}

async fn is_stopped(stopped: &mut watch::Receiver<bool>) {
    // Whoever could stop it has gone.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Where an order goes, in the bucket's eyes: all of its URLs, without their paths.
///
/// Not the first alone, and not for all buckets: whoever may upload somewhere could name another's
/// application before an address at which nobody answers, and have it taken for down.
fn destination(bucket: &BucketName, parameter: &CallbackParameter) -> Destination {
    let mut text = bucket.to_string();
    for url in &parameter.urls {
        let scheme = if url.is_https() {
            " https://"
        } else {
            " http://"
        };
        text.push_str(scheme);
        text.push_str(&url.authority());
    }
    text.into()
}

fn destination_of(owed: &OwedOrder) -> Destination {
    destination(&owed.order.bucket, &owed.order.parameter)
}

fn millis(time: jiff::Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap_or(0)
}

/// Calls that the outbox makes at the same time: enough to be as fast as uploads are, and far fewer than
/// there may be in all.
const AT_ONCE: usize = 64;

/// Calls that it makes at the same time however many uploads there are.
const LEAST_AT_ONCE: usize = 2;

/// Calls that are read from the store at a time.
const LOADED_AT_ONCE: usize = 1000;

/// The store is looked through at most so often.
const LOADED_EACH: Duration = Duration::from_secs(1);

/// How often it is written what was tried.
const WRITTEN_EACH: Duration = Duration::from_secs(5);

/// The outbox looks around at least so often.
const IDLE: Duration = Duration::from_secs(60);

/// And at most so often, when nothing happens.
const LEAST_WAIT: Duration = Duration::from_millis(5);
