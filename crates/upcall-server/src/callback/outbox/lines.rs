//! Who is next: owed calls in lines, one for each key, and destinations that do not answer.
//!
//! Only the first of a line may be made, so that calls for one key arrive in their order. While a
//! destination is down its calls are parked, and one of them is tried now and then; when one arrives,
//! the others follow at once. No clock and no socket in here: time comes in as milliseconds.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;
use upcall::name::{BucketName, ObjectKey};
use upcall_store::blobs::BlobId;

use super::backoff;

/// Which line: the object's key.
pub(super) type Line = Arc<(BucketName, ObjectKey)>;

/// Where a call goes: the authority of its first URL.
pub(super) type Destination = Arc<str>;

/// A call in its line.
#[derive(Debug)]
struct Entry {
    id: BlobId,
    attempts: u32,
    destination: Option<Destination>,
    state: State,
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
    lines: HashMap<Line, VecDeque<Entry>>,
    due: BTreeSet<(u64, Line)>,
    down: HashMap<Destination, Down>,
    /// When a destination that is down is tried again.
    probes: BTreeSet<(u64, Destination)>,
    ids: HashMap<BlobId, Line>,
}

impl Lines {
    /// How many calls there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn has(&self, id: BlobId) -> bool {
        self.ids.contains_key(&id)
    }

    /// A call that nobody makes yet.
    pub(super) fn add(&mut self, id: BlobId, line: &Line, attempts: u32, due: u64) {
        if self.has(id) {
            return;
        }
        let entry = Entry {
            id,
            attempts,
            destination: None,
            state: State::Resting,
            waiting: None,
        };
        self.ids.insert(id, Arc::clone(line));
        let entries = self.lines.entry(Arc::clone(line)).or_default();
        entries.push_back(entry);
        if entries.len() == 1 {
            self.schedule(line, due);
        }
    }

    /// A call that its upload makes: at once, if it is the first of its line; else when it is told.
    pub(super) fn add_own(
        &mut self,
        id: BlobId,
        line: &Line,
        destination: Destination,
        now: u64,
    ) -> Own {
        // The outbox may have found it in the store before its upload came by.
        if !self.has(id) {
            self.ids.insert(id, Arc::clone(line));
            let entries = self.lines.entry(Arc::clone(line)).or_default();
            entries.push_back(Entry {
                id,
                attempts: 0,
                destination: None,
                state: State::Resting,
                waiting: None,
            });
        }
        let is_first = self
            .lines
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
            let Some(entry) = self.lines.get_mut(&line).and_then(VecDeque::front_mut) else {
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
        if let Some(entry) = self.entry(&line, id) {
            entry.state = State::Parked;
        }
        if let Some(down) = self.down.get_mut(destination) {
            down.parked.push_back(line);
        }
        false
    }

    /// A call is owed no more: the next of its line is due.
    pub(super) fn end(&mut self, id: BlobId, now: u64) {
        let Some(line) = self.ids.remove(&id) else {
            return;
        };
        let Some(entries) = self.lines.get_mut(&line) else {
            return;
        };
        let was_first = entries.front().is_some_and(|entry| entry.id == id);
        entries.retain(|entry| entry.id != id);
        if !was_first {
            return;
        }
        self.unschedule(&line);
        self.pass_on(&line, now);
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
        let attempts = entry.attempts;
        let due = now + backoff::delay_ms(attempts);
        self.schedule(&line, due);
        (attempts, due)
    }

    /// A call was not made at all, since there was no place: soon again.
    pub(super) fn crowded(&mut self, id: BlobId, now: u64) {
        if let Some(line) = self.ids.get(&id).cloned() {
            self.schedule(&line, now + CROWDED_MS);
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
            self.schedule(&line, now);
        }
        let others: Vec<Line> = self
            .lines
            .iter()
            .filter(|(_, entries)| {
                entries.front().is_some_and(|entry| {
                    matches!(entry.state, State::Due(_))
                        && entry.destination.as_ref() == Some(destination)
                })
            })
            .map(|(line, _)| Arc::clone(line))
            .collect();
        for line in others {
            self.schedule(&line, now);
        }
    }

    /// If nobody answers at a destination, in how many milliseconds it is tried again.
    pub(super) fn down_for(&self, destination: &str, now: u64) -> Option<u64> {
        let down = self.down.get(destination)?;
        let left = down.next_probe.saturating_sub(now);
        (down.failures >= FAILURES_OF_ONE_DOWN && left > 0).then_some(left)
    }

    /// A call, and whoever is before it, is made as soon as possible.
    pub(super) fn hurry(&mut self, line: &Line, now: u64) {
        let Some(entry) = self.lines.get(line).and_then(VecDeque::front) else {
            return;
        };
        match entry.state {
            State::Due(_) | State::Resting => self.schedule(line, now),
            State::UnderWay | State::Parked => {}
        }
    }

    fn probe(&mut self, destination: &Destination) -> Option<Next> {
        let down = self.down.get_mut(destination)?;
        while let Some(line) = down.parked.pop_front() {
            let Some(entry) = self.lines.get_mut(&line).and_then(VecDeque::front_mut) else {
                continue;
            };
            if entry.state == State::Parked {
                entry.state = State::UnderWay;
                return Some(Next {
                    id: entry.id,
                    attempts: entry.attempts,
                    line,
                });
            }
        }
        // There is nothing to try it with: whoever comes next does.
        None
    }

    /// The first of a line is due then.
    fn schedule(&mut self, line: &Line, due: u64) {
        self.unschedule(line);
        if let Some(entry) = self.lines.get_mut(line).and_then(VecDeque::front_mut) {
            entry.state = State::Due(due);
            self.due.insert((due, Arc::clone(line)));
        }
    }

    fn unschedule(&mut self, line: &Line) {
        if let Some(entry) = self.lines.get(line).and_then(VecDeque::front)
            && let State::Due(due) = entry.state
        {
            self.due.remove(&(due, Arc::clone(line)));
        }
    }

    /// The one that is first now may go.
    fn pass_on(&mut self, line: &Line, now: u64) {
        let Some(entries) = self.lines.get_mut(line) else {
            return;
        };
        let Some(entry) = entries.front_mut() else {
            self.lines.remove(line);
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
        let entries = self.lines.get_mut(line)?;
        entries.iter_mut().find(|entry| entry.id == id)
    }
}

/// A call that found no place is tried again after this.
const CROWDED_MS: u64 = 200;

/// Failures in a row after which a destination counts as down for those who have not sent their file.
const FAILURES_OF_ONE_DOWN: u32 = 3;

/// A destination that nobody has asked for so long is forgotten when there is no room.
const STALE_MS: u64 = 10 * 60 * 1000;

/// Destinations that are known to be down; beyond it each call finds out by itself.
const MOST_DOWN: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(key: &str) -> Line {
        Arc::new((
            BucketName::parse("photos").unwrap(),
            ObjectKey::parse(key).unwrap(),
        ))
    }

    fn ids(count: usize) -> Vec<BlobId> {
        (0..count).map(|_| BlobId::new()).collect()
    }

    #[test]
    fn calls_for_one_key_are_made_one_after_the_other() {
        let (mut lines, key, other, ids) = (Lines::default(), line("a"), line("b"), ids(3));
        lines.add(ids[0], &key, 0, 10);
        lines.add(ids[1], &key, 0, 10);
        lines.add(ids[2], &other, 4, 20);
        assert_eq!(lines.take_due(9), None);
        assert_eq!(lines.take_due(10).unwrap().id, ids[0]);
        assert_eq!(lines.take_due(15), None, "the second waits for the first");
        assert_eq!(lines.take_due(20).unwrap().attempts, 4);
        lines.end(ids[0], 30);
        assert_eq!(lines.take_due(30).unwrap().id, ids[1]);
        lines.end(ids[1], 30);
        lines.end(ids[2], 30);
        assert_eq!((lines.len(), lines.next_moment()), (0, None));
        assert!(lines.lines.is_empty());
    }

    #[test]
    fn an_upload_makes_its_own_call_when_those_before_it_were_made() {
        let (mut lines, key, ids) = (Lines::default(), line("a"), ids(3));
        let to: Destination = "app:80".into();
        let mut own = |id| lines.add_own(id, &key, Arc::clone(&to), 0);
        assert!(matches!(own(ids[0]), Own::Now));
        let (Own::When(mut second), Own::When(third)) = (own(ids[1]), own(ids[2])) else {
            panic!("both wait for the first");
        };
        assert_eq!(lines.take_due(0), None, "the first is under way");
        let (attempts, due) = lines.failed(ids[0], 0);
        assert_eq!((attempts, second.try_recv().is_err()), (1, true));
        assert_eq!(lines.take_due(due).unwrap().id, ids[0]);
        lines.end(ids[0], due);
        assert_eq!(second.try_recv(), Ok(()));
        // The third has gone; the line goes on without it.
        drop(third);
        lines.end(ids[1], due);
        assert_eq!(lines.take_due(due).unwrap().id, ids[2]);
    }

    #[test]
    fn an_upload_takes_over_what_the_outbox_found_in_the_store() {
        let (mut lines, key, ids) = (Lines::default(), line("a"), ids(2));
        let to: Destination = "app:80".into();
        lines.add(ids[0], &key, 0, 5);
        assert!(matches!(
            lines.add_own(ids[0], &key, Arc::clone(&to), 5),
            Own::Now
        ));
        assert_eq!(lines.take_due(5), None, "it is made once");
        lines.end(ids[0], 5);

        lines.add(ids[1], &key, 0, 5);
        assert_eq!(lines.take_due(5).unwrap().id, ids[1]);
        assert!(matches!(lines.add_own(ids[1], &key, to, 5), Own::Later));
    }

    #[test]
    fn what_goes_where_nobody_answers_is_parked_and_comes_back_at_once() {
        let (mut lines, ids) = (Lines::default(), ids(50));
        let to: Destination = "app:80".into();
        for (number, id) in ids.iter().enumerate() {
            lines.add(*id, &line(&number.to_string()), 0, 0);
        }
        let first = lines.take_due(0).unwrap();
        assert!(lines.goes_to(first.id, &to, 0));
        lines.is_down(&to, 0);
        lines.failed(first.id, 0);
        let mut asked = 0;
        while let Some(next) = lines.take_due(0) {
            asked += 1;
            assert!(!lines.goes_to(next.id, &to, 0), "it is parked");
        }
        assert_eq!(asked, 49);

        let probe_at = lines.probes.first().unwrap().0;
        let probe = lines.take_due(probe_at).unwrap();
        assert!(lines.goes_to(probe.id, &to, probe_at), "the probe goes");
        lines.end(probe.id, probe_at);
        lines.is_up(&to, probe_at);
        let mut came_back = 0;
        while lines.take_due(probe_at).is_some() {
            came_back += 1;
        }
        assert_eq!(came_back, 49);
    }

    #[test]
    fn a_destination_is_known_to_be_down_after_some_failures_and_until_its_probe() {
        let mut lines = Lines::default();
        let to: Destination = "app:80".into();
        for _ in 0..FAILURES_OF_ONE_DOWN {
            assert_eq!(lines.down_for(&to, 0), None);
            lines.is_down(&to, 0);
        }
        let left = lines.down_for(&to, 0).unwrap();
        assert!(left > 0);
        assert_eq!(
            lines.take_due(left),
            None,
            "there is nothing to try it with"
        );
        assert_eq!(lines.down_for(&to, left), None, "whoever comes next tries");
        lines.is_down(&to, left);
        assert!(lines.down_for(&to, left).is_some());
        lines.is_up(&to, left);
        assert_eq!(lines.down_for(&to, left), None);
    }

    #[test]
    fn destinations_that_are_down_are_bounded() {
        let mut lines = Lines::default();
        for number in 0..3 * MOST_DOWN {
            lines.is_down(&format!("{number}:80").into(), 0);
        }
        assert!(lines.down.len() <= MOST_DOWN);
    }
}
