//! Large objects, whose bytes the system sends from their files: the right ones, all, and in order.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use upcall_server::Limits;

use crate::server::{Setup, TestServer};

const MIB: usize = 1024 * 1024;

/// Bytes no two stretches of which are alike.
fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut bytes = vec![0; length.next_multiple_of(8)];
    for eight in bytes.chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        eight.copy_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

async fn with_objects(setup: Setup, objects: &[(&str, &[u8])]) -> TestServer {
    let server = TestServer::start_with(setup).await;
    for (key, bytes) in objects {
        let target = format!("/open/{key}");
        let answer = server.client().request("PUT", &target, "", bytes).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        // What was read whole and found right is sent from its file from now on.
        let whole = server.client().request("GET", &target, "", b"").await;
        assert!(whole.body == *bytes, "{key}");
    }
    server
}

/// One connection, from which nothing is read too much.
struct Reader {
    socket: TcpStream,
    read: Vec<u8>,
}

impl Reader {
    async fn new(server: &TestServer) -> Self {
        let socket = server.client().connect().await;
        let read = Vec::new();
        Self { socket, read }
    }

    async fn ask(&mut self, requests: &str) {
        self.socket.write_all(requests.as_bytes()).await.unwrap();
    }

    async fn head(&mut self) -> String {
        loop {
            if let Some(at) = memchr::memmem::find(&self.read, b"\r\n\r\n") {
                let rest = self.read.split_off(at + 4);
                let head = std::mem::replace(&mut self.read, rest);
                return String::from_utf8(head).unwrap();
            }
            assert_ne!(self.socket.read_buf(&mut self.read).await.unwrap(), 0);
        }
    }

    /// So many bytes, or fewer if the connection ends before.
    async fn body(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            if self.socket.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                break;
            }
        }
        let rest = self.read.split_off(length.min(self.read.len()));
        std::mem::replace(&mut self.read, rest)
    }

    async fn is_closed(&mut self) -> bool {
        self.read.is_empty() && self.socket.read_buf(&mut self.read).await.unwrap_or(0) == 0
    }
}

/// Not `assert_eq`, which would print megabytes.
#[track_caller]
fn assert_same(got: &[u8], expected: &[u8], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    if got != expected {
        let differs = got.iter().zip(expected).position(|(a, b)| a != b);
        panic!("{what}: the bytes differ at {differs:?}");
    }
}

#[tokio::test]
async fn a_large_object_comes_whole_and_in_parts() {
    let large = bytes(5 * MIB + 12_345, 1);
    let server = with_objects(Setup::default(), &[("large", &large)]).await;
    let end = large.len();
    let mut reader = Reader::new(&server).await;
    for (range, expected) in [
        (String::new(), &large[..]),
        ("Range: bytes=0-0\r\n".to_owned(), &large[..1]),
        (
            "Range: bytes=1-1048577\r\n".to_owned(),
            &large[1..1_048_578],
        ),
        ("Range: bytes=1048575-\r\n".to_owned(), &large[1_048_575..]),
        (
            "Range: bytes=-2000001\r\n".to_owned(),
            &large[end - 2_000_001..],
        ),
        ("Range: bytes=-7\r\n".to_owned(), &large[end - 7..]),
    ] {
        let request = format!("GET /open/large HTTP/1.1\r\nHost: h\r\n{range}\r\n");
        reader.ask(&request).await;
        let head = reader.head().await;
        let length = format!("content-length: {}\r\n", expected.len());
        assert!(head.contains(&length), "{range}: {head}");
        assert_same(&reader.body(expected.len()).await, expected, &range);
    }
    reader
        .ask("HEAD /open/large HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    assert!(reader.head().await.contains(&format!(": {end}\r\n")));
    reader
        .ask("GET /open/large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    reader.head().await;
    assert_same(&reader.body(end).await, &large, "the last one");
    assert!(reader.is_closed().await);

    let mut old = Reader::new(&server).await;
    old.ask("GET /open/large HTTP/1.0\r\n\r\n").await;
    old.head().await;
    assert_same(&old.body(end + 1).await, &large, "HTTP/1.0");
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_their_order() {
    let (one, two, small) = (bytes(3 * MIB + 1, 2), bytes(2 * MIB, 3), bytes(100, 4));
    let objects = [("one", &one[..]), ("two", &two[..]), ("small", &small[..])];
    let server = with_objects(Setup::default(), &objects).await;
    let mut reader = Reader::new(&server).await;
    let order = ["one", "two", "small", "one", "small", "two"];
    let requests: String = order
        .map(|key| format!("GET /open/{key} HTTP/1.1\r\nHost: h\r\n\r\n"))
        .concat();
    reader.ask(&requests).await;
    for key in order {
        let (_, expected) = objects.iter().find(|(name, _)| *name == key).unwrap();
        reader.head().await;
        assert_same(&reader.body(expected.len()).await, expected, key);
    }
}

#[tokio::test]
async fn a_slow_reader_gets_everything_while_others_are_served() {
    let (large, other) = (bytes(12 * MIB + 5, 5), bytes(2 * MIB, 9));
    let setup = Setup {
        limits: Limits {
            progress_window: Duration::from_secs(1),
            ..Limits::default()
        },
        ..Setup::default()
    };
    let objects = [("large", &large[..]), ("other", &other[..])];
    let server = with_objects(setup, &objects).await;
    let mut slow = Reader::new(&server).await;
    slow.ask("GET /open/large HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    slow.head().await;
    let mut got = Vec::new();
    for _ in 0..12 {
        got.extend(slow.body(MIB).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut quick = Reader::new(&server).await;
        quick
            .ask("GET /open/other HTTP/1.1\r\nHost: h\r\n\r\n")
            .await;
        quick.head().await;
        assert_same(&quick.body(other.len()).await, &other, "another reader");
    }
    got.extend(slow.body(5).await);
    assert_same(&got, &large, "the slow reader");
}

/// Whoever rests between two reads, longer than an idle connection keeps its buffers, is not idle: the
/// end of an answer was thrown away when it waited for the peer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_rests_gets_the_end_too() {
    // The last window is nearly whole.
    let object = bytes(12 * MIB - 5, 9);
    let server = with_objects(Setup::default(), &[("rests", &object)]).await;
    let mut reader = Reader::new(&server).await;
    reader
        .ask("GET /open/rests HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    reader.head().await;
    let mut read = Vec::new();
    while read.len() < object.len() {
        // Less than a window of the file, so that one rest falls into the last of them.
        let piece = reader.body((object.len() - read.len()).min(MIB / 3)).await;
        assert!(!piece.is_empty(), "cut after {} bytes", read.len());
        read.extend_from_slice(&piece);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert!(read == object);
}

#[tokio::test]
async fn a_reader_that_vanishes_leaves_nothing_behind() {
    let large = bytes(16 * MIB, 6);
    let setup = Setup {
        limits: Limits {
            connections: 1,
            ..Limits::default()
        },
        ..Setup::default()
    };
    let server = with_objects(setup, &[("large", &large)]).await;
    for kept in [0, 100_000, 4 * MIB] {
        let mut reader = Reader::new(&server).await;
        reader
            .ask("GET /open/large HTTP/1.1\r\nHost: h\r\n\r\n")
            .await;
        reader.head().await;
        assert_same(&reader.body(kept).await, &large[..kept], "the beginning");
    }
    // There is one slot; whoever vanished must have given it back.
    let mut reader = Reader::new(&server).await;
    reader
        .ask("GET /open/large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .await;
    reader.head().await;
    assert_same(&reader.body(16 * MIB).await, &large, "who came after");
}

#[tokio::test]
async fn a_file_that_is_cut_short_breaks_the_connection() {
    // More than the buffers of two sockets take, so that most of it has not been sent yet.
    let large = bytes(48 * MIB, 7);
    // Behind what is being sent, and before it.
    for kept in [40 * MIB, MIB] {
        let server = with_objects(Setup::default(), &[("large", &large)]).await;
        let mut reader = Reader::new(&server).await;
        // The second request would be answered if anything went on.
        let request = "GET /open/large HTTP/1.1\r\nHost: h\r\n\r\n";
        reader.ask(&request.repeat(2)).await;
        reader.head().await;
        let mut got = reader.body(1000).await;

        let file = largest(server.folder.path()).unwrap();
        let file = std::fs::File::options().write(true).open(file).unwrap();
        file.set_len(kept as u64).unwrap();

        got.extend(reader.body(2 * large.len()).await);
        assert!(got.len() <= 40 * MIB, "{} bytes came", got.len());
        assert_same(&got, &large[..got.len()], "what came before the end");
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_is_finished_before_the_server_stops() {
    let large = bytes(32 * MIB, 8);
    let server = with_objects(Setup::default(), &[("large", &large)]).await;
    let mut reader = Reader::new(&server).await;
    reader
        .ask("GET /open/large HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    reader.head().await;
    let stopped = tokio::spawn(server.shutdown());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!stopped.is_finished());
    assert_same(&reader.body(large.len()).await, &large, "what was begun");
    assert!(reader.is_closed().await);
    stopped.await.unwrap();
}

fn largest(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let files = entries.filter_map(|entry| {
        if entry.path().is_dir() {
            largest(&entry.path())
        } else {
            Some(entry.path())
        }
    });
    files.max_by_key(|file| std::fs::metadata(file).map_or(0, |facts| facts.len()))
}
