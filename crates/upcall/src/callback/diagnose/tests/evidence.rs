//! Headers, keys, and what is left to be guessed.

use super::*;

const BODY: &[u8] = b"bucket=b&object=a";

fn call() -> Call {
    Call::new("/cb?id=1", BODY).with_digest()
}

/// The reasons that a changed call gives with the key, and the first one's sentence.
fn refused(change: impl FnOnce(&mut Call)) -> (Vec<(&'static str, Certainty)>, String) {
    let mut call = call();
    change(&mut call);
    let diagnosis = by_key(&call);
    assert!(
        matches!(diagnosis.outcome, Outcome::Fails(_)),
        "{diagnosis:?}"
    );
    let sentence = diagnosis.findings[0].reason.to_string();
    (names(&diagnosis), sentence)
}

fn proven(name: &'static str) -> Vec<(&'static str, Certainty)> {
    vec![(name, Certainty::Proven)]
}

#[test]
fn a_call_that_verifies_leaves_the_receivers_own_code() {
    let diagnosis = by_key(&call());
    assert_eq!(diagnosis.outcome, Outcome::Verifies);
    assert_eq!(diagnosis.findings, []);
    assert_eq!(
        diagnosis.advice,
        [
            Advice::DigestIsMd5,
            Advice::SignedText,
            Advice::HeadersNotSigned
        ]
    );
    let said: Vec<String> = diagnosis.advice.iter().map(ToString::to_string).collect();
    assert!(
        said[0].contains("with SHA-1 or SHA-256, which many libraries take"),
        "{said:?}"
    );
    assert!(
        said[1].contains("the percent-decoded path, then `?` and the raw query"),
        "{said:?}"
    );
    assert!(
        said[2].starts_with("neither `Host` nor any other header is signed"),
        "{said:?}"
    );
}

#[test]
fn a_header_that_was_swallowed_is_named_with_what_swallows_it() {
    let (found, sentence) = refused(|call| call.drop("authorization"));
    assert_eq!(found, proven("authorization-missing"));
    assert!(sentence.contains("Apache keeps it from CGI"), "{sentence}");
    assert!(
        sentence.contains("RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]"),
        "{sentence}"
    );

    let (found, sentence) = refused(|call| call.drop("x-oss-pub-key-url"));
    assert_eq!(found, proven("key-url-missing"));
    assert!(
        sentence.starts_with("the header `x-oss-pub-key-url`, which says"),
        "{sentence}"
    );
}

#[test]
fn an_address_that_is_not_allowed_is_named() {
    let elsewhere = STANDARD.encode("http://gosspublic.alicdn.com.evil.example/k.pem");
    let (found, sentence) = refused(|call| call.set("x-oss-pub-key-url", &elsewhere));
    assert_eq!(found, proven("key-url-not-allowed"));
    assert!(
        sentence.starts_with(
            "the key is said to be at `http://gosspublic.alicdn.com.evil.example/k.pem`, an address \
             that keys are not taken from"
        ),
        "{sentence}"
    );
}

#[test]
fn headers_that_suffered_are_named() {
    let (found, sentence) = refused(|call| call.set("authorization", "Bearer x"));
    assert_eq!(found, proven("header-unreadable"));
    assert!(
        sentence.starts_with("the header `authorization` is not base64"),
        "{sentence}"
    );

    let (found, sentence) = refused(|call| {
        let again = call.header("authorization").to_owned();
        call.headers.push(("Authorization".to_owned(), again));
    });
    assert_eq!(found, proven("header-twice"));
    assert!(
        sentence.starts_with("the header `authorization` arrived twice"),
        "{sentence}"
    );

    let (found, sentence) = refused(|call| call.set("x-oss-signature-version", "2.0"));
    assert_eq!(found, proven("signature-version"));
    assert_eq!(sentence, "the header `x-oss-signature-version` is not 1.0");

    let (found, sentence) = refused(|call| call.method = "GET");
    assert_eq!(found, proven("method"));
    assert!(
        sentence.starts_with("a callback is a `POST` request"),
        "{sentence}"
    );

    let sent = call();
    let mut received = sent.clone();
    received.set("authorization", &STANDARD.encode([7; 256]));
    let diagnosis = by_sent(&received, &sent);
    assert_eq!(names(&diagnosis), proven("header-changed"));
    let sentence = diagnosis.findings[0].reason.to_string();
    assert!(sentence.starts_with("the header `authorization` did not arrive with the value"));
}

#[test]
fn a_target_that_is_no_path_is_named() {
    let (found, sentence) = refused(|call| call.target = "http://app.example/cb?id=1".to_owned());
    assert_eq!(found[0], ("target-absolute", Certainty::Proven));
    assert!(
        sentence.starts_with("the target is a whole URL"),
        "{sentence}"
    );

    let (found, sentence) = refused(|call| call.target = "/cb%3Fid=1".to_owned());
    assert_eq!(found[0], ("path-ambiguous", Certainty::Proven));
    assert!(
        sentence.contains("holds an encoded `?` or line feed"),
        "{sentence}"
    );
}

#[test]
fn another_key_is_told_from_another_text() {
    let other = {
        let pem = include_str!("../../../../tests/keys/other.pem");
        PublicKey::from_pem(pem).unwrap()
    };
    for key in [&other, &public_key(0)] {
        let known = Known {
            key: Some(key),
            sent: None,
        };
        let diagnosis = diagnosed(&call(), known);
        let found = names(&diagnosis);
        assert!(
            found.contains(&("wrong-key", Certainty::Proven)),
            "{found:?}"
        );
        let sentence = Reason::WrongKey.to_string();
        assert!(sentence.starts_with("the signature was not made with this key's private half"));
    }

    let (found, sentence) = refused(|call| {
        // A text that nothing leads back to.
        let signature = KEY.pkcs1v15_sign::<Md5>(b"/else\nwhere").unwrap();
        call.set("authorization", &STANDARD.encode(signature));
        call.drop("content-md5");
    });
    assert_eq!(found, [("unexplained", Certainty::Possible)]);
    assert!(sentence.starts_with("the signature is not over this target and this body"));
}

#[test]
fn a_small_key_is_named_where_it_is_not_excused() {
    let known = Known {
        key: Some(&public_key(0)),
        sent: None,
    };
    let diagnosis = diagnosed(&call(), known);
    let sentences: Vec<String> = diagnosis
        .findings
        .iter()
        .map(|finding| finding.reason.to_string())
        .collect();
    assert!(sentences[0].starts_with("the key has 512 bits; from this address it must have 1024"));
}

#[test]
fn a_signature_over_another_digest_is_named() {
    let (found, sentence) = refused(|call| {
        let text = string_to_sign(&call.target, &call.body);
        let signature = KEY.pkcs1v15_sign::<sha2::Sha256>(&text).unwrap();
        call.set("authorization", &STANDARD.encode(signature));
    });
    assert!(
        found.contains(&("other-digest", Certainty::Proven)),
        "{found:?}"
    );
    assert!(
        sentence.starts_with("the signature is over SHA-256"),
        "{sentence}"
    );
}

#[test]
fn a_body_that_is_gone_or_cut_shows_in_the_headers_that_announced_it() {
    let (found, sentence) = refused(|call| call.body.clear());
    assert_eq!(found, proven("body-empty"));
    assert!(
        sentence.contains("a form or JSON parser has read it before"),
        "{sentence}"
    );

    let (found, sentence) = refused(|call| call.body.truncate(5));
    assert_eq!(found, [("body-truncated", Certainty::Likely)]);
    assert!(
        sentence.starts_with("the body breaks off after 5 of 17 bytes"),
        "{sentence}"
    );

    let (found, _) = refused(|call| {
        call.body.clear();
        call.drop("content-md5");
        call.drop("content-length");
    });
    assert_eq!(found, [("body-empty", Certainty::Likely)]);
}

#[test]
fn the_digest_of_the_body_narrows_it_down_without_a_key() {
    let mut received = call();
    received.body.push(b'\n');
    let known = Known {
        key: None,
        sent: None,
    };
    assert_eq!(names(&diagnosed(&received, known)), proven("body-tail"));
    received.body = b"another".to_vec();
    received.drop("content-length");
    assert_eq!(
        names(&diagnosed(&received, known)),
        proven("body-rewritten")
    );

    // The body is whole, so that it must be the target.
    let (found, _) = refused(|call| call.target = "/other".to_owned());
    assert_eq!(
        found,
        [
            ("query-dropped", Certainty::Likely),
            ("path-rewritten", Certainty::Possible)
        ]
    );
}

#[test]
fn without_key_and_record_it_says_what_is_missing() {
    let known = Known {
        key: None,
        sent: None,
    };
    let diagnosis = diagnosed(&call(), known);
    assert_eq!(diagnosis.outcome, Outcome::NeedsKey);
    assert_eq!(diagnosis.findings, []);
}

#[test]
fn a_host_that_changed_is_no_reason() {
    let sent = call();
    let mut received = sent.arriving("/cb?id=1", b"bucket=b&object=b");
    received.set("host", "10.0.0.7:8080");
    let diagnosis = by_sent(&received, &sent);
    assert_eq!(names(&diagnosis), proven("body-rewritten"));
    assert_eq!(diagnosis.advice.last(), Some(&Advice::HeadersNotSigned));
}

#[test]
fn the_documented_callback_of_oss_is_explained_with_its_key() {
    let vectors = read("callback-signature.json");
    let key = PublicKey::from_pem(text(&vectors["oss_public_key"]["pem"])).unwrap();
    // What is lost, or changed by hand, cannot be undone.
    let negatives = [
        ("query-mark", Certainty::Proven),
        ("unexplained", Certainty::Possible),
        ("unexplained", Certainty::Possible),
    ];
    for (case, expected) in vectors["cases"].as_array().unwrap()[2..]
        .iter()
        .zip(negatives)
    {
        let url = STANDARD.encode("https://gosspublic.alicdn.com/callback_pub_key_v1.pem");
        let headers = [
            ("authorization", text(&case["authorization"])),
            ("x-oss-pub-key-url", &*url),
        ];
        let diagnosis = diagnose(&Evidence {
            received: CallbackRequest {
                method: "POST",
                target: text(&case["request_target"]),
                headers: &headers,
                body: text(&case["body"]).as_bytes(),
            },
            key: Some(&key),
            key_urls: Some(&PublicKeyUrls::oss()),
            sent: None,
        });
        assert_eq!(diagnosis.outcome, Outcome::Fails(VerifyError::Signature));
        assert_eq!(names(&diagnosis), [expected]);
    }
}
