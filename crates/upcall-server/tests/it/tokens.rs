//! Security tokens beside a permanent key, by each way in: none and an empty one are nothing, any
//! other is refused.

use jiff::Timestamp;
use upcall::name::{AccessKeyId, AccessKeySecret};
use upcall::policy::PolicyBuilder;
use upcall::policy::signed::{SignedPolicy, V4Signer};
use upcall::signature::Scope;
use upcall_server::SignatureVersions;

use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{ADMIN, KEY_ID, SECRET, Setup, TestServer};
use crate::signed::{Signed, WAYS, Way};

/// What a token is, and whether it is taken.
const TOKENS: [(Option<&str>, bool); 4] = [
    (None, true),
    (Some(""), true),
    (Some("CAISfoundSomewhere"), false),
    (Some("x"), false),
];

#[track_caller]
fn assert_taken(answer: &Answer, is_taken: bool, what: &str) {
    if is_taken {
        assert!(matches!(answer.status, 200 | 204), "{what}: {answer:?}");
    } else {
        answer.assert_refused(403, "InvalidSecurityToken", "security token");
    }
}

#[tokio::test]
async fn a_token_beside_a_permanent_key_is_refused_on_every_way_in() {
    let server = TestServer::start().await;
    for (token, is_taken) in TOKENS {
        for way in WAYS {
            for place in ["header", "x-oss-security-token", "security-token"] {
                let put = Signed::new("PUT", "photos", "a").body(b"hello");
                let put = match (token, place) {
                    (None, _) => put,
                    (Some(token), "header") => put.header("x-oss-security-token", token),
                    (Some(token), name) => put.parameter(name, token),
                };
                let answer = put.send(&server, way).await;
                assert_taken(&answer, is_taken, &format!("{way:?} {place} {token:?}"));
            }
        }
        for version in ["V1", "V4"] {
            let answer = server.post(&form(version, token)).await;
            assert_taken(&answer, is_taken, &format!("form {version} {token:?}"));
        }
    }
}

#[tokio::test]
async fn v1_that_is_switched_off_is_refused_on_every_way_in_and_v4_is_not() {
    for (signatures, of_bucket) in [
        (SignatureVersions::Any, "any"),
        (SignatureVersions::V4, "any"),
        (SignatureVersions::Any, "v4"),
        (SignatureVersions::V4, "v4"),
    ] {
        let server = TestServer::start_with(Setup {
            signatures,
            ..Setup::default()
        })
        .await;
        set_signatures(&server, "photos", of_bucket).await;
        let is_off = signatures == SignatureVersions::V4 || of_bucket == "v4";
        for way in WAYS {
            let put = Signed::new("PUT", "photos", "a").body(b"hello");
            let answer = put.send(&server, way).await;
            let is_v1 = matches!(way, Way::HeaderV1 | Way::UrlV1);
            assert_version(&answer, is_v1 && is_off, &format!("{way:?}"));
        }
        for version in ["V1", "V4"] {
            let answer = server.post(&form(version, None)).await;
            assert_version(&answer, version == "V1" && is_off, version);
        }
        // Whether the signature would be right makes no difference.
        let get = Signed::new("GET", "photos", "a")
            .send_as(&server, "b")
            .await;
        let code = if is_off {
            "InvalidArgument"
        } else {
            "SignatureDoesNotMatch"
        };
        assert_eq!(get.element("Code"), code);
        // Another bucket is none of its business.
        let put = Signed::new("PUT", "open", "a").body(b"hello");
        let answer = put.send(&server, Way::UrlV1).await;
        assert_version(
            &answer,
            signatures == SignatureVersions::V4,
            "another bucket",
        );
        let anonymous = server.client().request("GET", "/open/none", "", b"").await;
        anonymous.assert_refused(404, "NoSuchKey", "");
    }
}

async fn set_signatures(server: &TestServer, bucket: &str, versions: &str) {
    let client = Client::new(server.admin());
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let path = format!("/v1/buckets/{bucket}/signatures");
    let body = serde_json::json!({ "signatures": versions }).to_string();
    let set = client
        .request("PUT", &path, &headers, body.as_bytes())
        .await;
    assert_eq!(set.status, 204, "{set:?}");
    // The callback settings are changed without it.
    let callback = format!("/v1/buckets/{bucket}/callback");
    let set = client.request("PUT", &callback, &headers, b"{}").await;
    assert_eq!(set.status, 204, "{set:?}");
}

#[track_caller]
fn assert_version(answer: &Answer, is_off: bool, what: &str) {
    if is_off {
        answer.assert_refused(400, "InvalidArgument", "");
        assert_eq!(answer.element("EC"), "0002-00000701", "{what}");
        assert!(
            answer.element("Hint").contains("OSS4-HMAC-SHA256"),
            "{what}"
        );
    } else {
        assert!(matches!(answer.status, 200 | 204), "{what}: {answer:?}");
    }
}

#[tokio::test]
async fn whoever_cannot_sign_learns_nothing_from_a_token() {
    let server = TestServer::start().await;
    let get = Signed::new("GET", "photos", "a").header("x-oss-security-token", "x");
    let answer = get.send_as(&server, "b").await;
    answer.assert_refused(403, "SignatureDoesNotMatch", "");
    let form = Form::empty("photos")
        .field("key", "a")
        .field("OSSAccessKeyId", KEY_ID)
        .field("policy", "e30=")
        .field("Signature", "AAAA")
        .field("x-oss-security-token", "x")
        .file("a", b"hello");
    let answer = server.post(&form).await;
    answer.assert_refused(403, "SignatureDoesNotMatch", "");
}

/// A form whose policy permits it, with the token where one is wanted.
fn form(version: &str, token: Option<&str>) -> Form {
    let id = AccessKeyId::parse(KEY_ID).unwrap();
    let secret = AccessKeySecret::new(SECRET);
    let policy = PolicyBuilder::new("2099-01-01T00:00:00Z".parse().unwrap())
        .bucket("photos")
        .equals("key", "a")
        .build();
    // Official samples bind a token that is not empty.
    let bound = token.filter(|token| !token.is_empty());
    let signed = match version {
        "V1" => SignedPolicy::v1(&id, &secret, &policy),
        _ => SignedPolicy::v4(
            &V4Signer {
                access_key_id: &id,
                secret: &secret,
                scope: Scope::oss("cn-hangzhou"),
                security_token: bound,
                now: Timestamp::now(),
            },
            &policy,
        ),
    };
    let mut form = Form::empty("photos").field("key", "a");
    for (name, value) in signed.fields() {
        form = form.field(name, value);
    }
    match token {
        Some(token) if version == "V1" || bound.is_none() => {
            form = form.field("x-oss-security-token", token);
        }
        Some(_) | None => {}
    }
    form.file("a", b"hello")
}
