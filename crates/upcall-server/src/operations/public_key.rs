//! The public halves of the keys that sign callbacks, at paths that no bucket can have.
//!
//! Not an operation of OSS, which has its key on another host. An id that is not known goes on as
//! any other path: it is an object of nobody's, but one that was stored before such names were
//! reserved is still its owner's.

use http::{Method, Request, StatusCode};

use crate::callback::KeyPath;
use crate::http::answer::Answer;
use crate::http::service::plain;
use crate::node::Server;

/// How it is called in the log and in figures.
pub(crate) const NAME: &str = "PublicKey";

/// The key that is asked for, if one is.
pub(crate) fn answer<B>(server: &Server, request: &Request<B>) -> Option<Answer> {
    if *request.method() != Method::GET {
        return None;
    }
    match KeyPath::parse(request.uri().path())? {
        KeyPath::Webhook(scope) => {
            let keys = server.signer.keys(&scope)?;
            let key = format!("{}\n", keys.current().webhook.public());
            Some(plain(StatusCode::OK, "text/plain", key))
        }
        KeyPath::Rsa(scope, id) => {
            let keys = server.signer.keys(&scope)?;
            let pem = keys.public_pem(id, server.clock.now())?;
            Some(plain(
                StatusCode::OK,
                "application/x-pem-file",
                pem.to_owned(),
            ))
        }
    }
}
