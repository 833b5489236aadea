//! Connections at rest, for the next call to the same application.
//!
//! Bounded per application and in all; a connection that has rested too long, or whose other end
//! has closed or spoken, is not used again. A task closes what nobody comes for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::callback::destination::Destination;
use crate::callback::exchange::Connection;
use crate::limits;

/// Connections at rest.
#[derive(Debug)]
pub(in crate::callback) struct Pool {
    rests: Arc<Rests>,
    sweeper: JoinHandle<()>,
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
    by_destination: HashMap<Arc<Destination>, Vec<(Instant, Connection)>>,
}

impl Pool {
    /// Must be called on a runtime, which runs its task.
    pub(in crate::callback) fn start() -> Self {
        let rests = Arc::new(Rests::default());
        let sweeper = tokio::spawn(sweep(Arc::clone(&rests)));
        Self { rests, sweeper }
    }

    /// The connection that rested last, if there is one that is still good.
    pub(in crate::callback) fn take(&self, destination: &Arc<Destination>) -> Option<Connection> {
        let mut given_up = Vec::new();
        let mut state = self.rests.lock();
        let found = loop {
            let Some((since, connection)) = state.pop(destination) else {
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
    pub(in crate::callback) fn put(&self, destination: &Arc<Destination>, connection: Connection) {
        let mut state = self.rests.lock();
        if state.count >= limits::CALLBACK_RESTING {
            return;
        }
        let resting = state
            .by_destination
            .entry(Arc::clone(destination))
            .or_default();
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
    fn pop(&mut self, destination: &Arc<Destination>) -> Option<(Instant, Connection)> {
        let Entry::Occupied(mut resting) = self.by_destination.entry(Arc::clone(destination))
        else {
            return None;
        };
        let popped = resting.get_mut().pop();
        if resting.get().is_empty() {
            resting.remove();
        }
        self.count -= usize::from(popped.is_some());
        popped
    }

    /// Takes out what has rested for `limit`.
    fn expired(&mut self, limit: Duration) -> Vec<Connection> {
        let mut expired = Vec::new();
        self.by_destination.retain(|_, resting| {
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
