//! Framing: every request has one reading, or none.
//!
//! Each row is sent on a connection of its own, followed by a request for `/smuggled`. Whatever the
//! row says, the server must not answer that second request unless the first was plain: a refusal
//! closes the connection.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::TestServer;

/// What must become of the first request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    /// Answered by the operation (whatever it says), and the second request too.
    Plain,
    /// Answered by the operation; the connection closes then.
    Last,
    /// 400, and the connection closes; the second request gets no answer.
    Refused,
}

use Expected::{Last, Plain, Refused};

const ROWS: &[(&str, &str, Expected)] = &[
    ("plain", "GET /open/a HTTP/1.1\r\nHost: h\r\n\r\n", Plain),
    (
        "empty line before",
        "\r\nGET /open/a HTTP/1.1\r\nHost: h\r\n\r\n",
        Plain,
    ),
    (
        "length 0",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        Plain,
    ),
    (
        "length with blanks around",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length:  3 \r\n\r\nabc",
        Plain,
    ),
    (
        "length without blank",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length:3\r\n\r\nabc",
        Plain,
    ),
    (
        "leading zeros",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 003\r\n\r\nabc",
        Plain,
    ),
    (
        "tab before a value",
        "GET /open/a HTTP/1.1\r\nHost:\th\r\n\r\n",
        Plain,
    ),
    (
        "absolute target, same host",
        "GET http://h/open/a HTTP/1.1\r\nHost: h\r\n\r\n",
        Plain,
    ),
    (
        "absolute target, case of the host",
        "GET http://H/open/a HTTP/1.1\r\nHost: h\r\n\r\n",
        Plain,
    ),
    (
        "chunked",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        Last,
    ),
    (
        "chunked, name in capitals",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n",
        Last,
    ),
    (
        "chunk extension",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n",
        Last,
    ),
    (
        "chunked with a trailer",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
        Last,
    ),
    (
        "close asked for",
        "GET /open/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        Last,
    ),
    ("HTTP/1.0", "GET /open/a HTTP/1.0\r\nHost: h\r\n\r\n", Last),
    (
        "HTTP/1.0 without host",
        "GET /open/a HTTP/1.0\r\n\r\n",
        Last,
    ),
    // Two lengths.
    (
        "two lengths, other",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        Refused,
    ),
    (
        "two lengths, same",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        Refused,
    ),
    (
        "list of lengths, same",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc",
        Refused,
    ),
    (
        "list of lengths, other",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3,4\r\n\r\nabc",
        Refused,
    ),
    (
        "three lengths",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX: y\r\ncontent-length: 3\r\nCONTENT-LENGTH: 3\r\n\r\nabc",
        Refused,
    ),
    // Lengths that are none.
    (
        "signed length",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc",
        Refused,
    ),
    (
        "negative length",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: -3\r\n\r\nabc",
        Refused,
    ),
    (
        "hexadecimal length",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0x3\r\n\r\nabc",
        Refused,
    ),
    (
        "fractional length",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3.0\r\n\r\nabc",
        Refused,
    ),
    (
        "length with a blank inside",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1 3\r\n\r\nabc",
        Refused,
    ),
    (
        "empty length",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\nabc",
        Refused,
    ),
    (
        "length in words",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: three\r\n\r\nabc",
        Refused,
    ),
    (
        "length beyond 64 bits",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551619\r\n\r\nabc",
        Refused,
    ),
    (
        "length in other digits",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: \u{663}\r\n\r\nabc",
        Refused,
    ),
    (
        "length in quotes",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: \"3\"\r\n\r\nabc",
        Refused,
    ),
    (
        "underscore in a length",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0_3\r\n\r\nabc",
        Refused,
    ),
    // Length and encoding.
    (
        "length, then chunked",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "chunked, then length",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "chunked and length 0",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    // Encodings that are not ours.
    (
        "chunked twice",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "list of encodings",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "chunked not last",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "identity",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\nabc",
        Refused,
    ),
    (
        "unknown encoding",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "empty encoding",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "encoding in quotes",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "encoding with vertical tab",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "blank before the colon",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    (
        "chunked in HTTP/1.0",
        "PUT /open/a HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Refused,
    ),
    // Line ends.
    (
        "bare LF after the request line",
        "GET /open/a HTTP/1.1\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "bare LF after a header",
        "GET /open/a HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
        Refused,
    ),
    (
        "bare LF at the end",
        "GET /open/a HTTP/1.1\r\nHost: h\r\n\n",
        Refused,
    ),
    (
        "bare LF everywhere",
        "GET /open/a HTTP/1.1\nHost: h\n\n",
        Refused,
    ),
    (
        "bare CR in a value",
        "GET /open/a HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
        Refused,
    ),
    (
        "CR CR LF",
        "GET /open/a HTTP/1.1\r\nHost: h\r\r\n\r\n",
        Refused,
    ),
    (
        "NUL in a value",
        "GET /open/a HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
        Refused,
    ),
    (
        "folded header",
        "GET /open/a HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
        Refused,
    ),
    (
        "folded length",
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n 3\r\n\r\nabc",
        Refused,
    ),
    (
        "blank before the first header",
        "GET /open/a HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n",
        Refused,
    ),
    // Headers.
    (
        "header without a colon",
        "GET /open/a HTTP/1.1\r\nHost: h\r\nX\r\n\r\n",
        Refused,
    ),
    (
        "header without a name",
        "GET /open/a HTTP/1.1\r\nHost: h\r\n: y\r\n\r\n",
        Refused,
    ),
    (
        "blank in a name",
        "GET /open/a HTTP/1.1\r\nHost: h\r\nX Y: z\r\n\r\n",
        Refused,
    ),
    (
        "control character in a name",
        "GET /open/a HTTP/1.1\r\nHost: h\r\nX\u{1}: z\r\n\r\n",
        Refused,
    ),
    (
        "Latin letter in a name",
        "GET /open/a HTTP/1.1\r\nHost: h\r\n\u{c4}: z\r\n\r\n",
        Refused,
    ),
    // Hosts.
    (
        "two hosts, other",
        "GET /open/a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
        Refused,
    ),
    (
        "two hosts, same",
        "GET /open/a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        Refused,
    ),
    ("no host", "GET /open/a HTTP/1.1\r\n\r\n", Refused),
    (
        "absolute target, other host",
        "GET http://i/open/a HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "absolute target, other port",
        "GET http://h:81/open/a HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "absolute target, user",
        "GET http://h@i/open/a HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "absolute target without host",
        "GET http://h/open/a HTTP/1.1\r\n\r\n",
        Refused,
    ),
    (
        "absolute target, other scheme",
        "GET ftp://h/open/a HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "authority as target",
        "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    // Request lines.
    (
        "two blanks",
        "GET  /open/a HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "tab in the request line",
        "GET\t/open/a\tHTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    ("no version", "GET /open/a\r\nHost: h\r\n\r\n", Refused),
    (
        "version 2",
        "GET /open/a HTTP/2.0\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "version 1.2",
        "GET /open/a HTTP/1.2\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "version in small letters",
        "GET /open/a http/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "blank after the version",
        "GET /open/a HTTP/1.1 \r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "method in small letters",
        "get /open/a HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "raw letter in the target",
        "GET /open/\u{e4} HTTP/1.1\r\nHost: h\r\n\r\n",
        Refused,
    ),
    (
        "HTTP/2 preface",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        Refused,
    ),
];

/// Chunked bodies that are broken: the request gets no 2xx, and nothing after it is read.
const BROKEN_CHUNKS: &[(&str, &str)] = &[
    ("no size", "\r\nabc\r\n0\r\n\r\n"),
    ("negative size", "-3\r\nabc\r\n0\r\n\r\n"),
    ("size with 0x", "0x3\r\nabc\r\n0\r\n\r\n"),
    ("size in words", "three\r\nabc\r\n0\r\n\r\n"),
    (
        "size beyond 64 bits",
        "10000000000000003\r\nabc\r\n0\r\n\r\n",
    ),
    ("size too small", "2\r\nabc\r\n0\r\n\r\n"),
    ("size too large", "4\r\nabc\r\n0\r\n\r\n"),
    ("bare LF after the size", "3\nabc\r\n0\r\n\r\n"),
    ("bare LF after the chunk", "3\r\nabc\n0\r\n\r\n"),
    ("no line end after the chunk", "3\r\nabc0\r\n\r\n"),
    ("underscore in the size", "0_3\r\nabc\r\n0\r\n\r\n"),
];

#[tokio::test]
async fn a_request_has_one_reading_or_none() {
    let server = TestServer::start().await;
    for (name, request, expected) in ROWS {
        let answers = exchange(&server, request.as_bytes()).await;
        let statuses = statuses(&answers);
        let smuggled = answers.contains("<Key>smuggled</Key>");
        match expected {
            Plain => assert!(statuses.len() == 2 && smuggled, "{name}: {answers}"),
            Last => assert!(
                statuses.len() == 1 && statuses != [400] && !smuggled,
                "{name}: {answers}"
            ),
            Refused => {
                assert!(statuses == [400] && !smuggled, "{name}: {answers}");
                assert!(answers.contains("<Hint>"), "{name}: {answers}");
            }
        }
    }
    assert!(ROWS.len() >= 60, "{}", ROWS.len());
    assert!(server.keys("open").await.iter().all(|key| key == "a"));
}

/// Two requests in one go: the first is answered for what it says, whatever the second is.
#[tokio::test]
async fn a_bad_head_is_not_held_against_the_request_before_it() {
    let server = TestServer::start().await;
    for bad in [
        "GET /open/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /open/ HTTP/1.1\nHost: a\n\n",
        "\0\n\n",
    ] {
        let mut socket = server.client().connect().await;
        let both = format!("GET /open/ HTTP/1.1\r\nHost: h\r\n\r\n{bad}");
        socket.write_all(both.as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        let read = socket.read_to_end(&mut answers);
        let read = tokio::time::timeout(Duration::from_secs(10), read).await;
        assert!(read.is_ok(), "the connection stays open after {bad:?}");
        assert_eq!(
            statuses(&String::from_utf8_lossy(&answers)),
            [200],
            "{bad:?}"
        );
    }
}

#[tokio::test]
async fn a_broken_chunk_ends_the_upload_and_the_connection() {
    let server = TestServer::start().await;
    for (name, body) in BROKEN_CHUNKS {
        let request = format!(
            "PUT /open/broken HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
        );
        let answers = exchange(&server, request.as_bytes()).await;
        let statuses = statuses(&answers);
        assert!(
            statuses.iter().all(|status| *status >= 400),
            "{name}: {answers}"
        );
        assert!(
            statuses.len() <= 1 && !answers.contains("smuggled"),
            "{name}: {answers}"
        );
    }
    assert!(server.keys("open").await.is_empty());
}

/// Sends `request` and a second one behind it, and reads until the server closes or is done.
async fn exchange(server: &TestServer, request: &[u8]) -> String {
    let mut socket = server.client().connect().await;
    let second = b"GET /shown/smuggled HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    socket.write_all(&[request, second].concat()).await.unwrap();
    let mut answers = Vec::new();
    let read = socket.read_to_end(&mut answers);
    // A reset after the answer is as good as an end.
    let _ = tokio::time::timeout(Duration::from_secs(10), read)
        .await
        .expect("the server closes");
    String::from_utf8_lossy(&answers).into_owned()
}

fn statuses(answers: &str) -> Vec<u16> {
    answers
        .split("HTTP/1.")
        .skip(1)
        .filter_map(|rest| rest.get(2..5)?.parse().ok())
        .collect()
}
