//! Each timer, and the bytes that are no progress: none of them keeps a connection open.
//!
//! For each timer a server has that one short and all others long, so that it is this one that ends
//! the connection. A new limit does not compile here before it has its row.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use upcall_server::Limits;

use crate::form::Form;
use crate::server::{Setup, TestServer};

/// What bounds the time of a peer.
#[derive(Clone, Copy, Debug)]
enum Timer {
    Idle,
    RequestHead,
    Progress,
    Request,
    Linger,
}

/// What a peer does that is no progress.
#[derive(Clone, Copy, Debug)]
enum Peer {
    Silent,
    /// One empty line, then silence.
    EmptyLine,
    /// Empty lines again and again.
    EmptyLines,
    /// A request, and when it is answered, an empty line.
    AnsweredAndEmptyLine,
    /// A request's head, byte by byte.
    Head,
    /// The same behind an empty line.
    HeadBehindEmptyLine,
    /// The same behind a whole request.
    PipelinedHead,
    /// A body that was announced, byte by byte.
    Body,
    /// A head that asks whether to go on, and then nothing.
    Expect,
    /// A chunk's extension, byte by byte.
    ChunkExtension,
    /// Chunks of a byte.
    OneByteChunks,
    /// What stands before a form's first delimiter, byte by byte.
    Preamble,
    /// A form's field, byte by byte.
    Field,
    /// Fields without a value.
    EmptyFields,
    /// What stands behind a form's end, byte by byte.
    Epilogue,
    /// A large answer, of which nothing is read.
    Unreading,
    /// A large answer, read slowly.
    SlowlyReading,
    /// Something behind a request that was refused.
    BehindRefusal,
}

impl Timer {
    /// What this timer has to end, whatever other limits allow.
    fn peers(self) -> &'static [Peer] {
        match self {
            Self::Idle => &[
                Peer::Silent,
                Peer::EmptyLine,
                Peer::EmptyLines,
                Peer::AnsweredAndEmptyLine,
            ],
            Self::RequestHead => &[Peer::Head, Peer::HeadBehindEmptyLine, Peer::PipelinedHead],
            Self::Progress => &[
                Peer::Body,
                Peer::Expect,
                Peer::ChunkExtension,
                Peer::OneByteChunks,
                Peer::Preamble,
                Peer::Field,
                Peer::EmptyFields,
                Peer::Epilogue,
                Peer::Unreading,
            ],
            Self::Request => &[
                Peer::Body,
                Peer::Expect,
                Peer::ChunkExtension,
                Peer::OneByteChunks,
                Peer::Preamble,
                Peer::Field,
                Peer::EmptyFields,
                Peer::Epilogue,
                Peer::Unreading,
                Peer::SlowlyReading,
            ],
            Self::Linger => &[Peer::BehindRefusal],
        }
    }
}

const SHORT: Duration = Duration::from_millis(800);
const LONG: Duration = Duration::from_secs(600);
/// Between [`SHORT`], with what a busy machine adds, and [`LONG`].
const PATIENCE: Duration = Duration::from_secs(60);

/// Every limit in time, with its timer, or the reason why a peer's bytes do not reach it.
fn limits(short: Timer) -> Limits {
    let mut limits = Limits::default();
    let Limits {
        // Not times.
        connections: _,
        least_progress_bytes,
        request_rate,
        linger_bytes: _,
        callbacks: _,
        callbacks_under_way: _,
        callbacks_under_way_each: _,
        callbacks_waiting_each: _,
        callback_unproven_bytes: _,
        callback_unproven_rate: _,
        record_calls: _,
        record_bytes: _,
        request_memory: _,
        refused_uploads: _,
        refused_bytes: _,
        form: _,
        // Of an application's bytes, not of a peer's.
        callback: _,
        callback_wait: _,
        // Of records and of the whole server; they count from an event that no peer repeats.
        record_age: _,
        drain: _,
        // It counts from the end of the form's head, and no byte is read meanwhile.
        named_wait: _,
        idle,
        request_head,
        progress_window,
        request,
        linger,
    } = &mut limits;
    for timer in [&mut *idle, request_head, progress_window, request] {
        *timer = LONG;
    }
    *linger = Duration::from_millis(100);
    // Whatever a length allows for is less than the least time.
    *request_rate = u64::MAX;
    match short {
        Timer::Idle => *idle = SHORT,
        Timer::RequestHead => *request_head = SHORT,
        Timer::Progress => *progress_window = SHORT,
        Timer::Request => {
            *request = SHORT;
            *least_progress_bytes = 1;
        }
        Timer::Linger => *linger = SHORT,
    }
    limits
}

impl Peer {
    /// What is sent at once, and what again and again after that.
    fn sends(self, form: &[u8], delimiter: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let list = "GET /open/ HTTP/1.1\r\nHost: h\r\n\r\n";
        let big = "GET /shown/big HTTP/1.1\r\nHost: h\r\n\r\n";
        let put = "PUT /open/a HTTP/1.1\r\nHost: h\r\n";
        let chunked = format!("{put}Transfer-Encoding: chunked\r\n\r\n");
        let head = b"POST /photos/ HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\nContent-Type: multipart/form-data; boundary=";
        let form_head = [head, &delimiter[2..], b"\r\n\r\n"].concat();
        let field: &[u8] = b"\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n";
        let (once, again): (Vec<u8>, &[u8]) = match self {
            Self::Silent => (Vec::new(), b""),
            Self::EmptyLine => (b"\r\n".to_vec(), b""),
            Self::EmptyLines => (Vec::new(), b"\r\n"),
            Self::AnsweredAndEmptyLine => (format!("{list}\r\n").into(), b""),
            Self::Head => (b"GET / HTTP/1.1\r\nX: ".to_vec(), b"x"),
            Self::HeadBehindEmptyLine => (b"\r\nGET / HTTP/1.1\r\nX: ".to_vec(), b"x"),
            Self::PipelinedHead => (format!("{list}GET / HTTP/1.1\r\nX: ").into(), b"x"),
            Self::Body => (format!("{put}Content-Length: 9000000\r\n\r\n").into(), b"x"),
            Self::Expect => {
                let head = format!("{put}Content-Length: 9000000\r\nExpect: 100-continue\r\n\r\n");
                (head.into(), b"")
            }
            Self::ChunkExtension => (format!("{chunked}5;x=").into(), b"x"),
            Self::OneByteChunks => (chunked.into(), b"1\r\nx\r\n"),
            Self::Preamble => (form_head, b"x"),
            Self::Field => ([&form_head, delimiter, field].concat(), b"x"),
            Self::EmptyFields => {
                let again = [field, &b"\r\n"[..], delimiter].concat();
                return ([&form_head, delimiter].concat(), again);
            }
            Self::Epilogue => ([&form_head, form].concat(), b"x"),
            Self::Unreading | Self::SlowlyReading => (big.into(), b""),
            Self::BehindRefusal => (b"GET / HTTP/9\r\n\r\n".to_vec(), b"x"),
        };
        (once, again.to_vec())
    }

    /// Bytes that are read at a time; `None` is nothing for a while.
    const fn reads(self) -> Option<usize> {
        match self {
            Self::Unreading => None,
            Self::SlowlyReading => Some(16 * 1024),
            Self::Silent
            | Self::EmptyLine
            | Self::EmptyLines
            | Self::AnsweredAndEmptyLine
            | Self::Head
            | Self::HeadBehindEmptyLine
            | Self::PipelinedHead
            | Self::Body
            | Self::Expect
            | Self::ChunkExtension
            | Self::OneByteChunks
            | Self::Preamble
            | Self::Field
            | Self::EmptyFields
            | Self::Epilogue
            | Self::BehindRefusal => Some(64 * 1024),
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_progress_keep_no_connection_open() {
    let server = TestServer::start().await;
    let big = vec![7; 16 * 1024 * 1024];
    let form = Form::signed("shown", "big").file("big", &big);
    assert_eq!(server.post(&form).await.status, 204);
    let mut folder = server.shutdown().await;
    for timer in [
        Timer::Idle,
        Timer::RequestHead,
        Timer::Progress,
        Timer::Request,
        Timer::Linger,
    ] {
        let setup = Setup {
            limits: limits(timer),
            ..Setup::default()
        };
        let server = TestServer::again(folder, setup).await;
        let form = Form::signed("photos", "a").file("a", b"hello");
        let delimiter = form.body();
        let end = delimiter.windows(2).position(|two| two == b"\r\n").unwrap();
        let mut peers = Vec::new();
        for peer in timer.peers() {
            let (once, again) = peer.sends(&form.body(), &delimiter[..end]);
            let address = server.address();
            peers.push((*peer, tokio::spawn(stay(address, *peer, once, again))));
        }
        for (peer, stayed) in peers {
            let ended = tokio::time::timeout(PATIENCE, stayed).await;
            ended
                .unwrap_or_else(|_| panic!("{timer:?} has not ended {peer:?}"))
                .unwrap();
        }
        folder = server.shutdown().await;
    }
}

/// Stays until the server closes.
async fn stay(address: std::net::SocketAddr, peer: Peer, once: Vec<u8>, again: Vec<u8>) {
    let socket = TcpSocket::new_v4().unwrap();
    if peer.reads().is_none_or(|bytes| bytes < 64 * 1024) {
        socket.set_recv_buffer_size(16 * 1024).unwrap();
    }
    let (mut reader, mut writer) = socket.connect(address).await.unwrap().into_split();
    writer.write_all(&once).await.unwrap();
    let writing = tokio::spawn(async move {
        if again.is_empty() {
            return std::future::pending().await;
        }
        while writer.write_all(&again).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let Some(bytes) = peer.reads() else {
        // The server has closed when it has nothing more to say, which is less than all.
        tokio::time::sleep(SHORT * 4).await;
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest).await;
        assert!(rest.len() < 16 * 1024 * 1024, "the answer waited for us");
        writing.abort();
        return;
    };
    let mut buffer = vec![0; bytes];
    let mut came = 0;
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        came += count;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(came < 16 * 1024 * 1024, "the whole answer came");
    writing.abort();
}
