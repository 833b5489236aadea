//! What the crate promises, against known values and against independent implementations.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod ed25519;
mod md5;
mod rsa;
