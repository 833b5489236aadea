//! The callback: the storage server calls the application before it answers the uploader.
//!
//! In the order in which a call comes about: what was asked ([`CallbackParameter`], its
//! [`CallbackUrl`]s and [`CallbackVars`]), the body to send ([`CallbackTemplate`] with
//! [`CallbackFacts`]), the text that is signed ([`string_to_sign`]), what the application checks
//! ([`CallbackVerifier`]; that the upload was permitted: [`binding`]; that the object is there:
//! [`stored`]), and what it must answer ([`answer`]). Where the check fails, [`diagnose`]
//! says why. A server that sends Standard Webhooks headers besides is verified with `webhook`.
//!
//! Source: OSS, "Callback" (editions of 2015 to 2025) and the EC pages of family 0007.

pub mod answer;
pub mod binding;
mod body;
pub mod diagnose;
mod error;
mod json;
mod key_url;
mod parameter;
mod raw_request;
mod signature;
pub mod stored;
mod template;
mod url;
mod variable;
mod verifier;
mod warning;
#[cfg(feature = "webhook")]
pub mod webhook;

pub use body::{CallbackBody, InvalidBody};
pub use error::{CallbackError, InvalidCallback};
pub use key_url::{InvalidPublicKeyUrl, PublicKeyUrl, PublicKeyUrls};
pub use parameter::{CallbackBodyType, CallbackParameter, CallbackParameterBuilder};
pub use raw_request::RawRequest;
pub use signature::{InvalidPublicKey, PublicKey, SignatureMismatch, string_to_sign};
pub use template::{CallbackTemplate, InvalidTemplate};
pub use url::{CallbackUrl, InvalidCallbackUrl};
pub use variable::{CallbackFacts, CallbackVars, ImageInfo, ImageSize};
pub use verifier::{
    CallbackRequest, CallbackVerifier, CheckedPart, UnverifiedCallback, VerifiedCallback,
    VerifyError,
};
pub use warning::{CallbackWarning, warnings, warnings_of_json};

#[cfg(test)]
pub(crate) mod tests;
