//! The least that a callback can cost: a body with the file's digest, signed, one round trip on a
//! connection of its own that is kept, and the answer as it came.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use upcall_crypto::{Md5, RsaPrivateKey};

use super::length;
use crate::http::find_blank_line;

/// A connection to the application.
#[derive(Debug)]
pub(super) struct Caller {
    stream: TcpStream,
    key: Arc<RsaPrivateKey>,
    received: Vec<u8>,
}

impl Caller {
    pub(super) async fn connect(address: SocketAddr, key: Arc<RsaPrivateKey>) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Self {
            stream,
            key,
            received: Vec::with_capacity(4096),
        })
    }

    /// Makes a call; the answer, head and body.
    pub(super) async fn call(&mut self, digest: &[u8; 16]) -> Option<&[u8]> {
        let etag = u128::from_be_bytes(*digest);
        let body = format!("filename=w%2F000000000000&etag={etag:032X}&size=4096");
        let signed = self.key.sign_md5(format!("/callback\n{body}").as_bytes());
        let request = format!(
            "POST /callback HTTP/1.1\r\nHost: application\r\nContent-Length: {}\r\n\
             Authorization: {}\r\nContent-MD5: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
            body.len(),
            STANDARD.encode(signed.ok()?),
            STANDARD.encode(Md5::digest(body.as_bytes())),
        );
        self.stream.write_all(request.as_bytes()).await.ok()?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await.ok()? == 0 {
                return None;
            }
            if let Some(head) = find_blank_line(&self.received)
                && self.received.len() >= head + length(&self.received[..head])?
            {
                return Some(&self.received);
            }
        }
    }
}
