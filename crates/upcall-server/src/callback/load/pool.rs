//! Connections at rest, for the next call of the same bucket to the same application.
//!
//! Never shared between buckets: what an application sends too late on one of them would become the
//! answer to another bucket's upload. Bounded per bucket and application and in all; a connection
//! that has rested too long, or whose other end has closed or spoken, is not used again. A task
//! closes what is not used again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use upcall::name::BucketName;

use crate::callback::destination::Destination;
use crate::callback::exchange::Connection;
use crate::limits;

/// Connections at rest.
#[derive(Debug)]
pub(in crate::callback) struct Pool {
    rests: Arc<Rests>,
    most: usize,
    sweeper: JoinHandle<()>,
}

/// Two calls that have this in common may use one connection after the other.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(in crate::callback) struct Sharing {
    pub(in crate::callback) bucket: BucketName,
    pub(in crate::callback) destination: Arc<Destination>,
}

#[derive(Debug, Default)]
struct Rests {
    state: Mutex<State>,
    /// There is something to sweep.
    began: Notify,
}

#[derive(Debug, Default)]
struct State {
    count: usize,
    /// The longest at rest in front.
    by_sharing: HashMap<Sharing, Vec<(Instant, Connection)>>,
}

impl Pool {
    /// Keeps `most` connections, [`limits::CALLBACK_RESTING`] at most. Must be called on a runtime, which
    /// runs its task.
    pub(in crate::callback) fn start(most: usize) -> Self {
        let rests = Arc::new(Rests::default());
        let sweeper = tokio::spawn(sweep(Arc::clone(&rests)));
        let most = most.min(limits::CALLBACK_RESTING);
        Self {
            rests,
            most,
            sweeper,
        }
    }

    /// The connection that rested last, if there is one that is still good.
    pub(in crate::callback) fn take(&self, sharing: &Sharing) -> Option<Connection> {
        let mut given_up = Vec::new();
        let mut state = self.rests.lock();
        let found = loop {
            let Some((since, connection)) = state.pop(sharing) else {
                break None;
            };
            if since.elapsed() < limits::CALLBACK_REST && connection.is_quiet() {
                break Some(connection);
            }
            given_up.push(connection);
        };
        // Closing takes a while, and may be done without the lock.
        drop(state);
        drop(given_up);
        found
    }

    /// Lets a connection rest; one too many is closed.
    pub(in crate::callback) fn put(&self, sharing: Sharing, connection: Connection) {
        let mut state = self.rests.lock();
        if state.count >= self.most {
            return;
        }
        let resting = state.by_sharing.entry(sharing).or_default();
        if resting.len() >= limits::CALLBACK_RESTING_EACH {
            return;
        }
        resting.push((Instant::now(), connection));
        state.count += 1;
        if state.count == 1 {
            self.rests.began.notify_one();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

impl Rests {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pop(&mut self, sharing: &Sharing) -> Option<(Instant, Connection)> {
        let resting = self.by_sharing.get_mut(sharing)?;
        let popped = resting.pop();
        if resting.is_empty() {
            self.by_sharing.remove(sharing);
        }
        self.count -= usize::from(popped.is_some());
        popped
    }

    /// Takes out what has rested for `limit`.
    fn expired(&mut self, limit: Duration) -> Vec<Connection> {
        let mut expired = Vec::new();
        self.by_sharing.retain(|_, resting| {
            let tired = resting.partition_point(|(since, _)| since.elapsed() >= limit);
            expired.extend(resting.drain(..tired).map(|(_, connection)| connection));
            !resting.is_empty()
        });
        self.count -= expired.len();
        expired
    }
}

/// Closes what has rested too long, for as long as there is a pool; sleeps while nothing rests.
async fn sweep(rests: Arc<Rests>) {
    loop {
        rests.began.notified().await;
        loop {
            tokio::time::sleep(limits::CALLBACK_REST / 4).await;
            let (expired, left) = {
                let mut state = rests.lock();
                (state.expired(limits::CALLBACK_REST), state.count)
            };
            drop(expired);
            if left == 0 {
                break;
            }
        }
    }
}
