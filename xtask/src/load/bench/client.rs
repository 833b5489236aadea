//! The cheap end of a connection: requests that were built before the clock started, answers of
//! which only the status and the length are looked at.
//!
//! The load generator shares the machine with what it measures, so it formats, allocates and copies
//! nothing between two requests: a request's number is written into its bytes in place.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use bytes::Buf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::find_blank_line;

/// An upload as it is sent again and again, each time to another key.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Where the key's digits are.
    digits: usize,
    file_bytes: usize,
    callback: Callback,
}

/// How an upload's callback is to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Callback {
    /// It arrives, or there is none.
    Arrives,
    /// The application is down: the upload is answered with 203.
    Fails,
}

impl Upload {
    /// Everything before the file, which names [`NUMBERLESS`] once, and everything behind it.
    pub(super) fn new(head: Vec<u8>, tail: Vec<u8>, file_bytes: usize) -> Result<Self> {
        let mut places = head.windows(NUMBERLESS.len());
        let digits = places.position(|place| place == NUMBERLESS.as_bytes());
        Ok(Self {
            digits: digits.context("an upload names its key")?,
            head,
            tail,
            file_bytes,
            callback: Callback::Arrives,
        })
    }

    /// The same, with a callback that is to fail.
    pub(super) fn whose_callback_fails(mut self) -> Self {
        self.callback = Callback::Fails;
        self
    }

    /// Its key is now the one of this number.
    pub(super) fn set_number(&mut self, mut number: u64) {
        let digits = &mut self.head[self.digits..self.digits + NUMBERLESS.len()];
        for digit in digits.iter_mut().rev() {
            *digit = b"0123456789"[usize::try_from(number % 10).unwrap_or(0)];
            number /= 10;
        }
    }

    /// Everything before the file, and everything behind it.
    pub(super) fn around_file(&self) -> (&[u8], &[u8]) {
        (&self.head, &self.tail)
    }

    pub(super) const fn file_bytes(&self) -> usize {
        self.file_bytes
    }
}

/// What stands for the number in a key.
pub(super) const NUMBERLESS: &str = "000000000000";

/// A connection that is kept.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    received: Box<[u8]>,
}

/// Whether an answer brings the body that its head announces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Body {
    /// It does.
    Follows,
    /// It answers a `HEAD`.
    Absent,
}

impl Client {
    pub(super) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = crate::http::connect(address).await;
        let stream = stream.context("the server takes no connection")?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: vec![0; RECEIVED_BYTES].into_boxed_slice(),
        })
    }

    /// Sends an upload, its file made of `piece` again and again, and waits for the answer.
    pub(super) async fn upload(&mut self, upload: &Upload, piece: &[u8]) -> Result<()> {
        let mut left = upload.file_bytes;
        let mut head = &upload.head[..];
        loop {
            let now = &piece[..left.min(piece.len())];
            left -= now.len();
            let tail = if left == 0 { &upload.tail[..] } else { &[] };
            let mut together = Buf::chain(head, now).chain(tail);
            if let Err(error) = self.stream.write_all_buf(&mut together).await {
                // The reason may be there already.
                self.answer(Body::Follows, upload.callback).await?;
                return Err(error).context("the server took only part of an upload");
            }
            head = &[];
            if left == 0 {
                break;
            }
        }
        self.answer(Body::Follows, upload.callback).await.map(drop)
    }

    /// Sends a request that was built before and waits for the answer; how long its body was.
    pub(super) async fn get(&mut self, request: &[u8], body: Body) -> Result<u64> {
        let sent = self.stream.write_all(request).await;
        sent.context("the server took no request")?;
        self.answer(body, Callback::Arrives).await
    }

    async fn answer(&mut self, body: Body, callback: Callback) -> Result<u64> {
        let mut filled = 0;
        let head = loop {
            ensure!(
                filled < self.received.len(),
                "an answer's head does not end"
            );
            let read = self.stream.read(&mut self.received[filled..]).await?;
            ensure!(read > 0, "the server closed instead of answering");
            filled += read;
            if let Some(head) = find_blank_line(&self.received[..filled]) {
                break head;
            }
        };
        let text = &self.received[..filled];
        let has_failed = text.starts_with(b"HTTP/1.1 203");
        if !text.starts_with(b"HTTP/1.1 20") || has_failed != (callback == Callback::Fails) {
            bail!("answered {}", String::from_utf8_lossy(text));
        }
        let length = content_length(&text[..head])?;
        if body == Body::Absent {
            return Ok(0);
        }
        let mut left = length.saturating_sub((filled - head) as u64);
        while left > 0 {
            let read = self.stream.read(&mut self.received).await?;
            ensure!(read > 0, "an answer was cut");
            left = left.saturating_sub(read as u64);
        }
        Ok(length)
    }
}

fn content_length(head: &[u8]) -> Result<u64> {
    for line in head.split(|byte| *byte == b'\n') {
        let Some((name, value)) = line.split_at_checked(LENGTH.len()) else {
            continue;
        };
        if name.eq_ignore_ascii_case(LENGTH) {
            let value = str::from_utf8(value.trim_ascii())?;
            return value.parse().context("an answer's length is no number");
        }
        if line.eq_ignore_ascii_case(b"connection: close\r") {
            bail!("the server does not keep the connection");
        }
    }
    ensure!(
        head.starts_with(b"HTTP/1.1 204"),
        "an answer has no length: {}",
        String::from_utf8_lossy(head)
    );
    Ok(0)
}

const LENGTH: &[u8] = b"content-length:";
const RECEIVED_BYTES: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_written_in_place() {
        let head = b"PUT /000000000000 HTTP/1.1\r\n\r\n".to_vec();
        let mut upload = Upload::new(head, Vec::new(), 0).unwrap();
        upload.set_number(4711);
        assert_eq!(upload.head, b"PUT /000000004711 HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn a_length_is_found_whatever_its_case() {
        let head = b"HTTP/1.1 200 OK\r\nContent-LENGTH: 17\r\n\r\n";
        assert_eq!(content_length(head).unwrap(), 17);
        assert_eq!(
            content_length(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(),
            0
        );
        assert!(content_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
