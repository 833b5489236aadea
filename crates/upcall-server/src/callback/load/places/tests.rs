//! Applications that stall, places that go round, and uploaders that name one application many ways.

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
    let lanes = state.lanes.len() + state.shares.len();
    let turns = state.turns.iter().map(VecDeque::len).sum();
    (state.all.calls, state.all.under_way, lanes, turns)
}

#[tokio::test(start_paused = true)]
async fn beyond_its_share_an_application_waits_and_beyond_that_it_is_full() {
    let places = Places::new(LIMITS);
    let mut under_way = Vec::new();
    for _ in 0..3 {
        assert!(places.has_room(application(1), NOBODY));
        under_way.push(places.enter(application(1), NOBODY).await.unwrap());
    }
    assert!(!places.has_room(application(1), NOBODY));
    assert!(places.has_room(application(2), NOBODY));
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let places = Arc::clone(&places);
        waiting.push(tokio::spawn(async move {
            places.enter(application(1), NOBODY).await
        }));
        tokio::task::yield_now().await;
    }
    let full = places.enter(application(1), NOBODY).await;
    assert_eq!(full.unwrap_err(), Crowded::Full { calls: 7 });
    // Somebody else is not touched by that.
    drop(places.enter(application(2), NOBODY).await.unwrap());

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
            let entry = places.entry(&Arc::new(application(application_number)), NOBODY);
            match entry {
                Ok(entry) => stalled.push(entry),
                Err(_) => break,
            }
        }
    }
    let (calls, under_way, ..) = taken(&places);
    assert!(calls < LIMITS.calls, "{calls}");
    assert!(under_way < LIMITS.under_way, "{under_way}");

    let entry = places.entry(&Arc::new(application(9)), NOBODY);
    assert!(matches!(entry, Ok(Entry::Now(_))));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_comes_free_goes_round() {
    let limits = PlaceLimits {
        under_way: 2,
        ..LIMITS
    };
    let places = Places::new(limits);
    let first = places.enter(application(1), NOBODY).await.unwrap();
    let wait = |number| {
        let places = Arc::clone(&places);
        tokio::spawn(async move { places.enter(application(number), NOBODY).await })
    };
    // One place is free, and kept for an application that has none.
    let same = wait(1);
    tokio::task::yield_now().await;
    let other = places.enter(application(2), NOBODY).await.unwrap();
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
    let first = places.enter(application(1), NOBODY).await.unwrap();
    let Ok(Entry::Later(gone, waiting)) = places.entry(&Arc::new(application(1)), NOBODY) else {
        panic!("there was room");
    };
    let Ok(Entry::Later(mut next, next_waiting)) = places.entry(&Arc::new(application(1)), NOBODY)
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

/// The claim of a call that counts for its application alone.
const NOBODY: Claim = Claim::of_nobody(Origin::Fixed);

/// A call of a bucket, by an uploader at this address; `url` is one that the uploader made up, or fixed.
fn claim(places: &Places, bucket: &str, peer: [u8; 4], origin: Origin) -> Claim {
    places.claim(&crate::callback::request::order_of(
        bucket,
        peer.into(),
        origin,
    ))
}

/// Takes all places that there are for calls to ever new names; how many.
fn take_all(places: &Arc<Places>, claim: Claim, taken: &mut Vec<Entry>) -> usize {
    let before = taken.len();
    for number in 0..10_000 {
        let name = 100_000 * (before + 1) + number;
        match places.entry(&Arc::new(application(name)), claim) {
            Ok(entry) => taken.push(entry),
            Err(_) => break,
        }
    }
    taken.len() - before
}

#[tokio::test(start_paused = true)]
async fn names_that_an_uploader_makes_up_leave_room_for_others() {
    let limits = PlaceLimits {
        calls: 400,
        under_way: 200,
        ..LIMITS
    };
    let places = Places::new(limits);
    let mut taken = Vec::new();
    let attacker = claim(&places, "open", [192, 0, 2, 1], Origin::Uploader);
    let count = take_all(&places, attacker, &mut taken);
    assert!((200..=240).contains(&count), "{count}");
    // Another bucket, by another uploader: at once, and so is a call that the same bucket fixed.
    for (bucket, peer, origin) in [
        ("other", [192, 0, 2, 2], Origin::Uploader),
        ("other", [192, 0, 2, 1], Origin::Fixed),
        ("open", [192, 0, 2, 1], Origin::Fixed),
    ] {
        let entry = places.entry(
            &Arc::new(application(20_000)),
            claim(&places, bucket, peer, origin),
        );
        assert!(matches!(entry, Ok(Entry::Now(_))), "{bucket} {origin:?}");
    }
    // From ever new peers and in ever new buckets: what is kept for fixed calls stays.
    for number in 0..100 {
        let bucket = format!("bucket-{number}");
        let attacker = claim(&places, &bucket, [198, 51, 100, number], Origin::Uploader);
        take_all(&places, attacker, &mut taken);
    }
    let none = places.entry(
        &Arc::new(application(20_001)),
        claim(&places, "another", [192, 0, 2, 3], Origin::Uploader),
    );
    assert!(!matches!(none, Ok(Entry::Now(_))));
    let fixed = claim(&places, "gated", [192, 0, 2, 3], Origin::Fixed);
    let entry = places.entry(&Arc::new(application(20_001)), fixed);
    assert!(matches!(entry, Ok(Entry::Now(_))));

    drop((taken, none, entry));
    assert_eq!(self::taken(&places), (0, 0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn calls_to_one_address_by_many_names_leave_room_for_others() {
    let places = Places::new(PlaceLimits {
        calls: 400,
        under_way: 200,
        ..LIMITS
    });
    let listener = "192.0.2.80:80".parse().unwrap();
    let mut taken = Vec::new();
    let mut refused = 0;
    for number in 0..150_u8 {
        let bucket = format!("bucket-{number}");
        let claim = claim(&places, &bucket, [198, 51, 100, number], Origin::Uploader);
        let place = places.enter(application(number.into()), claim).await;
        let Ok(place) = place else { continue };
        match place.goes_to(listener) {
            Ok(()) => taken.push(place),
            Err(Crowded::Shared { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(
        taken.len() <= 120 && refused >= 30,
        "{} {refused}",
        taken.len()
    );
    let other = claim(&places, "other", [192, 0, 2, 2], Origin::Uploader);
    let place = places.enter(application(20_000), other).await.unwrap();
    assert_eq!(place.goes_to("192.0.2.81:80".parse().unwrap()), Ok(()));

    drop((taken, place));
    assert_eq!(self::taken(&places), (0, 0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_application_alone_at_its_address_is_judged_as_itself() {
    let places = Places::new(LIMITS);
    let address = "192.0.2.80:80".parse().unwrap();
    let mut taken = Vec::new();
    for _ in 0..LIMITS.under_way_each {
        let place = places.enter(application(1), NOBODY).await.unwrap();
        assert_eq!(place.goes_to(address), Ok(()));
        taken.push(place);
    }
}
