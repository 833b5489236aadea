//! Signed policies: what a page gets is what a server takes.

use serde_json::Value;

use super::super::signed::{SignedPolicy, V4Signer};
use super::super::{PolicyBuilder, PolicyDocument, check};
use super::{at, bucket, form};
use crate::name::{AccessKeyId, AccessKeySecret};
use crate::signature::{PolicySignature, Scope};

const NOW: &str = "2026-01-01T00:00:00Z";
const HOST: &str = "https://photos.oss-cn-hangzhou.aliyuncs.com";

fn policy() -> PolicyDocument {
    PolicyBuilder::new(at("2026-01-01T00:10:00Z"))
        .bucket("photos")
        .starts_with("key", "user/eric/")
        .equals("callback", "e30=")
        .build()
}

fn v1() -> SignedPolicy {
    let (id, secret) = (
        AccessKeyId::parse("ak").unwrap(),
        AccessKeySecret::new("sk"),
    );
    SignedPolicy::v1(&id, &secret, &policy())
        .field("success_action_status", "200")
        .host(HOST)
        .dir("user/eric/")
        .callback("e30=")
}

fn v4(security_token: Option<&str>) -> SignedPolicy {
    let (id, secret) = (
        AccessKeyId::parse("ak").unwrap(),
        AccessKeySecret::new("sk"),
    );
    let signer = V4Signer {
        access_key_id: &id,
        secret: &secret,
        scope: Scope::oss("cn-hangzhou"),
        security_token,
        now: at(NOW),
    };
    SignedPolicy::v4(&signer, &policy())
        .host(HOST)
        .dir("user/eric/")
        .callback("e30=")
}

#[test]
fn a_form_with_the_fields_is_taken() {
    for signed in [v1(), v4(None), v4(Some("token"))] {
        let mut fields = signed.fields();
        fields.push(("key", "user/eric/${filename}"));
        let form = form(&fields, None);
        let credentials = form.credentials().unwrap();
        let signature = PolicySignature::of(&credentials).unwrap().unwrap();
        let secret = AccessKeySecret::new("sk");
        let scope = Scope::oss("cn-hangzhou");
        assert_eq!(signature.verify(Some(&secret), scope, at(NOW)), Ok(()));
        let policy = PolicyDocument::decode(signature.policy()).unwrap();
        assert!(check(&policy, &form, &bucket("photos"), at(NOW)).is_ok());
        assert!(check(&policy, &form, &bucket("other"), at(NOW)).is_err());
    }
}

#[test]
fn the_fields_come_in_an_order_of_their_own() {
    let names = |signed: &SignedPolicy| {
        let fields = signed.fields().into_iter();
        fields.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&v1()),
        [
            "success_action_status",
            "policy",
            "OSSAccessKeyId",
            "Signature",
            "callback"
        ]
    );
    assert_eq!(
        names(&v4(Some("token"))),
        [
            "policy",
            "x-oss-signature",
            "x-oss-signature-version",
            "x-oss-credential",
            "x-oss-date",
            "x-oss-security-token",
            "callback"
        ]
    );
}

#[test]
fn the_json_of_v1_is_that_of_the_classic_samples() {
    let signed = v1();
    let json: Value = serde_json::from_str(&signed.to_json()).unwrap();
    let signature = crate::signature::v1::sign_policy(&AccessKeySecret::new("sk"), signed.policy());
    let expected = serde_json::json!({
        "accessid": "ak",
        "host": HOST,
        "policy": signed.policy(),
        "signature": signature,
        "expire": 1_767_226_200,
        "callback": "e30=",
        "dir": "user/eric/",
    });
    assert_eq!(json, expected);
    assert_eq!(signed.expiration(), at("2026-01-01T00:10:00Z"));
}

#[test]
fn the_json_of_v4_is_that_of_the_newer_samples() {
    for (token, expected) in [(None, ""), (Some("token"), "token")] {
        let signed = v4(token);
        let json: Value = serde_json::from_str(&signed.to_json()).unwrap();
        let signature = json["signature"].as_str().unwrap();
        assert_eq!(signature.len(), 64);
        let expected = serde_json::json!({
            "policy": signed.policy(),
            "x_oss_signature_version": "OSS4-HMAC-SHA256",
            "version": "OSS4-HMAC-SHA256",
            "x_oss_credential": "ak/20260101/cn-hangzhou/oss/aliyun_v4_request",
            "x_oss_date": "20260101T000000Z",
            "signature": signature,
            "security_token": expected,
            "dir": "user/eric/",
            "host": HOST,
            "callback": "e30=",
        });
        assert_eq!(json, expected);
    }
}

#[test]
fn what_was_not_given_is_left_out_and_nothing_secret_is_printed() {
    let (id, secret) = (
        AccessKeyId::parse("ak").unwrap(),
        AccessKeySecret::new("sk"),
    );
    let signed = SignedPolicy::v1(&id, &secret, &policy());
    let json: Value = serde_json::from_str(&signed.to_json()).unwrap();
    assert_eq!(json.get("callback"), None);
    let (_, signature) = signed.fields()[2];
    let printed = format!("{signed:?}");
    assert!(
        !printed.contains(signature) && !printed.contains(signed.policy()),
        "{printed}"
    );
}
