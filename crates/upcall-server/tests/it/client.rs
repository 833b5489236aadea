//! A client that does nothing by itself: it writes the bytes it is given and reads one answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::form::Form;

pub(crate) struct Client {
    address: SocketAddr,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// Whether the server closed the connection after it.
    pub(crate) is_closed: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of an element of an XML answer.
    pub(crate) fn element(&self, name: &str) -> String {
        let text = self.text();
        let start = text
            .find(&format!("<{name}>"))
            .map(|at| at + name.len() + 2);
        let end = text.find(&format!("</{name}>"));
        match (start, end) {
            (Some(start), Some(end)) => text[start..end].to_owned(),
            _ => String::new(),
        }
    }

    /// The refusal's status, code and message, and that it is complete: request id, host, hint.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, code: &str, message: &str) {
        let text = self.text();
        assert_eq!(
            (self.status, self.element("Code").as_str()),
            (status, code),
            "{text}"
        );
        assert!(
            self.element("Message").contains(message),
            "expected {message:?} in {text}"
        );
        assert_eq!(
            self.element("RequestId"),
            self.header("x-oss-request-id"),
            "{text}"
        );
        assert_eq!(self.header("content-type"), "application/xml");
        assert_eq!(self.header("x-oss-ec"), self.element("EC"), "{text}");
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection of another address of this machine: 127.0.0.`last`.
    pub(crate) async fn connect_from(&self, last: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, last], 0).into()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    pub(crate) async fn post_form(&self, form: &Form) -> Answer {
        let body = form.body();
        let head = format!(
            "POST /{}/ HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n",
            form.bucket(),
            self.address,
            form.content_type(),
            body.len(),
            form.extra_headers(),
        );
        self.send(&[head.as_bytes(), &body].concat()).await
    }

    /// A request without a body or with a whole one.
    pub(crate) async fn request(
        &self,
        method: &str,
        target: &str,
        headers: &str,
        body: &[u8],
    ) -> Answer {
        let length = if body.is_empty() && method != "PUT" {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\n{length}{headers}\r\n",
            self.address
        );
        self.send_for(method, &[head.as_bytes(), body].concat())
            .await
    }

    /// Writes bytes on a new connection and reads one answer.
    pub(crate) async fn send(&self, bytes: &[u8]) -> Answer {
        self.send_for("GET", bytes).await
    }

    pub(crate) async fn send_for(&self, method: &str, bytes: &[u8]) -> Answer {
        let mut socket = self.connect().await;
        // The server may answer and close before it has read everything; the answer counts.
        let _ = socket.write_all(bytes).await;
        read_answer(&mut socket, method).await.expect("an answer")
    }
}

/// Reads one answer; `None` if the connection closes without one.
pub(crate) async fn read_answer(socket: &mut TcpStream, method: &str) -> Option<Answer> {
    let read = async {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(at) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
                break at + 4;
            }
            if socket.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return None;
            }
        };
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let mut lines = text.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let length = match headers.get("content-length") {
            Some(_) if method == "HEAD" => 0,
            Some(length) => length.parse().ok()?,
            None => 0,
        };
        let mut body = bytes.split_off(head);
        while body.len() < length {
            if socket.read_buf(&mut body).await.unwrap_or(0) == 0 {
                break;
            }
        }
        let is_closed = headers
            .get("connection")
            .is_some_and(|value| value == "close");
        Some(Answer {
            status,
            headers,
            body,
            is_closed,
        })
    };
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("an answer within 20 s")
}
