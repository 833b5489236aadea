//! Places: how many calls there may be at the same time, in all and to one application.
//!
//! A call takes a place before it is signed and gives it back when it has ended. Within an
//! application's share calls are under way, those beyond it wait for one of them to end, and beyond
//! what may wait there is no place. Both shares shrink as places get scarce: an application may
//! have as many as are still free, so one that stalls takes half of them at most, two take two
//! thirds, and there is always room for another one (the "dynamic threshold" of switches that share
//! a buffer; Choudhury and Hahne, 1998).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::callback::destination::Destination;

/// How many places there are. The reasons stand at the fields of [`Limits`](crate::Limits).
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceLimits {
    /// Calls that wait or are under way, in all.
    pub(crate) calls: usize,
    /// Calls under way, in all.
    pub(crate) under_way: usize,
    /// Calls under way to one application.
    pub(crate) under_way_each: usize,
    /// Calls that wait for one application.
    pub(crate) waiting_each: usize,
    /// How long one waits.
    pub(crate) wait: Duration,
}

/// Why there was no place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Crowded {
    /// As many calls as may wait for this application do.
    Full { calls: usize },
    /// None of those under way to this application ended in time.
    Waited { limit: Duration },
}

/// All places of a server.
#[derive(Debug)]
pub(in crate::callback) struct Places {
    limits: PlaceLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: usize,
    under_way: usize,
    shares: HashMap<Arc<Destination>, Share>,
    /// Applications for which somebody waits, each once, the next one in front.
    turns: VecDeque<Arc<Destination>>,
}

#[derive(Debug, Default)]
struct Share {
    calls: usize,
    under_way: usize,
    waiting: VecDeque<oneshot::Sender<Place>>,
}

/// What one counts as, until it is dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    UnderWay,
    Waiting,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(in crate::callback) struct Place {
    places: Arc<Places>,
    destination: Arc<Destination>,
    kind: Kind,
}

impl Place {
    pub(in crate::callback) fn destination(&self) -> &Arc<Destination> {
        &self.destination
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.leave(&self.destination, self.kind);
    }
}

enum Entry {
    Now(Place),
    /// The second one is what it counts as until the first one comes.
    Later(oneshot::Receiver<Place>, Place),
}

impl Places {
    pub(in crate::callback) fn new(limits: PlaceLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            state: Mutex::default(),
        })
    }

    /// A place among the calls under way.
    ///
    /// # Errors
    /// There is none, and none came free in time.
    ///
    /// # Cancellation
    /// A place that was given to a caller who is gone is given to the next one.
    pub(in crate::callback) async fn enter(
        self: &Arc<Self>,
        destination: Destination,
    ) -> Result<Place, Crowded> {
        let (turn, _waiting) = match self.entry(&Arc::new(destination))? {
            Entry::Now(place) => return Ok(place),
            Entry::Later(turn, waiting) => (turn, waiting),
        };
        let limit = self.limits.wait;
        match tokio::time::timeout(limit, turn).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Crowded::Waited { limit }),
        }
    }

    /// Whether a call would be under way at once, if it were to enter now.
    pub(in crate::callback) fn has_room(&self, destination: &Destination) -> bool {
        let state = self.lock();
        let none = Share::default();
        let share = state.shares.get(destination).unwrap_or(&none);
        self.limits.let_in(share.calls, state.calls)
            && share.may_start(&self.limits, state.under_way)
    }

    fn entry(self: &Arc<Self>, destination: &Arc<Destination>) -> Result<Entry, Crowded> {
        let place = |kind| Place {
            places: Arc::clone(self),
            destination: Arc::clone(destination),
            kind,
        };
        let mut state = self.lock();
        let state = &mut *state;
        let taken = state.shares.get(destination).map_or(0, |share| share.calls);
        if !self.limits.let_in(taken, state.calls) {
            return Err(Crowded::Full { calls: taken });
        }
        let share = state.shares.entry(Arc::clone(destination)).or_default();
        share.forget_who_is_gone();
        if share.may_start(&self.limits, state.under_way) {
            share.calls += 1;
            share.under_way += 1;
            state.calls += 1;
            state.under_way += 1;
            return Ok(Entry::Now(place(Kind::UnderWay)));
        }
        if share.waiting.len() >= self.limits.waiting_each {
            return Err(Crowded::Full { calls: taken });
        }
        let (turn, comes) = oneshot::channel();
        if share.waiting.is_empty() && !state.turns.contains(destination) {
            state.turns.push_back(Arc::clone(destination));
        }
        share.waiting.push_back(turn);
        share.calls += 1;
        state.calls += 1;
        Ok(Entry::Later(comes, place(Kind::Waiting)))
    }

    fn leave(self: &Arc<Self>, destination: &Arc<Destination>, kind: Kind) {
        let mut called = Vec::new();
        {
            let mut state = self.lock();
            state.leave(destination, kind);
            while let Some((turn, destination)) = state.next_turn(&self.limits) {
                let (places, kind) = (Arc::clone(self), Kind::UnderWay);
                let place = Place {
                    places,
                    destination,
                    kind,
                };
                called.push((turn, place));
            }
        }
        // Without the lock: whoever is gone by now drops the place, and comes here again.
        for (turn, place) in called {
            let _ = turn.send(place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PlaceLimits {
    /// Whether an application with so many calls may have one more, of so many in all.
    fn let_in(&self, its: usize, all: usize) -> bool {
        its < self.calls.saturating_sub(all)
    }

    /// Whether an application with so many calls under way may have one more, of so many in all.
    fn let_start(&self, its: usize, all: usize) -> bool {
        its < self.under_way_each && its < self.under_way.saturating_sub(all)
    }
}

impl State {
    fn leave(&mut self, destination: &Arc<Destination>, kind: Kind) {
        self.calls -= 1;
        let Some(share) = self.shares.get_mut(destination) else {
            return;
        };
        share.calls -= 1;
        if kind == Kind::UnderWay {
            self.under_way -= 1;
            share.under_way -= 1;
        }
        if share.calls == 0 {
            if !share.waiting.is_empty() {
                self.turns.retain(|other| other != destination);
            }
            self.shares.remove(destination);
        }
    }

    /// Takes the next one who may start off the queue, one application after the other.
    fn next_turn(
        &mut self,
        limits: &PlaceLimits,
    ) -> Option<(oneshot::Sender<Place>, Arc<Destination>)> {
        for _ in 0..self.turns.len().min(LOOKED_AT) {
            let destination = self.turns.pop_front()?;
            let Some(share) = self.shares.get_mut(&destination) else {
                continue;
            };
            share.forget_who_is_gone();
            if !limits.let_start(share.under_way, self.under_way) {
                self.turns.push_back(destination);
                continue;
            }
            let Some(turn) = share.waiting.pop_front() else {
                continue;
            };
            share.calls += 1;
            share.under_way += 1;
            self.calls += 1;
            self.under_way += 1;
            if !share.waiting.is_empty() {
                self.turns.push_back(Arc::clone(&destination));
            }
            return Some((turn, destination));
        }
        None
    }
}

impl Share {
    /// Whether one more is under way at once, with so many under way in all: nobody waits before it.
    fn may_start(&self, limits: &PlaceLimits, all: usize) -> bool {
        self.waiting.is_empty() && limits.let_start(self.under_way, all)
    }

    /// All wait for the same time, so whoever has given up stands in front.
    fn forget_who_is_gone(&mut self) {
        while self.waiting.front().is_some_and(oneshot::Sender::is_closed) {
            self.waiting.pop_front();
        }
    }
}

/// Applications that are asked whether they may have a place that came free. Those behind them are
/// asked when the next one does.
const LOOKED_AT: usize = 16;

#[cfg(test)]
mod tests {
    use upcall::callback::CallbackUrl;

    use super::*;

    const LIMITS: PlaceLimits = PlaceLimits {
        calls: 16,
        under_way: 8,
        under_way_each: 3,
        waiting_each: 4,
        wait: Duration::from_secs(1),
    };

    fn application(number: usize) -> Destination {
        let url = format!("http://app{number}.example/");
        Destination::new(&CallbackUrl::parse(&url).unwrap(), false)
    }

    fn taken(places: &Places) -> (usize, usize, usize, usize) {
        let state = places.lock();
        let (shares, turns) = (state.shares.len(), state.turns.len());
        (state.calls, state.under_way, shares, turns)
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_its_share_an_application_waits_and_beyond_that_it_is_full() {
        let places = Places::new(LIMITS);
        let mut under_way = Vec::new();
        for _ in 0..3 {
            assert!(places.has_room(&application(1)));
            under_way.push(places.enter(application(1)).await.unwrap());
        }
        assert!(!places.has_room(&application(1)));
        assert!(places.has_room(&application(2)));
        let mut waiting = Vec::new();
        for _ in 0..4 {
            let places = Arc::clone(&places);
            waiting.push(tokio::spawn(
                async move { places.enter(application(1)).await },
            ));
            tokio::task::yield_now().await;
        }
        let full = places.enter(application(1)).await;
        assert_eq!(full.unwrap_err(), Crowded::Full { calls: 7 });
        // Somebody else is not touched by that.
        drop(places.enter(application(2)).await.unwrap());

        drop(under_way.pop());
        let first = waiting.remove(0).await.unwrap();
        assert!(first.is_ok(), "who came first has the place");
        let limit = LIMITS.wait;
        for other in waiting {
            assert_eq!(other.await.unwrap().unwrap_err(), Crowded::Waited { limit });
        }
        drop((under_way, first));
        assert_eq!(taken(&places), (0, 0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn applications_that_stall_leave_room_for_another_one() {
        let places = Places::new(LIMITS);
        let mut stalled = Vec::new();
        for application_number in 0..3 {
            loop {
                let entry = places.entry(&Arc::new(application(application_number)));
                match entry {
                    Ok(entry) => stalled.push(entry),
                    Err(_) => break,
                }
            }
        }
        let (calls, under_way, ..) = taken(&places);
        assert!(calls < LIMITS.calls, "{calls}");
        assert!(under_way < LIMITS.under_way, "{under_way}");

        let entry = places.entry(&Arc::new(application(9)));
        assert!(matches!(entry, Ok(Entry::Now(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_comes_free_goes_round() {
        let limits = PlaceLimits {
            under_way: 2,
            ..LIMITS
        };
        let places = Places::new(limits);
        let first = places.enter(application(1)).await.unwrap();
        let wait = |number| {
            let places = Arc::clone(&places);
            tokio::spawn(async move { places.enter(application(number)).await })
        };
        // One place is free, and kept for an application that has none.
        let same = wait(1);
        tokio::task::yield_now().await;
        let other = places.enter(application(2)).await.unwrap();
        let (more, third) = (wait(2), wait(3));
        tokio::task::yield_now().await;

        drop(first);
        let same = same.await.unwrap().unwrap();
        drop(other);
        let more = more.await.unwrap().unwrap();
        drop(same);
        let third = third.await.unwrap().unwrap();

        drop((more, third));
        assert_eq!(taken(&places), (0, 0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_given_to_somebody_who_is_gone_goes_to_the_next() {
        let limits = PlaceLimits {
            under_way_each: 1,
            ..LIMITS
        };
        let places = Places::new(limits);
        let first = places.enter(application(1)).await.unwrap();
        let Ok(Entry::Later(gone, waiting)) = places.entry(&Arc::new(application(1))) else {
            panic!("there was room");
        };
        let Ok(Entry::Later(mut next, next_waiting)) = places.entry(&Arc::new(application(1)))
        else {
            panic!("there was room");
        };
        drop(first);
        // It has been sent and will not be read.
        drop(gone);
        drop(waiting);
        assert!(next.try_recv().is_ok());
        drop((next, next_waiting));
        assert_eq!(taken(&places), (0, 0, 0, 0));
    }
}
