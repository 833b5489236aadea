//! Fetches public keys. Which addresses may be asked was judged before, and the key is kept.

use std::io;
use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use upcall::axum::{FetchError, FetchKey};
use upcall::callback::PublicKeyUrl;

/// An HTTP client that follows no redirects and uses no proxy.
pub struct Client(legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl Client {
    pub fn new() -> io::Result<Self> {
        let tls = HttpsConnectorBuilder::new().with_native_roots()?;
        let connector = tls.https_or_http().enable_http1().build();
        Ok(Self(
            legacy::Client::builder(TokioExecutor::new()).build(connector),
        ))
    }
}

impl FetchKey for Client {
    async fn fetch(&self, url: &PublicKeyUrl) -> Result<Bytes, FetchError> {
        let fetching = async {
            let answer = self.0.get(url.as_str().parse()?).await?;
            if answer.status() != 200 {
                return Err(format!("status {}", answer.status()).into());
            }
            let body = Limited::new(answer.into_body(), 16 * 1024)
                .collect()
                .await?;
            Ok(body.to_bytes())
        };
        // The storage server waits 5 s for our answer.
        tokio::time::timeout(Duration::from_secs(2), fetching).await?
    }
}
