//! Callbacks: what the tests share, connections that are kept, and uploaders that hang up.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::application::Application;
use crate::form::Form;
use crate::server::TestServer;

pub(crate) fn parameter(url: &str, body: &str, more: &str) -> String {
    STANDARD.encode(format!(
        r#"{{"callbackUrl":"{url}","callbackBody":"{body}"{more}}}"#
    ))
}

/// An address at which nobody listens, for as long as the tests run: it is bound, so that no other
/// process gets the port.
pub(crate) fn closed_port() -> std::net::SocketAddr {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    // Never closed.
    let _ = std::os::fd::IntoRawFd::into_raw_fd(socket);
    address
}

fn form(callback: &str) -> Form {
    Form::signed("photos", "dir/猫 a&b.txt")
        .field("callback", callback)
        .field("x:uid", "a \"b\"\n&c=é")
}

#[tokio::test]
async fn two_uploads_call_over_one_connection() {
    let server = TestServer::start().await;
    let app = Application::agreeing(r#"{"a":1}"#).await;
    let callback = parameter(
        &app.url("/put"),
        "o=${object}&p=${operation}&u=${x:uid}",
        "",
    );
    let variables = STANDARD.encode(r#"{"x:uid":"7"}"#);
    let headers = format!("x-oss-callback: {callback}\r\nx-oss-callback-var: {variables}\r\n");

    let given = server
        .client()
        .request("PUT", "/open/a", &headers, b"hello")
        .await;
    assert_eq!(
        (given.status, given.text().as_str()),
        (200, r#"{"a":1}"#),
        "{given:?}"
    );
    let query = |text: &str| {
        text.replace('+', "%2B")
            .replace('=', "%3D")
            .replace('/', "%2F")
    };
    let target = format!(
        "/open/b?callback={}&callback-var={}",
        query(&callback),
        query(&variables)
    );
    let given = server.client().request("PUT", &target, "", b"hello").await;
    assert_eq!(
        (given.status, given.text().as_str()),
        (200, r#"{"a":1}"#),
        "{given:?}"
    );
    let bodies: Vec<String> = app
        .calls()
        .iter()
        .map(|call| String::from_utf8_lossy(&call.body).into_owned())
        .collect();
    assert_eq!(bodies, ["o=a&p=PutObject&u=7", "o=b&p=PutObject&u=7"]);
    // Two uploads, one connection.
    assert_eq!(app.calls()[1].connection, 0);
}

#[tokio::test]
async fn whoever_hangs_up_is_still_told_of() {
    use tokio::io::AsyncWriteExt as _;
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let request = form(&parameter(&app.url("/"), "a=b", ""))
        .file("a", b"hello")
        .request("h");
    let mut socket = server.client().connect().await;
    socket.write_all(&request).await.unwrap();
    // Gone before there can be an answer; the form may or may not have been read by now.
    drop(socket);
    let began = std::time::Instant::now();
    while server.object("photos", "dir/猫 a&b.txt").await.is_none() {
        if began.elapsed() > Duration::from_secs(3) {
            // The server noticed before the commit: then nobody was called either.
            assert!(app.calls().is_empty());
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while app.calls().is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "stored, and nobody was told"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
