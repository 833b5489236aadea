//! A peer that does, on each connection, exactly what a script says, and then closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a peer does next.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    /// Reads until the request's empty line and the bytes that the tests' bodies have.
    Read,
    Write(Vec<u8>),
    /// Writes a byte at a time, so far apart.
    Drip(Vec<u8>, Duration),
    /// Writes again and again for as long as it can.
    Flood(&'static [u8]),
    /// Nothing, until the other end goes.
    Wait,
    /// Closes so that the other end reads an error, not an end.
    Reset,
    /// Shakes hands as a TLS server with a certificate that no system knows.
    Tls,
}

pub(crate) fn write(text: &str) -> Do {
    Do::Write(text.as_bytes().to_vec())
}

/// Starts a peer; what it never needs to be told is when to stop.
pub(crate) async fn start(script: Vec<Do>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script: Arc<[Do]> = script.into();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(run(socket, Arc::clone(&script)));
        }
    });
    address
}

async fn run(mut socket: TcpStream, script: Arc<[Do]>) {
    for step in script.iter() {
        match step {
            Do::Read => {
                if !read_request(&mut socket).await {
                    return;
                }
            }
            Do::Write(bytes) => {
                let _ = socket.write_all(bytes).await;
            }
            Do::Drip(bytes, pause) => {
                for byte in bytes {
                    if socket.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(*pause).await;
                }
            }
            Do::Flood(bytes) => while socket.write_all(bytes).await.is_ok() {},
            Do::Wait => {
                let mut rest = Vec::new();
                let _ = socket.read_to_end(&mut rest).await;
            }
            Do::Reset => {
                let socket = socket2::SockRef::from(&socket);
                socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
            Do::Tls => {
                let _ = acceptor().accept(socket).await;
                return;
            }
        }
    }
}

/// Reads one request; whether one came.
async fn read_request(socket: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    loop {
        let end = memchr::memmem::find(&bytes, b"\r\n\r\n");
        if end.is_some_and(|at| bytes.len() >= at + 4 + BODY.len()) {
            return true;
        }
        if socket.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return false;
        }
    }
}

fn acceptor() -> TlsAcceptor {
    let certificate = include_bytes!("../../../upcall-app/tests/tls/localhost.pem");
    let key = include_bytes!("../../../upcall-app/tests/tls/localhost.key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate).unwrap()],
            PrivateKeyDer::from_pem_slice(key).unwrap(),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// The body of every callback to a peer of this kind.
pub(crate) const BODY: &str = "a=b";
