//! One HTTP exchange with a server that may be anybody's: a connection, a request, its answer.
//!
//! No redirect is followed, no proxy is used, nothing is kept; bounded in bytes and time.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::header::{HOST, HeaderMap};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::terminal::message::Failure;

/// Where a request goes: `http` or `https`, host, port and target.
#[derive(Clone, Debug)]
pub(super) struct Place {
    is_https: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    /// What stands in `Host`.
    pub(super) authority: String,
    /// Path and query, as they were written.
    pub(super) target: String,
}

impl Place {
    /// # Errors
    /// It is no URL that a request can be sent to.
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::new(format!("`{}` is not a URL", url.escape_debug()))
                .hint("write it as `http://HOST[:PORT]/PATH` or with `https://`")
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let is_https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') {
            return Err(wrong());
        }
        let host = authority.host();
        Ok(Self {
            is_https,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if is_https { 443 } else { 80 }),
            authority: authority.to_string(),
            target: uri
                .path_and_query()
                .map_or("/", |target| target.as_str())
                .to_owned(),
        })
    }

    /// The same server with another path and query.
    pub(super) fn with_target(&self, target: &str) -> Self {
        Self {
            target: target.to_owned(),
            ..self.clone()
        }
    }
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) method: Method,
    /// Beside `Host`, which is the place's, and `Content-Length`.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// For all of it.
    pub(super) time_limit: Duration,
    /// How much of the answer's body is read.
    pub(super) most_bytes: usize,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Empty if it is longer than was wanted; see `is_too_long`.
    pub(super) body: Bytes,
    pub(super) is_too_long: bool,
    /// From before the connection to the last byte of the answer.
    pub(super) took: Duration,
}

impl Reply {
    /// A header that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExchangeError {
    #[error("nobody answers there: {0}")]
    Connect(io::Error),
    #[error("the connection broke before the answer had come: {0}")]
    Http(#[from] hyper::Error),
    #[error("the request cannot be written")]
    Request,
    #[error("TLS was not accepted: {0}")]
    Tls(io::Error),
    #[error("there was no answer within {0} s")]
    TooSlow(u64),
}

/// Sends the question and reads the answer.
///
/// # Errors
/// There is none, or not in time.
pub(super) async fn exchange(place: &Place, question: Question) -> Result<Reply, ExchangeError> {
    let (limit, started) = (question.time_limit, Instant::now());
    let exchanged = tokio::time::timeout(limit, without_limit(place, question)).await;
    let mut reply = exchanged.map_err(|_| ExchangeError::TooSlow(limit.as_secs()))??;
    reply.took = started.elapsed();
    Ok(reply)
}

/// Our own address, as the server at `place` sees it.
///
/// # Errors
/// Nobody answers there.
pub(super) async fn own_address(place: &Place) -> Result<IpAddr, ExchangeError> {
    let connect = TcpStream::connect((place.host.as_str(), place.port));
    let socket = tokio::time::timeout(CONNECT_LIMIT, connect)
        .await
        .map_err(|_| ExchangeError::TooSlow(CONNECT_LIMIT.as_secs()))?;
    let address = socket.and_then(|socket| socket.local_addr());
    Ok(address.map_err(ExchangeError::Connect)?.ip())
}

async fn without_limit(place: &Place, question: Question) -> Result<Reply, ExchangeError> {
    let socket = TcpStream::connect((place.host.as_str(), place.port))
        .await
        .map_err(ExchangeError::Connect)?;
    if place.is_https {
        let name = ServerName::try_from(place.host.clone());
        let name = name.map_err(|error| ExchangeError::Tls(io::Error::other(error)))?;
        let connector = tls().map_err(ExchangeError::Tls)?;
        let socket = connector.connect(name, socket).await;
        over(socket.map_err(ExchangeError::Tls)?, place, question).await
    } else {
        over(socket, place, question).await
    }
}

async fn over<S>(socket: S, place: &Place, question: Question) -> Result<Reply, ExchangeError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(socket))
        .await?;
    let mut request: Request<Full<Bytes>> = Request::new(Full::from(question.body));
    *request.method_mut() = question.method;
    *request.uri_mut() = place.target.parse().map_err(|_| ExchangeError::Request)?;
    *request.headers_mut() = question.headers;
    let host = place
        .authority
        .parse()
        .map_err(|_| ExchangeError::Request)?;
    request.headers_mut().insert(HOST, host);
    let answered = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = match Limited::new(body, question.most_bytes).collect().await {
            Ok(body) => Some(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => None,
            Err(error) => match error.downcast::<hyper::Error>() {
                Ok(error) => return Err((*error).into()),
                Err(_) => None,
            },
        };
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            took: Duration::ZERO,
            is_too_long: body.is_none(),
            body: body.unwrap_or_default(),
        })
    };
    let mut answered = std::pin::pin!(answered);
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

/// TLS that trusts what the system trusts.
fn tls() -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
