//! Forms as other clients write them: stored, or refused with the cause.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::form::{Form, sign};
use crate::server::{KEY_ID, SECRET, TestServer};

#[tokio::test]
async fn what_other_clients_write_is_stored() {
    let server = TestServer::start().await;
    let of_any_key = "[[\"starts-with\",\"$key\",\"\"]]";
    for (key, stored, form) in [
        (
            "until-a-fraction",
            "until-a-fraction",
            Form::empty("photos").policy_until("2036-01-01T00:00:00.12Z", of_any_key),
        ),
        (
            "until-microseconds",
            "until-microseconds",
            Form::empty("photos").policy_until("2036-01-01T00:00:00.123456Z", of_any_key),
        ),
        (
            "until-the-end",
            "until-the-end",
            Form::empty("photos").policy_until("9999-12-31T23:59:59Z", of_any_key),
        ),
        (
            "tags",
            "tags",
            Form::empty("photos")
                .policy(of_any_key)
                .field("tags[]", "a")
                .field("tags[]", "b"),
        ),
        (
            "net/${filename}",
            "net/测试.txt",
            Form::empty("photos").policy(of_any_key),
        ),
    ] {
        let file = b"Content-Disposition: form-data; name=file; \
                     filename=\"=?utf-8?B?5rWL6K+VLnR4dA==?=\"; \
                     filename*=utf-8''%E6%B5%8B%E8%AF%95.txt\r\n\r\nhello";
        let answer = server.post(&form.field("key", key).part(file)).await;
        assert_eq!(answer.status, 204, "{key}: {}", answer.text());
        let keys = server.keys("photos").await;
        assert!(keys.iter().any(|found| found == stored), "{keys:?}");
    }
}

#[tokio::test]
async fn a_signature_that_does_not_fit_has_its_cause() {
    let server = TestServer::start().await;
    let policy = STANDARD.encode(
        r#"{"expiration":"2099-01-01T00:00:00Z","conditions":[["starts-with","$key",""]]}"#,
    );
    for (signature, cause) in [
        (format!("b'{}'", sign(SECRET, &policy)), "Python"),
        (
            sign(SECRET, &format!("{policy}\n")),
            "base64 with line breaks was signed",
        ),
        (sign("another secret", &policy), "the secret is another one"),
    ] {
        let form = Form::empty("photos")
            .field("key", "a")
            .field("policy", &policy)
            .field("OSSAccessKeyId", KEY_ID)
            .field("Signature", &signature)
            .file("a", b"x");
        let answer = server.post(&form).await;
        assert_eq!(answer.element("Code"), "SignatureDoesNotMatch");
        let hint = answer.element("Hint");
        assert!(hint.contains(cause), "{hint}");
        assert!(!hint.contains(&sign(SECRET, &policy)), "{hint}");
    }
}

#[tokio::test]
async fn a_policy_behind_the_file_is_looked_for_before_it() {
    let server = TestServer::start().await;
    let form = Form::empty("photos")
        .field("key", "a")
        .file("a", b"x")
        .field("policy", "e30=");
    let answer = server.post(&form).await;
    assert_eq!(answer.element("Code"), "AccessDenied");
    let hint = answer.element("Hint");
    assert!(
        hint.contains("fields after the file are not read"),
        "{hint}"
    );
}
