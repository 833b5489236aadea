//! What the crate promises, against known values and against independent implementations.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod md5;
mod rsa;
