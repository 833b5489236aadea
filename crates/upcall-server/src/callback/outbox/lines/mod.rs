//! Who is next: owed calls in lines, one for each key, and destinations that do not answer.
//!
//! Only the first of a line may be made, so that calls for one key arrive in their order. While a
//! destination is down its calls are parked, and one of them is tried now and then; when one arrives,
//! the others follow at once. No clock and no socket in here: time comes in as milliseconds.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;
use upcall_store::blobs::BlobId;

use super::backoff;
use super::line::Line;

/// Where a call goes.
pub(super) type Destination = Arc<str>;

/// A call in its line.
#[derive(Debug)]
struct Entry {
    id: BlobId,
    /// When its object was committed; a line is in this order.
    created: i64,
    attempts: u32,
    destination: Option<Destination>,
    state: State,
    /// Somebody wants it made once more, even if its time is over.
    is_asked: bool,
    /// The upload itself waits for its turn.
    waiting: Option<oneshot::Sender<()>>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum State {
    /// Behind others, or not scheduled yet.
    Resting,
    /// Not before this moment.
    Due(u64),
    /// Somebody makes it.
    UnderWay,
    /// Its destination is down.
    Parked,
}

/// A destination that does not answer.
#[derive(Debug, Default)]
struct Down {
    failures: u32,
    next_probe: u64,
    parked: VecDeque<Line>,
}

/// What is to be done next.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Next {
    pub(super) id: BlobId,
    pub(super) line: Line,
    pub(super) attempts: u32,
    /// It is made even if its time is over.
    pub(super) is_asked: bool,
}

/// When an upload makes its own call.
#[derive(Debug)]
pub(super) enum Own {
    Now,
    When(oneshot::Receiver<()>),
    /// It does not: the outbox has it in hand.
    Later,
}

#[derive(Debug, Default)]
pub(super) struct Lines {
    queues: HashMap<Line, VecDeque<Entry>>,
    due: BTreeSet<(u64, Line)>,
    down: HashMap<Destination, Down>,
    /// When a destination that is down is tried again.
    probes: BTreeSet<(u64, Destination)>,
    ids: HashMap<BlobId, Line>,
    /// The store may have calls that are not here.
    is_partial: bool,
    /// Some of them were refused since the last load began.
    is_refusing: bool,
    /// Calls of uploads that came meanwhile, in the store as well.
    turned_away: Vec<TurnedAway>,
}

/// A call that waits until those that are older are here.
#[derive(Debug)]
struct TurnedAway {
    id: BlobId,
    line: Line,
    created: i64,
}

impl Lines {
    /// How many calls there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn has(&self, id: BlobId) -> bool {
        self.ids.contains_key(&id)
    }

    /// With calls in the store that were not loaded yet.
    pub(super) fn partial() -> Self {
        Self {
            is_partial: true,
            ..Self::default()
        }
    }

    /// Whether the store may have calls that are not here.
    pub(super) fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// Everything that the store has from now on will be added.
    pub(super) fn begin_load(&mut self) {
        self.is_partial = true;
        self.is_refusing = false;
        self.turned_away.clear();
    }

    /// Everything that the store had was added; whether everything is here now.
    pub(super) fn end_load(&mut self, now: u64) -> bool {
        for call in std::mem::take(&mut self.turned_away) {
            self.add(call.id, &call.line, 0, now, call.created);
        }
        self.is_partial = self.is_refusing;
        !self.is_partial
    }

    /// A call that nobody makes yet; whether there was room for it. If not, it must be loaded later.
    pub(super) fn add(
        &mut self,
        id: BlobId,
        line: &Line,
        attempts: u32,
        due: u64,
        created: i64,
    ) -> bool {
        if self.has(id) {
            return true;
        }
        if self.len() >= MOST_IN_LINE {
            self.is_partial = true;
            self.is_refusing = true;
            return false;
        }
        let entry = Entry {
            id,
            created,
            attempts,
            destination: None,
            state: State::Resting,
            is_asked: false,
            waiting: None,
        };
        if self.insert(line, entry) {
            self.schedule(line, due);
        }
        true
    }

    /// Puts a call into its line, behind those that were committed before it; whether it is the first
    /// now.
    fn insert(&mut self, line: &Line, entry: Entry) -> bool {
        self.ids.insert(entry.id, Arc::clone(line));
        let entries = self.queues.entry(Arc::clone(line)).or_default();
        let comes_after =
            |other: &Entry| other.created <= entry.created || other.state == State::UnderWay;
        let place = entries.iter().rposition(comes_after);
        let place = place.map_or(0, |before| before + 1);
        if place == 0 {
            self.unschedule(line);
        }
        let entries = self.queues.entry(Arc::clone(line)).or_default();
        if place == 0
            && let Some(former) = entries.front_mut()
        {
            former.state = State::Resting;
        }
        entries.insert(place, entry);
        place == 0
    }

    /// A call that its upload makes: at once, if it is the first of its line; else when it is told.
    pub(super) fn add_own(
        &mut self,
        id: BlobId,
        line: &Line,
        destination: Destination,
        now: u64,
        created: i64,
    ) -> Own {
        if self.is_partial {
            self.turn_away(id, line, created);
            return Own::Later;
        }
        // The outbox may have found it in the store before its upload came by.
        if !self.add(id, line, 0, now, created) {
            return Own::Later;
        }
        let is_first = self
            .queues
            .get(line)
            .and_then(VecDeque::front)
            .is_some_and(|entry| entry.id == id);
        if is_first {
            self.unschedule(line);
        }
        let Some(entry) = self.entry(line, id) else {
            return Own::Later;
        };
        if matches!(entry.state, State::UnderWay | State::Parked) {
            return Own::Later;
        }
        entry.destination = Some(destination);
        if is_first {
            entry.state = State::UnderWay;
            return Own::Now;
        }
        let (tell, told) = oneshot::channel();
        entry.waiting = Some(tell);
        // Whoever is before it is tried now.
        self.hurry(line, now);
        Own::When(told)
    }

    /// The next call that is due, marked as under way.
    pub(super) fn take_due(&mut self, now: u64) -> Option<Next> {
        while let Some((_, destination)) = self.probes.first().filter(|(at, _)| *at <= now).cloned()
        {
            self.probes.pop_first();
            if let Some(next) = self.probe(&destination) {
                return Some(next);
            }
        }
        while let Some((_, line)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.due.pop_first();
            let Some(entry) = self.queues.get_mut(&line).and_then(VecDeque::front_mut) else {
                continue;
            };
            let down = entry
                .destination
                .as_ref()
                .and_then(|destination| self.down.get_mut(destination));
            if let Some(down) = down.filter(|down| down.next_probe > now) {
                entry.state = State::Parked;
                down.parked.push_back(line);
                continue;
            }
            entry.state = State::UnderWay;
            return Some(Next {
                id: entry.id,
                attempts: entry.attempts,
                is_asked: entry.is_asked,
                line,
            });
        }
        None
    }

    /// When there is something to do again.
    pub(super) fn next_moment(&self) -> Option<u64> {
        let due = self.due.first().map(|(at, _)| *at);
        let probe = self.probes.first().map(|(at, _)| *at);
        match (due, probe) {
            (Some(due), Some(probe)) => Some(due.min(probe)),
            (due, probe) => due.or(probe),
        }
    }

    /// It turned out where a call goes; whether it may be made now. If not, it is parked.
    pub(super) fn goes_to(&mut self, id: BlobId, destination: &Destination, now: u64) -> bool {
        let Some(line) = self.ids.get(&id).cloned() else {
            return false;
        };
        let Some(entry) = self.entry(&line, id) else {
            return false;
        };
        let was_known = entry.destination.is_some();
        entry.destination = Some(Arc::clone(destination));
        let down = self.down.get(destination);
        // One that was known is the probe, or the destination is well.
        if was_known || down.is_none_or(|down| down.next_probe <= now) {
            return true;
        }
        !self.park(&line, id)
    }

    /// A call is owed no more: the next of its line is due.
    pub(super) fn end(&mut self, id: BlobId, now: u64) {
        let Some(line) = self.ids.remove(&id) else {
            return;
        };
        let Some(entries) = self.queues.get_mut(&line) else {
            return;
        };
        let Some(place) = entries.iter().position(|entry| entry.id == id) else {
            return;
        };
        if place == 0 {
            self.unschedule(&line);
        }
        let entries = self.queues.get_mut(&line);
        let ended = entries.and_then(|entries| entries.remove(place));
        if place == 0 {
            self.pass_on(&line, now);
        }
        if let Some(entry) = ended
            && entry.state == State::UnderWay
            && let Some(destination) = entry.destination
        {
            self.probe_with_another(&destination, now);
        }
    }

    /// A call is not to be made any more, unless it is under way; whether it is not.
    pub(super) fn withdraw(&mut self, id: BlobId, now: u64) -> bool {
        let line = self.ids.get(&id).cloned();
        let entry = line.and_then(|line| self.entry(&line, id));
        if entry.is_some_and(|entry| entry.state == State::UnderWay) {
            return false;
        }
        self.turned_away.retain(|call| call.id != id);
        self.end(id, now);
        true
    }

    /// A call failed, for a reason that may pass; how often it was made, and when it is made again.
    pub(super) fn failed(&mut self, id: BlobId, now: u64) -> (u32, u64) {
        let Some(line) = self.ids.get(&id).cloned() else {
            return (1, now);
        };
        let Some(entry) = self.entry(&line, id) else {
            return (1, now);
        };
        entry.attempts += 1;
        entry.is_asked = false;
        let attempts = entry.attempts;
        let destination = entry.destination.clone();
        let down = destination.and_then(|destination| self.down.get_mut(&destination));
        if let Some(down) = down.filter(|down| down.next_probe > now) {
            // It goes with all others as soon as somebody answers there.
            let due = down.next_probe;
            if self.park(&line, id) {
                return (attempts, due);
            }
        }
        let due = now + backoff::delay_ms(attempts);
        self.again(&line, id, due);
        (attempts, due)
    }

    /// A call was not made at all, since there was no place: soon again.
    pub(super) fn crowded(&mut self, id: BlobId, now: u64) {
        if let Some(line) = self.ids.get(&id).cloned() {
            self.again(&line, id, now + CROWDED_MS);
        }
    }

    /// Nobody answers there.
    pub(super) fn is_down(&mut self, destination: &Destination, now: u64) {
        if self.down.len() >= MOST_DOWN && !self.down.contains_key(destination) {
            self.down
                .retain(|_, down| !down.parked.is_empty() || down.next_probe + STALE_MS > now);
            if self.down.len() >= MOST_DOWN {
                return;
            }
        }
        let down = self.down.entry(Arc::clone(destination)).or_default();
        down.failures = down.failures.saturating_add(1);
        if down.next_probe <= now {
            down.next_probe = now + backoff::probe_ms(down.failures);
            self.probes
                .insert((down.next_probe, Arc::clone(destination)));
        }
    }

    /// Somebody answers there: what was parked is due.
    pub(super) fn is_up(&mut self, destination: &Destination, now: u64) {
        let Some(down) = self.down.remove(destination) else {
            return;
        };
        self.probes
            .remove(&(down.next_probe, Arc::clone(destination)));
        for line in down.parked {
            // Another may be its first by now.
            let first = self.queues.get(&line).and_then(VecDeque::front);
            if first.is_some_and(|entry| entry.state == State::Parked) {
                self.schedule(&line, now);
            }
        }
    }

    /// What is known of where a bucket's calls go is forgotten, as if all answered there.
    pub(super) fn forget_destinations(&mut self, bucket: &str, now: u64) {
        let is_of = |to: &&Destination| to.split(' ').next() == Some(bucket);
        let of_bucket: Vec<_> = self.down.keys().filter(is_of).cloned().collect();
        for destination in of_bucket {
            self.is_up(&destination, now);
        }
    }

    /// If nobody answers at a destination, in how many milliseconds it is tried again.
    pub(super) fn down_for(&self, destination: &str, now: u64) -> Option<u64> {
        let down = self.down.get(destination)?;
        let left = down.next_probe.saturating_sub(now);
        (down.failures >= FAILURES_OF_ONE_DOWN && left > 0).then_some(left)
    }

    /// A call is made once more, even if its time is over.
    pub(super) fn ask(&mut self, id: BlobId, now: u64) {
        let Some(line) = self.ids.get(&id).cloned() else {
            return;
        };
        if let Some(entry) = self.entry(&line, id) {
            entry.is_asked = true;
        }
        self.hurry(&line, now);
    }

    /// The first of a line is made as soon as possible.
    fn hurry(&mut self, line: &Line, now: u64) {
        let Some(entry) = self.queues.get(line).and_then(VecDeque::front) else {
            return;
        };
        match entry.state {
            State::Due(_) | State::Resting => self.schedule(line, now),
            State::UnderWay | State::Parked => {}
        }
    }

    /// The outbox makes it, once everything is here.
    fn turn_away(&mut self, id: BlobId, line: &Line, created: i64) {
        if self.turned_away.len() >= MOST_TURNED_AWAY {
            self.is_refusing = true;
            return;
        }
        let line = Arc::clone(line);
        self.turned_away.push(TurnedAway { id, line, created });
    }

    fn probe(&mut self, destination: &Destination) -> Option<Next> {
        let down = self.down.get_mut(destination)?;
        while let Some(line) = down.parked.pop_front() {
            let Some(entry) = self.queues.get_mut(&line).and_then(VecDeque::front_mut) else {
                continue;
            };
            if entry.state == State::Parked {
                entry.state = State::UnderWay;
                return Some(Next {
                    id: entry.id,
                    attempts: entry.attempts,
                    is_asked: entry.is_asked,
                    line,
                });
            }
        }
        // There is nothing to try it with: whoever comes next does.
        None
    }

    /// The probe ended without having been made, so nobody knows more of its destination: another
    /// one is tried at once.
    fn probe_with_another(&mut self, destination: &Destination, now: u64) {
        let down = self.down.get(destination);
        if let Some(down) = down.filter(|down| down.next_probe <= now && !down.parked.is_empty()) {
            let probe = (down.next_probe, Arc::clone(destination));
            self.probes.insert(probe);
        }
    }

    /// Whether the call, the first of its line, waits from now on for its destination to answer.
    fn park(&mut self, line: &Line, id: BlobId) -> bool {
        let Some(entry) = self.queues.get_mut(line).and_then(VecDeque::front_mut) else {
            return false;
        };
        let destination = entry.destination.as_ref();
        let Some(down) = destination.and_then(|destination| self.down.get_mut(destination)) else {
            return false;
        };
        if entry.id != id {
            return false;
        }
        entry.state = State::Parked;
        down.parked.push_back(Arc::clone(line));
        true
    }

    /// A call that was under way is due then; one that is not the first waits for its turn as before.
    fn again(&mut self, line: &Line, id: BlobId, due: u64) {
        let first = self.queues.get(line).and_then(VecDeque::front);
        if first.is_some_and(|entry| entry.id == id) {
            self.schedule(line, due);
        }
    }

    /// The first of a line is due then.
    fn schedule(&mut self, line: &Line, due: u64) {
        self.unschedule(line);
        if let Some(entry) = self.queues.get_mut(line).and_then(VecDeque::front_mut) {
            entry.state = State::Due(due);
            self.due.insert((due, Arc::clone(line)));
        }
    }

    fn unschedule(&mut self, line: &Line) {
        if let Some(entry) = self.queues.get(line).and_then(VecDeque::front)
            && let State::Due(due) = entry.state
        {
            self.due.remove(&(due, Arc::clone(line)));
        }
    }

    /// The one that is first now may go.
    fn pass_on(&mut self, line: &Line, now: u64) {
        let Some(entries) = self.queues.get_mut(line) else {
            return;
        };
        let Some(entry) = entries.front_mut() else {
            self.queues.remove(line);
            return;
        };
        if let Some(waiting) = entry.waiting.take()
            && waiting.send(()).is_ok()
        {
            entry.state = State::UnderWay;
            return;
        }
        self.schedule(line, now);
    }

    fn entry(&mut self, line: &Line, id: BlobId) -> Option<&mut Entry> {
        let entries = self.queues.get_mut(line)?;
        entries.iter_mut().find(|entry| entry.id == id)
    }
}

/// Calls that stand in line here, each with some 300 bytes; the others wait in the store.
pub(super) const MOST_IN_LINE: usize = 100_000;

/// Calls of uploads that come during a load and are taken in after it; beyond it there is another load.
const MOST_TURNED_AWAY: usize = 10_000;

/// A call that found no place is tried again after this.
const CROWDED_MS: u64 = 200;

/// Failures in a row after which a destination counts as down for those who have not sent their file.
const FAILURES_OF_ONE_DOWN: u32 = 3;

/// A destination that nobody has asked for so long is forgotten when there is no room.
const STALE_MS: u64 = 10 * 60 * 1000;

/// Destinations that are known to be down; beyond it each call finds out by itself.
const MOST_DOWN: usize = 1024;

#[cfg(test)]
mod tests;
