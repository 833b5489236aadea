//! A socket that remembers how the other end began: TLS says that what came is no TLS, and not what
//! it was instead.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket, and the first bytes that came over it.
#[derive(Debug)]
pub(super) struct FirstBytes {
    socket: TcpStream,
    bytes: [u8; HTTP.len()],
    count: usize,
}

impl FirstBytes {
    pub(super) const fn of(socket: TcpStream) -> Self {
        Self {
            socket,
            bytes: [0; HTTP.len()],
            count: 0,
        }
    }

    pub(super) const fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether an answer of HTTP/1 began.
    pub(super) fn are_http(&self) -> bool {
        self.bytes[..self.count] == *HTTP
    }
}

impl AsyncRead for FirstBytes {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.socket).poll_read(cx, buf);
        let came = &buf.filled()[before..];
        let missing = &mut this.bytes[this.count..];
        let count = missing.len().min(came.len());
        missing[..count].copy_from_slice(&came[..count]);
        this.count += count;
        polled
    }
}

impl AsyncWrite for FirstBytes {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

const HTTP: &[u8; 5] = b"HTTP/";
