//! The connections that are open at the same time, bounded in number and shared among peers.
//!
//! In: a peer that connects. Out: a [`Slot`], or none.
//!
//! - While most places are free, a peer may have any number of them. It never has more than are still
//!   free, so one peer alone gets half of them, and two get a third each.
//! - When a peer is at its share, or no place is free, the connection that has waited for a request
//!   for longest closes in favour of the new one: one of the peer that holds most. A peer that holds
//!   as many as another never displaces that one's.
//! - A connection with a request under way is never closed in favour of another. Reading from a
//!   connection and answering on it take no lock: a slot's state is one atomic.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Peer;

/// Counts the connections of one or several listeners.
#[derive(Debug)]
pub(crate) struct Connections {
    max: usize,
    started: Instant,
    table: Mutex<Table>,
    /// A place became free.
    freed: Notify,
}

/// The result of asking for a place.
#[derive(Debug)]
pub(crate) enum Entry {
    /// The connection may be served.
    Taken(Slot),
    /// Every place is taken by a request under way, and the peer has none: it should wait.
    Full,
    /// The peer has its share, and each connection of it has a request under way.
    OverShare,
}

impl Connections {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max: max.max(1),
            started: Instant::now(),
            table: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Takes a place for a connection of `peer`; `None` is a trusted proxy, which has no share of its
    /// own because it speaks for many.
    pub(crate) fn enter(self: &Arc<Self>, peer: Option<Peer>) -> Entry {
        let mut table = self.table();
        let free = self.max.saturating_sub(table.taken);
        let held = peer.map_or(0, |peer| table.held(peer));
        let has_room = free > 0 && (peer.is_none() || held < free);
        if !has_room && !table.close_longest_idle(peer, held, free) {
            return if held == 0 {
                Entry::Full
            } else {
                Entry::OverShare
            };
        }
        let place = Arc::new(Place {
            state: AtomicU64::new(self.idle_since(Instant::now())),
            index: AtomicUsize::new(0),
            closes: Notify::new(),
        });
        table.add(peer, &place);
        Entry::Taken(Slot {
            connections: Arc::clone(self),
            peer,
            place,
        })
    }

    /// Returns when a place has become free since the last call.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// The state of a place that has been idle since `since`.
    fn idle_since(&self, since: Instant) -> u64 {
        let age = since.saturating_duration_since(self.started);
        u64::try_from(age.as_micros()).map_or(CLOSING - 1, |us| us.saturating_add(1))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the connections; given back on drop.
#[derive(Debug)]
pub(crate) struct Slot {
    connections: Arc<Connections>,
    peer: Option<Peer>,
    place: Arc<Place>,
}

impl Slot {
    /// The connection waits for a request, and has since `since`.
    pub(crate) fn rest(&self, since: Instant) {
        let state = &self.place.state;
        let idle = self.connections.idle_since(since);
        // One that is to close stays so.
        let _ = state.compare_exchange(BUSY, idle, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The connection has something to read. False if it was closed in favour of another first.
    pub(crate) fn wake(&self) -> bool {
        let busy = |state| (state != CLOSING).then_some(BUSY);
        let state = &self.place.state;
        state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, busy)
            .is_ok()
    }

    /// Returns when the connection closes in favour of another.
    pub(crate) async fn closes(&self) {
        self.place.closes.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.connections.table();
        // Who was closed in favour of another has been removed already.
        if self.place.index.load(Ordering::Relaxed) != REMOVED {
            table.remove(self.peer, &self.place);
            drop(table);
            self.connections.freed.notify_one();
        }
    }
}

/// What the table and the connection know of each other.
#[derive(Debug)]
struct Place {
    /// [`BUSY`], [`CLOSING`], or since when it waits for a request: microseconds, and one.
    state: AtomicU64,
    /// Where it stands among its peer's; changes under the table's lock only.
    index: AtomicUsize,
    closes: Notify,
}

impl Place {
    fn idle(&self) -> Option<u64> {
        Some(self.state.load(Ordering::Relaxed)).filter(|state| !matches!(*state, BUSY | CLOSING))
    }
}

#[derive(Debug, Default)]
struct Table {
    taken: usize,
    peers: HashMap<Peer, Vec<Arc<Place>>>,
    /// Each peer under the number of its connections.
    by_count: BTreeSet<(usize, Peer)>,
    /// Where the next search among a peer's connections begins.
    hand: usize,
}

impl Table {
    fn held(&self, peer: Peer) -> usize {
        self.peers.get(&peer).map_or(0, Vec::len)
    }

    fn add(&mut self, peer: Option<Peer>, place: &Arc<Place>) {
        self.taken += 1;
        let Some(peer) = peer else {
            return;
        };
        let places = self.peers.entry(peer).or_default();
        self.by_count.remove(&(places.len(), peer));
        place.index.store(places.len(), Ordering::Relaxed);
        places.push(Arc::clone(place));
        self.by_count.insert((places.len(), peer));
    }

    fn remove(&mut self, peer: Option<Peer>, place: &Place) {
        self.taken -= 1;
        let index = place.index.swap(REMOVED, Ordering::Relaxed);
        let Some(peer) = peer else {
            return;
        };
        let places = self
            .peers
            .get_mut(&peer)
            .expect("a peer is known while it has a connection");
        self.by_count.remove(&(places.len(), peer));
        places.swap_remove(index);
        if let Some(moved) = places.get(index) {
            moved.index.store(index, Ordering::Relaxed);
        }
        if places.is_empty() {
            self.peers.remove(&peer);
        } else {
            self.by_count.insert((places.len(), peer));
        }
    }

    /// Closes one idle connection so that `peer`, which holds so many, may have one more.
    fn close_longest_idle(&mut self, peer: Option<Peer>, held: usize, free: usize) -> bool {
        // Below the whole, a peer over its share makes room among its own.
        let own = peer.filter(|_| free > 0);
        while let Some((since, victim, place)) = self.longest_idle(own, peer, held) {
            let state = &place.state;
            // Otherwise a request came in between.
            if state
                .compare_exchange(since, CLOSING, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
            {
                place.closes.notify_one();
                self.remove(Some(victim), &place);
                return true;
            }
        }
        false
    }

    /// The longest idle connection of the peer that holds most, of those that may be closed.
    fn longest_idle(
        &mut self,
        own: Option<Peer>,
        peer: Option<Peer>,
        held: usize,
    ) -> Option<(u64, Peer, Arc<Place>)> {
        self.hand = self.hand.wrapping_add(LOOKED_AT);
        let mut looked_at = 0;
        let mut best: Option<(u64, usize, Peer, &Arc<Place>)> = None;
        for &(count, victim) in self.by_count.iter().rev() {
            if own.is_some_and(|own| own != victim) || (count <= held && Some(victim) != peer) {
                continue;
            }
            // Of a peer with fewer connections only if none of those with more is idle.
            if best.is_some_and(|(_, of, ..)| count < of || looked_at >= LOOKED_AT) {
                break;
            }
            let places = &self.peers[&victim];
            let start = self.hand % count.max(1);
            let (later, sooner) = places.split_at(start);
            for place in sooner.iter().chain(later) {
                if best.is_some() && looked_at >= LOOKED_AT {
                    break;
                }
                looked_at += 1;
                let Some(since) = place.idle() else {
                    continue;
                };
                if best.is_none_or(|(longest, ..)| since < longest) {
                    best = Some((since, count, victim, place));
                }
            }
        }
        best.map(|(since, _, victim, place)| (since, victim, Arc::clone(place)))
    }
}

const BUSY: u64 = 0;
const CLOSING: u64 = u64::MAX;
const REMOVED: usize = usize::MAX;

/// Connections that are looked at to find the one that is idle for longest, unless none was found.
///
/// 1,024: some 10 µs. Among more than that it is the longest idle of a part, another one each time.
const LOOKED_AT: usize = 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::of([127, 0, 0, last].into())
    }

    fn taken(entry: Entry) -> Slot {
        match entry {
            Entry::Taken(slot) => slot,
            Entry::Full | Entry::OverShare => panic!("{entry:?}"),
        }
    }

    fn is_closing(slot: &Slot) -> bool {
        slot.place.state.load(Ordering::Relaxed) == CLOSING
    }

    #[test]
    fn one_peer_has_half_and_its_next_connection_displaces_its_longest_idle() {
        let connections = Connections::new(8);
        let silent: Vec<Slot> = (0..4)
            .map(|_| taken(connections.enter(Some(peer(1)))))
            .collect();
        for (slot, idle_since) in silent.iter().zip([9, 8, 3, 7]) {
            assert!(slot.wake());
            slot.rest(connections.started + Duration::from_secs(idle_since));
        }

        let fifth = taken(connections.enter(Some(peer(1))));

        let closing: Vec<bool> = silent.iter().map(is_closing).collect();
        assert_eq!(closing, [false, false, true, false]);
        let other = taken(connections.enter(Some(peer(2))));
        assert!(!is_closing(&other) && !is_closing(&fifth));
        assert_eq!(connections.table().taken, 5);
    }

    #[test]
    fn requests_under_way_are_not_displaced_and_their_peer_is_refused_alone() {
        let connections = Connections::new(8);
        let busy: Vec<Slot> = (0..4)
            .map(|_| taken(connections.enter(Some(peer(1)))))
            .collect();
        assert!(busy.iter().all(Slot::wake));

        assert!(matches!(connections.enter(Some(peer(1))), Entry::OverShare));

        let _second = taken(connections.enter(Some(peer(2))));
        assert!(!busy.iter().any(is_closing));
    }

    #[test]
    fn when_all_is_taken_the_peer_that_holds_most_makes_room() {
        let connections = Connections::new(4);
        let many = [
            taken(connections.enter(Some(peer(1)))),
            taken(connections.enter(Some(peer(1)))),
        ];
        let one = taken(connections.enter(Some(peer(2))));
        let proxy = taken(connections.enter(None));
        one.wake();
        one.rest(connections.started);

        let third = taken(connections.enter(Some(peer(3))));
        assert_eq!(many.iter().filter(|slot| is_closing(slot)).count(), 1);
        assert!(!is_closing(&one) && !is_closing(&proxy));

        // Now all hold one, and no peer displaces another one's.
        for slot in many.iter().chain([&one, &third]) {
            slot.wake();
        }
        assert!(matches!(connections.enter(Some(peer(4))), Entry::Full));
        assert!(matches!(connections.enter(Some(peer(3))), Entry::OverShare));
        drop(proxy);
        let _fourth = taken(connections.enter(Some(peer(4))));
    }

    #[test]
    fn one_that_was_chosen_reads_no_request_and_gives_its_place_back_once() {
        let connections = Connections::new(1);
        let first = taken(connections.enter(Some(peer(1))));
        let second = taken(connections.enter(Some(peer(2))));
        assert!(!first.wake(), "it was closed");
        first.rest(Instant::now());
        assert!(is_closing(&first));
        drop(first);
        assert_eq!(connections.table().taken, 1);
        drop(second);
        let table = connections.table();
        assert_eq!(
            (table.taken, table.peers.len(), table.by_count.len()),
            (0, 0, 0)
        );
    }
}
