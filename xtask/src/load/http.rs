//! A client's end of one HTTP/1.1 connection, and no more of HTTP than the chores need.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A connection that is used for one exchange after another.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The server closes the connection after it.
    pub(crate) is_last: bool,
    head: String,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.head, name)
    }
}

/// Connects from one of many addresses of this machine, another one each time: a server lets one
/// address have half of its connections and memory.
pub(crate) async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let SocketAddr::V4(to) = address else {
        return TcpStream::connect(address).await;
    };
    if !to.ip().is_loopback() {
        return TcpStream::connect(address).await;
    }
    let [.., high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 1, high, low], 0).into())?;
    socket.connect(address).await
}

/// How a connection ended instead of answering.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Broken {
    /// Before the first byte of an answer.
    Unanswered,
    /// After it: the answer was cut.
    Cut,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
        })
    }

    /// Writes some of a request. An error is not the last word: the answer may be there already.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a whole request and waits for its answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Answer, Broken> {
        self.send(request).await.ok();
        self.answer().await
    }

    /// Waits for the head of an answer that has no body (HEAD), and says its status.
    pub(crate) async fn status(&mut self) -> Result<u16, Broken> {
        self.buffer.clear();
        let head_length = loop {
            if let Some(at) = find_blank_line(&self.buffer) {
                break at;
            }
            if self.read_more().await == 0 {
                return Err(Broken::Unanswered);
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_length]).into_owned();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        status.ok_or(Broken::Cut)
    }

    /// Waits for the next answer.
    pub(crate) async fn answer(&mut self) -> Result<Answer, Broken> {
        self.buffer.clear();
        let head_length = loop {
            if let Some(at) = find_blank_line(&self.buffer) {
                break at;
            }
            if self.read_more().await == 0 {
                let is_silent = self.buffer.is_empty();
                return Err(if is_silent {
                    Broken::Unanswered
                } else {
                    Broken::Cut
                });
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_length]).into_owned();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status: u16 = status.ok_or(Broken::Cut)?;
        let length = match (status, find(&head, "content-length")) {
            (204 | 304, _) => 0,
            (_, Some(length)) => length.parse().map_err(|_| Broken::Cut)?,
            // Nobody here sends chunks: what has no length ends with the connection.
            (_, None) => usize::MAX,
        };
        while self.buffer.len() - head_length < length {
            if self.read_more().await == 0 {
                if length == usize::MAX {
                    break;
                }
                return Err(Broken::Cut);
            }
        }
        Ok(Answer {
            status,
            body: self.buffer.split_off(head_length),
            is_last: length == usize::MAX || find(&head, "connection") == Some("close"),
            head,
        })
    }

    /// How many bytes came; none at the end, in whatever way it ends.
    async fn read_more(&mut self) -> usize {
        self.stream.read_buf(&mut self.buffer).await.unwrap_or(0)
    }
}

fn find<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Where the body begins.
pub(crate) fn find_blank_line(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}
