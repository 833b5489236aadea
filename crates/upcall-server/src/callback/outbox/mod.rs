//! The outbox: calls that are owed, until they have arrived.
//!
//! The store says what is owed; in here stands who makes which call when. An upload makes its own call
//! and tells the outbox what came of it; what did not arrive is made again by the outbox, in the order
//! of each key, with waits that grow, until it arrives or its time is over. After a start it begins with
//! what the store has.

mod backoff;
mod delivery;
mod lines;
mod progress;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use upcall::callback::answer::CallbackFailure;
use upcall_store::blobs::{BlobId, Blobs};
use upcall_store::catalog::{CallProgress, Catalog, CatalogError, OwedFacts, OwedQuery};

use self::lines::{Destination, Line, Lines, Own};
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
    /// There are more in the store than are in line here.
    has_more: std::sync::atomic::AtomicBool,
    unwritten: Unwritten,
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
            clock,
            lines: Mutex::default(),
            has_more: false.into(),
            unwritten: Unwritten::default(),
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

    /// An upload's call is owed, and the upload will make it: ends when it is its turn, or not before
    /// `limit`.
    pub(crate) async fn take_turn(&self, owed: &OwedOrder, limit: Duration) -> Turn {
        let shared = &self.0;
        let line: Line = Arc::new((owed.order.bucket.clone(), owed.order.key.clone()));
        let destination = destination(owed);
        let now = shared.now();
        let told = {
            let mut lines = shared.lines();
            if lines.len() >= MOST_IN_LINE || shared.has_more() {
                shared.set_has_more(true);
                return Turn::Later;
            }
            lines.add_own(owed.id, &line, destination, now)
        };
        let told = match told {
            Own::Now => return Turn::Now,
            Own::Later => return Turn::Later,
            Own::When(told) => told,
        };
        shared.changed.notify_one();
        match tokio::time::timeout(limit, told).await {
            Ok(Ok(())) => Turn::Now,
            // The line goes on without the upload.
            Ok(Err(_)) | Err(_) => Turn::Later,
        }
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

    /// What a call says of where it went, also one that is not owed.
    pub(crate) fn heard(&self, owed: &OwedOrder, failure: Option<CallbackFailure>) {
        self.0.heard(&destination(owed), failure);
    }

    /// If nobody answers where this call would go: how long an uploader had better wait.
    pub(crate) fn down_for(&self, authority: &str) -> Option<Duration> {
        let left = self.0.lines().down_for(authority, self.0.now())?;
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
        shared.unwritten.note(id, CallProgress::default());
        let line: Line = Arc::new((call.bucket, call.key));
        let now = shared.now();
        {
            let mut lines = shared.lines();
            if lines.has(id) {
                lines.hurry(&line, now);
            } else {
                lines.add(id, &line, 0, now);
            }
        }
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
        let mut written = tokio::time::interval(WRITTEN_EACH);
        loop {
            self.begin_deliveries();
            if self.has_more() && self.lines().len() < MOST_IN_LINE / 2 {
                self.load().await;
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
        self.set_has_more(false);
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
                    self.set_has_more(true);
                    return;
                }
            };
            let Some(last) = page.last() else {
                return;
            };
            after = Some(last.id);
            let now = self.now();
            let mut lines = self.lines();
            for facts in page {
                if lines.len() >= MOST_IN_LINE {
                    self.set_has_more(true);
                    return;
                }
                let due = facts
                    .progress
                    .next
                    .map_or(now, |next| millis(next).max(now));
                let line = Arc::new((facts.bucket, facts.key));
                lines.add(facts.id, &line, facts.progress.attempts, due);
            }
        }
    }

    /// Begins what is due, as far as there are places.
    fn begin_deliveries(self: &Arc<Self>) {
        loop {
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                return;
            };
            let Some(next) = self.lines().take_due(self.now()) else {
                return;
            };
            let shared = Arc::clone(self);
            self.deliveries.spawn(async move {
                shared.deliver(next.id, next.attempts).await;
                drop(place);
                shared.changed.notify_one();
            });
        }
    }

    fn failed(&self, id: BlobId, failure: CallbackFailure) {
        let now = self.now();
        if failure == CallbackFailure::TooMany {
            self.lines().crowded(id, now);
            return;
        }
        let (attempts, due) = self.lines().failed(id, now);
        self.unwritten.note(
            id,
            CallProgress {
                attempts,
                next: jiff::Timestamp::from_millisecond(due.cast_signed()).ok(),
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
            Some(CallbackFailure::CannotConnect | CallbackFailure::TimedOut) => {
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

    fn now(&self) -> u64 {
        millis(self.clock.now())
    }

    fn has_more(&self) -> bool {
        self.has_more.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn set_has_more(&self, has_more: bool) {
        self.has_more
            .store(has_more, std::sync::atomic::Ordering::Relaxed);
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

/// Where an order goes: the authority of its first URL.
fn destination(owed: &OwedOrder) -> Destination {
    let urls = &owed.order.parameter.urls;
    urls.first()
        .map(upcall::callback::CallbackUrl::authority)
        .unwrap_or_default()
        .into()
}

fn millis(time: jiff::Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap_or(0)
}

/// Calls that the outbox makes at the same time: enough to be as fast as uploads are, and far fewer than
/// there may be in all.
const AT_ONCE: usize = 64;

/// Calls that stand in line here, each with some 300 bytes; the others wait in the store.
const MOST_IN_LINE: usize = 100_000;

/// Calls that are read from the store at a time.
const LOADED_AT_ONCE: usize = 1000;

/// How often it is written what was tried.
const WRITTEN_EACH: Duration = Duration::from_secs(5);

/// The outbox looks around at least so often.
const IDLE: Duration = Duration::from_secs(60);

/// And at most so often, when nothing happens.
const LEAST_WAIT: Duration = Duration::from_millis(5);
