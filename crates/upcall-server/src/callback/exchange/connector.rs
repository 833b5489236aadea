//! Resolving, judging and connecting in one piece: after the judgement nobody sees a name again.
//!
//! In: a [`Destination`]. Out: a connection to an address that the guard has judged, with TLS where
//! the scheme asks for it. A literal address takes the same road. How long each step took, and
//! which address it was, goes into [`Progress`], also when the step fails or is given up.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::first_bytes::FirstBytes;
use super::progress::{Progress, Stage};
use crate::callback::destination::Destination;
use crate::callback::guard::{Guard, GuardError};
use crate::callback::load::Crowded;

/// Makes guarded connections.
pub(in crate::callback) struct Connector {
    guard: Guard,
    with_sni: Arc<rustls::ClientConfig>,
    without_sni: Arc<rustls::ClientConfig>,
}

impl Connector {
    /// # Errors
    /// The system's TLS set-up cannot be used.
    pub(in crate::callback) fn new(guard: Guard) -> Result<Self, rustls::Error> {
        let with_sni = tls_config()?;
        let mut without_sni = with_sni.clone();
        without_sni.enable_sni = false;
        Ok(Self {
            guard,
            with_sni: Arc::new(with_sni),
            without_sni: Arc::new(without_sni),
        })
    }

    /// A new connection, if it `may_go` to the address that the host has now. The caller has the time
    /// limit.
    pub(in crate::callback) async fn connect(
        &self,
        destination: &Destination,
        may_go: impl FnOnce(SocketAddr) -> Result<(), Crowded>,
        progress: &mut Progress,
    ) -> Result<Connection, ConnectError> {
        progress.enter(Stage::Resolving);
        let (host, port) = (destination.host(), destination.port());
        let addresses = self.guard.resolve(host, port).await?;
        if let Some(address) = addresses.first() {
            may_go(*address)?;
        }
        progress.enter(Stage::Connecting);
        let socket = connect_to_one_of(&addresses, progress).await?;
        socket.set_nodelay(true).map_err(ConnectError::Tcp)?;
        let stream = if destination.is_https() {
            progress.enter(Stage::Greeting);
            let config = if destination.sni() {
                &self.with_sni
            } else {
                &self.without_sni
            };
            let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::NoHost)?;
            let tls = TlsConnector::from(Arc::clone(config));
            let handshake = tls.connect(name, FirstBytes::of(socket)).into_fallible();
            let stream = handshake.await.map_err(|(error, socket)| {
                if socket.are_http() {
                    ConnectError::PlainHttp(error)
                } else {
                    ConnectError::Tls(error)
                }
            })?;
            Stream::Tls(Box::new(stream))
        } else {
            Stream::Plain(socket)
        };
        Ok(Connection {
            stream,
            address: progress.address,
            unread: BytesMut::new(),
        })
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

/// The addresses in the resolver's order; the first that answers.
async fn connect_to_one_of(
    addresses: &[SocketAddr],
    progress: &mut Progress,
) -> Result<TcpStream, ConnectError> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        progress.address = Some(*address);
        match TcpStream::connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(ConnectError::Tcp(last))
}

/// The system's certificates, read once.
fn tls_config() -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    // A certificate that cannot be read is left out; the others still count.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(in crate::callback) enum ConnectError {
    #[error("there is no place for a call to this address")]
    Crowded(Crowded),
    #[error("the guard refused the host")]
    Guard(#[from] GuardError),
    #[error("the URL has no host to connect to")]
    NoHost,
    #[error("TLS was answered with plain HTTP")]
    PlainHttp(#[source] io::Error),
    #[error("the connection could not be made")]
    Tcp(#[source] io::Error),
    #[error("TLS could not be agreed upon")]
    Tls(#[source] io::Error),
}

impl From<Crowded> for ConnectError {
    fn from(crowded: Crowded) -> Self {
        Self::Crowded(crowded)
    }
}

/// A connection to an application server, at rest between two calls or in the hands of one.
#[derive(Debug)]
pub(in crate::callback) struct Connection {
    pub(super) stream: Stream,
    /// Where it leads.
    pub(in crate::callback) address: Option<SocketAddr>,
    /// What has come and was not looked at yet; empty at rest.
    pub(super) unread: BytesMut,
}

impl Connection {
    /// Whether the other end has neither closed nor said anything while it was at rest.
    ///
    /// The system is asked, not the runtime, which may not have heard of it yet.
    pub(in crate::callback) fn is_quiet(&self) -> bool {
        if self.stream.holds_plaintext() {
            return false;
        }
        let socket = match &self.stream {
            Stream::Plain(socket) => socket,
            Stream::Tls(stream) => stream.get_ref().0.socket(),
        };
        let mut byte = [MaybeUninit::uninit()];
        let peeked = socket2::SockRef::from(socket).peek(&mut byte);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Bytes from and to an application server.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<FirstBytes>>),
}

impl Stream {
    /// Whether TLS has taken bytes off the socket that have not been read yet.
    pub(super) fn holds_plaintext(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            // It wants no more bytes while it has some to hand out.
            Self::Tls(stream) => !stream.get_ref().1.wants_read(),
        }
    }

    /// Waits until there may be something to read. What TLS has read already is not seen from here,
    /// so it does not wait.
    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.readable().await,
            Self::Tls(_) => Ok(()),
        }
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

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
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
