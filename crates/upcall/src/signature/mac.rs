//! Keyed hashes, and comparing them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::name::AccessKeySecret;

/// The base64 text of HMAC-SHA1.
pub(super) fn hmac_sha1_base64(key: &[u8], message: &[u8]) -> String {
    STANDARD.encode(hmac_sha1(key, message))
}

/// HMAC-SHA1.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(super) fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// HMAC-SHA256.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// The lower-case hex digits of SHA-256.
pub(super) fn sha256_hex(message: &[u8]) -> String {
    hex(&Sha256::digest(message))
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            for digit in [byte >> 4, byte & 0xf] {
                text.extend(char::from_digit(digit.into(), 16));
            }
            text
        })
}

/// Whether `provided` is `expected`, in a time that tells nothing but whether their lengths agree.
pub(crate) fn is_same(expected: &str, provided: &str) -> bool {
    expected.as_bytes().ct_eq(provided.as_bytes()).into()
}

/// The bytes to sign with: the secret's, or nobody's where there is no secret.
pub(super) fn secret_or_nobody(secret: Option<&AccessKeySecret>) -> &[u8] {
    secret.map_or(NOBODY, AccessKeySecret::expose)
}

// 30 bytes, as OSS's own secrets have: a key of another length would take HMAC another time. It is
// known to everyone and opens nothing: what was computed with it is thrown away.
const NOBODY: &[u8] = b"the-secret-of-an-unknown-key..";
