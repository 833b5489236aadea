//! One callback: signed, sent to its URLs in turn, its answer judged.
//!
//! In: a [`CallbackOrder`], rendered when the object was committed. Out: the application's answer for
//! the uploader, or the failure that the uploader is told with 203. Connections are pooled; each URL
//! has the whole time limit to itself; no redirect is followed; a limit bounds the calls under way.
//!
//! Source: OSS, "Callback" (steps 3 to 5).

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{Semaphore, broadcast};
use upcall::callback::answer::{self, CallbackFailure};
use upcall::callback::{CallbackParameter, CallbackUrl, string_to_sign};
use upcall::name::{BucketName, ObjectKey};
use upcall_crypto::Md5;

use super::connector::Connector;
use super::guard::Guard;
use super::report::CallbackReport;
use super::signer::{CallToSign, Signer, WebhookHeaders};
use crate::clock::Clock;
use crate::limits;
use crate::telemetry::metrics::Metrics;

/// A call to make.
#[derive(Debug)]
pub(crate) struct CallbackOrder {
    pub(crate) parameter: CallbackParameter,
    /// The rendered body.
    pub(crate) body: String,
    pub(crate) request_id: String,
    pub(crate) bucket: BucketName,
    pub(crate) key: ObjectKey,
    pub(crate) owner: String,
    pub(crate) requester: String,
}

/// What the application said, for the uploader.
#[derive(Debug)]
pub(crate) struct CallbackAnswer {
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

/// Makes calls.
pub(crate) struct Dispatcher {
    with_sni: HttpClient,
    without_sni: HttpClient,
    signer: Arc<Signer>,
    slots: Semaphore,
    time_limit: Duration,
    reports: broadcast::Sender<CallbackReport>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

type HttpClient = Client<Connector, Full<Bytes>>;

/// What a dispatcher is made of.
pub(crate) struct DispatcherConfig {
    pub(crate) guard: Guard,
    pub(crate) signer: Arc<Signer>,
    pub(crate) time_limit: Duration,
    pub(crate) most_at_once: usize,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
}

impl Dispatcher {
    /// # Errors
    /// If the system has no certificates that can be read.
    pub(crate) fn new(config: DispatcherConfig) -> Result<Self, rustls::Error> {
        let client = |sni: bool| -> Result<HttpClient, rustls::Error> {
            let mut tls = tls_config()?;
            tls.enable_sni = sni;
            let connector = Connector::new(config.guard.clone(), Arc::new(tls), config.time_limit);
            Ok(Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(POOL_IDLE)
                .pool_max_idle_per_host(POOL_PER_HOST)
                .http1_max_buf_size(limits::CALLBACK_BUFFER_BYTES)
                .build(connector))
        };
        Ok(Self {
            with_sni: client(true)?,
            without_sni: client(false)?,
            signer: config.signer,
            slots: Semaphore::new(config.most_at_once),
            time_limit: config.time_limit,
            reports: broadcast::channel(REPORTS).0,
            metrics: config.metrics,
            clock: config.clock,
        })
    }

    /// What happens, for onlookers; a slow one misses some.
    pub(crate) fn reports(&self) -> broadcast::Receiver<CallbackReport> {
        self.reports.subscribe()
    }

    /// Calls the URLs in turn until one agrees.
    ///
    /// # Errors
    /// The failure of the last URL; [`CallbackFailure::TooMany`] if too many calls are under way.
    pub(crate) async fn call(
        &self,
        order: &CallbackOrder,
    ) -> Result<CallbackAnswer, CallbackFailure> {
        let Ok(_slot) = self.slots.try_acquire() else {
            return Err(CallbackFailure::TooMany);
        };
        self.metrics.callback_began();
        let started = Instant::now();
        let mut result = Err(CallbackFailure::CannotConnect);
        let mut called = "";
        for url in &order.parameter.urls {
            called = url.as_given();
            result = tokio::time::timeout(self.time_limit, self.call_one(order, url))
                .await
                .unwrap_or(Err(CallbackFailure::TimedOut));
            if result.is_ok() {
                break;
            }
        }
        let took = started.elapsed();
        self.metrics
            .callback_ended(if result.is_ok() { "agreed" } else { "failed" }, took);
        let outcome = match &result {
            Ok(_) => "200".to_owned(),
            Err(failure) => failure.refusal().text().to_owned(),
        };
        // Nobody may be listening.
        let _ = self.reports.send(CallbackReport {
            request_id: order.request_id.clone(),
            bucket: order.bucket.to_string(),
            key: order.key.to_string(),
            url: called.to_owned(),
            outcome,
            is_success: result.is_ok(),
            took,
        });
        result
    }

    async fn call_one(
        &self,
        order: &CallbackOrder,
        url: &CallbackUrl,
    ) -> Result<CallbackAnswer, CallbackFailure> {
        let request = self
            .request(order, url)
            .ok_or(CallbackFailure::CannotConnect)?;
        let client = if order.parameter.sni {
            &self.with_sni
        } else {
            &self.without_sni
        };
        let response = client.request(request).await.map_err(|error| {
            tracing::debug!(id = %order.request_id, error = %crate::fault::chain(&error), "no answer to a callback");
            CallbackFailure::CannotConnect
        })?;
        let (parts, body) = response.into_parts();
        let text = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
        };
        answer::judge_head(parts.status.as_u16(), text(header::CONTENT_LENGTH))?;
        let body = Limited::new(body, limits::CALLBACK_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|_| CallbackFailure::CannotConnect)?
            .to_bytes();
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
        answer::judge_body(content_type, &body)?;
        Ok(CallbackAnswer {
            content_type: answer::media_type(content_type),
            body,
        })
    }

    /// The request as OSS sends it; `None` if the URL cannot be written as one.
    fn request(&self, order: &CallbackOrder, url: &CallbackUrl) -> Option<Request<Full<Bytes>>> {
        let body = Bytes::from(order.body.clone());
        let signed = string_to_sign(url.path_and_query(), &body);
        let now = self.clock.now();
        let signature = self.signer.sign(&CallToSign {
            id: &order.request_id,
            string_to_sign: &signed,
            body: &body,
            at: now,
        });
        let signature = signature.ok()?;
        let mut md5 = Md5::new();
        md5.update(&body);
        let scheme = if url.is_https() { "https" } else { "http" };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(url.authority())
            .path_and_query(url.path_and_query())
            .build()
            .ok()?;
        let host = order
            .parameter
            .host
            .clone()
            .unwrap_or_else(|| url.authority());
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(header::HOST, host)
            .header(header::AUTHORIZATION, &signature.authorization)
            .header(CONTENT_MD5, STANDARD.encode(md5.finish()))
            .header(header::CONTENT_TYPE, order.parameter.body_type.as_str())
            .header(header::DATE, crate::clock::http_date(now))
            .header(header::USER_AGENT, USER_AGENT)
            .header("x-oss-additional-headers", "")
            .header("x-oss-bucket", order.bucket.as_str())
            .header("x-oss-owner", &order.owner)
            .header("x-oss-pub-key-url", signature.public_key_url)
            .header("x-oss-request-id", &order.request_id)
            .header("x-oss-requester", &order.requester)
            .header("x-oss-signature-version", "1.0")
            .header("x-oss-tag", "CALLBACK");
        for (name, value) in signature.webhook.iter().flat_map(WebhookHeaders::pairs) {
            request = request.header(name, value);
        }
        request.body(Full::new(body)).ok()
    }
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher")
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

/// The system's certificates, read once for each client.
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

/// What OSS calls itself when it calls. Source: a capture of 2019.
const USER_AGENT: &str = "aliyun-oss-callback";

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// How long an unused connection is kept. Under the 5 s after which Node closes its own: a
/// connection that closes while we write to it leaves open whether the call arrived.
const POOL_IDLE: Duration = Duration::from_secs(3);

/// How many unused connections are kept to one application server.
const POOL_PER_HOST: usize = 64;

/// How many reports an onlooker may lag behind.
const REPORTS: usize = 256;
