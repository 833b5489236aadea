//! One request: from hyper's to an answer, whatever happens in between.
//!
//! In: a request whose head the gate let through. Out: an answer with a request id and a log line.
//! What goes on between target and answer is the operation's business.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use upcall::error::{Refusal, WireError};
use upcall_store::catalog::BucketFacts;

use super::answer::{Answer, AnswerBody, X_OSS_REQUEST_ID, X_OSS_SERVER_TIME};
use super::cors;
use super::framing::FramingError;
use super::gate::Exchange;
use super::operation::Operation;
use super::request_id::RequestId;
use super::target::{self, Target};
use crate::access::SignatureVersions;
use crate::node::Server;
use crate::operations::{self, public_key};
use crate::telemetry::request_line::RequestLine;

/// What serves the requests of a listener.
pub(crate) trait Service: Send + Sync + 'static {
    /// Answers `request`; or, if it stands in the place of a head that was refused, says why.
    fn handle(
        &self,
        request: Request<Incoming>,
        refused: Option<FramingError>,
        peer: SocketAddr,
        exchange: &Arc<Exchange>,
    ) -> impl Future<Output = Result<Response<AnswerBody>, ConnectionReset>> + Send;
}

/// There is no answer: the connection is to be cut ([`Exchange::reset`]).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the connection is reset, as it was ordered")]
pub(crate) struct ConnectionReset;

/// What an operation gets to see of its request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: RequestId,
    pub(crate) peer: SocketAddr,
    pub(crate) method: Method,
    /// The value of `Host`, as it came; the server's own name if there is none.
    pub(crate) host: String,
    pub(crate) headers: HeaderMap,
    pub(crate) target: Target,
    pub(crate) body: Incoming,
    pub(crate) exchange: Arc<Exchange>,
    /// Which signatures count for it.
    pub(crate) signatures: SignatureVersions,
}

/// What a request is answered with, and what was learnt on the way that the answer needs.
pub(crate) type Outcome = Result<Answer, Refusal>;

/// Storage: the API of OSS.
#[derive(Debug)]
pub(crate) struct StorageService {
    pub(crate) server: Arc<Server>,
}

impl Service for StorageService {
    async fn handle(
        &self,
        request: Request<Incoming>,
        refused: Option<FramingError>,
        peer: SocketAddr,
        exchange: &Arc<Exchange>,
    ) -> Result<Response<AnswerBody>, ConnectionReset> {
        let started = Instant::now();
        let answering = exchange.answering();
        let id = RequestId::new(self.server.clock.now());
        let mut line = RequestLine::new(id, peer, Arc::clone(&self.server.metrics));
        let asker = Asker::new(&self.server, &request, refused);
        let mut bucket = None;

        let outcome = if let Some(reason) = refused {
            Err(reason.refusal())
        } else if let Some(answer) = public_key::answer(&self.server, &request) {
            line.names(public_key::NAME, &Target::service());
            Ok(answer)
        } else {
            let arrival = Arrival { id, peer, exchange };
            self.answer(request, arrival, &asker, &mut line, &mut bucket)
                .await
        };

        let id = id.to_string();
        let mut answer = outcome.unwrap_or_else(|refusal| {
            line.refused(&refusal);
            if let Some(refused) = line.refused_upload(&refusal, self.server.clock.now()) {
                self.server.refused_uploads.keep(refused);
            }
            Answer::refusal(&refusal, &id, &asker.host, asker.method == Method::HEAD)
        });
        if exchange.is_reset() {
            return Err(ConnectionReset);
        }
        if asker.method != Method::OPTIONS {
            let rules = self.server.cors_rules(bucket.as_deref());
            let origin = asker.origin.as_deref();
            cors::add_to_answer(answer.headers_mut(), rules, origin, &asker.method);
        }
        answer = answer.header(X_OSS_REQUEST_ID, &id).header(
            X_OSS_SERVER_TIME,
            &started.elapsed().as_millis().to_string(),
        );
        if exchange.must_close() {
            answer
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        line.answered(answer.status());
        Ok(answer.into_response(self.server.clock.now(), line, answering))
    }
}

/// What an answer needs of its request, whatever is wrong with the rest.
struct Asker {
    method: Method,
    /// What answers say they are from.
    host: String,
    /// The page that may read the answer, if the rules allow it.
    origin: Option<String>,
}

impl Asker {
    fn new<B>(server: &Server, request: &Request<B>, refused: Option<FramingError>) -> Self {
        let (host, origin) = match refused {
            // Of a head that cannot be read, nothing is known; where every page may read answers, it
            // may read this one.
            Some(_) => (None, Some("null")),
            None => (host_of(request), cors::origin(request.headers())),
        };
        let host = host.filter(|host| target::is_plausible_host(host));
        Self {
            method: request.method().clone(),
            host: host.unwrap_or_else(|| server.host()).to_owned(),
            origin: origin.map(str::to_owned),
        }
    }
}

/// How a request came.
#[derive(Clone, Copy)]
struct Arrival<'e> {
    id: RequestId,
    peer: SocketAddr,
    exchange: &'e Arc<Exchange>,
}

impl StorageService {
    /// Finds out what is asked for, and does it; `bucket` is there as soon as one is known.
    async fn answer(
        &self,
        request: Request<Incoming>,
        arrival: Arrival<'_>,
        asker: &Asker,
        line: &mut RequestLine,
        bucket: &mut Option<Arc<BucketFacts>>,
    ) -> Outcome {
        let server = &self.server;
        let given_host = host_of(&request).unwrap_or_default();
        let prepared = self.prepare(&request, given_host);
        let name = match &prepared {
            Ok((_, target)) => target.bucket.clone(),
            Err(_) => target::bucket_of(given_host, request.uri().path(), &server.domains),
        };
        if let Some(name) = &name {
            let found = server.catalog.bucket(name).await;
            *bucket = found.map_err(|error| crate::fault::of_catalog(&error, arrival.id))?;
        }
        let (operation, target) = match prepared {
            Ok(prepared) => prepared,
            // A preflight asks for no more than leave to send the request, which is refused then.
            Err(refusal) if asker.method == Method::OPTIONS => {
                let rules = server.cors_rules(bucket.as_deref());
                return cors::preflight(rules, request.headers()).map_err(|_| refusal);
            }
            Err(refusal) => return Err(refusal),
        };
        let (parts, body) = request.into_parts();
        let call = Call {
            id: arrival.id,
            peer: arrival.peer,
            method: parts.method,
            host: asker.host.clone(),
            headers: parts.headers,
            target,
            body,
            exchange: Arc::clone(arrival.exchange),
            signatures: server.signatures.of_bucket(bucket.as_deref()),
        };
        line.names(operation.name(), &call.target);
        operations::run(server, operation, call, bucket.clone(), line).await
    }

    /// Who is addressed, and what is asked for.
    fn prepare<B>(&self, request: &Request<B>, host: &str) -> Result<(Operation, Target), Refusal> {
        // HTTP/1.0 may have none; then only path style is left.
        if !host.is_empty() && !target::is_plausible_host(host) {
            return Err(Refusal::new(WireError::BAD_REQUEST)
                .hint("`Host` is not a host name or an address"));
        }
        let uri = request.uri();
        let target = Target::parse(host, uri.path(), uri.query(), &self.server.domains)?;
        let operation = Operation::find(request.method(), &target)?;
        Ok((operation, target))
    }
}

/// The host that a request names, in its target or in `Host`.
fn host_of<B>(request: &Request<B>) -> Option<&str> {
    let in_target = request.uri().authority().map(http::uri::Authority::as_str);
    in_target.or_else(|| text_of(request.headers(), &header::HOST))
}

/// Serves what has no operation of OSS behind it.
pub(crate) fn plain(
    status: StatusCode,
    content_type: &str,
    text: impl Into<bytes::Bytes>,
) -> Answer {
    Answer::new(status).bytes(content_type, text)
}

pub(crate) fn text_of<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
