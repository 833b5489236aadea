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
    /// The value of `Host`, as it came.
    pub(crate) host: String,
    pub(crate) headers: HeaderMap,
    pub(crate) target: Target,
    pub(crate) body: Incoming,
    pub(crate) exchange: Arc<Exchange>,
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
        let method = request.method().clone();
        let origin = text_of(request.headers(), &header::ORIGIN).map(str::to_owned);
        let mut host = String::new();
        let mut bucket = None;

        let outcome = match refused {
            Some(reason) => Err(Refusal::new(WireError::BAD_REQUEST).hint(reason.to_string())),
            None => match public_key::answer(&self.server, &request) {
                Some(answer) => {
                    line.names(public_key::NAME, &Target::service());
                    Ok(answer)
                }
                None => match self.prepare(request, id, peer, exchange) {
                    Ok((operation, call)) => {
                        host.clone_from(&call.host);
                        line.names(operation.name(), &call.target);
                        self.run(operation, call, &mut line, &mut bucket).await
                    }
                    Err(refusal) => Err(refusal),
                },
            },
        };

        let id = id.to_string();
        let mut answer = outcome.unwrap_or_else(|refusal| {
            line.refused(&refusal);
            if let Some(refused) = line.refused_upload(&refusal, self.server.clock.now()) {
                self.server.refused_uploads.keep(refused);
            }
            Answer::refusal(&refusal, &id, &host, method == Method::HEAD)
        });
        if exchange.is_reset() {
            return Err(ConnectionReset);
        }
        let rules = bucket
            .as_ref()
            .and_then(|facts: &Arc<BucketFacts>| facts.cors.as_ref());
        if method != Method::OPTIONS {
            cors::add_to_answer(answer.headers_mut(), rules, origin.as_deref(), &method);
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
        Ok(answer.into_response(line, answering))
    }
}

impl StorageService {
    /// Who is addressed, and what is asked for.
    fn prepare(
        &self,
        request: Request<Incoming>,
        id: RequestId,
        peer: SocketAddr,
        exchange: &Arc<Exchange>,
    ) -> Result<(Operation, Call), Refusal> {
        let (parts, body) = request.into_parts();
        let host = parts
            .uri
            .authority()
            .map(http::uri::Authority::as_str)
            .or_else(|| text_of(&parts.headers, &header::HOST))
            .unwrap_or_default()
            .to_owned();
        // HTTP/1.0 may have none; then only path style is left.
        if !host.is_empty() && !target::is_plausible_host(&host) {
            return Err(Refusal::new(WireError::BAD_REQUEST)
                .hint("`Host` is not a host name or an address"));
        }
        let path = parts.uri.path();
        let target = Target::parse(&host, path, parts.uri.query(), &self.server.domains)?;
        let operation = Operation::find(&parts.method, &target)?;
        let call = Call {
            id,
            peer,
            method: parts.method,
            host,
            headers: parts.headers,
            target,
            body,
            exchange: Arc::clone(exchange),
        };
        Ok((operation, call))
    }

    async fn run(
        &self,
        operation: Operation,
        call: Call,
        line: &mut RequestLine,
        bucket: &mut Option<Arc<BucketFacts>>,
    ) -> Outcome {
        if let Some(name) = &call.target.bucket {
            *bucket = self
                .server
                .catalog
                .bucket(name)
                .await
                .map_err(|error| crate::fault::of_catalog(&error, call.id))?;
        }
        operations::run(&self.server, operation, call, bucket.clone(), line).await
    }
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
