//! Fetches the public key that a callback is verified with, from an address that a person typed.

use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use upcall::callback::{PublicKey, PublicKeyUrls};

use crate::command::exchange::{Place, Question, exchange};
use crate::terminal::message::Failure;

/// The list that has this address and no other.
///
/// # Errors
/// No key can have such an address.
pub(super) fn only(url: &str) -> Result<PublicKeyUrls, Failure> {
    PublicKeyUrls::none().and(url).map_err(|error| {
        let shown = url.escape_debug();
        Failure::new(format!("`{shown}` (--key-url) cannot be used: {error}"))
    })
}

/// # Errors
/// Nobody answers there, or not with a key.
pub(super) async fn fetch(url: &str) -> Result<PublicKey, Failure> {
    only(url)?;
    let cannot = |why: &dyn std::fmt::Display| {
        Failure::new(format!("cannot fetch the key from `{url}`: {why}"))
            .hint("or give it with `--key FILE`")
    };
    let question = Question {
        method: Method::GET,
        headers: HeaderMap::new(),
        body: Bytes::new(),
        time_limit: TIME_LIMIT,
        most_bytes: MAX_BYTES,
    };
    let reply = exchange(&Place::parse(url)?, question)
        .await
        .map_err(|error| cannot(&error))?;
    if reply.status != 200 {
        return Err(cannot(&format!("the answer is {}", reply.status)));
    }
    if reply.is_too_long {
        return Err(cannot(&"what is there is longer than 16 KiB"));
    }
    let pem = String::from_utf8_lossy(&reply.body);
    PublicKey::from_pem(&pem).map_err(|error| cannot(&error))
}

const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A key of 4,096 bits has 800.
const MAX_BYTES: usize = 16 * 1024;
