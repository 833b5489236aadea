//! Looks for the request that was signed among those that the received one may have been.

use ::md5::{Digest, Md5};

use super::super::signature::string_to_sign;
use super::super::verifier::CallbackRequest;
use super::{Repaired, body, headers, target};

/// The request whose signed text has this digest; the one that was received first.
///
/// Hashes 64 MiB at most, which takes a quarter of a second.
pub(super) fn signed_request(received: &CallbackRequest<'_>, digest: &[u8]) -> Option<Repaired> {
    let targets = target::repairs(received.target, received.headers);
    let bodies = bodies(received);
    let mut left = MAX_HASHED_BYTES;
    let mut is_it = |target: &str, body: &[u8]| {
        let text = string_to_sign(target, body);
        left = left.checked_sub(text.len())?;
        Some(md5(&text).as_slice() == digest)
    };
    let found = |target: &String, body: &Vec<u8>| Repaired {
        target: target.clone(),
        body: body.clone(),
    };
    // One thing at a time first, then both.
    let (target, rest) = targets.split_first()?;
    for body in &bodies {
        if is_it(target, body)? {
            return Some(found(target, body));
        }
    }
    for body in &bodies {
        for target in rest {
            if is_it(target, body)? {
                return Some(found(target, body));
            }
        }
    }
    None
}

/// The bodies to try: where `Content-MD5` says which one it was, that one alone.
fn bodies(received: &CallbackRequest<'_>) -> Vec<Vec<u8>> {
    let said = headers::digest_of_body(received);
    let is_said = |body: &[u8]| said.as_deref() == Some(md5(body).as_slice());
    if is_said(received.body) {
        return vec![received.body.to_vec()];
    }
    let mut bodies = body::repairs(received.body);
    if let Some(at) = bodies.iter().position(|body| is_said(body)) {
        return vec![bodies.swap_remove(at)];
    }
    bodies
}

pub(super) fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

const MAX_HASHED_BYTES: usize = 64 * 1024 * 1024;
