//! Callbacks whose signature is genuine, of uploads that no policy of ours permitted.

use std::time::Duration;

use serde_json::{Value, json};
use upcall::callback::{CallbackFacts, CallbackParameter, CallbackVars};

use crate::app::TestApp;
use crate::signing::SignedCallback;

/// The body that comes of the policy of `user`, for an upload under `object`.
async fn body_of(app: &TestApp, user: &str, object: &str) -> String {
    let policy = app.get(&format!("/policy?user={user}")).await.json();
    let callback = CallbackParameter::decode(policy["callback"].as_str().unwrap());
    let callback = callback.unwrap().unwrap();
    let facts = CallbackFacts {
        bucket: "photos",
        object,
        etag: "5D41402ABC4B2A76B9719D911017C592",
        size: 5,
        mime_type: "text/plain",
        image: None,
        crc64: 0,
        content_md5: "",
        vpc_id: "",
        client_ip: "",
        req_id: "6743A1F30D0000000000000A",
        operation: "PostObject",
    };
    let variables = CallbackVars::default();
    callback
        .body
        .render(callback.body_type, &facts, &variables)
        .unwrap()
}

/// Signed by the storage server, whoever wrote the body.
fn signed(app: &TestApp, body: &str) -> SignedCallback {
    SignedCallback::new(&app.keys.url(), "/callback", body)
}

#[tokio::test]
async fn what_a_policy_of_ours_permitted_is_kept_with_its_user() {
    let app = TestApp::start().await;
    let body = body_of(&app, "eric", "uploads/eric/a.txt").await;

    let answer = app.send(signed(&app, &body).request()).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    let uploads = app.uploads().await;
    assert_eq!(
        (&uploads[0]["user"], &uploads[0]["object"]),
        (&json!("eric"), &json!("uploads/eric/a.txt"))
    );
}

#[tokio::test]
async fn a_genuine_signature_of_a_foreign_body_is_refused() {
    let app = TestApp::start().await;
    let ours = body_of(&app, "eric", "uploads/eric/invoice.pdf").await;
    let (fields, binding) = ours.split_once("&binding=").unwrap();
    let mallorys = body_of(&app, "mallory", "uploads/mallory/a.txt").await;
    let (_, of_mallory) = mallorys.split_once("&binding=").unwrap();
    // Made by another application, with another secret.
    let elsewhere = TestApp::start_with(|config| {
        let secret = "a-secret-of-another-application";
        let key = upcall::callback::binding::BindingKey::of_secret(secret).unwrap();
        config.binding = upcall::callback::binding::Binding::new(key);
    })
    .await;
    let foreign = body_of(&elsewhere, "eric", "uploads/eric/invoice.pdf").await;

    for (what, body) in [
        ("no binding", fields.to_owned()),
        ("an empty one", format!("{fields}&binding=")),
        ("another user's", format!("{fields}&binding={of_mallory}")),
        ("another application's", foreign),
        ("two", format!("{ours}&binding={of_mallory}")),
        (
            "two objects",
            format!("{ours}&object=uploads%2Fmallory%2Fa.txt"),
        ),
        (
            "a folder that begins so",
            ours.replace("eric%2F", "eric2%2F"),
        ),
        (
            "another bucket",
            ours.replace("bucket=photos", "bucket=videos"),
        ),
        ("no bucket", ours.replace("bucket=photos&", "")),
        (
            "no object",
            format!("bucket=photos&size=5&binding={binding}"),
        ),
        ("another name for it", ours.replace("object=", "filename=")),
        ("no body", String::new()),
    ] {
        let answer = app.send(signed(&app, &body).request()).await;
        // Two readers could take two values.
        let (status, words) = if what.starts_with("two") {
            (400, "body not understood")
        } else {
            (403, "not permitted")
        };
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert_eq!(answer.json(), json!({"Status": words}), "{what}");
    }
    assert_eq!(app.uploads().await, [Value::Null; 0]);
}

#[tokio::test]
async fn a_call_that_is_made_again_after_the_policy_ended_is_kept() {
    let app = TestApp::start_with(|config| config.policy_lifetime = Duration::from_secs(300)).await;
    let body = body_of(&app, "eric", "uploads/eric/a.txt").await;
    let again = signed(&app, &body).request();

    app.clock.advance(300 + 24 * 60 * 60);
    assert_eq!(app.send(again).await.status, 200);
    app.clock.advance(60 * 60 + 1);
    assert_eq!(app.send(signed(&app, &body).request()).await.status, 403);
}
