//! The callbacks' receiver: takes every call and agrees.
//!
//! [`start`] has it in this process, [`Sink`] in one of its own (`load sink`), where it is in nobody's
//! way and says how many calls have come.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use xtask::arguments::Arguments;
use xtask::program::Running;

use crate::http::{Connection, find_blank_line};

/// Starts the receiver on a free port of the loopback address; it lives as long as the runtime, which
/// this must be called on.
pub(crate) fn start() -> Result<SocketAddr> {
    let listener = listen(0)?;
    let address = listener.local_addr().context("a listener has an address")?;
    tokio::spawn(accept(listener));
    Ok(address)
}

/// Is the receiver, until it is killed. Says in its first line where.
pub(crate) async fn serve(mut arguments: Arguments) -> Result<()> {
    let port = arguments.take_value("--port")?.unwrap_or(0);
    let listener = listen(port)?;
    println!(r#"{{"application":"http://{}"}}"#, listener.local_addr()?);
    accept(listener).await;
    Ok(())
}

/// A receiver that is a process. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    connection: Connection,
    /// Held for its end.
    _program: Running,
}

impl Sink {
    /// Starts one, on this port or on any free one.
    pub(crate) async fn start(port: Option<u16>) -> Result<Self> {
        let own = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(own);
        command.arg("sink").stderr(Stdio::inherit());
        if let Some(port) = port {
            command.args(["--port", &port.to_string()]);
        }
        let program = Running::start(command)?;
        let address = program.address("application")?.parse()?;
        let connection = Connection::open(address).await;
        Ok(Self {
            address,
            connection: connection.context("the application takes no connection")?,
            _program: program,
        })
    }

    /// How many calls have come.
    pub(crate) async fn calls(&mut self) -> Result<u64> {
        let answer = self.connection.exchange(b"GET / HTTP/1.1\r\n\r\n").await;
        let answer = answer.map_err(|broken| anyhow::anyhow!("the application: {broken:?}"))?;
        let count = str::from_utf8(&answer.body)?.parse();
        count.context("the application says how many calls came")
    }
}

/// A port on which nobody listens, and nobody will but a [`Sink`] that is started on it: so the
/// connection of a caller is refused, and never given to somebody else.
#[derive(Debug)]
pub(crate) struct ClosedPort {
    pub(crate) address: SocketAddr,
    /// Bound, which keeps the port.
    _socket: TcpSocket,
}

impl ClosedPort {
    pub(crate) fn reserve() -> Result<Self> {
        let socket = bind(0)?;
        Ok(Self {
            address: socket.local_addr()?,
            _socket: socket,
        })
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    let listener = bind(port)?.listen(BACKLOG);
    listener.context("cannot listen for callbacks")
}

fn bind(port: u16) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    socket.bind(address).context("no port for callbacks")?;
    Ok(socket)
}

async fn accept(listener: TcpListener) {
    let calls = Arc::new(AtomicU64::new(0));
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer_all(stream, Arc::clone(&calls)));
    }
}

async fn answer_all(mut stream: TcpStream, calls: Arc<AtomicU64>) {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some(length) = whole_request(&buffer) {
            let written = if buffer.starts_with(b"GET ") {
                let count = calls.load(Ordering::Relaxed).to_string();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", count.len());
                stream.write_all((head + &count).as_bytes()).await
            } else {
                calls.fetch_add(1, Ordering::Relaxed);
                stream.write_all(ANSWER).await
            };
            buffer.drain(..length);
            if written.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return;
        }
    }
}

/// The length of the first request, once all of it is there.
fn whole_request(buffer: &[u8]) -> Option<usize> {
    let head_length = find_blank_line(buffer)?;
    let head = std::str::from_utf8(&buffer[..head_length]).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.eq_ignore_ascii_case("content-length");
        is_it.then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head_length + length.unwrap_or(0);
    (buffer.len() >= whole).then_some(whole)
}

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n\
    {\"Status\":\"OK\"}";
/// Connections that may come at the same moment.
const BACKLOG: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_whole_when_its_body_is_there() {
        let request = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST";
        let whole = request.len() - "POST".len();
        assert_eq!(whole_request(&request[..whole - 1]), None);
        assert_eq!(whole_request(request), Some(whole));
    }

    #[tokio::test]
    async fn a_closed_port_refuses_until_somebody_listens_on_it() {
        let closed = ClosedPort::reserve().unwrap();
        assert!(TcpStream::connect(closed.address).await.is_err());
        let listener = listen(closed.address.port()).unwrap();
        assert!(TcpStream::connect(closed.address).await.is_ok());
        drop(listener);
    }
}
