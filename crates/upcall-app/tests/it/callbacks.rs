//! Genuine callbacks: accepted, kept, listed.

use serde_json::{Value, json};

use crate::app::{TestApp, bound};
use crate::client::{Answer, Request};
use crate::signing::SignedCallback;

/// What comes of our own template for a photo.
pub(crate) const PHOTO: &str = "bucket=photos&object=uploads%2Feric%2F%E7%8C%AB%201.jpg\
    &etag=5D41402ABC4B2A76B9719D911017C592&size=184211&mimeType=image%2Fjpeg&height=480&width=640\
    &requestId=6743A1F30D0000000000000A";

fn photo() -> Value {
    json!({
        "object": "uploads/eric/猫 1.jpg",
        "size": 184_211,
        "mimeType": "image/jpeg",
        "width": 640,
        "height": 480,
        "requestId": "6743A1F30D0000000000000A",
    })
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

fn assert_accepted(answer: &Answer, facts: &Value) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), with(facts.clone(), "Status", "OK".into()));
    let length = answer
        .header("content-length")
        .expect("the storage server insists on it");
    assert_eq!(length, answer.body.len().to_string());
}

#[tokio::test]
async fn a_genuine_callback_is_answered_and_listed() {
    let app = TestApp::start().await;

    let answer = app.send(app.callback(PHOTO).request()).await;

    assert_accepted(&answer, &photo());
    let row = with(photo(), "receivedAt", "2026-11-23T18:00:00Z".into());
    // Whom the binding names, not whose folder it looks like.
    let row = with(row, "user", "eric".into());
    assert_eq!(app.uploads().await, [row]);
}

#[tokio::test]
async fn what_is_no_image_has_no_pixels() {
    let app = TestApp::start().await;
    let body = "object=a.txt&size=0&mimeType=text%2Fplain&height=&width=&requestId=A1";

    let answer = app.send(app.callback(body).request()).await;

    let facts = json!({"object": "a.txt", "size": 0, "mimeType": "text/plain",
        "width": null, "height": null, "requestId": "A1"});
    assert_accepted(&answer, &facts);
}

#[tokio::test]
async fn a_json_body_says_the_same() {
    let app = TestApp::start().await;
    let body = photo().to_string();
    let mut callback = app.callback(&body);
    callback.set("content-type", "application/json");

    assert_accepted(&app.send(callback.request()).await, &photo());
}

#[tokio::test]
async fn the_content_type_does_not_change_what_a_signed_body_says() {
    let app = TestApp::start().await;
    let body = r#"{"object":"a&object=b&x=","requestId":"A1"}"#;
    let mut callback = app.callback(body);
    callback.set("content-type", "application/x-www-form-urlencoded");

    let answer = app.send(callback.request()).await;

    assert_eq!(answer.json()["object"], "a&object=b&x=");
}

#[tokio::test]
async fn query_and_encoded_bytes_of_the_target_are_verified_as_they_stand() {
    let app = TestApp::start().await;
    for target in [
        "/callback?",
        "/callback?user=a%2Fb&x=%20+",
        "/callback?a?b",
        "/callback?a=%0A",
    ] {
        let callback = SignedCallback::new(&app.keys.url(), target, &bound(PHOTO));
        let answer = app.send(callback.request()).await;
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
    }
}

#[tokio::test]
async fn the_oldest_callbacks_without_digest_and_request_id_are_taken() {
    let app = TestApp::start().await;
    let mut callback = app.callback("object=a.jpg&size=5&mimeType=image%2Fjpeg");
    for name in [
        "content-md5",
        "x-oss-request-id",
        "x-oss-signature-version",
        "x-oss-bucket",
    ] {
        callback.remove(name);
    }

    assert_eq!(app.send(callback.request()).await.status, 200);

    let rows = app.uploads().await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["object"], "a.jpg");
    assert_eq!(rows[0]["requestId"], Value::Null);
}

#[tokio::test]
async fn a_callback_that_is_told_twice_is_one_row() {
    let app = TestApp::start().await;
    let first = app.send(app.callback(PHOTO).request()).await;
    app.clock.advance(60);

    // Whoever repeats it can change what is not signed, and gains nothing by it.
    let mut again = app.callback(PHOTO);
    again.set("x-oss-request-id", "ANOTHER");
    let second = app.send(again.request()).await;

    assert_accepted(&first, &photo());
    assert_accepted(&second, &photo());
    assert_eq!(app.uploads().await.len(), 1);
}

#[tokio::test]
async fn the_newest_upload_is_listed_first_and_a_hundred_at_most() {
    let app = TestApp::start().await;
    for number in 0..105 {
        let body = format!("object=file-{number}&size=1&requestId=R{number}");
        assert_eq!(app.send(app.callback(&body).request()).await.status, 200);
    }

    let rows = app.uploads().await;

    assert_eq!(rows.len(), 100);
    assert_eq!(rows[0]["object"], "file-104");
    assert_eq!(rows[99]["object"], "file-5");
}

#[tokio::test]
async fn rows_outlive_the_server() {
    let app = TestApp::start().await;
    app.send(app.callback(PHOTO).request()).await;
    let (folder, keys) = app.stop().await;

    let app = TestApp::start_in(folder, keys, |_| {}).await;

    assert_eq!(app.uploads().await.len(), 1);
}

#[tokio::test]
async fn callbacks_that_come_together_are_all_kept() {
    let app = TestApp::start().await;
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..64 {
        let body = format!("object=file-{number}&size=1&requestId=R{number}");
        asked.spawn(app.callback(&body).request().send(app.address()));
    }

    while let Some(answer) = asked.join_next().await {
        assert_eq!(answer.unwrap().status, 200);
    }

    assert_eq!(app.uploads().await.len(), 64);
}

#[tokio::test]
async fn a_verified_body_that_is_not_understood_is_refused() {
    let app = TestApp::start().await;
    for body in ["object=a&size=many", "object=&size=5"] {
        let answer = app.send(app.callback(body).request()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(
            answer.json(),
            json!({"Status": "body not understood"}),
            "{body}"
        );
    }
    // SQLite's integers end earlier than ours.
    let body = format!("object=a&size={}", u64::MAX);
    assert_eq!(app.send(app.callback(&body).request()).await.status, 500);
    assert_eq!(app.uploads().await, [Value::Null; 0]);
}

#[tokio::test]
async fn only_post_reaches_the_callback() {
    let app = TestApp::start().await;
    for method in ["GET", "PUT", "DELETE"] {
        let answer = app.send(Request::new(method, "/callback")).await;
        assert_eq!(answer.status, 405, "{method}");
    }
}
