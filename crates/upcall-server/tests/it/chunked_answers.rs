//! Chunked answers: a failure by the protocol, and taken where the bucket says so.

use serde_json::{Value, json};

use crate::callbacks::parameter;
use crate::client::{Answer, Client};
use crate::form::Form;
use crate::script::{self, BODY, Do, write};
use crate::server::{ADMIN, TestServer};

async fn set(server: &TestServer, settings: Value) {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    let path = "/v1/buckets/photos/callback";
    let body = settings.to_string();
    let client = Client::new(server.admin());
    let answer = client.request("PUT", path, &headers, body.as_bytes()).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// Uploads with a callback to an application that answers so and closes.
async fn answered(server: &TestServer, answer: &str) -> Answer {
    let address = script::start(vec![Do::Read, write(answer)]).await;
    let callback = parameter(&format!("http://{address}/"), BODY, "");
    let form = Form::empty("photos")
        .field("key", "a")
        .policy(&format!(r#"[{{"callback":"{callback}"}}]"#))
        .field("callback", &callback);
    server.post(&form.file("a", b"hello")).await
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

#[tokio::test]
async fn a_chunked_answer_is_taken_where_the_bucket_says_so() {
    let server = TestServer::start().await;
    let good = format!("HTTP/1.1 200 OK\r\n{CHUNKED}\r\n1\r\n{{\r\n6\r\n\"a\":1}}\r\n0\r\n\r\n");
    let given = answered(&server, &good).await;
    let missing = "Error status : 400.User server missing content-length.";
    given.assert_refused(203, "CallbackFailed", missing);

    set(&server, json!({ "chunkedAnswers": true })).await;
    let given = answered(&server, &good).await;
    assert_eq!((given.status, given.text().as_str()), (200, r#"{"a":1}"#));

    let long = format!("100001\r\n{}", " ".repeat(0x10_0001));
    for (head, body, message, hint) in [
        // Both of them, or neither: as before.
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
            "2\r\n{}\r\n0\r\n\r\n",
            missing,
            "",
        ),
        ("", "{}", missing, ""),
        (CHUNKED, "2\r\n{}\r\n", "Error status : -1.", "hung up"),
        (
            CHUNKED,
            "2\r\n{}x\r\n0\r\n\r\n",
            "Error status : -1.",
            "not well-formed HTTP",
        ),
        (
            CHUNKED,
            "2\r\nOK\r\n0\r\n\r\n",
            "Response body is not valid json format.",
            "",
        ),
        (
            CHUNKED,
            "0\r\n\r\n",
            "Response body is not valid json format.",
            "",
        ),
        (
            CHUNKED,
            &long,
            "Error status : 400.User server return too long content-length value.",
            "",
        ),
    ] {
        let given = answered(&server, &format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}")).await;
        given.assert_refused(203, "CallbackFailed", message);
        assert!(
            given.element("Hint").contains(hint),
            "{head} {body:.20} {given:?}"
        );
    }
}

#[tokio::test]
async fn a_chunked_refusal_of_a_gated_upload_is_handed_on() {
    let server = TestServer::start().await;
    set(&server, json!({ "gate": "refuse", "chunkedAnswers": true })).await;
    let refusal =
        format!("HTTP/1.1 422 No\r\n{CHUNKED}\r\n12\r\n{{\"why\":\"no photo\"}}\r\n0\r\n\r\n");
    let given = answered(&server, &refusal).await;
    assert_eq!(
        (given.status, given.text().as_str()),
        (422, r#"{"why":"no photo"}"#)
    );
    assert!(server.keys("photos").await.is_empty());
}
