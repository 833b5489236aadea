//! The callbacks' receiver: takes every call and agrees.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::http::find_blank_line;

/// Starts the receiver on a free port of the loopback address; it lives as long as the runtime.
pub(crate) async fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    let listener = listener.context("no free port for callbacks")?;
    let address = listener.local_addr().context("a listener has an address")?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(address)
}

async fn serve(mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some(length) = whole_request(&buffer) {
            buffer.drain(..length);
            if stream.write_all(ANSWER).await.is_err() {
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
}
