//! Whose address counts behind a proxy, and who is believed.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use upcall_server::{Limits, ProxyProtocol, TrustedProxies};

use crate::application::Application;
use crate::callbacks::parameter;
use crate::client::read_answer;
use crate::server::{Setup, TestServer};

/// 127.0.0.9 is a proxy that is trusted.
fn setup(protocol: ProxyProtocol) -> Setup {
    Setup {
        trusted_proxies: TrustedProxies {
            networks: vec!["127.0.0.9".parse().unwrap()],
            protocol,
        },
        limits: Limits {
            connections: 16,
            request_head: Duration::from_millis(700),
            ..Limits::default()
        },
        ..Setup::default()
    }
}

fn upload(app: &Application, headers: &str) -> String {
    let callback = parameter(&app.url("/"), "${clientIp}", "");
    format!(
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nx-oss-callback: {callback}\r\n\
         {headers}\r\nx"
    )
}

/// Sends an upload and says which address its callback named.
async fn client_ip(
    app: &Application,
    mut socket: TcpStream,
    before: &[u8],
    headers: &str,
) -> String {
    socket.write_all(before).await.unwrap();
    socket
        .write_all(upload(app, headers).as_bytes())
        .await
        .unwrap();
    let answer = read_answer(&mut socket, "PUT").await.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    let last = app.calls().pop().expect("a call");
    String::from_utf8(last.body).unwrap()
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client_and_a_stranger_does_not() {
    let server = TestServer::start_with(setup(ProxyProtocol::Off)).await;
    let app = Application::agreeing("{}").await;
    let client = server.client();
    for (from, headers, expected) in [
        (
            9,
            "X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n",
            "203.0.113.7",
        ),
        (
            9,
            "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.7, 127.0.0.9\r\n",
            "203.0.113.7",
        ),
        (
            9,
            "Forwarded: for=198.51.100.1, for=\"203.0.113.9:4711\"\r\n",
            "203.0.113.9",
        ),
        (
            9,
            "Forwarded: for=198.51.100.1, for=_hidden\r\n",
            "127.0.0.9",
        ),
        (
            9,
            "Forwarded: for=198.51.100.1\r\nX-Forwarded-For: 203.0.113.7\r\n",
            "127.0.0.9",
        ),
        (9, "", "127.0.0.9"),
        (1, "X-Forwarded-For: 203.0.113.7\r\n", "127.0.0.1"),
        (1, "Forwarded: for=203.0.113.7\r\n", "127.0.0.1"),
    ] {
        let socket = client.connect_from(from).await;
        assert_eq!(
            client_ip(&app, socket, b"", headers).await,
            expected,
            "{headers}"
        );
    }
}

/// 203.0.113.7, port 4711, to 127.0.0.1, port 80.
const ANNOUNCED: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x7f\0\0\x01\x12\x67\0\x50";
/// A health check of the proxy itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

#[tokio::test]
async fn a_connection_with_a_proxy_header_is_its_clients() {
    let server = TestServer::start_with(setup(ProxyProtocol::On)).await;
    let app = Application::agreeing("{}").await;
    let client = server.client();
    for (from, before, headers, expected) in [
        (9, ANNOUNCED, "", "203.0.113.7"),
        // The client is no proxy: what it says itself counts for nothing.
        (
            9,
            ANNOUNCED,
            "X-Forwarded-For: 198.51.100.1\r\n",
            "203.0.113.7",
        ),
        (9, LOCAL, "", "127.0.0.9"),
        (
            9,
            LOCAL,
            "X-Forwarded-For: 198.51.100.1\r\n",
            "198.51.100.1",
        ),
        (1, b"", "", "127.0.0.1"),
    ] {
        let socket = client.connect_from(from).await;
        assert_eq!(client_ip(&app, socket, before, headers).await, expected);
    }
}

#[tokio::test]
async fn without_the_header_or_in_time_a_proxy_connection_is_closed() {
    let server = TestServer::start_with(setup(ProxyProtocol::On)).await;
    let client = server.client();
    let v1 = b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\nGET /open/ HTTP/1.1\r\nHost: h\r\n\r\n";
    let plain = b"GET /open/ HTTP/1.1\r\nHost: h\r\n\r\n";
    for (from, bytes) in [
        (9, &v1[..]),
        (9, &plain[..]),
        (9, &ANNOUNCED[..14]),
        (9, &b""[..]),
    ] {
        let mut socket = client.connect_from(from).await;
        socket.write_all(bytes).await.unwrap();
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut rest));
        let _ = read.await.expect("the server closes");
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }
    // A stranger's header is no request.
    let mut socket = client.connect_from(1).await;
    socket.write_all(ANNOUNCED).await.unwrap();
    assert_eq!(read_answer(&mut socket, "GET").await.unwrap().status, 400);
}

#[tokio::test]
async fn connections_of_a_proxy_are_counted_for_the_clients_it_announces() {
    let list = b"GET /open/ HTTP/1.1\r\nHost: h\r\n\r\n";
    let server = TestServer::start_with(setup(ProxyProtocol::Off)).await;
    let client = server.client();
    let mut kept = Vec::new();
    for _ in 0..14 {
        let mut socket = client.connect_from(9).await;
        socket.write_all(list).await.unwrap();
        assert_eq!(read_answer(&mut socket, "GET").await.unwrap().status, 200);
        kept.push(socket);
    }
    // More than half of the places, and none was closed.
    for socket in &mut kept {
        socket.write_all(list).await.unwrap();
        assert_eq!(read_answer(socket, "GET").await.unwrap().status, 200);
    }

    let server = TestServer::start_with(setup(ProxyProtocol::On)).await;
    let client = server.client();
    let mut silent = JoinSet::new();
    for _ in 0..20 {
        let mut socket = client.connect_from(9).await;
        socket.write_all(ANNOUNCED).await.unwrap();
        silent.spawn(async move { socket.read_to_end(&mut Vec::new()).await });
    }
    // One client has half of the places, and its longest idle connections have closed.
    for _ in 0..12 {
        let closed = tokio::time::timeout(Duration::from_secs(20), silent.join_next());
        closed.await.expect("the server closes");
    }
}
