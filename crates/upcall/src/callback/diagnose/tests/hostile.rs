//! Whatever is pasted, there is an answer, and soon.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

#[test]
fn a_huge_request_is_answered_within_bounds() {
    let long = format!("/{}?{}", "a%2F".repeat(10_000), "b=c+d&".repeat(10_000));
    let body = "k=%20&".repeat(200_000);
    let sent = Call::new("/cb", b"a=1");
    let started = Instant::now();
    let diagnosis = by_key(&sent.arriving(&long, body.as_bytes()));
    assert!(matches!(diagnosis.outcome, Outcome::Fails(_)));
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    let nested = [b"[".repeat(200_000), b"]".repeat(200_000)].concat();
    by_sent(
        &sent.arriving("/cb", &nested),
        &Call::new("/cb", &nested[1..]),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_request_breaks_it(
        target in "[/a%2F?&=+ 中:h]{0,40}",
        body in prop_oneof![
            "[\\[\\]{}\":,\\\\u0-9a=&%+\r\n 猫]{0,40}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..40),
        ],
        name in prop_oneof!["authorization", "x-oss-pub-key-url", "content-md5", "x-original-uri"],
        value in ".{0,40}",
    ) {
        let sent = Call::new("/cb?id=1&x=a%20b", b"{\"a\": [1, \"\\u732b\"]}").with_digest();
        let mut received = sent.arriving(&target, &body);
        by_key(&received);
        received.set(&name, &value);
        by_key(&received);
        let diagnosis = by_sent(&received, &sent);
        prop_assert!(!diagnosis.findings.is_empty());
    }
}
