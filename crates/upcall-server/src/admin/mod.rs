//! The admin interface: health, figures, buckets, keys, callbacks and the store, as JSON over HTTP
//! on an address of its own.
//!
//! `/healthz` and `/metrics` are open, and so are the console's files; everything else wants
//! `Authorization: Bearer SECRET`, or a session of the console. The commands of the program speak to
//! it, never to the store's files behind the server's back.

mod attachment;
mod bucket_callback;
mod buckets;
mod callback_key;
mod callbacks;
mod error;
mod keys;
mod maintenance;
mod objects;
mod overview;
mod owed;
mod refusals;
mod secret;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::console::Console;
use crate::http::answer::{Answer, AnswerBody, X_OSS_REQUEST_ID};
use crate::http::framing::FramingError;
use crate::http::gate::Exchange;
use crate::http::request_id::RequestId;
use crate::http::service::{Service, plain, text_of};
use crate::node::Server;
use crate::telemetry::request_line::RequestLine;
use error::AdminError;
pub use secret::{AdminSecret, WeakAdminSecret};

/// Serves the admin interface.
#[derive(Debug)]
pub(crate) struct AdminService {
    server: Arc<Server>,
    secret: AdminSecret,
    console: Console,
}

impl AdminService {
    pub(crate) fn new(server: Arc<Server>, secret: AdminSecret, console: Console) -> Self {
        Self {
            server,
            secret,
            console,
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Answer, AdminError> {
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::GET, "/healthz") => return self.health().await,
            (&Method::GET, "/metrics") => {
                let metrics = &self.server.metrics;
                metrics.callbacks_owed(self.server.outbox.len());
                let text = metrics.text();
                return Ok(plain(StatusCode::OK, OPENMETRICS, text));
            }
            _ => {}
        }
        if path == "/" || path == "/console" || path.starts_with("/console/") {
            return self.console(request, peer).await;
        }
        self.admit(&request)?;
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let method = request.method().clone();
        let server = &self.server;
        match (&method, segments.as_slice()) {
            (_, ["v1", "buckets", rest @ ..]) => self.buckets(&method, rest, request).await,
            (&Method::GET, ["v1", "overview"]) => overview::show(server).await,
            (&Method::GET, ["v1", "refusals"]) => refusals::list(server),
            (&Method::GET, ["v1", "refusals", id]) => refusals::show(server, id),
            (&Method::GET, ["v1", "owed"]) => owed::list(server, request.uri().query()).await,
            (&Method::POST, ["v1", "owed", "deliver"]) => owed::deliver_given_up(server).await,
            (&Method::POST, ["v1", "owed", id, "deliver"]) => owed::deliver(server, id).await,
            (&Method::DELETE, ["v1", "owed", id]) => owed::forget(server, id).await,
            (&Method::POST, ["v1", "callbacks", "diagnose"]) => {
                let question = read_within(request, RECEIVED_BYTES).await?;
                callbacks::diagnose(server, question).await
            }
            (_, ["v1", "callbacks", rest @ ..]) => {
                let query = request.uri().query().unwrap_or_default();
                self.callbacks(&method, rest, query).await
            }
            (&Method::GET, ["v1", "store"]) => maintenance::store(server).await,
            (&Method::POST, ["v1", "store", "fsck"]) => {
                maintenance::fsck(server, read(request).await?).await
            }
            (&Method::POST, ["v1", "store", "backup"]) => {
                maintenance::backup(server, read(request).await?).await
            }
            (&Method::GET, ["v1", "keys"]) => keys::list(server).await,
            (&Method::POST, ["v1", "keys"]) => keys::create(server, read(request).await?).await,
            (&Method::DELETE, ["v1", "keys", id]) => keys::delete(server, id).await,
            (&Method::GET, ["v1", "callback-key"]) => callback_key::show(server),
            (&Method::POST, ["v1", "callback-key", "rotate"]) => {
                callback_key::rotate(server, read(request).await?).await
            }
            _ => Err(AdminError::NoSuchRoute),
        }
    }

    /// A program has the secret; a browser, the session that it got for it.
    fn admit(&self, request: &Request<Incoming>) -> Result<(), AdminError> {
        let authorization = text_of(request.headers(), &header::AUTHORIZATION);
        match authorization.and_then(|value| value.strip_prefix("Bearer ")) {
            Some(given) if self.secret.opens(given) => Ok(()),
            Some(_) => Err(AdminError::Unauthorized),
            None => Ok(self.console.admit(request.method(), request.headers())?),
        }
    }

    async fn console(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Answer, AdminError> {
        let (console, headers) = (&self.console, request.headers());
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/console/login") => {
                console.check_page(headers)?;
                let login = read(request).await?;
                Ok(console.login(&login, &self.secret, peer)?)
            }
            (&Method::POST, "/console/logout") => {
                console.check_page(headers)?;
                Ok(console.logout(headers))
            }
            (&Method::GET | &Method::HEAD, path) => Ok(console.file(path, headers)?),
            _ => Err(AdminError::NoSuchRoute),
        }
    }

    async fn buckets(
        &self,
        method: &Method,
        segments: &[&str],
        request: Request<Incoming>,
    ) -> Result<Answer, AdminError> {
        let (server, uri) = (&self.server, request.uri().clone());
        let query = uri.query().unwrap_or_default();
        match (method, segments) {
            (&Method::GET, []) => buckets::list(server).await,
            (&Method::PUT, [name]) => buckets::create(server, name, read(request).await?).await,
            (&Method::DELETE, [name]) => buckets::delete(server, name).await,
            (&Method::PUT, [name, "acl"]) => {
                buckets::set_acl(server, name, read(request).await?).await
            }
            (&Method::GET, [name, "cors"]) => buckets::cors(server, name).await,
            (&Method::PUT, [name, "cors"]) => {
                buckets::set_cors(server, name, Some(read(request).await?)).await
            }
            (&Method::DELETE, [name, "cors"]) => buckets::set_cors(server, name, None).await,
            (&Method::GET, [name, "callback"]) => bucket_callback::get(server, name).await,
            (&Method::PUT, [name, "callback"]) => {
                bucket_callback::put(server, name, read(request).await?).await
            }
            (&Method::GET, [name, "objects"]) => objects::list(server, name, query).await,
            (&Method::GET, [name, "object"]) => objects::show(server, name, query).await,
            (&Method::DELETE, [name, "object"]) => objects::delete(server, name, query).await,
            (&Method::GET, [name, "object", "content"]) => {
                objects::content(server, name, query).await
            }
            _ => Err(AdminError::NoSuchRoute),
        }
    }

    async fn callbacks(
        &self,
        method: &Method,
        segments: &[&str],
        query: &str,
    ) -> Result<Answer, AdminError> {
        let server = &self.server;
        match (method, segments) {
            (&Method::GET, []) => callbacks::list(server, query),
            (&Method::DELETE, []) => Ok(callbacks::wipe(server)),
            (&Method::GET, ["next"]) => callbacks::next(server, query).await,
            (&Method::GET, [id]) => callbacks::show(server, id),
            (&Method::POST, [id, "replay"]) => callbacks::replay(server, id).await,
            _ => Err(AdminError::NoSuchRoute),
        }
    }

    /// Whether the catalog answers; without it nothing can be served.
    async fn health(&self) -> Result<Answer, AdminError> {
        self.server.catalog.buckets().await?;
        json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
    }
}

impl Service for AdminService {
    async fn handle(
        &self,
        request: Request<Incoming>,
        refused: Option<FramingError>,
        peer: SocketAddr,
        exchange: &Arc<Exchange>,
    ) -> Result<Response<AnswerBody>, Infallible> {
        let answering = exchange.answering();
        let id = RequestId::new(self.server.clock.now());
        let mut line = RequestLine::new(id, peer, Arc::clone(&self.server.metrics));
        line.admin();
        let answer = match refused {
            Some(reason) => Err(AdminError::Framing(reason.to_string())),
            None => self.answer(request, peer).await,
        };
        let mut answer = answer
            .unwrap_or_else(|error| error.answer())
            .header(X_OSS_REQUEST_ID, &id.to_string());
        keep_to_itself(answer.headers_mut());
        if exchange.must_close() {
            answer = answer.header(header::CONNECTION, "close");
        }
        line.answered(answer.status());
        Ok(answer.into_response(line, answering))
    }
}

/// Nothing of an answer is kept by a browser, shown by another page, or taken for a page itself;
/// what has said otherwise stays as it is.
fn keep_to_itself(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, AdminError> {
    read_within(request, BODY_BYTES).await
}

async fn read_within<T: DeserializeOwned>(
    request: Request<Incoming>,
    most_bytes: usize,
) -> Result<T, AdminError> {
    let body = Limited::new(request.into_body(), most_bytes)
        .collect()
        .await
        .map_err(|_| AdminError::Body("the body is too long or broke off".to_owned()))?;
    let bytes: Bytes = body.to_bytes();
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    serde_json::from_slice(text).map_err(|error| AdminError::Body(error.to_string()))
}

fn json(status: StatusCode, value: &impl Serialize) -> Result<Answer, AdminError> {
    let text = serde_json::to_vec(value).map_err(|_| AdminError::Internal)?;
    Ok(plain(status, "application/json", text))
}

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bytes of the JSON with what an application received: a callback's body has 1 MiB at most, and
/// grows when it is written as JSON.
const RECEIVED_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of any other request's JSON; the largest is a CORS configuration.
const BODY_BYTES: usize = 64 * 1024;
