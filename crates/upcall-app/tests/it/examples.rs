//! `/examples/…`: there when switched on, and the secret for nobody but our own pages.

use serde_json::json;
use upcall::policy::{Condition, PolicyDocument};
use upcall_app::{Examples, HostRule};

use crate::app::{SECRET, TestApp};
use crate::client::{Answer, Request};

const SETTINGS: &str = "/examples/settings";
const POLICY: &str = "/examples/policy";

async fn with_examples() -> TestApp {
    TestApp::start_with(|config| config.examples = Examples::WithSecret).await
}

fn assert_kept_to_itself(answer: &Answer) {
    assert_eq!(
        answer.header("cache-control"),
        Some("no-store"),
        "{answer:?}"
    );
    assert_eq!(
        answer.header("x-content-type-options"),
        Some("nosniff"),
        "{answer:?}"
    );
    assert_eq!(
        answer.header("cross-origin-resource-policy"),
        Some("same-origin"),
        "{answer:?}"
    );
    let is_cors = |(name, _): &(String, String)| name.starts_with("access-control-");
    assert!(!answer.headers.iter().any(is_cors), "{answer:?}");
}

#[tokio::test]
async fn where_they_are_not_switched_on_there_is_nothing() {
    let app = TestApp::start().await;
    let pages = upcall_web::assets().map(|asset| asset.path.to_owned());
    let examples = pages.filter(|path| path.starts_with("/examples/"));
    for target in [SETTINGS, POLICY, "/examples/"]
        .map(str::to_owned)
        .into_iter()
        .chain(examples)
    {
        let answer = app.get(&target).await;
        assert_eq!(answer.status, 404, "{target}: {answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET));
    }
}

#[tokio::test]
async fn our_own_page_learns_what_it_signs_with() {
    let app = with_examples().await;
    let page = || Request::new("GET", SETTINGS).header("Sec-Fetch-Site", "same-origin");
    let typed = || Request::new("GET", SETTINGS).header("Sec-Fetch-Site", "none");
    for request in [Request::new("GET", SETTINGS), page(), typed()] {
        let answer = app.send(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let expected = json!({
            "bucketUrl": "http://127.0.0.1:8700/photos/",
            "region": "cn-hangzhou",
            "accessKeyId": "app-key",
            "accessKeySecret": SECRET,
            "policyUrl": "/policy",
            "policyUrlV4": "/get_post_signature_for_oss_upload",
            "policyUrlWithoutCallback": POLICY,
        });
        assert_eq!(answer.json(), expected);
        assert_kept_to_itself(&answer);
    }
}

#[tokio::test]
async fn a_phone_gets_the_addresses_of_the_machine_that_it_reached() {
    let app = TestApp::start_with(|config| {
        config.examples = Examples::WithSecret;
        config.host = HostRule::SameHost { port: 8700 };
    })
    .await;
    for (host, bucket) in [
        ("192.168.1.7:8701", "http://192.168.1.7:8700/photos/"),
        ("[::1]:8701", "http://[::1]:8700/photos/"),
        ("localhost:8701", "http://localhost:8700/photos/"),
    ] {
        let answer = app
            .send(Request::new("GET", SETTINGS).header("Host", host))
            .await;
        assert_eq!(answer.json()["bucketUrl"], bucket);
    }
}

#[tokio::test]
async fn nobody_else_gets_the_secret() {
    let app = with_examples().await;
    let strangers = [
        ("Host", "evil.example:8701"),
        ("Host", "127.0.0.1.evil.example"),
        ("Host", "127.0.0.1@evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", "Same-Origin"),
        ("Sec-Fetch-Site", ""),
    ];
    for target in [SETTINGS, POLICY] {
        for (name, value) in strangers {
            let request = Request::new("GET", target).header(name, value);
            let answer = app.send(request).await;
            assert_eq!(answer.status, 403, "{target} {name}: {value}");
            assert_eq!(answer.json()["error"]["code"], "Forbidden");
            assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET));
            assert_kept_to_itself(&answer);
        }
        let mut two_hosts = Request::new("GET", target);
        two_hosts
            .headers
            .push(("Host".to_owned(), "evil.example".to_owned()));
        assert!(matches!(app.send(two_hosts).await.status, 400 | 403));
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_not_even_answered_whether_they_may_ask() {
    let app = with_examples().await;
    for target in [SETTINGS, POLICY, "/examples/none.html"] {
        for method in ["OPTIONS", "GET", "POST"] {
            let request = Request::new(method, target)
                .header("Origin", "http://page.example")
                .header("Access-Control-Request-Method", "GET");
            let answer = app.send(request).await;
            let is_cors = |(name, _): &(String, String)| name.starts_with("access-control-");
            assert!(!answer.headers.iter().any(is_cors), "{method} {target}");
            assert_eq!(
                answer.status == 200,
                method == "GET" && target != "/examples/none.html"
            );
        }
    }
}

#[tokio::test]
async fn the_policy_of_the_second_example_asks_for_no_callback() {
    let app = with_examples().await;
    let answer = app.get(&format!("{POLICY}?user=eric")).await;
    assert_kept_to_itself(&answer);
    let json = answer.json();
    assert_eq!(json["dir"], "uploads/eric/");
    assert_eq!(json.get("callback"), None);
    let policy = PolicyDocument::decode(json["policy"].as_str().unwrap()).unwrap();
    let is_about_callback = |condition: &Condition| matches!(condition, Condition::Equals { field, .. } if field == "callback");
    assert!(!policy.conditions.iter().any(is_about_callback));
    let excludes_public = |condition: &Condition| matches!(condition, Condition::NotIn { field, .. } if field == "x-oss-object-acl");
    assert!(policy.conditions.iter().any(excludes_public));
    assert_eq!(policy.conditions.len(), 5);
    assert_eq!(app.get(&format!("{POLICY}?user=A")).await.status, 400);
}

#[tokio::test]
async fn they_ask_the_application_that_was_named() {
    let app = TestApp::start_with(|config| {
        config.examples = Examples::WithSecret;
        config.policy_url = Some("http://127.0.0.1:3000/php/get.php".to_owned());
    })
    .await;
    let settings = app.get(SETTINGS).await.json();
    assert_eq!(settings["policyUrl"], "http://127.0.0.1:3000/php/get.php");
    assert_eq!(settings["policyUrlV4"], json!(null));
    assert_eq!(settings["policyUrlWithoutCallback"], json!(null));
    let of_the_upload_page = app.get("/settings").await.json();
    assert_eq!(of_the_upload_page["examplesUrl"], "/examples/");
}
