//! For axum: a handler that takes a [`Callback`] runs only if the storage server signed it.
//!
//! In: a request from anyone. Out: the body of a callback, or a [`CallbackRejection`], which answers
//! `{"Status":"verify not ok"}` with 400, or with 503 if only the key cannot be had for now, and knows
//! which part is wrong. With a [`Binding`](crate::callback::binding::Binding) it runs only if, besides,
//! your own policy permitted the upload; else 403. The body is read raw and bounded;
//! the target is the one of the request line, also in a nested router; every header counts, also one
//! that comes twice.
//!
//! The public key is fetched by your own HTTP client ([`FetchKey`]), once, and kept under its address.
//!
//! ```
//! use axum::Router;
//! use axum::body::Bytes;
//! use axum::routing::post;
//! use upcall::axum::{Callback, CallbackReceiver, CallbackRejection, FetchError, FetchKey};
//! use upcall::callback::binding::{Binding, BindingKey};
//! use upcall::callback::{CallbackVerifier, PublicKeyUrl, PublicKeyUrls};
//! use upcall::name::AccessKeySecret;
//!
//! struct Client;
//!
//! impl FetchKey for Client {
//!     async fn fetch(&self, url: &PublicKeyUrl) -> Result<Bytes, FetchError> {
//!         // By a client that follows no redirects: status 200, within 2 s, 16 KiB at most.
//! #       let get = async |_: &str| Err("no network in an example".into());
//!         get(url.as_str()).await
//!     }
//! }
//!
//! async fn uploaded(callback: Result<Callback, CallbackRejection>) -> Result<String, CallbackRejection> {
//!     let callback = callback.inspect_err(|refused| eprintln!("{}: {refused}", refused.code()))?;
//!     // Verified: read it as what your template says, keep it, and answer JSON within 5 s.
//!     let user = callback.permission().and_then(|permission| permission.user.as_deref());
//!     println!("{user:?} uploaded");
//!     Ok(format!(r#"{{"bytes":{}}}"#, callback.body().len()))
//! }
//!
//! let verifier = CallbackVerifier::new(PublicKeyUrls::oss());
//! // The secret that signs the policies, or one of its own.
//! let binding = Binding::new(BindingKey::of_access_key(&AccessKeySecret::new("sk")));
//! let routes: Router = Router::new()
//!     .route("/callback", post(uploaded))
//!     .with_state(CallbackReceiver::new(verifier, Client).binding(binding));
//! ```
//!
//! Where the state is a struct of your own, implement `FromRef` for it. Nothing may read the body or
//! rewrite the address before this does: no `Form` or `Json` extractor, and no layer *around* the
//! router that changes the URI, as `NormalizePath` is. A layer that logs or decompresses bodies makes
//! them others, too. How long a body may take is your server's to bound.

mod keys;
mod receiver;
mod rejection;

#[cfg(test)]
mod tests;

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, Request};

pub use keys::{FetchError, FetchKey, KeyError};
pub use receiver::CallbackReceiver;
pub use rejection::{BodyError, CallbackRejection};

use crate::callback::binding::Permission;

/// A callback that the storage server signed.
///
/// As with [`VerifiedCallback`](crate::callback::VerifiedCallback), what was signed is target and
/// body, and nothing else. Whether *your* policy permitted the upload, only its binding says
/// ([`CallbackReceiver::binding`]).
#[derive(Clone, Debug)]
pub struct Callback {
    body: Bytes,
    permission: Option<Permission>,
}

impl Callback {
    /// What the policy's maker permitted, if the receiver has a binding to verify with: take the user
    /// from here.
    pub const fn permission(&self) -> Option<&Permission> {
        self.permission.as_ref()
    }

    /// The body, as rendered from `callbackBody`.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body, to keep.
    pub fn into_body(self) -> Bytes {
        self.body
    }
}

impl<S> FromRequest<S> for Callback
where
    S: Send + Sync,
    CallbackReceiver: FromRef<S>,
{
    type Rejection = CallbackRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let receiver = CallbackReceiver::from_ref(state);
        let (parts, body) = request.into_parts();
        let body = receiver.read(&parts, body).await?;
        let permission = receiver.verify(&parts, &body).await?;
        Ok(Self { body, permission })
    }
}
