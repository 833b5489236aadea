//! The admin interface: open figures, and buckets and keys behind the secret.

use serde_json::Value;

use crate::client::{Answer, Client};
use crate::form::Form;
use crate::server::{ADMIN, TestServer};

async fn ask(server: &TestServer, method: &str, path: &str, body: &str) -> Answer {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    Client::new(server.admin())
        .request(method, path, &headers, body.as_bytes())
        .await
}

#[tokio::test]
async fn health_and_figures_are_open_and_the_rest_is_not() {
    let server = TestServer::start().await;
    let client = Client::new(server.admin());
    assert_eq!(
        server
            .post(&Form::signed("photos", "a").file("a", b"hello"))
            .await
            .status,
        204
    );

    let health = client.request("GET", "/healthz", "", b"").await;
    assert_eq!(
        (health.status, health.text().as_str()),
        (200, r#"{"status":"ok"}"#)
    );
    let figures = client.request("GET", "/metrics", "", b"").await.text();
    let line = "upcall_requests_total{operation=\"PostObject\",status=\"204\"} 1";
    assert!(figures.contains(line), "{figures}");
    assert!(
        figures.contains("upcall_uploaded_bytes_total 5"),
        "{figures}"
    );
    for header in [
        "",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Basic eA==\r\n",
    ] {
        let answer = client.request("GET", "/v1/buckets", header, b"").await;
        assert_eq!(answer.status, 401, "{header}");
    }
    // Storage has no way into it.
    let storage = server.client().request("GET", "/v1/buckets", "", b"").await;
    assert_ne!(storage.status, 200);
}

#[tokio::test]
async fn buckets_are_made_set_up_and_deleted() {
    let server = TestServer::start().await;
    for (method, path, body, status, code) in [
        (
            "PUT",
            "/v1/buckets/made",
            r#"{"acl":"public-read"}"#,
            201,
            "",
        ),
        ("PUT", "/v1/buckets/made", "{}", 409, "BucketAlreadyExists"),
        ("PUT", "/v1/buckets/No", "{}", 400, "InvalidBucketName"),
        (
            "PUT",
            "/v1/buckets/other",
            r#"{"acl":"all"}"#,
            400,
            "InvalidArgument",
        ),
        ("PUT", "/v1/buckets/other", "{", 400, "MalformedJSON"),
        (
            "PUT",
            "/v1/buckets/made/acl",
            r#"{"acl":"private"}"#,
            204,
            "",
        ),
        (
            "PUT",
            "/v1/buckets/none/acl",
            r#"{"acl":"private"}"#,
            404,
            "NoSuchBucket",
        ),
        (
            "PUT",
            "/v1/buckets/made/cors",
            r#"{"rules":[{"allowedOrigins":["*"],"allowedMethods":["GET"]}]}"#,
            204,
            "",
        ),
        (
            "PUT",
            "/v1/buckets/made/cors",
            r#"{"rules":[{"allowedOrigins":["*"],"allowedMethods":["OPTIONS"]}]}"#,
            400,
            "MalformedXML",
        ),
        ("GET", "/v1/buckets/made/cors", "", 200, ""),
        ("DELETE", "/v1/buckets/made/cors", "", 204, ""),
        ("DELETE", "/v1/buckets/made", "", 204, ""),
        ("DELETE", "/v1/buckets/made", "", 404, "NoSuchBucket"),
        ("GET", "/v1/nothing", "", 404, "NoSuchRoute"),
    ] {
        let answer = ask(&server, method, path, body).await;
        assert_eq!(
            answer.status,
            status,
            "{method} {path} {body}: {}",
            answer.text()
        );
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        assert_eq!(
            json["error"]["code"].as_str().unwrap_or_default(),
            code,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_key_signs_until_it_is_deleted() {
    let server = TestServer::start().await;
    let made = ask(&server, "POST", "/v1/keys", r#"{"description":"test"}"#).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made: Value = serde_json::from_slice(&made.body).unwrap();
    let (id, secret) = (
        made["id"].as_str().unwrap(),
        made["secret"].as_str().unwrap(),
    );
    let listed = ask(&server, "GET", "/v1/keys", "").await.text();
    assert!(listed.contains(id) && !listed.contains(secret), "{listed}");

    let policy = "eyJleHBpcmF0aW9uIjoiMjA5OS0wMS0wMVQwMDowMDowMFoiLCJjb25kaXRpb25zIjpbWyJlcSIsIiRrZXkiLCJhIl1dfQ==";
    let form = Form::empty("photos")
        .field("key", "a")
        .field("OSSAccessKeyId", id)
        .field("policy", policy)
        .field("Signature", &crate::form::sign(secret, policy))
        .file("a", b"hello");
    assert_eq!(server.post(&form).await.status, 204);
    assert_eq!(
        ask(&server, "DELETE", &format!("/v1/keys/{id}"), "")
            .await
            .status,
        204
    );
    server
        .post(&form)
        .await
        .assert_refused(403, "InvalidAccessKeyId", "");
    assert_eq!(
        ask(&server, "DELETE", &format!("/v1/keys/{id}"), "")
            .await
            .status,
        404
    );
}
