//! The one writer: a thread that takes every waiting change into one transaction.
//!
//! In: changes, as closures over the connection. Out: their results, after the flush that made all
//! of them durable. A change decides before it writes and writes with one statement, so one that is
//! refused leaves nothing behind and takes no other down.
//!
//! A change whose caller has gone is still made: what was queued is all or none of it, never half.

use std::path::Path;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::open_connection;
use crate::catalog::{CatalogError, EngineFault};

/// The way to the writer.
#[derive(Debug)]
pub(super) struct Writer {
    queue: std::sync::Mutex<Option<mpsc::Sender<Box<dyn Change>>>>,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(path: &Path) -> Result<Self, CatalogError> {
        let connection = open_connection(path)?;
        let (sender, receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("catalog".to_owned())
            .spawn(move || run(&connection, receiver))
            .map_err(|error| CatalogError::Engine(EngineFault::new(error, false)))?;
        Ok(Self {
            queue: std::sync::Mutex::new(Some(sender)),
            thread: std::sync::Mutex::new(Some(thread)),
        })
    }

    /// Makes a change; returns when it is durable.
    pub(super) async fn change<T, F>(&self, apply: F) -> Result<T, CatalogError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    {
        self.change_then(apply, |result| result).await
    }

    /// Makes a change; when it is durable, `then` turns what it gave into the result. `then` runs in
    /// the order of the changes and whether or not the caller is still there.
    pub(super) async fn change_then<T, U, F, A>(&self, apply: F, then: A) -> Result<U, CatalogError>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
        A: FnOnce(T) -> U + Send + 'static,
    {
        let queue = lock(&self.queue).clone().ok_or(CatalogError::Closed)?;
        let (sender, receiver) = oneshot::channel();
        let change = Typed {
            apply: Some(apply),
            result: None,
            then,
            sender,
        };
        queue
            .send(Box::new(change))
            .await
            .map_err(|_| CatalogError::Closed)?;
        receiver.await.map_err(|_| CatalogError::Closed)?
    }

    /// Ends when every queued change is durable.
    pub(super) fn close(&self) {
        drop(lock(&self.queue).take());
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the catalog's writer did not end well");
        }
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A change, whatever its result is.
trait Change: Send {
    fn apply(&mut self, connection: &Connection);
    fn settle(self: Box<Self>, flushed: Result<(), CatalogError>);
}

struct Typed<T, U, F, A> {
    apply: Option<F>,
    result: Option<Result<T, CatalogError>>,
    then: A,
    sender: oneshot::Sender<Result<U, CatalogError>>,
}

impl<T, U, F, A> Change for Typed<T, U, F, A>
where
    T: Send,
    U: Send,
    F: FnOnce(&Connection) -> Result<T, CatalogError> + Send,
    A: FnOnce(T) -> U + Send,
{
    fn apply(&mut self, connection: &Connection) {
        if let Some(apply) = self.apply.take() {
            self.result = Some(apply(connection));
        }
    }

    fn settle(self: Box<Self>, flushed: Result<(), CatalogError>) {
        let Self {
            result,
            then,
            sender,
            ..
        } = *self;
        let result = match (flushed, result) {
            (Ok(()), Some(result)) => result.map(then),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(CatalogError::Closed),
        };
        // The caller may have gone.
        let _ = sender.send(result);
    }
}

fn run(connection: &Connection, mut queue: mpsc::Receiver<Box<dyn Change>>) {
    let mut group: Vec<Box<dyn Change>> = Vec::with_capacity(GROUP);
    while let Some(first) = queue.blocking_recv() {
        group.push(first);
        while group.len() < GROUP
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        let flushed = commit(connection, &mut group);
        for change in group.drain(..) {
            change.settle(flushed.clone());
        }
    }
}

fn commit(connection: &Connection, group: &mut [Box<dyn Change>]) -> Result<(), CatalogError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for change in group.iter_mut() {
        change.apply(connection);
    }
    connection.execute_batch("COMMIT").map_err(|error| {
        // A commit that failed may leave its transaction open; whatever is in it must not come along
        // with the next one. If the rollback fails too, the next BEGIN fails and says so.
        let _ = connection.execute_batch("ROLLBACK");
        error.into()
    })
}

/// Changes that may wait; whoever comes then waits for a place.
const QUEUE: usize = 4096;

/// Changes in one transaction: enough to share a flush among all that wait, few enough that the first
/// of them does not wait long for the last.
const GROUP: usize = 512;
