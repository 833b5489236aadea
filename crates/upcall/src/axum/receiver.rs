//! What an application needs to receive callbacks: the verifier, the keys, and how long a body may be.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::OriginalUri;
use axum::http::Version;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;

use super::keys::{FetchKey, Keys};
use super::rejection::{BodyError, CallbackRejection};
use crate::callback::binding::{Binding, Permission};
use crate::callback::{CallbackRequest, CallbackVerifier};

/// What an application needs to receive callbacks. A clone shares the keys.
#[derive(Clone, Debug)]
pub struct CallbackReceiver {
    verifier: Arc<CallbackVerifier>,
    keys: Arc<Keys>,
    binding: Option<Arc<Binding>>,
    body_limit: usize,
}

impl CallbackReceiver {
    /// Verifies with `verifier`, and has keys fetched by `fetch`.
    pub fn new(verifier: CallbackVerifier, fetch: impl FetchKey) -> Self {
        Self {
            verifier: Arc::new(verifier),
            keys: Arc::new(Keys::new(fetch)),
            binding: None,
            body_limit: BODY_BYTES,
        }
    }

    /// Refuses callbacks of uploads that no policy with such a binding permitted. Without it, any
    /// holder of a key of the same storage server can have a call signed that names your objects.
    #[must_use]
    pub fn binding(mut self, binding: impl Into<Arc<Binding>>) -> Self {
        self.binding = Some(binding.into());
        self
    }

    /// The longest body, in bytes; 1 MiB if nothing is said, as storage servers render no longer ones.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Another clock than the system's, for tests. The keys that were fetched are forgotten.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.keys = Arc::new(self.keys.with_clock(now));
        self
    }

    /// Verifies a request whose body was read already; [`Callback`](super::Callback) reads it itself.
    /// Gives what was permitted, if there is a binding to verify.
    ///
    /// # Errors
    /// The first part that is wrong, or why there is no key.
    pub async fn verify(
        &self,
        parts: &Parts,
        body: &[u8],
    ) -> Result<Option<Permission>, CallbackRejection> {
        self.verify_signature(parts, body).await?;
        let Some(binding) = &self.binding else {
            return Ok(None);
        };
        Ok(Some(binding.verify(body, self.keys.now())?))
    }

    async fn verify_signature(&self, parts: &Parts, body: &[u8]) -> Result<(), CallbackRejection> {
        let target = raw_target(parts);
        // What is no UTF-8 is no base64 either, and is refused for that.
        let headers: Vec<_> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let request = CallbackRequest {
            method: parts.method.as_str(),
            target: &target,
            headers: &headers,
            body,
        };
        let unverified = self.verifier.read(&request)?;
        let url = unverified.key_url().clone();
        let key = self.keys.key(&url).await?;
        let Err(refused) = unverified.clone().verify(&key) else {
            return Ok(());
        };
        // The storage server may have another key by now.
        match self.keys.renewed(&url, &key).await {
            Some(key) => unverified.verify(&key)?,
            None => return Err(refused.into()),
        };
        Ok(())
    }

    /// Reads a body, bounded.
    pub(super) async fn read(&self, parts: &Parts, body: Body) -> Result<Bytes, BodyError> {
        let limit = self.body_limit;
        let announced = parts.headers.get(CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|bytes| bytes > limit) {
            return Err(BodyError::TooLong { limit });
        }
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLong { limit }),
            Err(_) => Err(BodyError::CutOff),
        }
    }
}

/// Path and query as they stand in the request line, which routers leave as they came; HTTP/2 sends
/// them apart from the host. A whole URL in the line of HTTP/1 stays one, and is refused: what was
/// signed is no URL.
fn raw_target(parts: &Parts) -> Cow<'_, str> {
    let original = parts.extensions.get::<OriginalUri>();
    let uri = original.map_or(&parts.uri, |OriginalUri(uri)| uri);
    let is_one_of_parts = matches!(parts.version, Version::HTTP_2 | Version::HTTP_3);
    match uri.path_and_query() {
        Some(target) if is_one_of_parts || uri.authority().is_none() => target.as_str().into(),
        Some(_) | None => uri.to_string().into(),
    }
}

/// Bytes of a callback's body. Beyond it: 413.
const BODY_BYTES: usize = 1024 * 1024;
