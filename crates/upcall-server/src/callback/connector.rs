//! Resolving, judging and connecting in one piece: after the judgement nobody sees a name again.
//!
//! In: a URI from hyper's client. Out: a connection to an address that the guard has judged, with TLS
//! where the scheme asks for it. A literal address takes the same road.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::guard::{Guard, GuardError};

/// Makes guarded connections.
#[derive(Clone)]
pub(crate) struct Connector {
    guard: Guard,
    tls: Arc<rustls::ClientConfig>,
    time_limit: Duration,
}

impl Connector {
    pub(crate) fn new(guard: Guard, tls: Arc<rustls::ClientConfig>, time_limit: Duration) -> Self {
        Self {
            guard,
            tls,
            time_limit,
        }
    }

    /// Within a time limit of its own: the client finishes in the background, where no call's limit
    /// counts, what it began when a pooled connection became free.
    async fn connect_in_time(self, uri: Uri) -> Result<TokioIo<Stream>, ConnectError> {
        let time_limit = self.time_limit;
        tokio::time::timeout(time_limit, self.connect(uri))
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<Stream>, ConnectError> {
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri.host().ok_or(ConnectError::NoHost)?.to_owned();
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let addresses = self.guard.resolve(&host, port).await?;
        let socket = connect_to_one_of(&addresses).await?;
        socket.set_nodelay(true)?;
        if !is_https {
            return Ok(TokioIo::new(Stream::Plain(socket)));
        }
        let name = ServerName::try_from(host).map_err(|_| ConnectError::NoHost)?;
        let stream = TlsConnector::from(self.tls).connect(name, socket).await?;
        Ok(TokioIo::new(Stream::Tls(Box::new(stream))))
    }
}

/// The addresses in the resolver's order; the first that answers.
async fn connect_to_one_of(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect_in_time(uri))
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the guard refused the host")]
    Guard(#[from] GuardError),
    #[error("the connection could not be made")]
    Io(#[from] io::Error),
    #[error("the URL has no host to connect to")]
    NoHost,
}

/// A connection to an application server.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
