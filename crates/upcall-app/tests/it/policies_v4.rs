//! `GET /get_post_signature_for_oss_upload`: the JSON of the newer samples, and what it signs.

use serde_json::Value;
use upcall::form::{Field, FileHead, PostForm};
use upcall::name::{AccessKeySecret, BucketName};
use upcall::policy::{PolicyDocument, check};
use upcall::signature::{PolicySignature, Scope};
use upcall_app::{App, StartError};

use crate::app::{NOON, SECRET, TestApp, TestClock, config};
use crate::client::Request;

const TARGET: &str = "/get_post_signature_for_oss_upload";

fn text<'a>(json: &'a Value, member: &str) -> &'a str {
    json[member]
        .as_str()
        .unwrap_or_else(|| panic!("`{member}` in {json}"))
}

#[tokio::test]
async fn the_members_are_those_of_the_newer_samples() {
    let app = TestApp::start_with(|config| config.region = "ap-southeast-1".to_owned()).await;

    let answer = app.get(&format!("{TARGET}?user=eric")).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let members: Vec<_> = json.as_object().unwrap().keys().collect();
    let expected = [
        "callback",
        "dir",
        "host",
        "policy",
        "security_token",
        "signature",
        "version",
        "x_oss_credential",
        "x_oss_date",
        "x_oss_signature_version",
    ];
    assert_eq!(members, expected);
    for (member, value) in [
        ("version", "OSS4-HMAC-SHA256"),
        ("x_oss_signature_version", "OSS4-HMAC-SHA256"),
        (
            "x_oss_credential",
            "app-key/20261123/ap-southeast-1/oss/aliyun_v4_request",
        ),
        ("x_oss_date", "20261123T180000Z"),
        ("security_token", ""),
        ("dir", "uploads/eric/"),
        ("host", "http://127.0.0.1:8700/photos/"),
    ] {
        assert_eq!(json[member], value, "{member}");
    }
    let classic = app.get("/policy?user=eric").await.json();
    assert_eq!(json["callback"], classic["callback"]);
}

/// The form as the page of the newer samples sends it.
fn form(json: &Value, key: &str) -> PostForm {
    let fields = [
        ("success_action_status", "200"),
        ("policy", text(json, "policy")),
        ("x-oss-signature", text(json, "signature")),
        (
            "x-oss-signature-version",
            text(json, "x_oss_signature_version"),
        ),
        ("x-oss-credential", text(json, "x_oss_credential")),
        ("x-oss-date", text(json, "x_oss_date")),
        ("key", key),
        ("callback", text(json, "callback")),
    ];
    let field = |(name, value): (&str, &str)| Field {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let file = FileHead {
        filename: Some("a.jpg".to_owned()),
        is_filename_unreadable: false,
        content_type: Some("image/jpeg".to_owned()),
    };
    PostForm::new(fields.map(field).to_vec(), file).unwrap()
}

#[tokio::test]
async fn the_form_of_its_page_verifies_and_satisfies_what_the_classic_policy_pins() {
    let app = TestApp::start().await;
    let json = app.get(TARGET).await.json();
    let now = jiff::Timestamp::from_second(NOON).unwrap();

    let good = form(&json, "uploads/guest/a.jpg");

    let credentials = good.credentials().unwrap();
    let signature = PolicySignature::of(&credentials).unwrap().unwrap();
    let secret = AccessKeySecret::new(SECRET);
    let scope = Scope::oss("cn-hangzhou");
    assert_eq!(signature.verify(Some(&secret), scope, now), Ok(()));
    let elsewhere = signature.verify(Some(&secret), Scope::oss("cn-beijing"), now);
    assert!(elsewhere.is_err());

    let policy = PolicyDocument::decode(signature.policy()).unwrap();
    assert_eq!(policy.expiration.as_second(), NOON + 300);
    let photos = BucketName::parse("photos").unwrap();
    assert!(check(&policy, &good, &photos, now).is_ok());
    let another = form(&json, "uploads/eric/a.jpg");
    assert!(check(&policy, &another, &photos, now).is_err());
    let classic = app.get("/policy").await.json();
    let classic = PolicyDocument::decode(text(&classic, "policy")).unwrap();
    assert!(policy.conditions.starts_with(&classic.conditions));
}

#[tokio::test]
async fn users_and_origins_are_treated_as_by_the_classic_address() {
    let app = TestApp::start().await;
    let refused = app.get(&format!("{TARGET}?user=../admin")).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["code"], "InvalidUser");

    let answer = app.get(TARGET).await;
    let preflight = app.send(Request::new("OPTIONS", TARGET)).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(preflight.status, 204);
    for answer in [refused, answer, preflight] {
        let origins = answer.header("access-control-allow-origin");
        assert_eq!(origins, Some("*"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_region_that_is_none_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    for region in ["", "cn hangzhou", "cn/hangzhou", "CN-HANGZHOU"] {
        let mut config = config(folder.path().join("app.db"), &TestClock::default());
        config.region = region.to_owned();
        let started = App::start(config).await;
        assert!(
            matches!(started, Err(StartError::Region { .. })),
            "{region}"
        );
    }
}
