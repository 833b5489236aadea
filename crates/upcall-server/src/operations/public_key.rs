//! The public halves of the keys that sign callbacks, at paths that no bucket can have.
//!
//! Not an operation of OSS, which has its key on another host. An id that is not known goes on as
//! any other path, so that an object of such a name on a host of its bucket's own is still there.

use http::{Method, Request, StatusCode};

use crate::callback::{WEBHOOK_KEY_PATH, key_id_of};
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
    let path = request.uri().path();
    if path == WEBHOOK_KEY_PATH {
        let key = format!("{}\n", server.signer.keys().current().webhook.public());
        return Some(plain(StatusCode::OK, "text/plain", key));
    }
    let id = key_id_of(path)?;
    let keys = server.signer.keys();
    let pem = keys.public_pem(id, server.clock.now())?;
    Some(plain(
        StatusCode::OK,
        "application/x-pem-file",
        pem.to_owned(),
    ))
}
