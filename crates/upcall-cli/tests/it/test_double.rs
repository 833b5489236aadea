//! The crate `upcall-test` with this program: what the tests of other people do, all at once.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::tempdir;
use upcall_test::{CallFault, Error, Fault, Upcall, UploadFault};

use crate::callback_send::{AGREES, application};
use crate::http::get;

const PROGRAM: &str = env!("CARGO_BIN_EXE_upcall");

const SOON: Duration = Duration::from_secs(20);

/// What one test does with its bucket: it sees all of its own, and nothing of any other.
fn one_test(upcall: &Upcall, number: usize, url: &str) {
    let bucket = upcall.bucket().unwrap();
    assert!(bucket.callbacks().unwrap().is_empty());
    let faults = [
        (CallFault::InternalError, 203, Some(500)),
        (CallFault::BadJson, 203, Some(200)),
        (CallFault::Refuse, 203, None),
        (CallFault::WrongSignature, 200, Some(200)),
    ];
    let (fault, told, status) = faults[number % faults.len()];
    bucket.fault(Fault::from(fault).times(3)).unwrap();
    bucket
        .fault(Fault::from(UploadFault::DiskFull).of_key("full"))
        .unwrap();

    let mut last = None;
    for round in 0..6 {
        let given = bucket.upload("同 name", b"hello", Some(url)).unwrap();
        let call = bucket
            .wait_for_callback("同 name", last.as_ref(), SOON)
            .unwrap();
        let is_faulty = round < 3;
        assert_eq!(
            (given.status(), call.status()),
            if is_faulty {
                (told, status)
            } else {
                (200, Some(200))
            },
            "{number}, {round}: {call}"
        );
        assert_eq!(call.fault().is_some(), is_faulty, "{call}");
        assert!(call.body().contains(&format!("bucket={}&", bucket.name())));
        last = Some(call);
    }
    assert_eq!(bucket.callbacks().unwrap().len(), 6);
    let full = bucket.upload("full", b"hello", None).unwrap();
    assert_eq!(full.status(), 503, "{}", full.text());
    assert!(full.text().contains("was ordered for this upload"));
    let stored = bucket.upload("full", b"hello", None).unwrap();
    assert!((200..300).contains(&stored.status()), "{}", stored.text());
    assert_eq!(
        stored.header("etag"),
        Some("\"5D41402ABC4B2A76B9719D911017C592\"")
    );
    assert_eq!(bucket.keys().unwrap(), ["full", "同 name"]);

    bucket.fault(CallFault::Twice).unwrap();
    bucket.wipe().unwrap();
    assert!(bucket.keys().unwrap().is_empty() && bucket.callbacks().unwrap().is_empty());
    bucket.upload("a", b"hello", Some(url)).unwrap();
    let calls = bucket.callbacks().unwrap();
    assert!(calls.len() == 1 && calls[0].is_agreed() && calls[0].fault().is_none());
    let none = bucket.wait_for_callback("b", None, Duration::from_millis(50));
    assert!(matches!(none, Err(Error::NoCall { .. })), "{none:?}");
}

#[test]
fn eight_tests_at_once_share_a_server_and_do_not_notice() {
    let upcall = Upcall::start(PROGRAM).unwrap();
    let (url, _calls) = application(AGREES);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (upcall, url) = (&upcall, &url);
            scope.spawn(move || one_test(upcall, number, url));
        }
    });
    let buckets = upcall.ask("GET", "/v1/buckets", None).unwrap();
    let left = buckets["buckets"].as_array().unwrap();
    assert_eq!(left.len(), 1, "only that of `dev`: {buckets}");
}

#[test]
fn a_wait_ends_with_the_call_and_not_with_its_time() {
    let upcall = Upcall::start(PROGRAM).unwrap();
    let (url, _calls) = application(AGREES);
    let bucket = upcall.bucket().unwrap();
    bucket
        .fault(CallFault::Slow(Duration::from_millis(400)))
        .unwrap();
    std::thread::scope(|scope| {
        let began = Instant::now();
        let waiting = scope.spawn(|| bucket.wait_for_callback("a", None, Duration::from_secs(30)));
        let given = bucket.upload("a", b"hello", Some(&url)).unwrap();
        assert_eq!(given.status(), 200, "{}", given.text());
        let call = waiting.join().unwrap().unwrap();
        assert_eq!((call.fault(), call.is_agreed()), (Some("slow"), true));
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    });
}

#[test]
fn a_server_that_was_started_goes_with_the_test_and_takes_its_data() {
    let upcall = Upcall::start(PROGRAM).unwrap();
    let storage = upcall
        .storage_url()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let urls = upcall.public_key_urls().to_owned();
    assert_eq!(urls, format!("http://{storage}/callback_pub_key_*.pem"));
    let pem = get(&storage, "/callback_pub_key_v1.pem").body;
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----"));

    drop(upcall);

    std::net::TcpStream::connect(&storage).expect_err("it has gone");
    let folder = tempdir().unwrap();
    let nothing = folder.path().join("no-such-program");
    let missing = Upcall::start(&nothing);
    assert!(matches!(missing, Err(Error::Start { .. })), "{missing:?}");
    assert!(!Path::new(&nothing).exists());
}
