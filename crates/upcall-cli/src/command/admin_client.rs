//! Asks a running server's admin interface.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::config::args::AdminArgs;
use crate::data::DataFolder;
use crate::terminal::message::Failure;

/// A connection to one server.
pub(super) struct AdminClient {
    client: Client<HttpConnector, Full<hyper::body::Bytes>>,
    address: String,
    secret: String,
    patience: Duration,
}

impl AdminClient {
    pub(super) fn new(args: &AdminArgs) -> Result<Self, Failure> {
        let data = DataFolder::new(&args.data);
        let address = match &args.admin {
            Some(address) => address.clone(),
            None => data.admin_address()?,
        };
        let address = address
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let secret = data.admin_secret_text()?;
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            address,
            secret,
            patience: PATIENCE,
        })
    }

    /// Waits as long as it takes to read or copy everything.
    #[must_use]
    pub(super) fn patient(mut self) -> Self {
        self.patience = LONG_PATIENCE;
        self
    }

    /// Asks, and gives the JSON that came; `Null` for an answer without a body.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let text = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {}", self.secret))
            .header("content-type", "application/json")
            .body(Full::from(text))
            .map_err(|_| {
                Failure::new(format!(
                    "`{}` is not an address",
                    self.address.escape_debug()
                ))
            })?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|_| {
                Failure::new(format!("no server answers on `{}`", self.address))
                    .hint("start one with `upcall serve` or `upcall dev`, or name its admin address with `--admin`")
            })?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES)
                .collect()
                .await
                .map_err(|error| Failure::new(format!("the server's answer broke off: {error}")))?;
            Ok::<_, Failure>((head.status, body.to_bytes()))
        };
        let (status, bytes) = tokio::time::timeout(self.patience, exchange)
            .await
            .map_err(|_| {
                Failure::new(format!("the server on `{}` does not answer", self.address))
            })??;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        let text = |name: &str| value["error"][name].as_str().map(str::to_owned);
        let message = text("message").unwrap_or_else(|| format!("the server answered {status}"));
        let failure = Failure::new(message);
        Err(match text("hint") {
            Some(hint) => failure.hint(hint),
            None => failure,
        })
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
/// A store may have terabytes.
const LONG_PATIENCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
