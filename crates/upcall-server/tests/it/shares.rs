//! One peer cannot take the connections that others need.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use upcall_server::Limits;

use crate::client::read_answer;
use crate::server::{Setup, TestServer};

/// Fewer than any test has connections.
const CONNECTIONS: usize = 16;

async fn server() -> TestServer {
    TestServer::start_with(Setup {
        limits: Limits {
            connections: CONNECTIONS,
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await
}

const LIST: &[u8] = b"GET /open/ HTTP/1.1\r\nHost: h\r\n\r\n";

/// The status of a request that is sent on `socket`.
async fn listed(socket: &mut TcpStream) -> u16 {
    socket.write_all(LIST).await.unwrap();
    read_answer(socket, "GET").await.expect("an answer").status
}

/// Waits until the server closes.
async fn closed(socket: &mut TcpStream) {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut rest));
    // A reset says the same as an end.
    let _ = read.await.expect("the server closes");
}

#[tokio::test]
async fn silent_connections_of_one_address_keep_nobody_out() {
    let server = server().await;
    let client = server.client();
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS * 3 {
        silent.push(client.connect_from(7).await);
    }
    assert_eq!(
        listed(&mut client.connect_from(1).await).await,
        200,
        "another address"
    );
    assert_eq!(
        listed(&mut client.connect_from(7).await).await,
        200,
        "the same address"
    );
    // Those that were silent for longest made room.
    closed(&mut silent[0]).await;
}

#[tokio::test]
async fn half_a_request_is_not_closed_for_another_and_only_its_address_is_refused() {
    let server = server().await;
    let client = server.client();
    let mut halves = Vec::new();
    for _ in 0..CONNECTIONS / 2 {
        let mut half = client.connect_from(7).await;
        let head =
            b"PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
        half.write_all(head).await.unwrap();
        let asked = read_answer(&mut half, "GET").await.unwrap();
        assert_eq!(asked.status, 100, "the request is under way");
        halves.push(half);
    }
    let mut over = client.connect_from(7).await;
    let refused = read_answer(&mut over, "GET").await.unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    assert!(
        refused.text().contains("share of connections"),
        "{refused:?}"
    );

    for last in 20..30 {
        assert_eq!(listed(&mut client.connect_from(last).await).await, 200);
    }
    for half in &mut halves {
        half.write_all(b"hello").await.unwrap();
        assert_eq!(read_answer(half, "PUT").await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_connection_that_rested_answers_until_it_is_closed_for_another() {
    let server = server().await;
    let client = server.client();
    let mut kept = Vec::new();
    for _ in 0..CONNECTIONS / 2 {
        let mut socket = client.connect_from(7).await;
        assert_eq!(listed(&mut socket).await, 200);
        kept.push(socket);
    }
    for socket in &mut kept {
        assert_eq!(listed(socket).await, 200);
    }
    // Each of these closes one of the eight. One that was answered a moment ago still has its reader
    // and cannot make room: then the server says when to try again.
    for _ in 0..CONNECTIONS {
        let limit = Instant::now() + Duration::from_secs(20);
        while listed(&mut client.connect_from(7).await).await != 200 {
            assert!(Instant::now() < limit, "no connection makes room");
        }
    }
}
