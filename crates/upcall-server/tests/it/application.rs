//! An application server that answers as a test says, byte for byte, and keeps what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the application does with a call.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Writes these bytes and closes.
    Bytes(Vec<u8>),
    /// Writes these bytes and keeps the connection for the next call.
    KeepAlive(Vec<u8>),
    /// Writes these bytes, then nothing more, and never closes.
    Stall(Vec<u8>),
    /// Writes these bytes after a while, and keeps the connection.
    After(Duration, Vec<u8>),
    /// Writes these bytes, and the second ones only when the connection is used again, before the
    /// answer to the next call: as bytes do that are late.
    Leftover(Vec<u8>, Vec<u8>),
    /// Writes the first bytes to the first call of a connection; to the second one the other bytes, and
    /// closes.
    EndsAtReuse(Vec<u8>, Vec<u8>),
    /// Writes what belongs to the call's body, and keeps the connection.
    ByBody(Vec<(String, Vec<u8>)>),
}

/// A call as it came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Which connection it came on, from 0.
    pub(crate) connection: usize,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.split("\r\n").skip(1);
        let mut pairs = lines.filter_map(|line| line.split_once(':'));
        pairs
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value.trim())
    }

    pub(crate) fn request_line(&self) -> &str {
        self.head.split("\r\n").next().unwrap_or_default()
    }
}

pub(crate) struct Application {
    address: SocketAddr,
    reply: Arc<Mutex<Reply>>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Application {
    pub(crate) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&calls);
        let reply = Arc::new(Mutex::new(reply));
        let replies = Arc::clone(&reply);
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(
                    socket,
                    Arc::clone(&replies),
                    Arc::clone(&kept),
                    connection,
                ));
                connection += 1;
            }
        });
        Self {
            address,
            reply,
            calls,
        }
    }

    /// One that agrees with this JSON.
    pub(crate) async fn agreeing(json: &str) -> Self {
        Self::start(Reply::KeepAlive(answer("200 OK", json))).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// One that takes its time.
    pub(crate) async fn slow(after: Duration, bytes: Vec<u8>) -> Self {
        Self::start(Reply::After(after, bytes)).await
    }

    /// Says something else from now on.
    pub(crate) fn reply(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    pub(crate) fn answer_by_body(&self, answers: Vec<(String, Vec<u8>)>) {
        self.reply(Reply::ByBody(answers));
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

/// A plain answer with a length.
pub(crate) fn answer(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn serve(
    mut socket: TcpStream,
    reply: Arc<Mutex<Reply>>,
    calls: Arc<Mutex<Vec<Call>>>,
    connection: usize,
) {
    let mut leftover = Vec::new();
    let mut is_used = false;
    while let Some((head, body)) = read_call(&mut socket).await {
        calls.lock().unwrap().push(Call {
            head,
            body: body.clone(),
            connection,
        });
        let reply = reply.lock().unwrap().clone();
        match &reply {
            Reply::After(after, bytes) => {
                tokio::time::sleep(*after).await;
                if socket.write_all(bytes).await.is_err() {
                    return;
                }
            }
            Reply::ByBody(answers) => {
                let body = String::from_utf8_lossy(&body);
                let found = answers.iter().find(|(of, _)| *of == body);
                let (_, bytes) = found.expect("an answer for this body");
                if socket.write_all(bytes).await.is_err() {
                    return;
                }
            }
            Reply::Leftover(bytes, late) => {
                let late = std::mem::replace(&mut leftover, late.clone());
                if socket
                    .write_all(&[late, bytes.clone()].concat())
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Reply::EndsAtReuse(first, second) => {
                let bytes = if is_used { second } else { first };
                if socket.write_all(bytes).await.is_err() || is_used {
                    return;
                }
                is_used = true;
            }
            Reply::Bytes(bytes) => {
                let _ = socket.write_all(bytes).await;
                return;
            }
            Reply::KeepAlive(bytes) => {
                if socket.write_all(bytes).await.is_err() {
                    return;
                }
            }
            Reply::Stall(bytes) => {
                let _ = socket.write_all(bytes).await;
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn read_call(socket: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break at + 4;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0);
    let mut body = bytes.split_off(end);
    while body.len() < length {
        if socket.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, body))
}
