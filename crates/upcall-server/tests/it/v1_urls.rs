//! URLs that an application presigns with V1 for a name that its user chose, and the user's attempts
//! to make more of them. The application looks at nothing: it signs what it was given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::application::Application;
use crate::callbacks::parameter;
use crate::client::{Answer, Client};
use crate::server::{ADMIN, TestServer};
use crate::signed::{Signed, Way};

const AGREED: &str = r#"{"Status":"OK"}"#;

async fn set(server: &TestServer, settings: Value) {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let path = "/v1/buckets/photos/callback";
    let body = settings.to_string();
    let client = Client::new(server.admin());
    let answer = client.request("PUT", path, &headers, body.as_bytes()).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[track_caller]
fn assert_needs_v4(answer: &Answer) {
    answer.assert_refused(403, "AccessDenied", "");
    let hint = answer.element("Hint");
    assert!(hint.contains("V4"), "{hint}");
}

#[tokio::test]
async fn a_users_callback_opens_no_gated_object() {
    let server = TestServer::start().await;
    let application = Application::agreeing(AGREED).await;
    let attacker = Application::agreeing(AGREED).await;
    let callback = parameter(&attacker.url("/"), "o=${object}", "");
    let genuine = parameter(&application.url("/"), "o=${object}&u=${x:uid}", "");
    let json: Value = serde_json::from_slice(&STANDARD.decode(&genuine).unwrap()).unwrap();
    let variables = STANDARD.encode(r#"{"x:uid":"victim"}"#);
    for settings in [
        json!({ "gate": "refuse" }),
        json!({ "gate": "keep" }),
        json!({ "required": true }),
        json!({ "gate": "refuse", "default": json.clone() }),
        json!({ "required": true, "default": json.clone() }),
    ] {
        set(&server, settings.clone()).await;
        let own = Signed::new("PUT", "photos", "evil.exe").parameter("callback", &callback);
        let as_key = format!("evil.exe?callback={callback}");
        assert_needs_v4(&own.body(b"MZ").send_as(&server, &as_key).await);
        let with = Signed::new("PUT", "photos", "evil.exe")
            .parameter("callback-var", &variables)
            .body(b"MZ");
        let as_key = format!("evil.exe?callback-var={variables}");
        assert_needs_v4(&with.send_as(&server, &as_key).await);
        assert!(
            server.object("photos", "evil.exe").await.is_none(),
            "{settings}"
        );
    }
    assert!(attacker.calls().is_empty() && application.calls().is_empty());
}

#[tokio::test]
async fn a_callback_in_a_header_or_signed_with_v4_counts_as_before() {
    let server = TestServer::start().await;
    let application = Application::agreeing(AGREED).await;
    let callback = parameter(&application.url("/"), "o=${object}", "");
    set(&server, json!({ "gate": "refuse" })).await;
    let put = || Signed::new("PUT", "photos", "a").body(b"hello");
    for way in [Way::HeaderV1, Way::HeaderV4, Way::UrlV1, Way::UrlV4] {
        let answer = put()
            .header("x-oss-callback", &callback)
            .send(&server, way)
            .await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, AGREED),
            "{way:?}"
        );
    }
    for way in [Way::HeaderV4, Way::UrlV4] {
        let answer = put()
            .parameter("callback", &callback)
            .send(&server, way)
            .await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, AGREED),
            "{way:?}"
        );
    }
    for way in [Way::HeaderV1, Way::UrlV1] {
        assert_needs_v4(
            &put()
                .parameter("callback", &callback)
                .send(&server, way)
                .await,
        );
    }
    // Where the bucket asks for nothing, a V1 URL with a callback is ordinary use of SDKs; and so it
    // is where it is the bucket's own.
    let json: Value = serde_json::from_slice(&STANDARD.decode(&callback).unwrap()).unwrap();
    for settings in [json!({}), json!({ "gate": "refuse", "default": json })] {
        set(&server, settings).await;
        let answer = put()
            .parameter("callback", &callback)
            .send(&server, Way::UrlV1)
            .await;
        assert_eq!((answer.status, answer.text().as_str()), (200, AGREED));
    }
}

#[tokio::test]
async fn a_url_for_a_key_changes_no_rules_and_lists_nothing() {
    let server = TestServer::start().await;
    let rules = "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin>\
                 <AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>";
    let put = Signed::new("PUT", "photos", "")
        .parameter("cors", "")
        .body(rules.as_bytes());
    assert_eq!(put.clone().send(&server, Way::HeaderV1).await.status, 200);
    assert_needs_v4(&put.send_as(&server, "?cors").await);
    for (method, parameter) in [
        ("GET", "cors"),
        ("DELETE", "cors"),
        ("GET", "acl"),
        ("PUT", "acl"),
        ("GET", "bucketInfo"),
        ("GET", "continuation-token"),
    ] {
        let signed = format!("?{parameter}");
        let answer = Signed::new(method, "photos", "")
            .parameter(parameter, "")
            .send_as(&server, &signed)
            .await;
        assert_needs_v4(&answer);
    }
    let read = Signed::new("GET", "photos", "").parameter("cors", "");
    let read = read.send(&server, Way::HeaderV1).await;
    assert_eq!(read.element("AllowedOrigin"), "*");
    // V4 tells them apart, in a URL as well.
    let read = Signed::new("GET", "photos", "").parameter("cors", "");
    assert_eq!(read.send(&server, Way::UrlV4).await.status, 200);
}

#[tokio::test]
async fn a_type_that_a_user_adds_to_a_url_runs_nothing() {
    let server = TestServer::start().await;
    let put = Signed::new("PUT", "photos", "evil.exe").body(b"<script>alert(1)</script>");
    assert_eq!(put.send(&server, Way::UrlV1).await.status, 200);
    let page = Signed::new("GET", "photos", "evil.exe")
        .parameter("response-content-type", "text/html")
        .send_as(&server, "evil.exe?response-content-type=text/html")
        .await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html")
    );
    crate::sandbox::assert_sandboxed(&page, "text/html");
    // On a write the parameter does nothing but cut the key short.
    let cut = Signed::new("PUT", "photos", "victim.jpg")
        .parameter("response-expires", "/1.jpg")
        .body(b"x")
        .send_as(&server, "victim.jpg?response-expires=/1.jpg")
        .await;
    assert_needs_v4(&cut);
    assert!(server.object("photos", "victim.jpg").await.is_none());
}
