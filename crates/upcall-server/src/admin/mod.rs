//! The admin interface: health, figures, buckets, keys, callbacks and the store, as JSON over HTTP
//! on an address of its own.
//!
//! `/healthz`, `/metrics` and `/v1/openapi.json` are open, and so are the console's files; everything
//! else wants `Authorization: Bearer SECRET`, or a session of the console, which does not open what
//! gives out secrets or names a folder ([`Access`]). The commands of the program speak to
//! it, never to the store's files behind the server's back.

mod attachment;
mod bucket_callback;
mod bucket_uploads;
mod buckets;
mod callback_key;
mod callbacks;
mod contents;
mod error;
mod faults;
mod keys;
mod maintenance;
mod objects;
mod overview;
mod owed;
mod refusals;
mod route;
mod secret;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::console::{Console, ConsoleError};
use crate::http::answer::{Answer, AnswerBody, X_OSS_REQUEST_ID};
use crate::http::framing::FramingError;
use crate::http::gate::Exchange;
use crate::http::request_id::RequestId;
use crate::http::service::{ConnectionReset, Service, plain, text_of};
use crate::node::Server;
use crate::telemetry::request_line::RequestLine;
use error::AdminError;
use route::{Access, Action, Route};
use secret::wrong::{Verdict, WrongSecrets};
pub use secret::{AdminSecret, WeakAdminSecret};

/// Serves the admin interface.
#[derive(Debug)]
pub(crate) struct AdminService {
    server: Arc<Server>,
    secret: AdminSecret,
    wrong_secrets: WrongSecrets,
    console: Console,
}

impl AdminService {
    pub(crate) fn new(server: Arc<Server>, secret: AdminSecret, console: Console) -> Self {
        Self {
            server,
            secret,
            wrong_secrets: WrongSecrets::default(),
            console,
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Answer, AdminError> {
        let path = request.uri().path();
        if path == "/" || path == "/console" || path.starts_with("/console/") {
            return self.console(request, peer).await;
        }
        let found = Route::find(request.method(), path);
        // Also where there is no route: which there are is nobody else's business.
        let access = found
            .as_ref()
            .map_or(Access::Session, |(route, _)| route.access);
        self.admit(&request, peer, access)?;
        let (route, parameter) = found?;
        // What watches servers adds parameters of its own, and must not take one for down.
        if route.access != Access::Anybody {
            route.check_query(request.uri().query().unwrap_or_default())?;
        }
        let parameter = parameter.to_owned();
        self.run(route.action, &parameter, request).await
    }

    async fn run(
        &self,
        action: Action,
        parameter: &str,
        request: Request<Incoming>,
    ) -> Result<Answer, AdminError> {
        let (server, uri) = (&self.server, request.uri().clone());
        let query = uri.query().unwrap_or_default();
        match action {
            Action::Backup => maintenance::backup(server, read(request).await?).await,
            Action::CallbackKey => callback_key::show(server, query),
            Action::CreateBucket => buckets::create(server, parameter, read(request).await?).await,
            Action::CreateKey => keys::create(server, read(request).await?).await,
            Action::DeleteBucket => buckets::delete(server, parameter).await,
            Action::DeleteBucketCors => buckets::set_cors(server, parameter, None).await,
            Action::DeleteKey => keys::delete(server, parameter).await,
            Action::DeleteObject => objects::delete(server, parameter, query).await,
            Action::DeliverGivenUp => owed::deliver_given_up(server).await,
            Action::DeliverOwed => owed::deliver(server, parameter).await,
            Action::DiagnoseCall => {
                let question = read_within(request, RECEIVED_BYTES).await?;
                callbacks::diagnose(server, question).await
            }
            Action::DropOwed => owed::forget(server, parameter).await,
            Action::EmptyBucket => contents::empty(server, parameter).await,
            Action::Fsck => maintenance::fsck(server, read(request).await?).await,
            Action::GetBucketCallback => bucket_callback::get(server, parameter).await,
            Action::GetBucketCors => buckets::cors(server, parameter).await,
            Action::GetBucketSignatures => buckets::signatures::get(server, parameter).await,
            Action::GetBucketUploads => bucket_uploads::get(server, parameter).await,
            Action::GetCall => callbacks::show(server, parameter),
            Action::GetObject => objects::show(server, parameter, query).await,
            Action::GetObjectContent => objects::content(server, parameter, query).await,
            Action::GetRefusal => refusals::show(server, parameter),
            Action::Health => self.health().await,
            Action::ListBuckets => buckets::list(server).await,
            Action::ListCalls => callbacks::list(server, query),
            Action::ListFaults => faults::list(server, query),
            Action::ListKeys => keys::list(server).await,
            Action::ListObjects => objects::list(server, parameter, query).await,
            Action::ListOwed => owed::list(server, query).await,
            Action::ListRefusals => refusals::list(server),
            Action::Metrics => Ok(self.metrics()),
            Action::NextCall => callbacks::next(server, query).await,
            Action::OpenApi => Ok(plain(StatusCode::OK, "application/json", OPEN_API)),
            Action::OrderFault => faults::order(server, request).await,
            Action::RemoveCallbackKey => callback_key::remove(server, query).await,
            Action::Overview => overview::show(server).await,
            Action::ReplayCall => callbacks::replay(server, parameter).await,
            Action::RotateCallbackKey => callback_key::rotate(server, read(request).await?).await,
            Action::SetBucketAcl => buckets::set_acl(server, parameter, read(request).await?).await,
            Action::SetBucketCallback => {
                bucket_callback::put(server, parameter, read(request).await?).await
            }
            Action::SetBucketSignatures => {
                buckets::signatures::put(server, parameter, read(request).await?).await
            }
            Action::SetBucketCors => {
                buckets::set_cors(server, parameter, Some(read(request).await?)).await
            }
            Action::SetBucketUploads => {
                bucket_uploads::put(server, parameter, read(request).await?).await
            }
            Action::Store => maintenance::store(server).await,
            Action::WithdrawFault => faults::withdraw(server, parameter),
            Action::WithdrawFaults => faults::withdraw_all(server, query),
            Action::WipeCalls => callbacks::wipe(server, query),
        }
    }

    /// A program has the secret; a browser, the session that it got for it, which opens less.
    fn admit(
        &self,
        request: &Request<Incoming>,
        peer: SocketAddr,
        access: Access,
    ) -> Result<(), AdminError> {
        if access == Access::Anybody {
            return Ok(());
        }
        let authorization = text_of(request.headers(), &header::AUTHORIZATION);
        match authorization.and_then(|value| value.strip_prefix("Bearer ")) {
            Some(given) if self.secret.opens(given) => return Ok(()),
            Some(_) => return Err(self.wrong_secret(peer, AdminError::Unauthorized)),
            None => self.console.admit(request.method(), request.headers())?,
        }
        match access {
            Access::Secret => Err(AdminError::SecretNeeded),
            Access::Anybody | Access::Session => Ok(()),
        }
    }

    /// How a wrong secret is answered: with `error`, as long as there were few of them.
    fn wrong_secret(&self, peer: SocketAddr, error: AdminError) -> AdminError {
        match self.wrong_secrets.count(peer.ip(), self.server.clock.now()) {
            Verdict::Wrong => error,
            Verdict::TooMany { wait } => AdminError::TooManyWrongSecrets { wait },
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
                console.login(&login, &self.secret, peer).map_err(|error| {
                    if error == ConsoleError::WrongSecret {
                        self.wrong_secret(peer, error.into())
                    } else {
                        error.into()
                    }
                })
            }
            (&Method::POST, "/console/logout") => {
                console.check_page(headers)?;
                Ok(console.logout(headers))
            }
            (&Method::GET | &Method::HEAD, path) => Ok(console.file(path, headers)?),
            _ => Err(AdminError::NoSuchRoute),
        }
    }

    /// Whether the catalog answers; without it nothing can be served.
    async fn health(&self) -> Result<Answer, AdminError> {
        self.server.catalog.buckets().await?;
        json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
    }

    fn metrics(&self) -> Answer {
        let metrics = &self.server.metrics;
        metrics.callbacks_owed(self.server.outbox.len());
        plain(StatusCode::OK, OPENMETRICS, metrics.text())
    }
}

impl Service for AdminService {
    async fn handle(
        &self,
        request: Request<Incoming>,
        refused: Option<FramingError>,
        peer: SocketAddr,
        exchange: &Arc<Exchange>,
    ) -> Result<Response<AnswerBody>, ConnectionReset> {
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
        Ok(answer.into_response(self.server.clock.now(), line, answering))
    }
}

/// Nothing of an answer is kept by a browser, shown by another page, or run as a page; headers that
/// the answer has already stay as they are.
fn keep_to_itself(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
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

/// What the routes are, for programs that make clients of it. It says nothing of this server.
const OPEN_API: &str = include_str!("openapi.json");

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bytes of the JSON with what an application received: a callback's body has 1 MiB at most, and
/// grows when it is written as JSON.
const RECEIVED_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of any other request's JSON; the largest is a CORS configuration.
const BODY_BYTES: usize = 64 * 1024;
