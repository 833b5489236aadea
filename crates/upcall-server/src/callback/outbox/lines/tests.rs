//! Lines: what is made when, and what waits for what.

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
    assert!(lines.queues.is_empty());
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
