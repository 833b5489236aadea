//! The upload page and its files.

use upcall_app::{App, Examples, HostRule, StartError};

use crate::app::{TestApp, TestClock, config};
use crate::client::Request;

fn browser(target: &str) -> Request {
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    Request::new("GET", target).header("Accept", accept)
}

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob: data:; connect-src 'self' http://127.0.0.1:8700; font-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[tokio::test]
async fn a_browser_gets_the_page_and_may_talk_to_the_storage_server_only() {
    let app = TestApp::start().await;

    let answer = app.send(browser("/")).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, upcall_web::asset("/").unwrap().bytes);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", CSP),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-cache"),
        ("vary", "Accept"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn every_file_of_the_page_is_served() {
    let app = TestApp::start_with(|config| config.examples = Examples::WithSecret).await;
    for asset in upcall_web::assets() {
        let answer = app.send(browser(asset.path)).await;
        assert_eq!(answer.status, 200, "{}", asset.path);
        assert_eq!(answer.body, asset.bytes, "{}", asset.path);
        assert_eq!(
            answer.header("content-type"),
            Some(asset.content_type),
            "{}",
            asset.path
        );
        assert_eq!(
            answer.header("content-security-policy"),
            Some(CSP),
            "{}",
            asset.path
        );
        let caching = if asset.immutable {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        assert_eq!(
            answer.header("cache-control"),
            Some(caching),
            "{}",
            asset.path
        );
    }
}

#[tokio::test]
async fn the_page_may_talk_to_the_machine_that_the_browser_reached() {
    let app = TestApp::start_with(|config| config.host = HostRule::SameHost { port: 8700 }).await;

    let answer = app
        .send(browser("/").header("Host", "192.168.1.7:8701"))
        .await;

    let expected = CSP.replace("127.0.0.1", "192.168.1.7");
    assert_eq!(
        answer.header("content-security-policy"),
        Some(expected.as_str())
    );
    let answer = app.send(browser("/").header("Host", "a;script-src")).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn the_page_may_ask_the_application_that_was_named_and_is_told_of_it() {
    let elsewhere = "https://app.example.com:3000/php/get.php?a=1";
    let app = TestApp::start_with(|config| {
        config.policy_url = Some(elsewhere.to_owned());
    })
    .await;

    let settings = app.get("/settings").await.json();
    assert_eq!(settings["policyUrl"], elsewhere);
    assert_eq!(settings["uploadsUrl"], serde_json::Value::Null);
    let expected = CSP.replace(
        "http://127.0.0.1:8700",
        "http://127.0.0.1:8700 https://app.example.com:3000",
    );
    let page = app.send(browser("/")).await;
    assert_eq!(
        page.header("content-security-policy"),
        Some(expected.as_str())
    );

    let folder = tempfile::tempdir().unwrap();
    for bad in [
        "app.example.com",
        "/policy",
        "http://a;script-src */",
        "http://u@a/",
    ] {
        let mut config = config(folder.path().join("app.db"), &TestClock::default());
        config.policy_url = Some(bad.to_owned());
        let started = App::start(config).await;
        assert!(
            matches!(started, Err(StartError::PolicyUrl { .. })),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = TestApp::start().await;
    let length = upcall_web::asset("/").unwrap().bytes.len().to_string();
    let request = Request::new("HEAD", "/").header("Accept", "text/html");

    let answer = app.send(request).await;

    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-length"), Some(length.as_str()));
    assert_eq!(answer.body, b"");
}

#[tokio::test]
async fn other_addresses_and_methods_are_refused() {
    let app = TestApp::start().await;
    for target in [
        "/nothing",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/policy/",
        "/uploads/1",
    ] {
        let answer = app.send(browser(target)).await;
        assert_eq!(answer.status, 404, "{target}");
        assert_eq!(answer.json()["error"]["code"], "NotFound", "{target}");
    }
    for (method, target) in [
        ("POST", "/"),
        ("POST", "/policy"),
        ("DELETE", "/uploads"),
        ("PUT", "/favicon.svg"),
    ] {
        let answer = app.send(Request::new(method, target)).await;
        assert_eq!(answer.status, 405, "{method} {target}");
    }
}
