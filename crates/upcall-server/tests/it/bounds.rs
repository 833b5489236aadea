//! What a peer can make the server hold.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use upcall_server::Limits;

use crate::client::read_answer;
use crate::form::Form;
use crate::server::{Setup, TestServer};

/// Fields cannot be judged before the last of them has come, so all forms share one allowance.
#[tokio::test]
async fn long_fields_of_many_forms_are_bounded_together() {
    let limits = Limits {
        request_memory: 6 * 1024 * 1024,
        ..Limits::default()
    };
    let server = TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let long = Form::signed("photos", "long")
        .field("note", &"x".repeat(1024 * 1024))
        .file("a", b"hello");
    assert_eq!(server.post(&long).await.status, 204, "one alone fits");

    let request = long.request("a");
    let mut waiting = server.client().connect().await;
    waiting.write_all(&request[..900_000]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server
        .post(&long)
        .await
        .assert_refused(503, "ServiceUnavailable", "");
    let short = Form::signed("photos", "short").file("a", &vec![0; 500_000]);
    assert_eq!(server.post(&short).await.status, 204, "others go on");

    drop(waiting);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        server.post(&long).await.status,
        204,
        "what was taken is given back"
    );
}

/// A bucket that does not exist is refused before anything of the form has come.
#[tokio::test]
async fn nothing_is_read_of_a_form_for_an_unknown_bucket() {
    let server = TestServer::start().await;
    let mut socket = server.client().connect().await;
    let head = b"POST /nowhere/ HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\
        Content-Type: multipart/form-data; boundary=b\r\n\r\n";
    socket.write_all(head).await.unwrap();
    let answer = read_answer(&mut socket, "POST").await.unwrap();
    answer.assert_refused(404, "NoSuchBucket", "");
}

/// Requests that are under way are counted before their first field, for the address they come from.
#[tokio::test]
async fn one_address_cannot_hold_the_memory_of_all_requests() {
    let limits = Limits {
        request_memory: 1024 * 1024,
        ..Limits::default()
    };
    let server = TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let client = server.client();
    let half =
        b"PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let mut halves = Vec::new();
    // Eight requests of 64 KiB are half of it.
    for _ in 0..8 {
        let mut socket = client.connect_from(7).await;
        socket.write_all(half).await.unwrap();
        assert_eq!(read_answer(&mut socket, "GET").await.unwrap().status, 100);
        halves.push(socket);
    }
    let mut socket = client.connect_from(7).await;
    socket.write_all(half).await.unwrap();
    let refused = read_answer(&mut socket, "PUT").await.unwrap();
    refused.assert_refused(503, "ServiceUnavailable", "");
    assert_eq!(refused.header("retry-after"), "1");

    let mut other = client.connect_from(8).await;
    other.write_all(half).await.unwrap();
    assert_eq!(read_answer(&mut other, "GET").await.unwrap().status, 100);
    // A long head is counted as well: 96 KiB of what is left.
    let long = format!(
        "GET /open/ HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    let mut socket = client.connect_from(7).await;
    socket.write_all(long.as_bytes()).await.unwrap();
    let refused = read_answer(&mut socket, "GET").await.unwrap();
    refused.assert_refused(503, "ServiceUnavailable", "");
}

/// A body in chunks does not tell the gate where it ends. Silence behind it is the answer's time, not
/// the peer's.
#[tokio::test]
async fn an_answer_may_take_longer_than_a_slow_body_may() {
    let limits = Limits {
        progress_window: Duration::from_millis(300),
        ..Limits::default()
    };
    let server = TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = application.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        let (mut socket, _) = application.accept().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        socket.write_all(answer).await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
    });

    let callback = format!(r#"{{"callbackUrl":"http://{address}/","callbackBody":"a"}}"#);
    let request = format!(
        "PUT /open/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nx-oss-callback: {}\r\n\r\n\
         5\r\nhello\r\n0\r\n\r\n",
        STANDARD.encode(callback)
    );
    let answer = server.client().send(request.as_bytes()).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    answering.await.unwrap();
}

/// Between requests, and before the first one, silence has a limit.
#[tokio::test]
async fn an_idle_connection_is_closed() {
    let limits = Limits {
        idle: Duration::from_millis(300),
        request_head: Duration::from_millis(300),
        linger: Duration::from_millis(100),
        ..Limits::default()
    };
    let server = TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let request = "GET /open/ HTTP/1.1\r\nHost: a\r\n\r\n";
    for sent in ["", "GET / HT", request, &request.repeat(2)] {
        let mut socket = server.client().connect().await;
        socket.write_all(sent.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut rest));
        assert!(read.await.is_ok(), "still open after {sent:?}");
    }
}

/// A stop waits for the answer that is being made, and for nobody who has asked nothing.
#[tokio::test]
async fn a_stop_cuts_no_answer_and_waits_for_no_idler() {
    let limits = Limits {
        linger: Duration::from_millis(100),
        ..Limits::default()
    };
    let server = TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let application = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = application.local_addr().unwrap();
    let (called, is_called) = tokio::sync::oneshot::channel();
    let answering = tokio::spawn(async move {
        let (mut socket, _) = application.accept().await.unwrap();
        called.send(()).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        socket.write_all(answer).await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
    });
    let silent = server.client().connect().await;
    let mut idle = server.client().connect().await;
    let list = b"GET /open/ HTTP/1.1\r\nHost: a\r\n\r\n";
    idle.write_all(list).await.unwrap();
    assert_eq!(read_answer(&mut idle, "GET").await.unwrap().status, 200);

    let callback = format!(r#"{{"callbackUrl":"http://{address}/","callbackBody":"a"}}"#);
    let put = format!(
        "PUT /open/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nx-oss-callback: {}\r\n\r\nhello",
        STANDARD.encode(callback)
    );
    let mut uploader = server.client().connect().await;
    uploader.write_all(put.as_bytes()).await.unwrap();
    is_called.await.unwrap();
    let stop = tokio::spawn(server.shutdown());
    let answer = read_answer(&mut uploader, "PUT").await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    assert!(answer.is_closed);
    let stopped = tokio::time::timeout(Duration::from_secs(10), stop).await;
    assert!(stopped.is_ok(), "the stop waits for somebody");
    answering.await.unwrap();
    drop((silent, idle));
}
