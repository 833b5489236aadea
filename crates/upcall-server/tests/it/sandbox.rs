//! The headers that keep browsers from running what others have sent, at every place where bytes
//! from outside go out.

use jiff::Timestamp;
use serde_json::json;

use crate::application::{Application, Reply, answer};
use crate::callbacks::parameter;
use crate::client::{Answer, Client};
use crate::form::{Form, sign};
use crate::server::{ADMIN, KEY_ID, SECRET, TestServer};

/// Browsers run nothing of these types.
const HARMLESS: [&str; 8] = [
    "application/json",
    "application/octet-stream",
    "application/pdf",
    "audio/mpeg",
    "font/woff2",
    "image/jpeg",
    "text/plain",
    "video/mp4",
];

const SCRIPT: &str = "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\">\
                      <script>alert(document.domain)</script></html>";

/// Never sniffed; and sandboxed, unless nothing of the type runs or there is nothing to show.
#[track_caller]
pub(crate) fn assert_sandboxed(answer: &Answer, what: &str) {
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    let content_type = answer.header("content-type");
    if content_type.is_empty() && answer.body.is_empty() {
        return;
    }
    let essence = content_type.split(';').next().unwrap_or_default();
    let policy = answer.header("content-security-policy");
    let is_sandboxed = policy
        .split(';')
        .any(|directive| directive.trim() == "sandbox");
    assert!(
        is_sandboxed || HARMLESS.contains(&essence),
        "{what}: {content_type} with {policy:?}"
    );
}

/// `method` and `target` with a V1 signature in the header.
async fn signed(server: &TestServer, method: &str, target: &str) -> Answer {
    let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    let signature = sign(SECRET, &format!("{method}\n\n\n{date}\n{target}"));
    let headers = format!("Date: {date}\r\nAuthorization: OSS {KEY_ID}:{signature}\r\n");
    server.client().request(method, target, &headers, b"").await
}

#[tokio::test]
async fn every_route_of_the_storage_answers_in_a_sandbox() {
    let server = TestServer::start().await;
    let routes = include_str!("../fixtures/storage-routes.txt");
    let mut bodies = 0;
    for line in routes.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let [method, place, sub_resource] = [(); 3].map(|()| words.next().unwrap());
        for bucket in ["photos", "open", "none"] {
            let form = Form::signed(bucket, "a.html").file_of_type("a", "text/html", b"<p>");
            server.post(&form).await;
            let key = if place == "Object" { "a.html" } else { "" };
            let query = match sub_resource {
                "-" => String::new(),
                name => format!("?{name}"),
            };
            let target = format!("/{bucket}/{key}{query}");
            let what = format!("{method} {target}");
            for answer in [
                signed(&server, method, &target).await,
                server.client().request(method, &target, "", b"").await,
            ] {
                assert_ne!(answer.status, 405, "{what}");
                assert_sandboxed(&answer, &what);
                bodies += usize::from(!answer.body.is_empty());
            }
        }
    }
    assert!(bodies > 40, "{bodies} answers showed something");
}

#[tokio::test]
async fn an_applications_answer_is_never_a_page_of_ours() {
    let server = TestServer::start().await;
    let app = Application::start(Reply::KeepAlive(Vec::new())).await;
    let callback = parameter(&app.url("/cb"), "o=${object}", "");
    for (number, (content_type, body)) in [
        ("application/xml", SCRIPT),
        ("application/json", r#"{"a":"<script>"}"#),
        ("text/html", r#"{"a":"<script>"}"#),
    ]
    .into_iter()
    .enumerate()
    {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        app.reply(Reply::KeepAlive([head, body.to_owned()].concat().into()));
        let name = format!("a-name-that-cannot-be-guessed-{number}");
        let form = Form::signed("photos", "a")
            .field("callback", &callback)
            .field("idempotency-key", &name)
            .file("a", b"content");
        let posted = server.post(&form).await;
        let put = server
            .client()
            .request(
                "PUT",
                "/open/a",
                &format!("x-oss-callback: {callback}\r\n"),
                b"content",
            )
            .await;
        let id = posted.header("x-oss-request-id").to_owned();
        let mut answers = vec![("POST".to_owned(), posted), ("PUT".to_owned(), put)];
        for query in [
            format!("request-id={id}"),
            format!("idempotency-key={name}"),
        ] {
            let path = format!("/photos/?x-upcall-answer&{query}");
            let asked = server.client().request("GET", &path, "", b"").await;
            answers.push((path, asked));
        }
        for (way, answer) in answers {
            let what = format!("{way} with {content_type}");
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, body),
                "{what}"
            );
            assert_sandboxed(&answer, &what);
        }
    }
}

#[tokio::test]
async fn a_refusal_that_repeats_words_of_others_is_in_a_sandbox() {
    let server = TestServer::start().await;
    let settings = json!({ "gate": "keep" }).to_string();
    let admin = format!("Authorization: Bearer {ADMIN}\r\n");
    let path = "/v1/buckets/photos/callback";
    let set = Client::new(server.admin())
        .request("PUT", path, &admin, settings.as_bytes())
        .await;
    assert_eq!(set.status, 204, "{set:?}");
    let app = Application::start(Reply::KeepAlive(answer("422 No", r#"{"a":"<b>"}"#))).await;
    let callback = parameter(&app.url("/cb"), "o=${object}", "");
    let gated = Form::empty("photos")
        .field("key", "a")
        .policy(&format!(r#"[{{"callback":"{callback}"}}]"#))
        .field("callback", &callback)
        .file("a", b"content");
    let client = server.client();
    let created = Form::signed("open", "<script>")
        .field("success_action_status", "201")
        .file("a", b"content");
    let redirected = Form::signed("open", "a")
        .field("success_action_redirect", "https://a.example/<script>")
        .file("a", b"content");
    for (what, status, answer) in [
        ("gate", 422, server.post(&gated).await),
        ("created", 201, server.post(&created).await),
        ("redirected", 303, server.post(&redirected).await),
        (
            "bucket's name",
            400,
            client.request("GET", "/%3Cscript%3E/", "", b"").await,
        ),
        (
            "head",
            400,
            client
                .send(b"GET / HTTP/1.1\r\nHost: a\r\na b: <script>\r\n\r\n")
                .await,
        ),
        (
            "console",
            404,
            Client::new(server.admin())
                .request("GET", "/console/%3Cscript%3E", "", b"")
                .await,
        ),
        (
            "key",
            200,
            client
                .request("GET", "/callback_webhook_key.txt", "", b"")
                .await,
        ),
    ] {
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert_sandboxed(&answer, what);
    }
}

#[tokio::test]
async fn an_object_is_sandboxed_by_its_type_however_it_is_read() {
    let server = TestServer::start().await;
    for content_type in HARMLESS.into_iter().chain([
        "text/html",
        "image/svg+xml; charset=utf-8",
        "application/xhtml+xml",
        "evil/evil",
    ]) {
        let form = Form::signed("shown", "a").file_of_type("a", content_type, SCRIPT.as_bytes());
        assert_eq!(server.post(&form).await.status, 204);
        for (method, headers, status) in [
            ("GET", "", 200),
            ("HEAD", "", 200),
            ("GET", "Range: bytes=0-3\r\n", 206),
            ("GET", "If-None-Match: *\r\n", 304),
        ] {
            let answer = server
                .client()
                .request(method, "/shown/a", headers, b"")
                .await;
            let what = format!("{method} {headers} {content_type}");
            assert_eq!(answer.status, status, "{what}");
            assert_eq!(answer.header("content-type"), content_type, "{what}");
            assert_sandboxed(&answer, &what);
            // A browser shows no PDF in a sandbox.
            let is_free = answer.header("content-security-policy").is_empty();
            assert_eq!(is_free, HARMLESS.contains(&content_type), "{what}");
        }
    }
}
