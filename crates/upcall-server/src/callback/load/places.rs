//! Places: how many calls there may be at the same time, in all and of one share.
//!
//! A call takes a place before it is signed and gives it back when it has ended. Within an
//! application's share calls are under way, those beyond it wait for one of them to end, and beyond
//! what may wait there is no place. Shares shrink as places get scarce: an application may have as many
//! as are still free, so one that stalls takes half of them at most, two take two thirds, and there is
//! always room for another one (the "dynamic threshold" of switches that share a buffer; Choudhury and
//! Hahne, 1998). A bucket, a requester, a peer or an address may have several times as many as are still
//! free, since it may have several applications. What a call counts for, and which places are kept for
//! whom, stands in [`super::shares`].

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::shares::{Claim, Count, Counts, ShareId, ShareIds};
use crate::callback::destination::Destination;
use crate::callback::request::{CallbackOrder, Origin};
use crate::limits;

#[cfg(test)]
mod tests;

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
    /// Places are scarce, and others of the same bucket, requester, peer or address have so many.
    Shared { calls: usize },
    /// The host has not agreed to a call yet, and enough was sent to it.
    Unproven,
    /// None of those under way to this application ended in time.
    Waited { limit: Duration },
}

/// All places of a server.
#[derive(Debug)]
pub(in crate::callback) struct Places {
    limits: PlaceLimits,
    ids: ShareIds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    all: Count,
    lanes: HashMap<Lane, Waiters>,
    shares: Counts,
    /// Lanes in which calls wait, each once, the next one in front: those of fixed calls, and the others.
    turns: [VecDeque<Lane>; 2],
}

/// Calls to one application whose callback was fixed, or was not.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Lane {
    destination: Arc<Destination>,
    origin: Origin,
}

#[derive(Debug, Default)]
struct Waiters {
    count: Count,
    waiting: VecDeque<(oneshot::Sender<Place>, Claim)>,
}

/// What a place counts as, until it is dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    UnderWay,
    Waiting,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(in crate::callback) struct Place {
    places: Arc<Places>,
    lane: Lane,
    claim: Claim,
    kind: Kind,
    /// The share of the address that was connected to.
    address: OnceLock<ShareId>,
}

impl Place {
    pub(in crate::callback) fn destination(&self) -> &Arc<Destination> {
        &self.lane.destination
    }

    /// The call goes to this address, now that its host was resolved.
    ///
    /// # Errors
    /// Places are scarce, and calls to the same address by other names have too many of them.
    pub(in crate::callback) fn goes_to(&self, address: SocketAddr) -> Result<(), Crowded> {
        let share = self.places.ids.of_address(self.claim.origin, address);
        let mut state = self.places.lock();
        let state = &mut *state;
        let count = state.shares.of(share);
        let own = state
            .lanes
            .get(&self.lane)
            .map_or(0, |lane| lane.count.under_way);
        let limits = &self.places.limits;
        // An application that is alone at its address has been judged as itself.
        let is_shared = count.under_way >= own;
        if is_shared && !limits.let_share_start(self.claim.origin, count, state.all) {
            return Err(Crowded::Shared {
                calls: count.under_way,
            });
        }
        if self.address.set(share).is_ok() {
            state.shares.add(share, self.kind);
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.leave(self);
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
            ids: ShareIds::default(),
            state: Mutex::default(),
        })
    }

    /// What the calls of an order count for.
    pub(in crate::callback) fn claim(&self, order: &CallbackOrder) -> Claim {
        self.ids.claim(order)
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
        claim: Claim,
    ) -> Result<Place, Crowded> {
        let (turn, _waiting) = match self.entry(&Arc::new(destination), claim)? {
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
    pub(in crate::callback) fn has_room(&self, destination: Destination, claim: Claim) -> bool {
        let lane = Lane {
            destination: Arc::new(destination),
            origin: claim.origin,
        };
        let state = self.lock();
        let none = Waiters::default();
        let waiters = state.lanes.get(&lane).unwrap_or(&none);
        state.lets_in(&self.limits, waiters.count, claim).is_ok()
            && waiters.waiting.is_empty()
            && state.lets_start(&self.limits, waiters.count, claim)
    }

    fn entry(self: &Arc<Self>, to: &Arc<Destination>, claim: Claim) -> Result<Entry, Crowded> {
        let lane = Lane {
            destination: Arc::clone(to),
            origin: claim.origin,
        };
        let place = |kind| self.place(lane.clone(), claim, kind);
        let mut state = self.lock();
        let state = &mut *state;
        let count = state
            .lanes
            .get(&lane)
            .map_or_else(Count::default, |lane| lane.count);
        state.lets_in(&self.limits, count, claim)?;
        let may_start = state.lets_start(&self.limits, count, claim);
        let waiters = state.lanes.entry(lane.clone()).or_default();
        waiters.forget_who_is_gone();
        if may_start && waiters.waiting.is_empty() {
            state.add(&lane, claim, Kind::UnderWay);
            return Ok(Entry::Now(place(Kind::UnderWay)));
        }
        if waiters.waiting.len() >= self.limits.waiting_each {
            return Err(Crowded::Full { calls: count.calls });
        }
        let (turn, comes) = oneshot::channel();
        let turns = &mut state.turns[queue(claim.origin)];
        if waiters.waiting.is_empty() && !turns.contains(&lane) {
            turns.push_back(lane.clone());
        }
        waiters.waiting.push_back((turn, claim));
        state.add(&lane, claim, Kind::Waiting);
        Ok(Entry::Later(comes, place(Kind::Waiting)))
    }

    fn place(self: &Arc<Self>, lane: Lane, claim: Claim, kind: Kind) -> Place {
        Place {
            places: Arc::clone(self),
            lane,
            claim,
            kind,
            address: OnceLock::new(),
        }
    }

    fn leave(self: &Arc<Self>, place: &Place) {
        let mut called = Vec::new();
        {
            let mut state = self.lock();
            if let Some(address) = place.address.get() {
                state.shares.remove(*address, place.kind);
            }
            state.leave(&place.lane, place.claim, place.kind);
            while let Some((turn, lane, claim)) = state.next_turn(&self.limits) {
                called.push((turn, self.place(lane, claim, Kind::UnderWay)));
            }
        }
        // Without the lock: a caller who is gone by now drops the place, and comes here again.
        for (turn, place) in called {
            let _ = turn.send(place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PlaceLimits {
    /// Whether a share with so many calls may have one more, of so many in all.
    fn let_share_in(&self, origin: Origin, its: Count, all: Count) -> bool {
        its.calls < limits::CALLBACK_SHARE_TIMES * free(self.calls, all.calls, origin)
    }

    /// Whether a share with so many calls under way may have one more, of so many in all.
    fn let_share_start(&self, origin: Origin, its: Count, all: Count) -> bool {
        its.under_way < limits::CALLBACK_SHARE_TIMES * free(self.under_way, all.under_way, origin)
    }
}

/// Places that are free for calls of this origin.
fn free(places: usize, taken: usize, origin: Origin) -> usize {
    let kept = match origin {
        Origin::Fixed => 0,
        Origin::Uploader => places / limits::CALLBACK_PLACES_KEPT,
    };
    places.saturating_sub(kept).saturating_sub(taken)
}

const fn queue(origin: Origin) -> usize {
    match origin {
        Origin::Fixed => 0,
        Origin::Uploader => 1,
    }
}

impl State {
    /// Whether a lane with so many calls may have one more of this claim.
    fn lets_in(&self, limits: &PlaceLimits, lane: Count, claim: Claim) -> Result<(), Crowded> {
        if lane.calls >= free(limits.calls, self.all.calls, claim.origin) {
            return Err(Crowded::Full { calls: lane.calls });
        }
        for share in claim.shares() {
            let count = self.shares.of(share);
            if !limits.let_share_in(claim.origin, count, self.all) {
                return Err(Crowded::Shared { calls: count.calls });
            }
        }
        Ok(())
    }

    fn lets_start(&self, limits: &PlaceLimits, lane: Count, claim: Claim) -> bool {
        let mut shares = claim.shares();
        lane.under_way < limits.under_way_each
            && lane.under_way < free(limits.under_way, self.all.under_way, claim.origin)
            && shares
                .all(|share| limits.let_share_start(claim.origin, self.shares.of(share), self.all))
    }

    fn add(&mut self, lane: &Lane, claim: Claim, kind: Kind) {
        self.all.add(kind);
        if let Some(waiters) = self.lanes.get_mut(lane) {
            waiters.count.add(kind);
        }
        for share in claim.shares() {
            self.shares.add(share, kind);
        }
    }

    fn leave(&mut self, lane: &Lane, claim: Claim, kind: Kind) {
        self.all.remove(kind);
        for share in claim.shares() {
            self.shares.remove(share, kind);
        }
        let Some(waiters) = self.lanes.get_mut(lane) else {
            return;
        };
        waiters.count.remove(kind);
        if waiters.count.calls == 0 {
            if !waiters.waiting.is_empty() {
                self.turns[queue(lane.origin)].retain(|other| other != lane);
            }
            self.lanes.remove(lane);
        }
    }

    /// Takes the next one who may start off the queues: fixed calls first, and one lane after the other.
    fn next_turn(&mut self, limits: &PlaceLimits) -> Option<(oneshot::Sender<Place>, Lane, Claim)> {
        [Origin::Fixed, Origin::Uploader]
            .into_iter()
            .find_map(|origin| self.next_turn_of(origin, limits))
    }

    fn next_turn_of(
        &mut self,
        origin: Origin,
        limits: &PlaceLimits,
    ) -> Option<(oneshot::Sender<Place>, Lane, Claim)> {
        let queue = queue(origin);
        for _ in 0..self.turns[queue].len().min(LOOKED_AT) {
            let lane = self.turns[queue].pop_front()?;
            let Some(waiters) = self.lanes.get_mut(&lane) else {
                continue;
            };
            waiters.forget_who_is_gone();
            let count = waiters.count;
            // Those in front may count for a bucket or a requester that has its share.
            let claims: Vec<Claim> = waiters
                .waiting
                .iter()
                .take(LOOKED_AT)
                .map(|(_, claim)| *claim)
                .collect();
            if claims.is_empty() {
                continue;
            }
            let found = claims
                .iter()
                .position(|claim| self.lets_start(limits, count, *claim));
            let Some(found) = found else {
                self.turns[queue].push_back(lane);
                continue;
            };
            let waiters = self.lanes.get_mut(&lane)?;
            let (turn, claim) = waiters.waiting.remove(found)?;
            if !waiters.waiting.is_empty() {
                self.turns[queue].push_back(lane.clone());
            }
            self.add(&lane, claim, Kind::UnderWay);
            return Some((turn, lane, claim));
        }
        None
    }
}

impl Waiters {
    /// All wait for the same time, so those who have given up stand in front.
    fn forget_who_is_gone(&mut self) {
        while self
            .waiting
            .front()
            .is_some_and(|(turn, _)| turn.is_closed())
        {
            self.waiting.pop_front();
        }
    }
}

/// Lanes that are asked whether they may have a place that came free, and calls of each. Those behind
/// them are asked when the next one does.
const LOOKED_AT: usize = 16;
