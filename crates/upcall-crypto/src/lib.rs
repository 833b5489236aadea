//! MD5, RSA signatures with MD5, and Ed25519 signatures, through AWS-LC.
//!
//! The wire protocol asks for the first two, and the safe wrapper `aws-lc-rs` offers neither; the
//! third is here so that every private key is kept and wiped in one place. This is the one crate
//! that may hold `unsafe`: each block calls one C function, or what only some CPUs can do, and says
//! why it may.
//!
//! In and out: bytes. There are no files here, so that no key ever stands in one whose mode was
//! somebody else's choice; the caller writes [`PrivateKeyPem`] where only it can read.
//!
//! MD5 and PKCS#1 v1.5 are here because OSS signs its callbacks so. Nothing else should use them.

#![deny(unsafe_op_in_unsafe_fn)]

mod ed25519;
mod error;
mod handle;
mod md5;
mod pem;
mod pkcs8;
mod rsa;

pub use ed25519::Ed25519PrivateKey;
pub use error::CryptoError;
pub use md5::Md5;
pub use pem::PrivateKeyPem;
pub use rsa::RsaPrivateKey;
