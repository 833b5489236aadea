//! Lines: what is made when, and what waits for what.

use upcall::name::{BucketName, ObjectKey};

use super::super::line::line_of_key;
use super::*;

fn line(key: &str) -> Line {
    line_of_key(
        BucketName::parse("photos").unwrap(),
        ObjectKey::parse(key).unwrap(),
    )
}

fn ids(count: usize) -> Vec<BlobId> {
    (0..count).map(|_| BlobId::new()).collect()
}

#[test]
fn calls_for_one_key_are_made_one_after_the_other() {
    let (mut lines, key, other, ids) = (Lines::default(), line("a"), line("b"), ids(3));
    lines.add(ids[0], &key, 0, 10, 0);
    lines.add(ids[1], &key, 0, 10, 0);
    lines.add(ids[2], &other, 4, 20, 0);
    assert_eq!(lines.take_due(9), None);
    assert_eq!(lines.take_due(10).unwrap().id, ids[0]);
    assert_eq!(lines.take_due(15), None, "the second waits for the first");
    assert_eq!(lines.take_due(20).unwrap().attempts, 4);
    lines.end(ids[0], 30);
    assert_eq!(lines.take_due(30).unwrap().id, ids[1]);
    lines.end(ids[1], 30);
    lines.end(ids[2], 30);
    assert_eq!((lines.len(), lines.next_moment()), (0, None));
    assert!(lines.queues.is_empty());
}

#[test]
fn an_upload_makes_its_own_call_when_those_before_it_were_made() {
    let (mut lines, key, ids) = (Lines::default(), line("a"), ids(3));
    let to: Destination = "app:80".into();
    let mut own = |id| lines.add_own(id, &key, Arc::clone(&to), 0, 0);
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
    lines.add(ids[0], &key, 0, 5, 0);
    assert!(matches!(
        lines.add_own(ids[0], &key, Arc::clone(&to), 5, 0),
        Own::Now
    ));
    assert_eq!(lines.take_due(5), None, "it is made once");
    lines.end(ids[0], 5);

    lines.add(ids[1], &key, 0, 5, 0);
    assert_eq!(lines.take_due(5).unwrap().id, ids[1]);
    assert!(matches!(lines.add_own(ids[1], &key, to, 5, 0), Own::Later));
}

#[test]
fn what_goes_where_nobody_answers_is_parked_and_comes_back_at_once() {
    let (mut lines, ids) = (Lines::default(), ids(50));
    let to: Destination = "app:80".into();
    for (number, id) in ids.iter().enumerate() {
        lines.add(*id, &line(&number.to_string()), 0, 0, 0);
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

/// An upload that has given up waiting must not set off the call before it, which is under way.
#[test]
fn a_call_that_found_no_place_leaves_the_one_before_it_alone() {
    let (mut lines, key, ids) = (Lines::default(), line("a"), ids(2));
    let to: Destination = "app:80".into();
    assert!(matches!(
        lines.add_own(ids[0], &key, Arc::clone(&to), 0, 0),
        Own::Now
    ));
    let Own::When(waits) = lines.add_own(ids[1], &key, to, 0, 0) else {
        panic!("it waits for the first");
    };
    drop(waits);
    lines.crowded(ids[1], 0);
    assert_eq!(lines.take_due(CROWDED_MS), None, "the first is under way");
    lines.end(ids[0], CROWDED_MS);
    assert_eq!(lines.take_due(CROWDED_MS).unwrap().id, ids[1]);
}

fn parked(count: usize, to: &Destination) -> (Lines, Vec<BlobId>) {
    let (mut lines, ids) = (Lines::default(), ids(count));
    for (number, id) in ids.iter().enumerate() {
        lines.add(*id, &line(&number.to_string()), 0, 0, 0);
    }
    lines.is_down(to, 0);
    while let Some(next) = lines.take_due(0) {
        assert!(!lines.goes_to(next.id, to, 0), "it is parked");
    }
    (lines, ids)
}

/// The probe was too old to be made, or was dropped meanwhile: the next one is tried instead.
#[test]
fn a_probe_that_was_not_made_makes_room_for_the_next() {
    let to: Destination = "app:80".into();
    let (mut lines, ids) = parked(3, &to);
    let at = lines.next_moment().unwrap();
    for id in ids {
        let probe = lines.take_due(at).unwrap();
        assert_eq!(probe.id, id);
        lines.end(id, at);
    }
    assert_eq!((lines.len(), lines.take_due(at)), (0, None));
}

#[test]
fn what_was_parked_and_is_under_way_by_now_is_not_made_twice() {
    let to: Destination = "app:80".into();
    let (mut lines, ids) = parked(1, &to);
    let next = BlobId::new();
    lines.add(next, &line("0"), 0, 0, 0);
    // Somebody drops the one that was parked; the next of its line goes.
    lines.end(ids[0], 0);
    assert_eq!(lines.take_due(0).unwrap().id, next);
    lines.is_up(&to, 0);
    assert_eq!(lines.take_due(0), None);
}

#[test]
fn what_failed_since_nobody_answers_goes_as_soon_as_somebody_does() {
    let (mut lines, ids) = (Lines::default(), ids(2));
    let to: Destination = "app:80".into();
    for (id, key) in ids.iter().zip(["a", "b"]) {
        let own = lines.add_own(*id, &line(key), Arc::clone(&to), 0, 0);
        assert!(matches!(own, Own::Now));
    }
    for id in &ids {
        lines.is_down(&to, 0);
        lines.failed(*id, 0);
    }
    lines.is_up(&to, 1);
    assert!(lines.take_due(1).is_some() && lines.take_due(1).is_some());
}

/// A destination that answers every other time must not have all lines looked through each time.
#[test]
fn a_destination_that_flaps_costs_no_more_than_what_waits_for_it() {
    let (mut lines, to): (_, Destination) = (Lines::default(), "app:80".into());
    for (number, id) in ids(50_000).into_iter().enumerate() {
        lines.add(id, &line(&number.to_string()), 0, u64::MAX / 2, 0);
    }
    let began = std::time::Instant::now();
    for now in 0..2000 {
        lines.is_down(&to, now);
        lines.is_up(&to, now);
    }
    let took = began.elapsed();
    assert!(took < std::time::Duration::from_secs(1), "{took:?}");
}

/// What was committed later comes later, in whichever order the store or the uploads tell of it.
#[test]
fn a_line_is_in_the_order_of_its_commits() {
    let (mut lines, key, ids) = (Lines::default(), line("a"), ids(4));
    let to: Destination = "app:80".into();
    lines.add(ids[0], &key, 0, 5, 30);
    lines.add(ids[1], &key, 0, 5, 10);
    let Own::When(mut waits) = lines.add_own(ids[2], &key, to, 5, 20) else {
        panic!("there is one before it");
    };
    assert_eq!(lines.take_due(5).unwrap().id, ids[1]);
    // Nothing comes before what is under way.
    lines.add(ids[3], &key, 0, 5, 5);
    assert_eq!(lines.take_due(5), None);
    lines.end(ids[1], 5);
    assert_eq!(lines.take_due(5).unwrap().id, ids[3]);
    lines.end(ids[3], 5);
    assert_eq!((waits.try_recv(), lines.take_due(5)), (Ok(()), None));
    lines.end(ids[2], 5);
    assert_eq!(lines.take_due(5).unwrap().id, ids[0]);
}

/// While the store may have calls that are not in line, an upload's own could come before them.
#[test]
fn until_all_is_loaded_nobody_overtakes() {
    let (mut lines, key, ids) = (Lines::partial(), line("a"), ids(2));
    let to: Destination = "app:80".into();
    lines.begin_load();
    assert!(matches!(
        lines.add_own(ids[1], &key, Arc::clone(&to), 5, 20),
        Own::Later
    ));
    assert_eq!(lines.take_due(5), None);
    lines.add(ids[0], &key, 0, 5, 10);
    assert!(lines.end_load(5));
    assert_eq!(lines.take_due(5).unwrap().id, ids[0]);
    lines.end(ids[0], 5);
    assert_eq!(lines.take_due(5).unwrap().id, ids[1]);
    let own = lines.add_own(BlobId::new(), &line("b"), to, 5, 30);
    assert!(matches!(own, Own::Now));
}

#[test]
fn what_has_no_room_in_the_lines_is_loaded_later() {
    let (mut lines, to): (_, Destination) = (Lines::default(), "app:80".into());
    for number in 0..MOST_IN_LINE {
        let key = line(&number.to_string());
        assert!(lines.add(BlobId::new(), &key, 0, 5, 0));
    }
    assert!(!lines.add(BlobId::new(), &line("more"), 0, 5, 0));
    assert!(lines.is_partial());
    let own = lines.add_own(BlobId::new(), &line("own"), to, 5, 30);
    assert!(matches!(own, Own::Later));
    assert_eq!(lines.len(), MOST_IN_LINE);
    lines.begin_load();
    assert!(!lines.add(BlobId::new(), &line("more"), 0, 5, 0));
    assert!(!lines.end_load(5), "there is still one that is not here");
}

/// Whoever drops what is held must know that nobody is asking about it.
#[test]
fn a_call_is_withdrawn_unless_it_is_under_way() {
    let (mut lines, key, ids) = (Lines::default(), line("a"), ids(2));
    lines.add(ids[0], &key, 0, 5, 0);
    lines.add(ids[1], &key, 0, 5, 0);
    assert_eq!(lines.take_due(5).unwrap().id, ids[0]);
    assert!(!lines.withdraw(ids[0], 5) && lines.withdraw(ids[1], 5));
    lines.end(ids[0], 5);
    assert_eq!((lines.len(), lines.take_due(5)), (0, None));

    lines.begin_load();
    let to: Destination = "app:80".into();
    assert!(matches!(lines.add_own(ids[0], &key, to, 5, 0), Own::Later));
    assert!(lines.withdraw(ids[0], 5));
    assert!(lines.end_load(5));
    assert_eq!(lines.take_due(5), None);
}
