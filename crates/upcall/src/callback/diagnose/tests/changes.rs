//! What happens to target and body on their way.

use super::*;

/// What was sent, what arrived, the reason, and the beginning of its sentence.
type Change = (
    (&'static str, &'static [u8]),
    (&'static str, &'static [u8]),
    &'static str,
    &'static str,
);

const FORM: &[u8] = b"bucket=b&object=user%2Fa%20b.txt&size=5";
const JSON: &[u8] = b"{\"bucket\":\"b\",\"object\":\"user/a.txt\",\"size\":5}";

/// Those that can be undone without knowing what was sent.
const FOUND_BY_KEY: [Change; 34] = [
    (
        ("/a%252Fb", FORM),
        ("/a%2Fb", FORM),
        "path-decoded",
        "the path was percent-decoded before the verification",
    ),
    (
        ("/a+b", FORM),
        ("/a%20b", FORM),
        "path-decoded",
        "the path was percent-decoded",
    ),
    (
        ("/a+b", FORM),
        ("/a b", FORM),
        "path-decoded",
        "the path was percent-decoded",
    ),
    (
        ("/%E4%B8%AD.php", FORM),
        ("/%25E4%25B8%25AD.php", FORM),
        "path-encoded",
        "the path was percent-encoded once more",
    ),
    (
        ("/api/cb?id=1", FORM),
        ("/cb?id=1", FORM),
        "path-prefix-removed",
        "`/api` was taken from the beginning of the path",
    ),
    (
        ("/cb?id=1", FORM),
        ("/gateway/v7/cb?id=1", FORM),
        "path-prefix-added",
        "the path begins with `/gateway/v7`, which was not in",
    ),
    (
        ("/cb", FORM),
        ("/cb/", FORM),
        "path-slashes",
        "a slash was added, removed or merged",
    ),
    (
        ("/cb/?a", FORM),
        ("/cb?a", FORM),
        "path-slashes",
        "a slash was added, removed or merged",
    ),
    (
        ("/cb?", FORM),
        ("/cb", FORM),
        "query-dropped",
        "the query, or some of it, did not reach",
    ),
    (
        ("/cb", FORM),
        ("/cb?", FORM),
        "query-mark",
        "there is a `?` without a query after it",
    ),
    (
        ("/cb", FORM),
        ("/cb?utm=1", FORM),
        "query-added",
        "there are parameters in the query that were not signed",
    ),
    (
        ("/cb?a=1", FORM),
        ("/cb?trace=7&a=1", FORM),
        "query-added",
        "there are parameters in the query",
    ),
    (
        ("/cb?z=1&a=2&m=3", FORM),
        ("/cb?a=2&m=3&z=1", FORM),
        "query-reordered",
        "the parameters of the query stand in another order",
    ),
    (
        ("/cb?k=a%2Fb&x=%20", FORM),
        ("/cb?k=a/b&x=%20", FORM),
        "query-encoded",
        "the query says the same but is spelled otherwise",
    ),
    (
        ("/cb?x=a%20b", FORM),
        ("/cb?x=a+b", FORM),
        "query-encoded",
        "the query says the same but is spelled otherwise",
    ),
    (
        ("/cb?x=a+b", FORM),
        ("/cb?x=a%20b", FORM),
        "query-encoded",
        "the query says the same",
    ),
    (
        ("/cb?x=a%2fb", FORM),
        ("/cb?x=a%2Fb", FORM),
        "query-encoded",
        "the query says the same",
    ),
    (
        ("/cb", b"a=1"),
        ("/cb", b"\xef\xbb\xbfa=1"),
        "body-byte-order-mark",
        "a byte order mark (EF BB BF) was put before the body",
    ),
    (
        ("/cb", "n=猫".as_bytes()),
        ("/cb", "n=ç\u{8c}«".as_bytes()),
        "body-charset",
        "the body was decoded in one character set and encoded in another",
    ),
    (
        ("/cb", "n=é".as_bytes()),
        ("/cb", b"n=\xe9"),
        "body-charset",
        "the body was decoded in one character set",
    ),
    (
        ("/cb", b"n=a"),
        ("/cb", b"n\0=\0a\0"),
        "body-charset",
        "the body was decoded in one character set",
    ),
    (
        ("/cb", FORM),
        ("/cb", b"bucket=b&object=user/a%20b.txt&size=5"),
        "body-form-rewritten",
        "the body was read as a form and written anew",
    ),
    (
        ("/cb", FORM),
        ("/cb", b"bucket=b&object=user%2Fa+b.txt&size=5"),
        "body-form-rewritten",
        "the body was read as a form and written anew",
    ),
    (
        ("/cb", FORM),
        ("/cb", b"size=5&bucket=b&object=user%2Fa%20b.txt"),
        "body-form-rewritten",
        "the body was read as a form",
    ),
    (
        ("/cb", FORM),
        ("/cb", b"bucket=b&amp;object=user%2Fa%20b.txt&amp;size=5"),
        "body-html-escaped",
        "characters of the body were escaped for HTML",
    ),
    (
        ("/cb", b"{\"o\":\"<a>&'\"}"),
        ("/cb", b"{&quot;o&quot;:&quot;&lt;a&gt;&amp;&#39;&quot;}"),
        "body-html-escaped",
        "characters of the body were escaped for HTML",
    ),
    (
        ("/cb", JSON),
        (
            "/cb",
            b"{\"bucket\": \"b\", \"object\": \"user/a.txt\", \"size\": 5}",
        ),
        "body-json-rewritten",
        "the body was read as JSON and written anew",
    ),
    (
        ("/cb", JSON),
        (
            "/cb",
            b"{\n  \"bucket\": \"b\",\n  \"object\": \"user\\/a.txt\",\n  \"size\": 5\n}",
        ),
        "body-json-rewritten",
        "the body was read as JSON",
    ),
    (
        ("/cb", "{\"o\":\"猫\"}".as_bytes()),
        ("/cb", b"{\"o\":\"\\u732b\"}"),
        "body-json-rewritten",
        "the body was read as JSON",
    ),
    (
        ("/cb", b"{\"o\": \"\\u732b\\\"\\n\"}"),
        ("/cb", "{\"o\":\"猫\\\"\\n\"}".as_bytes()),
        "body-json-rewritten",
        "the body was read as JSON",
    ),
    (
        ("/cb", b"a=1\nb=2"),
        ("/cb", b"a=1\r\nb=2"),
        "body-line-ends",
        "line ends in the body were changed",
    ),
    (
        ("/cb", b"a=1\r\nb=2"),
        ("/cb", b"a=1\nb=2"),
        "body-line-ends",
        "line ends in the body were changed",
    ),
    (
        ("/cb", b"a=1"),
        ("/cb", b"a=1\n"),
        "body-tail",
        "white space at the end of the body was added or removed",
    ),
    (
        ("/cb", b"a=1\n"),
        ("/cb", b"a=1"),
        "body-tail",
        "white space at the end of the body",
    ),
];

/// Those of which too much is lost.
const FOUND_BY_SENT: [Change; 9] = [
    (
        ("/cb?id=1&u=2", FORM),
        ("/cb", FORM),
        "query-dropped",
        "the query, or some of it, did not reach",
    ),
    (
        ("/cb?id=1&u=2", FORM),
        ("/cb?id=1", FORM),
        "query-dropped",
        "the query, or some of it, did not reach",
    ),
    (
        ("/cb?id=1", FORM),
        ("/cb?id=2", FORM),
        "query-rewritten",
        "the query is not the one that was sent",
    ),
    (
        ("/hooks/upload", FORM),
        ("/internal", FORM),
        "path-rewritten",
        "the path is not the one that was called",
    ),
    (
        ("/very/own/cb", FORM),
        ("/cb", FORM),
        "path-prefix-removed",
        "`/very/own` was taken from the beginning of the path",
    ),
    (
        ("/cb", FORM),
        ("/cb", b""),
        "body-empty",
        "the body is empty, and no callback has an empty one",
    ),
    (
        ("/cb", FORM),
        ("/cb", b"bucket=b&obj"),
        "body-truncated",
        "the body breaks off after 12 of 39 bytes",
    ),
    (
        ("/cb", FORM),
        (
            "/cb",
            b"{\"bucket\":\"b\",\"object\":\"user/a b.txt\",\"size\":\"5\"}",
        ),
        "body-form-rewritten",
        "the body was read as a form and written anew",
    ),
    (
        ("/cb", FORM),
        ("/cb", b"bucket=c"),
        "body-rewritten",
        "the body is not the one that was sent",
    ),
];

#[test]
fn with_the_key_alone_what_happened_is_undone_and_named() {
    for ((sent_target, sent_body), (target, body), name, sentence) in FOUND_BY_KEY {
        let sent = Call::new(sent_target, sent_body);
        let diagnosis = by_key(&sent.arriving(target, body));

        let found = names(&diagnosis);
        assert_eq!(found, [(name, Certainty::Proven)], "{sent_target} {target}");
        let said = diagnosis.findings[0].reason.to_string();
        assert!(said.starts_with(sentence), "{name}: {said}");
        let repaired = diagnosis.repaired.unwrap();
        assert_eq!(
            string_to_sign(&repaired.target, &repaired.body),
            string_to_sign(sent_target, sent_body)
        );
        assert!(diagnosis.difference.is_some(), "{name}");
    }
}

#[test]
fn with_what_was_sent_the_two_are_compared() {
    for ((sent_target, sent_body), (target, body), name, sentence) in
        FOUND_BY_KEY.into_iter().chain(FOUND_BY_SENT)
    {
        let sent = Call::new(sent_target, sent_body);
        let diagnosis = by_sent(&sent.arriving(target, body), &sent);

        let found = names(&diagnosis);
        assert_eq!(found, [(name, Certainty::Proven)], "{sent_target} {target}");
        let said = diagnosis.findings[0].reason.to_string();
        assert!(said.starts_with(sentence), "{name}: {said}");
        assert!(diagnosis.difference.is_some(), "{name}");
    }
}

#[test]
fn target_and_body_may_both_have_suffered() {
    let sent = Call::new("/api/cb?b=1&a=2", FORM);
    let received = sent.arriving("/cb?a=2&b=1", b"bucket=b&object=user%2Fa+b.txt&size=5");
    let diagnosis = by_key(&received);
    let proven = [
        ("path-prefix-removed", Certainty::Proven),
        ("query-reordered", Certainty::Proven),
        ("body-form-rewritten", Certainty::Proven),
    ];
    assert_eq!(names(&diagnosis), proven);
    assert_eq!(names(&by_sent(&received, &sent)), proven);
    let repaired = diagnosis.repaired.unwrap();
    assert_eq!(repaired.target, "/api/cb?b=1&a=2");
    assert_eq!(repaired.body, FORM);
}

#[test]
fn a_header_that_tells_the_original_target_is_believed_when_it_verifies() {
    let sent = Call::new("/very/own/cb?id=7", FORM);
    let mut received = sent.arriving("/cb", FORM);
    received.set("x-original-uri", "/very/own/cb?id=7");
    assert_eq!(
        names(&by_key(&received)),
        [
            ("path-prefix-removed", Certainty::Proven),
            ("query-dropped", Certainty::Proven)
        ]
    );
}

#[test]
fn a_path_that_was_decoded_verifies_all_the_same() {
    let sent = Call::new("/a%2Fb", FORM);
    let received = sent.arriving("/a/b", FORM);
    let diagnosis = by_sent(&received, &sent);
    assert_eq!(names(&diagnosis), [("path-decoded", Certainty::Harmless)]);
    assert_eq!(diagnosis.outcome, Outcome::NeedsKey);
    assert_eq!(diagnosis.difference, None);

    let known = Known {
        key: Some(&PUBLIC),
        sent: Some(&sent),
    };
    assert_eq!(diagnosed(&received, known).outcome, Outcome::Verifies);
}

#[test]
fn the_first_byte_that_differs_is_shown_from_both_sides() {
    let sent = Call::new("/cb?id=1", FORM);
    let diagnosis = by_sent(
        &sent.arriving("/cb?id=1", b"bucket=b&object=user/a%20b.txt&size=5"),
        &sent,
    );
    let difference = diagnosis.difference.unwrap();
    assert_eq!((difference.part, difference.offset), (SignedPart::Body, 29));
    assert_eq!(
        difference.to_string(),
        "the signed text differs from byte 29 on, in the body: sent was \
         `d=1\\nbucket=b&object=user`, then `%2Fa%20b.txt&size=5`; received was \
         `d=1\\nbucket=b&object=user`, then `/a%20b.txt&size=5`"
    );

    let part = |sent: &str, target: &str| {
        let sent = Call::new(sent, b"a");
        let difference = by_sent(&sent.arriving(target, b"a"), &sent).difference;
        difference.map(|difference| (difference.part, difference.offset))
    };
    assert_eq!(part("/%E4%B8%AD", "/b"), Some((SignedPart::Path, 1)));
    assert_eq!(part("/b?x=1", "/b"), Some((SignedPart::Query, 2)));
    assert_eq!(part("/b?x=1", "/b?x=2"), Some((SignedPart::Query, 5)));
    assert_eq!(part("/b", "/b?"), Some((SignedPart::Query, 2)));
}
