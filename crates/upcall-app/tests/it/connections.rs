//! Peers that say nothing, say too much, or take nothing; and shutting down while some are there.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{TestApp, bound};
use crate::callbacks::PHOTO;
use crate::client::{Answer, HUNG};

const SOON: Duration = Duration::from_millis(50);

const MIB: usize = 1024 * 1024;

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.address()).await.unwrap()
}

/// Reads until the server closes.
async fn closed(mut socket: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(HUNG, socket.read_to_end(&mut bytes)).await;
    read.expect("the server closes").unwrap();
    bytes
}

#[tokio::test]
async fn a_peer_that_says_nothing_or_half_a_head_is_dropped() {
    let app = TestApp::start_with(|config| config.limits.request_head = SOON).await;
    for said in ["", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut socket = connect(&app).await;
        socket.write_all(said.as_bytes()).await.unwrap();
        closed(socket).await;
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let app = TestApp::start_with(|config| config.limits.body = SOON).await;
    let mut socket = connect(&app).await;
    let head = app.callback(PHOTO).request().head();
    socket.write_all(head.as_bytes()).await.unwrap();

    let answer = Answer::read(&mut socket).await;

    assert_eq!(answer.status, 408);
    assert_eq!(answer.json(), json!({"Status": "body not read"}));
}

#[tokio::test]
async fn a_body_of_one_mebibyte_is_read_and_one_byte_more_is_not() {
    let app = TestApp::start().await;
    let body = |bytes: usize| {
        let beginning = bound("object=a&requestId=A") + "&x=";
        format!("{beginning}{}", "a".repeat(bytes - beginning.len()))
    };
    assert_eq!(
        app.send(app.callback(&body(MIB)).request()).await.status,
        200
    );

    // Announced: refused without reading it.
    let mut socket = connect(&app).await;
    let head = app.callback(&body(MIB + 1)).request().head();
    socket.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(Answer::read(&mut socket).await.status, 413);

    // Not announced: refused when it is too long.
    let mut socket = connect(&app).await;
    let head = head.replace("Content-Length: 1048577", "Transfer-Encoding: chunked");
    let chunk = format!("{head}100001\r\n{}", body(MIB + 1));
    socket.write_all(chunk.as_bytes()).await.unwrap();
    assert_eq!(Answer::read(&mut socket).await.status, 413);
}

#[tokio::test]
async fn a_peer_that_takes_no_answers_is_dropped() {
    let app = TestApp::start_with(|config| config.limits.stalled_write = SOON).await;
    let biggest = upcall_web::assets()
        .max_by_key(|asset| asset.bytes.len())
        .unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", biggest.path).repeat(100);
    let mut socket = connect(&app).await;

    let asked = async { while socket.write_all(request.as_bytes()).await.is_ok() {} };

    tokio::time::timeout(HUNG, asked)
        .await
        .expect("the server closes");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let app = TestApp::start_with(|config| config.limits.connections = 1).await;
    let mut first = connect(&app).await;
    first
        .write_all(b"GET /settings HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0];
    first.read_exact(&mut byte).await.unwrap();
    let mut second = connect(&app).await;
    second
        .write_all(b"GET /settings HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();

    let early = tokio::time::timeout(SOON, second.read_exact(&mut byte)).await;
    assert!(early.is_err(), "the limit is one");
    drop(first);

    assert_eq!(Answer::read(&mut second).await.status, 200);
}

#[tokio::test]
async fn too_large_a_head_is_refused() {
    let app = TestApp::start().await;
    let many = "a: b\r\n".repeat(101);
    let long = format!("a: {}\r\n", "b".repeat(33 * 1024));
    for headers in [many, long] {
        let mut socket = connect(&app).await;
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut line = [0; 12];
        socket.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"HTTP/1.1 431");
    }
}

#[tokio::test]
async fn a_shutdown_lets_a_running_callback_finish() {
    let app = TestApp::start().await;
    let address = app.address();
    let mut socket = connect(&app).await;
    let request = app.callback(PHOTO).request();
    let head = request
        .head()
        .replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut goes_on = [0; 25];
    socket.read_exact(&mut goes_on).await.unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    let finish = async {
        // Nobody listens any more: the shutdown has begun.
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        socket.write_all(&request.body).await.unwrap();
        Answer::read(&mut socket).await
    };
    let (answer, (folder, keys)) = tokio::join!(finish, app.stop());

    assert_eq!(answer.status, 200);
    let app = TestApp::start_in(folder, keys, |_| {}).await;
    assert_eq!(app.uploads().await.len(), 1);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let app = TestApp::start_with(|config| config.limits.drain = SOON).await;
    let mut socket = connect(&app).await;
    let head = app.callback(PHOTO).request().head();
    let head = head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.read_exact(&mut [0; 25]).await.unwrap();

    tokio::time::timeout(HUNG, app.stop())
        .await
        .expect("the drain is bounded");

    assert_eq!(closed(socket).await, b"");
}
