//! A callback of which the signature holds, and what its binding says.

use axum::http::StatusCode;
use axum::routing::post;

use super::*;
use crate::callback::binding::{Binding, BindingKey, GRACE, Permission, Permitted};

const SECRET: &str = "the-secret-of-this-application";

fn key(secret: &str) -> BindingKey {
    BindingKey::of_secret(secret).unwrap()
}

/// What comes of a template with a binding that permits `uploads/eric/`, for ten seconds and grace.
fn body(secret: &str, object: &str) -> String {
    let permitted = Permitted::Prefix("uploads/eric/".to_owned());
    let ends = Timestamp::from_second(10).unwrap();
    let permission = Permission::until(ends, GRACE, "photos", permitted).user("eric");
    let token = Binding::new(key(secret)).make(&permission);
    format!("bucket=photos&object={object}&binding={token}")
}

/// Answers with the user that the binding names.
async fn uploaded(callback: Result<Callback, CallbackRejection>) -> Response {
    match callback {
        Ok(callback) => {
            let permission = callback.permission();
            let user = permission.and_then(|permission| permission.user.clone());
            user.unwrap_or_default().into_response()
        }
        Err(refused) => (
            [("code", refused.code()), ("part", refused.part())],
            refused,
        )
            .into_response(),
    }
}

#[tokio::test]
async fn only_what_was_permitted_reaches_the_handler() {
    let keys = KeyServer::with_key();
    let binding = Binding::new(key(SECRET)).or_key(key("the-secret-of-last-year"));
    let receiver = keys.receiver().binding(binding);
    let router = Router::new()
        .route("/cb", post(uploaded))
        .with_state(receiver);

    for secret in [SECRET, "the-secret-of-last-year"] {
        let answer = send(&router, signed("/cb", &body(secret, "uploads/eric/a.png"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.body, b"eric");
    }
    for (body, code) in [
        (
            "bucket=photos&object=uploads/eric/a.png".to_owned(),
            "binding-missing",
        ),
        (
            body("another-secret-altogether", "uploads/eric/a.png"),
            "binding-mac",
        ),
        (body(SECRET, "uploads/eric2/a.png"), "binding-object"),
        (
            body(SECRET, "uploads/eric/a.png&object=b"),
            "body-field-twice",
        ),
    ] {
        let answer = send(&router, signed("/cb", &body)).await;
        let is_readable = code.starts_with("binding-");
        let (status, part, words) = if is_readable {
            (StatusCode::FORBIDDEN, "binding", "not permitted")
        } else {
            (StatusCode::BAD_REQUEST, "body", "body not understood")
        };
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.code.as_deref(), Some(code));
        assert_eq!(answer.part.as_deref(), Some(part));
        assert_eq!(answer.content_type, "application/json");
        let wanted = format!(r#"{{"Status":"{words}"}}"#);
        assert_eq!(answer.body, wanted.as_bytes());
    }
}

#[tokio::test]
async fn a_call_that_is_made_again_for_a_day_is_still_of_its_policy() {
    let keys = KeyServer::with_key();
    let receiver = keys.receiver().binding(Binding::new(key(SECRET)));
    let router = Router::new()
        .route("/cb", post(uploaded))
        .with_state(receiver);
    let again = || signed("/cb", &body(SECRET, "uploads/eric/a.png"));

    keys.advance(10 + 24 * 60 * 60);
    assert_eq!(send(&router, again()).await.status, StatusCode::OK);
    keys.advance(60 * 60);
    assert_eq!(send(&router, again()).await.status, StatusCode::OK);
    keys.advance(1);
    assert_eq!(
        send(&router, again()).await.code.as_deref(),
        Some("binding-expired")
    );
}

#[tokio::test]
async fn a_forged_signature_is_refused_before_the_binding_is_looked_at() {
    let keys = KeyServer::with_key();
    let receiver = keys.receiver().binding(Binding::new(key(SECRET)));
    let mut forged = signed("/cb", &body(SECRET, "uploads/eric/a.png"));
    *forged.uri_mut() = "/cb?user=1".parse().unwrap();

    let answer = send(&router(receiver), forged).await;

    assert_eq!(answer.code.as_deref(), Some("signature"));
}
