//! Signatures: V1 (HMAC-SHA1) and V4 (HMAC-SHA256), each for a header, a URL and a form; signing and
//! verifying stand side by side.
//!
//! A server asks [`RequestSignature::find`] or [`PolicySignature::of`] who claims to have signed,
//! looks the secret up, and lets the found signature be verified. It passes on what the look-up gave,
//! **also when that was nothing**: then the same work is done with a secret of nobody, so that the
//! time of the answer does not tell which access keys exist.
//!
//! A client signs with the functions of [`v1`] and [`v4`].
//!
//! A signature is compared as text and in constant time with the one text that this code computes: a
//! second spelling of the same bytes (spare bits of base64, upper-case hex, a missing `=`) is none.
//!
//! Source: OSS, "Include a V1 signature in a header" and "in a URL", the same for V4, and
//! "`PostObject`" with both versions.

pub(crate) mod date;
mod error;
mod form;
mod form_diagnosis;
pub(crate) mod mac;
mod request;
pub mod v1;
pub mod v4;

#[cfg(test)]
mod tests;

pub use error::{CredentialDateFault, IdPlace, Mismatch, SignatureError};
pub use form::PolicySignature;
pub use form_diagnosis::{FormDiagnosis, FormMistake, SentField};
pub use request::{RequestSignature, Scope, SignedRequest};
