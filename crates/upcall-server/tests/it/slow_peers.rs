//! Peers that keep the server waiting are dropped in bound, and others do not notice them.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use upcall_server::Limits;

use crate::client::read_answer;
use crate::form::Form;
use crate::server::{Setup, TestServer};
use crate::vanishing::is_long;

#[tokio::test]
async fn peers_that_keep_us_waiting_are_dropped_while_others_upload() {
    let each = if is_long() { 500 } else { 40 };
    let limits = Limits {
        request_head: Duration::from_millis(600),
        idle: Duration::from_millis(900),
        progress_window: Duration::from_millis(700),
        linger: Duration::from_millis(300),
        ..Limits::default()
    };
    let server = TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let big = vec![7; 8 * 1024 * 1024];
    let stored = server
        .post(&Form::signed("shown", "big").file("big", &big).clone())
        .await;
    assert_eq!(stored.status, 204, "{stored:?}");
    let form = Form::signed("photos", "slow")
        .file("a", &vec![7; 100_000])
        .request("h");

    let mut peers = Vec::new();
    for _ in 0..each {
        for (start, kind) in [
            (&b""[..], Kind::Silent),
            (&b"GET /shown/big HTTP/1.1\r\nHost:"[..], Kind::Dripping),
            (&form[..2000], Kind::Dripping),
            (
                &b"GET /shown/big HTTP/1.1\r\nHost: h\r\n\r\n"[..],
                Kind::Unreading,
            ),
        ] {
            let mut socket = server.client().connect().await;
            socket.write_all(start).await.unwrap();
            peers.push(tokio::spawn(stay(socket, kind)));
        }
    }
    for number in 0..20 {
        let form = Form::signed("photos", &format!("good-{number}")).file("a", b"hello");
        assert_eq!(server.post(&form).await.status, 204);
    }
    let began = Instant::now();
    for peer in peers {
        peer.await.unwrap();
    }
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(server.keys("photos").await.len(), 20);
}

#[tokio::test]
async fn a_connection_rests_between_requests_and_closes_when_it_rests_too_long() {
    let idle = Duration::from_millis(1200);
    let server = TestServer::start_with(Setup {
        limits: Limits {
            idle,
            linger: Duration::from_millis(100),
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let stored = server
        .post(&Form::signed("shown", "a").file("a", b"hello").clone())
        .await;
    assert_eq!(stored.status, 204, "{stored:?}");
    let mut socket = server.client().connect().await;
    let request = b"GET /shown/a HTTP/1.1\r\nHost: h\r\n\r\n";
    for pause in [0, 50, 600, 600, 600] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        // In two pieces, the second of which finds the connection awake.
        socket.write_all(&request[..10]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(pause / 2)).await;
        socket.write_all(&request[10..]).await.unwrap();
        let answer = read_answer(&mut socket, "GET").await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    }
    // The last answer is one that takes several turns of reading and writing.
    let big = vec![7; 12 * 1024 * 1024];
    let form = Form::signed("shown", "big").file("big", &big).clone();
    assert_eq!(server.post(&form).await.status, 204);
    socket
        .write_all(b"GET /shown/big HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let answer = read_answer(&mut socket, "GET").await.unwrap();
    assert!(answer.body == big, "{} bytes", answer.body.len());
    let began = Instant::now();
    let closed = tokio::time::timeout(Duration::from_secs(5), socket.read_u8()).await;
    assert!(closed.is_ok(), "the server has not closed");
    assert!(
        began.elapsed() + Duration::from_millis(100) >= idle,
        "{:?}",
        began.elapsed()
    );
}

#[derive(Clone, Copy)]
enum Kind {
    /// Says nothing.
    Silent,
    /// Sends a byte every 50 ms.
    Dripping,
    /// Asked for a large object and does not read it.
    Unreading,
}

/// Stays until the server closes.
async fn stay(mut socket: TcpStream, kind: Kind) {
    let mut rest = Vec::new();
    let closed = async {
        match kind {
            Kind::Silent => {
                let _ = socket.read_to_end(&mut rest).await;
            }
            Kind::Dripping => {
                while socket.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            Kind::Unreading => {
                // Longer than the window, in which the server has given up.
                tokio::time::sleep(Duration::from_secs(4)).await;
                let _ = socket.read_to_end(&mut rest).await;
                assert!(rest.len() < 8 * 1024 * 1024, "the answer waited for us");
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), closed).await;
    assert!(in_time.is_ok(), "the server has not closed");
}
