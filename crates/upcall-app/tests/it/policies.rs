//! `GET /policy`: the documented JSON, and what it signs.

use std::time::Duration;

use serde_json::{Value, json};
use upcall::callback::{CallbackBodyType, CallbackParameter};
use upcall::name::AccessKeySecret;
use upcall::policy::lint::{BucketRules, lint_in};
use upcall::policy::{Condition, PolicyDocument};
use upcall::signature::v1;
use upcall_app::{App, CallbackUrlRule, HostRule, StartError};

use crate::app::{NOON, SECRET, TestApp, TestClock, config};
use crate::client::{Answer, Request};

fn equals(field: &str, value: &str) -> Condition {
    Condition::Equals {
        field: field.to_owned(),
        value: value.to_owned(),
    }
}

fn starts_with(field: &str, prefix: &str) -> Condition {
    Condition::StartsWith {
        field: field.to_owned(),
        prefix: prefix.to_owned(),
    }
}

fn text<'a>(json: &'a Value, member: &str) -> &'a str {
    json[member]
        .as_str()
        .unwrap_or_else(|| panic!("`{member}` in {json}"))
}

fn document(answer: &Answer) -> PolicyDocument {
    PolicyDocument::decode(text(&answer.json(), "policy")).unwrap()
}

#[tokio::test]
async fn a_policy_pins_whatever_a_page_could_change() {
    let app = TestApp::start().await;

    let answer = app.get("/policy?user=eric").await;

    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let members: Vec<_> = json.as_object().unwrap().keys().collect();
    let expected = [
        "accessid",
        "callback",
        "dir",
        "expire",
        "host",
        "policy",
        "signature",
    ];
    assert_eq!(members, expected);
    assert_eq!(json["accessid"], "app-key");
    assert_eq!(json["host"], "http://127.0.0.1:8700/photos/");
    assert_eq!(json["dir"], "uploads/eric/");
    assert_eq!(json["expire"], NOON + 300);
    let document = document(&answer);
    assert_eq!(document.expiration.as_second(), NOON + 300);
    assert_eq!(
        document.conditions,
        [
            equals("bucket", "photos"),
            starts_with("key", "uploads/eric/"),
            Condition::ContentLengthRange {
                min: 0,
                max: 1_048_576_000
            },
            equals("callback", text(&json, "callback")),
            equals("success_action_status", "200"),
            Condition::NotIn {
                field: "x-oss-object-acl".to_owned(),
                values: ["public-read", "public-read-write"]
                    .map(str::to_owned)
                    .to_vec(),
            },
        ]
    );
    let signature = v1::sign_policy(&AccessKeySecret::new(SECRET), text(&json, "policy"));
    assert_eq!(text(&json, "signature"), signature);
}

#[tokio::test]
async fn no_policy_draws_a_warning_in_a_bucket_that_closes_what_pages_leave_out() {
    let rules = BucketRules {
        binds_acl: false,
        binds_redirect: true,
        downloads_pages: true,
        forbids_overwrite: true,
    };
    let app = TestApp::start().await;
    let now = jiff::Timestamp::from_second(NOON).unwrap();
    for target in ["/policy", "/get_post_signature_for_oss_upload?user=eric"] {
        let policy = document(&app.get(target).await);
        assert_eq!(lint_in(&policy, rules, now), [], "{target}");
    }
}

#[tokio::test]
async fn the_callback_comes_to_us_and_tells_what_we_list() {
    let app = TestApp::start().await;

    let json = app.get("/policy").await.json();

    let callback = CallbackParameter::decode(text(&json, "callback"))
        .unwrap()
        .unwrap();
    assert_eq!(callback.urls.len(), 1);
    assert_eq!(
        callback.urls[0].as_given(),
        format!("http://{}/callback", app.address())
    );
    assert_eq!(callback.body_type, CallbackBodyType::Form);
    let body = "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&mimeType=${mimeType}\
        &height=${imageInfo.height}&width=${imageInfo.width}&requestId=${reqId}";
    let (template, _) = callback.body.as_str().split_once("&binding=v1.").unwrap();
    assert_eq!(template, body);
    assert!(!callback.sni);
}

#[tokio::test]
async fn a_callback_to_a_public_address_names_it_in_tls() {
    let app = TestApp::start_with(|config| {
        let url = "https://app.example.com/callback?a=1".to_owned();
        config.callback_url = CallbackUrlRule::Fixed(url);
    })
    .await;

    let json = app.get("/policy").await.json();

    let callback = CallbackParameter::decode(text(&json, "callback"))
        .unwrap()
        .unwrap();
    assert_eq!(
        callback.urls[0].as_given(),
        "https://app.example.com/callback?a=1"
    );
    assert!(callback.sni);
}

#[tokio::test]
async fn pages_of_any_origin_may_ask_and_nobody_keeps_the_answer() {
    let app = TestApp::start().await;
    for target in ["/policy", "/"] {
        let answer = app.get(target).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{target}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("*"),
            "{target}"
        );

        let preflight = Request::new("OPTIONS", target)
            .header("Origin", "http://page.example")
            .header("Access-Control-Request-Method", "GET");
        let answer = app.send(preflight).await;
        assert_eq!(answer.status, 204, "{target}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("*"),
            "{target}"
        );
        assert_eq!(
            answer.header("access-control-allow-methods"),
            Some("GET, POST"),
            "{target}"
        );
        assert_eq!(
            answer.header("access-control-allow-headers"),
            Some("*"),
            "{target}"
        );
    }
}

#[tokio::test]
async fn the_root_is_the_policy_for_whoever_does_not_ask_for_html() {
    let app = TestApp::start().await;
    let policy = app.get("/policy").await.json();
    for accept in [
        "*/*",
        "application/json",
        "application/json, text/plain;q=0.5",
    ] {
        let answer = app
            .send(Request::new("GET", "/").header("Accept", accept))
            .await;
        assert_eq!(answer.json(), policy, "{accept}");
        assert_eq!(answer.header("vary"), Some("Accept"), "{accept}");
    }
    assert_eq!(app.get("/").await.json(), policy, "no Accept at all");
    let answer = app.get("/?user=eric").await;
    assert_eq!(answer.json()["dir"], "uploads/eric/");
}

#[tokio::test]
async fn every_user_has_a_folder_and_guests_share_one() {
    let app = TestApp::start().await;
    for (query, dir) in [
        ("", "uploads/guest/"),
        ("?user=eric", "uploads/eric/"),
        ("?user=u-1_2", "uploads/u-1_2/"),
        ("?user=%65ric", "uploads/eric/"),
        ("?_=12345", "uploads/guest/"),
    ] {
        let answer = app.get(&format!("/policy{query}")).await;
        assert_eq!(answer.json()["dir"], dir, "{query}");
        assert_eq!(
            document(&answer).conditions[1],
            starts_with("key", dir),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_user_that_is_no_folder_is_refused() {
    let app = TestApp::start().await;
    let long = format!("?user={}", "a".repeat(33));
    for query in [
        "?user=",
        "?user=../admin",
        "?user=Eric",
        "?user=a%2Fb",
        "?user=%00",
        "?user=a&user=b",
        "?user=%24%7Bfilename%7D",
        &long,
    ] {
        let answer = app.get(&format!("/policy{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.json()["error"]["code"], "InvalidUser", "{query}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("*"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn content_types_are_restricted_as_configured() {
    let allowed = |types: &[&str]| Some(types.iter().map(|&text| text.to_owned()).collect());
    let listed = ["image/png", "image/jpeg"];
    let condition = Condition::In {
        field: "content-type".to_owned(),
        values: listed.map(str::to_owned).to_vec(),
    };
    for (types, condition) in [
        (&listed[..], condition),
        (&["image/*"][..], starts_with("content-type", "image/")),
    ] {
        let app = TestApp::start_with(|config| config.allowed_types = allowed(types)).await;
        let document = document(&app.get("/policy").await);
        assert_eq!(document.conditions.last(), Some(&condition));
        assert_eq!(
            app.get("/settings").await.json()["allowedTypes"],
            json!(types)
        );
    }
}

#[tokio::test]
async fn the_page_learns_the_limits() {
    let app = TestApp::start_with(|config| config.max_bytes = 5_000_000).await;

    let settings = app.get("/settings").await.json();

    let expected = json!({
        "maxBytes": 5_000_000,
        "allowedTypes": null,
        "bucket": "photos",
        "policyUrl": "/policy",
        "uploadsUrl": "/uploads",
        "examplesUrl": null,
    });
    assert_eq!(settings, expected);
    let conditions = document(&app.get("/policy").await).conditions;
    assert_eq!(
        conditions[2],
        Condition::ContentLengthRange {
            min: 0,
            max: 5_000_000
        }
    );
}

#[tokio::test]
async fn the_form_goes_to_the_machine_that_the_browser_reached() {
    let app = TestApp::start_with(|config| config.host = HostRule::SameHost { port: 8700 }).await;
    for (host, action) in [
        ("192.168.1.7:8701", "http://192.168.1.7:8700/photos/"),
        ("localhost:8701", "http://localhost:8700/photos/"),
        ("[fe80::1]:8701", "http://[fe80::1]:8700/photos/"),
    ] {
        let answer = app
            .send(Request::new("GET", "/policy").header("Host", host))
            .await;
        assert_eq!(answer.json()["host"], action);
    }
    for host in ["evil.example;script-src", "a/b", "u@a", "a'b"] {
        let answer = app
            .send(Request::new("GET", "/policy").header("Host", host))
            .await;
        assert_eq!(answer.status, 400, "{host}");
    }
}

#[tokio::test]
async fn what_cannot_be_promised_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = || config(folder.path().join("app.db"), &TestClock::default());

    let mut mixed = config();
    mixed.allowed_types = Some(vec!["image/*".to_owned(), "text/plain".to_owned()]);
    assert!(matches!(
        App::start(mixed).await,
        Err(StartError::AllowedTypes)
    ));

    let mut host = config();
    host.host = HostRule::Fixed("photos.example.com".to_owned());
    assert!(matches!(
        App::start(host).await,
        Err(StartError::Host { .. })
    ));

    let mut callback = config();
    callback.callback_url = CallbackUrlRule::Fixed("ftp://app.example.com/callback".to_owned());
    assert!(matches!(
        App::start(callback).await,
        Err(StartError::CallbackUrl { .. })
    ));

    let mut data = config();
    data.data = folder.path().join("no/such/folder/app.db");
    assert!(matches!(
        App::start(data).await,
        Err(StartError::Uploads { .. })
    ));

    let running = App::start(config()).await.unwrap();
    let mut taken = config();
    taken.listen = running.address();
    assert!(matches!(
        App::start(taken).await,
        Err(StartError::Listen { .. })
    ));
}

#[tokio::test]
async fn a_policy_lives_as_long_as_configured() {
    let app = TestApp::start_with(|config| {
        config.policy_lifetime = Duration::from_millis(30_999);
    })
    .await;
    app.clock.advance(7);
    let answer = app.get("/policy").await;
    assert_eq!(answer.json()["expire"], NOON + 37);
    assert_eq!(document(&answer).expiration.as_second(), NOON + 37);
}

/// Else a browser that compares clocks, and every cache between, would trust a time that never was.
#[tokio::test]
async fn the_date_of_an_answer_follows_a_clock_that_is_set_back() {
    let app = TestApp::start().await;
    for target in ["/policy", "/", "/uploads", "/nothing-here"] {
        let answer = app.get(target).await;
        assert_eq!(answer.header("date"), Some("Mon, 23 Nov 2026 18:00:00 GMT"));
    }
    app.clock.advance(-3600);
    let answer = app.get("/policy").await;
    assert_eq!(answer.header("date"), Some("Mon, 23 Nov 2026 17:00:00 GMT"));
}
