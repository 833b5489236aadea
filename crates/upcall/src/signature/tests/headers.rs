//! Signatures in the header `Authorization`.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::{CredentialDateFault, RequestSignature, Scope, SignatureError, SignedRequest};
use super::super::{date, v1, v4};
use super::{answer, at, element, key, owned, pairs, text, vectors};
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

fn with(headers: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let mut headers = headers.to_vec();
    headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value.to_owned()));
    headers
}

#[test]
fn v1_vectors_are_signed_and_verified() {
    for case in vectors("header-v1.json") {
        let name = text(&case, "name");
        let (id, secret) = key(&case);
        let (headers, query) = (pairs(&case["headers"]), pairs(&case["query"]));
        let plain = request(&case, &headers, &query);
        assert_eq!(
            v1::string_to_sign(&plain),
            text(&case, "string_to_sign"),
            "{name}"
        );
        let authorization = v1::authorization(&id, &secret, &plain);
        assert_eq!(authorization, text(&case, "authorization"), "{name}");

        let headers = with(&headers, "authorization", &authorization);
        let signed = request(&case, &headers, &query);
        let date = plain
            .header("x-oss-date")
            .or_else(|| plain.header("date"))
            .unwrap();
        let now = date::parse(date::HTTP, &date).unwrap();
        let found = RequestSignature::find(&signed).unwrap().unwrap();
        assert_eq!(found.access_key_id(), &id);
        let verify = |secret, now| found.verify(secret, &signed, Scope::oss("cn-hangzhou"), now);
        assert_eq!(verify(Some(&secret), now), Ok(()), "{name}");
        let wrong = verify(Some(&AccessKeySecret::new("other")), now).unwrap_err();
        assert!(matches!(wrong, SignatureError::Mismatch(_)), "{name}");
    }
}

#[test]
fn v4_vectors_are_signed_and_verified() {
    for case in vectors("header-v4.json") {
        let name = text(&case, "name");
        let (id, secret) = key(&case);
        let (headers, query) = (pairs(&case["headers"]), pairs(&case["query"]));
        let plain = request(&case, &headers, &query);
        let wanted = case["additional_headers_requested"].as_array().unwrap();
        let additional: Vec<_> = wanted.iter().map(|name| name.as_str().unwrap()).collect();
        let now = date::parse(date::BASIC, &plain.header("x-oss-date").unwrap()).unwrap();
        let scope = Scope {
            region: text(&case, "region"),
            product: text(&case, "product"),
        };
        let credential = v4::Credential::new(&id, scope, now);

        let canonical = v4::canonical_request(&plain, &additional);
        assert_eq!(canonical, text(&case, "canonical_request"), "{name}");
        let date = plain.header("x-oss-date").unwrap();
        let to_sign = v4::string_to_sign(&date, &credential, &canonical);
        assert_eq!(to_sign, text(&case, "string_to_sign"), "{name}");
        let signing_key = v4::SigningKey::new(&secret, &credential);
        assert_eq!(
            signing_key.to_hex(),
            text(&case, "signing_key_hex"),
            "{name}"
        );
        let authorization = v4::authorization(&credential, &secret, &plain, &additional);
        assert_eq!(authorization, text(&case, "authorization"), "{name}");

        let headers = with(&headers, "Authorization", &authorization);
        let signed = request(&case, &headers, &query);
        let found = RequestSignature::find(&signed).unwrap().unwrap();
        assert_eq!(found.access_key_id(), &id);
        assert_eq!(
            found.verify(Some(&secret), &signed, scope, now),
            Ok(()),
            "{name}"
        );
        let other = Scope {
            region: "cn-beijing",
            ..scope
        };
        let error = found
            .verify(Some(&secret), &signed, other, now)
            .unwrap_err();
        assert_eq!(
            answer(&error),
            ("SignatureDoesNotMatch", 403, Some("0002-00000227"))
        );
    }
}

const V1_TIME: &str = "2022-12-28T10:27:41Z";

/// A GET of `photos/cat.jpg`, signed by `ak` with `sk`.
struct Signed {
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Signed {
    fn v1(headers: &[(&str, &str)]) -> Self {
        Self::sign(owned(headers), |request| {
            let id = AccessKeyId::parse("ak").unwrap();
            v1::authorization(&id, &AccessKeySecret::new("sk"), request)
        })
    }

    fn v4(headers: &[(&str, &str)], day: Timestamp) -> Self {
        Self::sign(owned(headers), |request| {
            let id = AccessKeyId::parse("ak").unwrap();
            let credential = v4::Credential::new(&id, Scope::oss("cn-hangzhou"), day);
            v4::authorization(&credential, &AccessKeySecret::new("sk"), request, &["host"])
        })
    }

    fn sign(
        headers: Vec<(String, String)>,
        sign: impl FnOnce(&SignedRequest<'_>) -> String,
    ) -> Self {
        let mut signed = Self {
            headers,
            query: owned(&[("response-content-type", "text/plain")]),
        };
        let authorization = sign(&signed.request());
        signed
            .headers
            .push(("authorization".to_owned(), authorization));
        signed
    }

    fn request(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: "GET",
            bucket: Some("photos"),
            key: Some("cat.jpg"),
            query: &self.query,
            headers: &self.headers,
        }
    }

    fn verify(&self, now: Timestamp) -> Result<(), SignatureError> {
        let request = self.request();
        let found = RequestSignature::find(&request)?.unwrap();
        let secret = AccessKeySecret::new("sk");
        found.verify(Some(&secret), &request, Scope::oss("cn-hangzhou"), now)
    }
}

#[test]
fn v1_takes_no_other_form_of_the_header() {
    for bad in [
        "",
        "OSS",
        "OSS ",
        "OSS ak",
        "OSS ak:",
        "OSS :c2ln",
        "oss ak:c2ln",
        "OSS2 AccessKeyId:ak,Signature:c2ln",
        "AWS ak:c2ln",
        "Bearer c2ln",
        "OSS4-HMAC-SHA256",
        "OSS4-HMAC-SHA256 Signature=00",
        "OSS4-HMAC-SHA256 Credential=ak/20231203/cn-hangzhou/oss/aliyun_v4_request",
        "OSS4-HMAC-SHA256 Signature=00,Signature=00",
        "OSS4-HMAC-SHA256 Signature=00,Other=1",
        "OSS4-HMAC-SHA256 Signature",
    ] {
        let headers = owned(&[("Authorization", bad)]);
        let request = SignedRequest {
            method: "GET",
            bucket: None,
            key: None,
            query: &[],
            headers: &headers,
        };
        let error = RequestSignature::find(&request).unwrap_err();
        assert_eq!(answer(&error), ("InvalidArgument", 400, None), "{bad}");
        assert_eq!(error.refusal().text(), "Authorization header is invalid.");
    }
    assert_eq!(
        answer(&v1::HeaderSignature::parse("OSS a b:c2ln").unwrap_err()),
        ("InvalidAccessKeyId", 403, Some("0002-00000903"))
    );
}

#[test]
fn an_anonymous_request_has_no_signature_and_two_are_too_many() {
    let query = owned(&[
        ("OSSAccessKeyId", "ak"),
        ("Expires", "1"),
        ("Signature", "c2ln"),
    ]);
    let headers = owned(&[("authorization", "OSS ak:c2ln")]);
    let anonymous = SignedRequest {
        method: "GET",
        bucket: None,
        key: None,
        query: &[],
        headers: &[],
    };
    assert_eq!(RequestSignature::find(&anonymous), Ok(None));
    let twice = SignedRequest {
        query: &query,
        headers: &headers,
        ..anonymous
    };
    let error = RequestSignature::find(&twice).unwrap_err();
    assert_eq!(answer(&error), ("InvalidArgument", 400, None));
}

#[test]
fn v1_wants_a_date_of_its_form() {
    for bad in [
        "",
        "20221228T102741Z",
        "2022-12-28T10:27:41Z",
        "Wed, 28 Dec 2022 10:27:41 +0000",
        "Wed, 28 Dec 22 10:27:41 GMT",
        "Thu, 28 Dec 2022 10:27:41 GMT",
        "1672223261",
    ] {
        let error = Signed::v1(&[("Date", bad)])
            .verify(at(V1_TIME))
            .unwrap_err();
        assert_eq!(answer(&error).0, "AccessDenied", "{bad}");
        assert_eq!(
            error.refusal().text(),
            "OSS authentication requires a valid Date."
        );
    }
    let none = Signed::v1(&[]).verify(at(V1_TIME)).unwrap_err();
    assert_eq!(
        none.refusal().text(),
        "OSS authentication requires a valid Date."
    );
    // Two of them are joined, and no date then.
    let good = "Wed, 28 Dec 2022 10:27:41 GMT";
    let twice = Signed::v1(&[("Date", good), ("date", good)]);
    assert!(matches!(
        twice.verify(at(V1_TIME)),
        Err(SignatureError::Date { .. })
    ));
}

#[test]
fn v1_compares_the_oss_date_before_the_other() {
    let signed = Signed::v1(&[
        ("Date", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ("X-Oss-Date", "Wed, 28 Dec 2022 10:27:41 GMT"),
    ]);
    assert_eq!(signed.verify(at(V1_TIME)), Ok(()));
}

#[test]
fn fifteen_minutes_are_allowed_either_way_and_not_a_second_more() {
    let v1 = Signed::v1(&[("Date", "Wed, 28 Dec 2022 10:27:41 GMT")]);
    let now = at(V1_TIME);
    let v4 = Signed::v4(
        &[
            ("x-oss-date", "20221228T102741Z"),
            ("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
            ("Host", "photos.localhost"),
        ],
        now,
    );
    let most = SignedDuration::from_mins(15);
    let second = SignedDuration::from_secs(1);
    for signed in [v1, v4] {
        assert_eq!(signed.verify(now + most), Ok(()));
        assert_eq!(signed.verify(now - most), Ok(()));
        for skewed in [now + most + second, now - most - second] {
            let error = signed.verify(skewed).unwrap_err();
            assert_eq!(
                answer(&error),
                ("RequestTimeTooSkewed", 403, Some("0002-00000504"))
            );
        }
        let error = signed.verify(at("2022-12-28T11:00:57.5Z")).unwrap_err();
        let extra = |name| element(&error, name).unwrap();
        assert_eq!(extra("MaxAllowedSkewMilliseconds"), "900000");
        assert_eq!(extra("RequestTime"), "2022-12-28T10:27:41.000Z");
        assert_eq!(extra("ServerTime"), "2022-12-28T11:00:57.500Z");
    }
}

#[test]
fn v4_wants_its_date_its_day_and_an_unsigned_payload() {
    let now = at(V1_TIME);
    let date = ("x-oss-date", "20221228T102741Z");
    let payload = ("x-oss-content-sha256", "UNSIGNED-PAYLOAD");
    let verify = |headers: &[(&str, &str)], day| Signed::v4(headers, day).verify(now);
    assert_eq!(verify(&[date, payload], now), Ok(()));
    let no_date = verify(&[("Date", "Wed, 28 Dec 2022 10:27:41 GMT"), payload], now);
    assert!(matches!(no_date, Err(SignatureError::Date { .. })));
    let other_day = verify(&[date, payload], at("2022-12-27T10:27:41Z")).unwrap_err();
    let fault = CredentialDateFault::OtherDay;
    assert!(matches!(&other_day, SignatureError::CredentialDate { why, .. } if *why == fault));
    assert_eq!(
        answer(&other_day),
        ("InvalidArgument", 400, Some("0002-00000709"))
    );
    for headers in [vec![date], vec![date, ("x-oss-content-sha256", "e3b0c442")]] {
        let error = verify(&headers, now).unwrap_err();
        assert_eq!(answer(&error), ("InvalidArgument", 400, None));
        assert_eq!(
            element(&error, "ArgumentName").unwrap(),
            "x-oss-content-sha256"
        );
    }
}

#[test]
fn a_credential_has_five_parts_and_a_known_end() {
    for (bad, ec) in [
        ("", "0002-00000710"),
        ("ak", "0002-00000710"),
        ("ak/20231203/cn-hangzhou/oss", "0002-00000710"),
        ("ak/20231203/cn-hangzhou/oss/aws4_request", "0002-00000710"),
        (
            "ak/20231203/cn-hangzhou/oss/aliyun_v4_request/",
            "0002-00000710",
        ),
        ("ak/20231203//oss/aliyun_v4_request", "0002-00000710"),
        (
            "/20231203/cn-hangzhou/oss/aliyun_v4_request",
            "0002-00000710",
        ),
        (
            "a k/20231203/cn-hangzhou/oss/aliyun_v4_request",
            "0002-00000708",
        ),
        (
            "ak/20231303/cn-hangzhou/oss/aliyun_v4_request",
            "0002-00000709",
        ),
        (
            "ak/2023123/cn-hangzhou/oss/aliyun_v4_request",
            "0002-00000709",
        ),
    ] {
        let error = v4::Credential::parse(bad).unwrap_err();
        assert_eq!(answer(&error), ("InvalidArgument", 400, Some(ec)), "{bad}");
    }
    let good = "ak/20231203/cn-hangzhou/oss/aliyun_v4_request";
    assert_eq!(v4::Credential::parse(good).unwrap().to_string(), good);
}

#[test]
fn a_mismatch_tells_what_was_signed_here_and_no_secret() {
    let mut signed = Signed::v1(&[("Date", "Wed, 28 Dec 2022 10:27:41 GMT")]);
    signed.query.push(("acl".to_owned(), String::new()));
    let error = signed.verify(at(V1_TIME)).unwrap_err();
    assert_eq!(
        answer(&error),
        ("SignatureDoesNotMatch", 403, Some("0002-00000705"))
    );
    let extra = |name| element(&error, name).unwrap();
    let to_sign = "GET\n\n\nWed, 28 Dec 2022 10:27:41 GMT\n\
                   /photos/cat.jpg?acl&amp;response-content-type=text/plain";
    assert_eq!(extra("OSSAccessKeyId"), "ak");
    assert_eq!(extra("StringToSign"), to_sign);
    assert!(extra("StringToSignBytes").starts_with("47 45 54 0a 0a 0a 57 65 64 2c 20"));
    assert_eq!(extra("SignatureProvided").len(), 28);
    assert!(!format!("{error:?}").contains("photos"));
    assert_eq!(element(&error, "CanonicalRequest"), None);
}

#[test]
fn a_mismatch_in_v4_shows_the_canonical_request() {
    let mut signed = Signed::v4(
        &[
            ("x-oss-date", "20221228T102741Z"),
            ("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
            ("Host", "photos.localhost"),
        ],
        at(V1_TIME),
    );
    // Host was signed as an additional header.
    signed.headers.retain(|(name, _)| name != "Host");
    let error = signed.verify(at(V1_TIME)).unwrap_err();
    assert_eq!(answer(&error).0, "SignatureDoesNotMatch");
    let canonical = element(&error, "CanonicalRequest").unwrap();
    assert!(canonical.starts_with("GET\n/photos/cat.jpg\nresponse-content-type=text%2Fplain\n"));
    assert!(canonical.ends_with("\n\n\nUNSIGNED-PAYLOAD"));
}

#[test]
fn an_unknown_key_is_unknown_even_if_the_signature_is_nobodys() {
    let headers = owned(&[("Date", "Wed, 28 Dec 2022 10:27:41 GMT")]);
    let id = AccessKeyId::parse("ak").unwrap();
    let nobody = AccessKeySecret::new(super::super::mac::secret_or_nobody(None));
    let signed = Signed::sign(headers, |request| v1::authorization(&id, &nobody, request));
    let found = RequestSignature::find(&signed.request()).unwrap().unwrap();
    let scope = Scope::oss("cn-hangzhou");
    let error = found
        .verify(None, &signed.request(), scope, at(V1_TIME))
        .unwrap_err();
    assert_eq!(
        answer(&error),
        ("InvalidAccessKeyId", 403, Some("0002-00000902"))
    );
    assert_eq!(element(&error, "OSSAccessKeyId").unwrap(), "ak");
}
