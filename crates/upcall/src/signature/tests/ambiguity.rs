//! Keys that a user chose, which V1 reads as parameters.

use jiff::Timestamp;

use super::super::v1::PresignError;
use super::super::{RequestSignature, Scope, SignatureError, SignedRequest, v1};
use super::{owned, query};
use crate::name::{AccessKeyId, AccessKeySecret};

const SECRET: &str = "secret";

fn expires() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn presign(method: &str, key: &str, parameters: &[(&str, &str)]) -> Result<String, PresignError> {
    let (id, secret) = (
        AccessKeyId::parse("ak").unwrap(),
        AccessKeySecret::new(SECRET),
    );
    let request = SignedRequest {
        method,
        bucket: Some("photos"),
        key: Some(key),
        query: &owned(parameters),
        headers: &[],
    };
    v1::presign(&id, &secret, &request, expires())
}

/// A URL as an application makes it that looks at nothing: the text is signed as it is.
fn careless(method: &str, key: &str) -> Vec<(String, String)> {
    let text = format!("{method}\n\n\n1800000000\n/photos/{key}");
    let signature = v1::sign_policy(&AccessKeySecret::new(SECRET), &text);
    owned(&[
        ("OSSAccessKeyId", "ak"),
        ("Expires", "1800000000"),
        ("Signature", &signature),
    ])
}

fn verified(
    method: &str,
    key: Option<&str>,
    query: &[(String, String)],
) -> Result<(), SignatureError> {
    let request = SignedRequest {
        method,
        bucket: Some("photos"),
        key,
        query,
        headers: &[],
    };
    let found = RequestSignature::find(&request).unwrap().unwrap();
    let secret = AccessKeySecret::new(SECRET);
    found.verify(Some(&secret), &request, Scope::oss("r"), expires())
}

#[test]
fn a_key_or_a_value_that_reads_as_parameters_is_not_presigned() {
    for key in ["evil.exe?callback=e30=", "?cors", "a?", "dir?/a"] {
        assert_eq!(presign("PUT", key, &[]), Err(PresignError::Key), "{key}");
    }
    let disposition = "attachment; filename=\"a&response-content-type=text/html\"";
    assert_eq!(
        presign("GET", "a", &[("response-content-disposition", disposition)]),
        Err(PresignError::Parameter)
    );
    assert_eq!(
        presign("GET", "a", &[("x-oss-a=b", "")]),
        Err(PresignError::Parameter)
    );
    // What is not signed is nobody's permission.
    let sent = presign("GET", "a&b=c", &[("prefix", "a&b")]).unwrap();
    assert_eq!(verified("GET", Some("a&b=c"), &query(&sent)), Ok(()));
}

#[test]
fn a_url_for_a_key_is_none_for_the_bucket_or_for_rules() {
    for (method, signed, key, parameter) in [
        ("GET", "?cors", None, ("cors", "")),
        ("PUT", "?cors", None, ("cors", "")),
        ("DELETE", "?cors", Some(""), ("cors", "")),
        ("PUT", "?acl", None, ("acl", "")),
        ("GET", "?acl", None, ("acl", "")),
        ("DELETE", "?policy", None, ("policy", "")),
        ("PUT", "?lifecycle", None, ("lifecycle", "")),
        ("GET", "?security-token", None, ("security-token", "")),
        (
            "GET",
            "?continuation-token=b",
            None,
            ("continuation-token", "b"),
        ),
        ("GET", "?x-oss-any=1", None, ("x-oss-any", "1")),
        ("PUT", "a?acl", Some("a"), ("acl", "")),
        ("PUT", "a?policy", Some("a"), ("policy", "")),
        (
            "PUT",
            "a?response-expires=/b.jpg",
            Some("a"),
            ("response-expires", "/b.jpg"),
        ),
    ] {
        let mut query = careless(method, signed);
        assert_eq!(
            verified(method, Some(signed), &query),
            Ok(()),
            "as it was meant"
        );
        query.extend(owned(&[parameter]));
        let refused = verified(method, key, &query).unwrap_err();
        let parameter = parameter.0.to_owned();
        assert_eq!(
            refused,
            SignatureError::AmbiguousUrl { parameter },
            "{method} {signed}"
        );
        let refusal = refused.refusal();
        assert_eq!(refusal.row().code, "AccessDenied");
        assert!(refusal.hint_text().unwrap().contains("V4"), "{refusal:?}");
    }
}

#[test]
fn what_sdks_presign_for_objects_goes_on_working() {
    for (method, parameters) in [
        ("GET", &[("response-content-type", "text/plain")][..]),
        ("GET", &[("x-oss-process", "image/resize,w_1")]),
        ("GET", &[("acl", "")]),
        ("POST", &[("uploads", "")]),
        ("PUT", &[("partNumber", "1"), ("uploadId", "A")]),
        ("PUT", &[("tagging", "")]),
        ("PUT", &[("callback", "e30="), ("callback-var", "e30=")]),
        ("PUT", &[("x-oss-traffic-limit", "819200")]),
        ("DELETE", &[("versionId", "1")]),
    ] {
        let sent = presign(method, "dir/a b", parameters).unwrap();
        assert_eq!(
            verified(method, Some("dir/a b"), &query(&sent)),
            Ok(()),
            "{method} {parameters:?}"
        );
    }
    // A list of the bucket has no sub-resource.
    let sent = presign("GET", "", &[("prefix", "a"), ("max-keys", "1")]).unwrap();
    assert_eq!(verified("GET", None, &query(&sent)), Ok(()));
}
