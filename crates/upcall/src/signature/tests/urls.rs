//! Signatures in a URL.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::{RequestSignature, Scope, SignatureError, SignedRequest};
use super::super::{date, v1, v4};
use super::{answer, at, key, owned, pairs, query, text, vectors};
use crate::name::{AccessKeyId, AccessKeySecret};

fn request<'a>(
    case: &'a Value,
    headers: &'a [(String, String)],
    query: &'a [(String, String)],
) -> SignedRequest<'a> {
    SignedRequest {
        method: text(case, "method"),
        bucket: case["bucket"].as_str(),
        key: case["key"].as_str(),
        query,
        headers,
    }
}

#[test]
fn v1_vectors_are_signed_and_verified() {
    for case in vectors("url-v1.json") {
        let name = text(&case, "name");
        let (id, secret) = key(&case);
        let headers = pairs(&case["headers"]);
        let mut own = pairs(&case["query"]);
        if let Some(token) = case["security_token"].as_str() {
            own.push(("security-token".to_owned(), token.to_owned()));
        }
        let expires = Timestamp::from_second(case["expires"].as_i64().unwrap()).unwrap();
        let sent = v1::presign(&id, &secret, &request(&case, &headers, &own), expires).unwrap();
        assert_eq!(sent, text(&case, "query_string_to_send"), "{name}");

        let sent = query(&sent);
        let signed = request(&case, &headers, &sent);
        let found = RequestSignature::find(&signed).unwrap().unwrap();
        assert_eq!(found.access_key_id(), &id);
        let verify = |secret, now| found.verify(Some(secret), &signed, Scope::oss("r"), now);
        assert_eq!(verify(&secret, expires), Ok(()), "{name}");
        let other = AccessKeySecret::new("other");
        let wrong = verify(&other, expires);
        let Err(SignatureError::Mismatch(mismatch)) = wrong else {
            panic!("{name}: {wrong:?}");
        };
        assert_eq!(
            mismatch.string_to_sign(),
            text(&case, "string_to_sign"),
            "{name}"
        );
        // Expiry comes before the signature.
        let late = expires + SignedDuration::from_secs(1);
        let error = verify(&other, late).unwrap_err();
        assert!(matches!(error, SignatureError::Expired { .. }), "{name}");
        assert_eq!(error.refusal().text(), "Request has expired.");
    }
}

#[test]
fn v4_vectors_are_signed_and_verified() {
    for case in vectors("url-v4.json") {
        let name = text(&case, "name");
        let (id, secret) = key(&case);
        let headers = pairs(&case["headers_sent_with_request"]);
        let all = pairs(&case["query_without_signature"]);
        let of = |name: &str| {
            all.iter()
                .find(|(found, _)| found == name)
                .map(|(_, value)| value)
        };
        let time = date::parse(date::BASIC, of("x-oss-date").unwrap()).unwrap();
        let seconds = of("x-oss-expires").unwrap().parse().unwrap();
        let validity = SignedDuration::from_secs(seconds);
        let additional = of("x-oss-additional-headers").map_or("", String::as_str);
        let additional: Vec<_> = additional.split(';').collect();
        let scope = Scope {
            region: text(&case, "region"),
            product: text(&case, "product"),
        };
        let is_own = |name: &str| !name.starts_with("x-oss-") || name == "x-oss-security-token";
        let own: Vec<_> = all
            .iter()
            .filter(|(name, _)| is_own(name))
            .cloned()
            .collect();

        let canonical = v4::canonical_request(&request(&case, &headers, &all), &additional);
        assert_eq!(canonical, text(&case, "canonical_request"), "{name}");
        let credential = v4::Credential::new(&id, scope, time);
        let plain = request(&case, &headers, &own);
        let sent = v4::presign(&credential, &secret, &plain, &additional, time, validity);
        assert_eq!(sent, text(&case, "query_string_to_send"), "{name}");

        let sent = query(&sent);
        let signed = request(&case, &headers, &sent);
        let found = RequestSignature::find(&signed).unwrap().unwrap();
        let verify = |now| found.verify(Some(&secret), &signed, scope, now);
        assert_eq!(verify(time), Ok(()), "{name}");
        assert_eq!(
            verify(time - SignedDuration::from_mins(15)),
            Ok(()),
            "{name}"
        );
        assert_eq!(verify(time + validity), Ok(()), "{name}");
        let second = SignedDuration::from_secs(1);
        let late = verify(time + validity + second).unwrap_err();
        assert!(matches!(late, SignatureError::Expired { .. }), "{name}");
        let early = verify(time - SignedDuration::from_mins(15) - second).unwrap_err();
        assert_eq!(answer(&early).0, "InvalidArgument", "{name}");
    }
}

fn find(query: &[(&str, &str)]) -> Result<Option<RequestSignature>, SignatureError> {
    RequestSignature::find(&SignedRequest {
        method: "GET",
        bucket: Some("photos"),
        key: Some("cat.jpg"),
        query: &owned(query),
        headers: &[],
    })
}

#[test]
fn v1_wants_all_three_parameters() {
    let all = [
        ("OSSAccessKeyId", "ak"),
        ("Expires", "1699807420"),
        ("Signature", "c2ln"),
    ];
    assert!(find(&all).unwrap().is_some());
    for left_out in 0..all.len() {
        let mut some = all.to_vec();
        some.remove(left_out);
        let mut blank = all;
        blank[left_out].1 = "";
        for query in [&some[..], &blank[..]] {
            let error = find(query).unwrap_err();
            assert_eq!(answer(&error).0, "AccessDenied");
            assert_eq!(
                error.refusal().text(),
                "Query-string authentication requires the Signature, Expires and OSSAccessKeyId \
                 parameters"
            );
        }
    }
}

#[test]
fn v1_wants_seconds() {
    for bad in [
        "x",
        "-1",
        "+1699807420",
        "1.5",
        "1e9",
        " 1",
        "2030-01-01T00:00:00Z",
        "18446744073709551616",
    ] {
        let error = find(&[
            ("OSSAccessKeyId", "ak"),
            ("Expires", bad),
            ("Signature", "c2ln"),
        ]);
        let error = error.unwrap_err();
        assert_eq!(answer(&error).0, "AccessDenied", "{bad}");
        assert_eq!(
            error.refusal().text(),
            "Invalid date (should be seconds since epoch)."
        );
    }
}

#[test]
fn of_duplicates_the_first_counts_and_the_order_is_free() {
    let id = AccessKeyId::parse("ak").unwrap();
    let secret = AccessKeySecret::new("sk");
    let own = owned(&[("acl", "")]);
    let request = SignedRequest {
        method: "GET",
        bucket: Some("photos"),
        key: Some("cat.jpg"),
        query: &own,
        headers: &[],
    };
    let now = at("2023-11-12T16:43:40Z");
    let mut sent = query(&v1::presign(&id, &secret, &request, now).unwrap());
    let verify = |query: &[(String, String)]| {
        let request = SignedRequest { query, ..request };
        let found = RequestSignature::find(&request)?.unwrap();
        found.verify(Some(&secret), &request, Scope::oss("r"), now)
    };
    sent.reverse();
    assert_eq!(verify(&sent), Ok(()));
    sent.extend(owned(&[
        ("Expires", "9999999999"),
        ("OSSAccessKeyId", "b"),
        ("Signature", "x"),
    ]));
    assert_eq!(verify(&sent), Ok(()));
    sent.reverse();
    assert!(matches!(verify(&sent), Err(SignatureError::Mismatch(_))));
    // A second value of a signed parameter was not signed.
    sent.reverse();
    sent.push(("acl".to_owned(), "other".to_owned()));
    assert!(matches!(verify(&sent), Err(SignatureError::Mismatch(_))));
}

#[test]
fn v4_wants_all_its_parameters_and_a_week_at_most() {
    let all = [
        ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
        ("x-oss-date", "20231217T025437Z"),
        ("x-oss-expires", "604800"),
        (
            "x-oss-credential",
            "ak/20231217/cn-hangzhou/oss/aliyun_v4_request",
        ),
        ("x-oss-signature", "00"),
    ];
    assert!(find(&all).unwrap().is_some());
    for left_out in 0..all.len() {
        let mut some = all;
        some[left_out].1 = "";
        let error = find(&some).unwrap_err();
        assert!(matches!(error, SignatureError::QueryIncomplete { .. }));
        assert_eq!(answer(&error).0, "AccessDenied");
    }
    for bad in ["0", "604801", "-1", "x", "99999999999999999999"] {
        let mut other = all;
        other[2].1 = bad;
        let error = find(&other).unwrap_err();
        assert!(
            matches!(error, SignatureError::ExpiresRange { .. }),
            "{bad}"
        );
        assert_eq!(answer(&error).0, "InvalidArgument");
    }
    let mut other = all;
    other[0].1 = "OSS2";
    let error = find(&other).unwrap_err();
    assert_eq!(
        answer(&error),
        ("InvalidArgument", 400, Some("0002-00000701"))
    );
}

#[test]
fn v4_names_one_day_and_one_region() {
    let (id, secret) = (
        AccessKeyId::parse("ak").unwrap(),
        AccessKeySecret::new("sk"),
    );
    let scope = Scope::oss("cn-hangzhou");
    let plain = SignedRequest {
        method: "GET",
        bucket: Some("photos"),
        key: Some("cat.jpg"),
        query: &[],
        headers: &[],
    };
    let now = at("2023-12-17T02:54:37Z");
    let verify = |scope, day| {
        let credential = v4::Credential::new(&id, scope, day);
        let validity = SignedDuration::from_secs(60);
        let sent = query(&v4::presign(
            &credential,
            &secret,
            &plain,
            &[],
            now,
            validity,
        ));
        let request = SignedRequest {
            query: &sent,
            ..plain
        };
        let found = RequestSignature::find(&request).unwrap().unwrap();
        found.verify(Some(&secret), &request, Scope::oss("cn-hangzhou"), now)
    };
    assert_eq!(verify(scope, now), Ok(()));
    let error = verify(scope, at("2023-12-16T02:54:37Z")).unwrap_err();
    assert_eq!(
        answer(&error),
        ("InvalidArgument", 400, Some("0002-00000709"))
    );
    let error = verify(Scope::oss("cn-beijing"), now).unwrap_err();
    assert_eq!(
        answer(&error),
        ("SignatureDoesNotMatch", 403, Some("0002-00000227"))
    );
}
