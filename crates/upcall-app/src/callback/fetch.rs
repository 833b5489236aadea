//! Fetches one public key.
//!
//! One connection, one request, no redirects: the address was compared with the list, and nothing
//! that comes back may lead to another. Status 200 or no key; bounded in bytes and time.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use upcall::axum::FetchKey;
use upcall::callback::PublicKeyUrl;

use super::refusal::chain;
use super::tls::Tls;
use crate::limits::KEY_BYTES;

/// Fetches public keys.
#[derive(Debug)]
pub(super) struct Fetcher {
    tls: Tls,
    limit: Duration,
}

impl Fetcher {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            tls: Tls::system(),
            limit,
        }
    }

    /// What is at `url`.
    ///
    /// # Errors
    /// What went wrong first: connecting, TLS, HTTP, status or length.
    async fn fetch_in_time(&self, url: &PublicKeyUrl) -> Result<Bytes, FetchError> {
        let fetched = tokio::time::timeout(self.limit, self.fetch_without_limit(url.as_str()));
        fetched.await.map_err(|_| FetchError::TooSlow)?
    }

    async fn fetch_without_limit(&self, url: &str) -> Result<Bytes, FetchError> {
        let place = Place::of(url)?;
        let connect = TcpStream::connect((place.host.as_str(), place.port));
        let socket = connect.await.map_err(FetchError::Connect)?;
        if place.is_https {
            let socket = self.tls.connect(&place.host, socket).await;
            exchange(socket.map_err(FetchError::Tls)?, &place).await
        } else {
            exchange(socket, &place).await
        }
    }
}

impl FetchKey for Fetcher {
    async fn fetch(&self, url: &PublicKeyUrl) -> Result<Bytes, upcall::axum::FetchError> {
        self.fetch_in_time(url).await.map_err(|error| {
            // Those who wait for a key say so themselves; one that was only to be renewed is missed
            // by nobody else.
            tracing::warn!(reason = chain(&error), "a public key could not be fetched");
            error.into()
        })
    }
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("its address is no URL")]
    Address,
    #[error("its server cannot be reached")]
    Connect(#[source] io::Error),
    #[error("its server does not speak HTTP as it should")]
    Http(#[from] hyper::Error),
    #[error(
        "its server answered with status {0}; only 200 gives a key, and redirects are not followed"
    )]
    Status(StatusCode),
    #[error("its server's TLS was not accepted")]
    Tls(#[source] io::Error),
    #[error("what is there is longer than 16 KiB")]
    TooLong,
    #[error("its server did not answer in time")]
    TooSlow,
}

/// Where to connect, and what to ask for.
struct Place {
    is_https: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Place {
    fn of(url: &str) -> Result<Self, FetchError> {
        let uri: Uri = url.parse().map_err(|_| FetchError::Address)?;
        let is_https = uri.scheme_str() == Some("https");
        let authority = uri.authority().ok_or(FetchError::Address)?;
        let host = authority.host();
        Ok(Self {
            is_https,
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if is_https { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path().to_owned(),
        })
    }
}

/// One request and the body of its answer.
async fn exchange<S>(socket: S, place: &Place) -> Result<Bytes, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    let request = Request::get(&place.path)
        .header(HOST, &place.authority)
        .header(USER_AGENT, "upcall-app")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::Address)?;
    let mut answered = std::pin::pin!(async {
        let answer = sender.send_request(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        match Limited::new(answer.into_body(), KEY_BYTES).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooLong),
            Err(error) => match error.downcast::<hyper::Error>() {
                Ok(error) => Err((*error).into()),
                Err(_) => Err(FetchError::TooLong),
            },
        }
    });
    // Cancel-safe: the answer is polled on after the connection has ended, which it does once the
    // last byte is read.
    tokio::select! {
        biased;
        answer = answered.as_mut() => answer,
        ended = connection => {
            ended?;
            answered.await
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use upcall::callback::PublicKeyUrls;

    use super::*;

    const AUTHORITY: &[u8] = include_bytes!("../../tests/tls/ca.pem");
    const CERTIFICATE: &[u8] = include_bytes!("../../tests/tls/localhost.pem");
    const KEY: &[u8] = include_bytes!("../../tests/tls/localhost.key");

    fn acceptor() -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_slice(KEY).unwrap())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    fn test_authority() -> Tls {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(AUTHORITY).unwrap())
            .unwrap();
        Tls::trusting(roots)
    }

    /// Serves `pem` over TLS, once; who does not trust it gets nothing.
    async fn serve_once(pem: String) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let Ok(mut socket) = acceptor().accept(socket).await else {
                return;
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{pem}",
                pem.len()
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
        });
        port
    }

    async fn fetch(tls: Tls, host: &str, pem: &str) -> Result<Bytes, FetchError> {
        let port = serve_once(pem.to_owned()).await;
        let url = format!("https://{host}:{port}/key.pem");
        let url = PublicKeyUrls::none()
            .and(&url)
            .unwrap()
            .admit(&url)
            .unwrap();
        Fetcher {
            tls,
            limit: Duration::from_secs(20),
        }
        .fetch_in_time(&url)
        .await
    }

    #[tokio::test]
    async fn a_key_comes_over_tls_from_a_server_that_the_system_trusts() {
        let key = upcall_crypto::RsaPrivateKey::generate(2048).unwrap();
        let pem = key.public_key_pem().unwrap();

        let fetched = fetch(test_authority(), "localhost", &pem).await.unwrap();
        assert_eq!(fetched, pem);

        let unknown_authority = fetch(Tls::system(), "localhost", &pem).await;
        assert!(
            matches!(unknown_authority, Err(FetchError::Tls(_))),
            "{unknown_authority:?}"
        );

        let other_name = fetch(test_authority(), "127.0.0.1", &pem).await;
        assert!(
            matches!(other_name, Err(FetchError::Tls(_))),
            "{other_name:?}"
        );
    }
}
