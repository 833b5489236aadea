//! Is this callback the storage server's? For application servers.
//!
//! In: a request as it came, body included. Out: [`VerifiedCallback`], or which part of it is
//! wrong. Between the two stands one fetch that this library leaves to its caller: the public key,
//! from an address that was judged first. Keep the key; it does not change under its address.
//!
//! ```
//! use upcall::callback::{CallbackRequest, CallbackVerifier, PublicKey, PublicKeyUrls, VerifyError};
//!
//! // What is named and nothing else: your own server's keys, or `oss`, or both.
//! let key_urls = PublicKeyUrls::parse("oss https://storage.example.com/callback_pub_key_*.pem")?;
//! let verifier = CallbackVerifier::new(key_urls);
//!
//! // A call of the real service, as it came.
//! let headers = [
//!     ("Authorization", "kKQeGTRccDKyHB3H9vF+xYMSrmhMZjzzl2/kdD1ktNVgbWEfYTQG0G2SU/RaHBovRCE8OkQDjC3uG33esH2txA=="),
//!     ("x-oss-pub-key-url", "aHR0cHM6Ly9nb3NzcHVibGljLmFsaWNkbi5jb20vY2FsbGJhY2tfcHViX2tleV92MS5wZW0="),
//! ];
//! let request = CallbackRequest {
//!     method: "POST",
//!     target: "/index.php?id=1&index=2",
//!     headers: &headers,
//!     body: b"bucket=yonghu-test",
//! };
//!
//! let unverified = verifier.read(&request)?;
//! assert_eq!(unverified.key_url().as_str(), "https://gosspublic.alicdn.com/callback_pub_key_v1.pem");
//! # let fetched_or_kept = |_: &str| PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\n\
//! #     MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKs/JBGzwUB2aVht4crBx3oIPBLNsjGs\n\
//! #     C0fTXv+nvlmklvkcolvpvXLTjaxUHR3W9LXxQ2EHXAJfCB+6H2YF1k8CAwEAAQ==\n\
//! #     -----END PUBLIC KEY-----\n");
//! let key = fetched_or_kept(unverified.key_url().as_str())?;
//! let callback = unverified.verify(&key)?;
//! assert_eq!(callback.body(), b"bucket=yonghu-test");
//!
//! // Whatever else comes under that signature is refused, and it is said why.
//! let forged = CallbackRequest { target: "/index.php?id=2&index=2", ..request };
//! let refused = verifier.read(&forged)?.verify(&key).unwrap_err();
//! assert_eq!(refused, VerifyError::Signature);
//! assert_eq!((refused.code(), refused.part().as_str()), ("signature", "signature"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: OSS, "Callback" (step 4).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;

use super::key_url::{InvalidPublicKeyUrl, PublicKeyUrl, PublicKeyUrls};
use super::signature::{PublicKey, string_to_sign};

/// A request that may be a callback, as it came.
#[derive(Clone, Copy, Debug)]
pub struct CallbackRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query, raw: neither decoded nor with anything cut off that a proxy or router did
    /// not cut off before the sender saw it.
    pub target: &'a str,
    /// Names, of any case, and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body, raw: as bytes, before anything has read it as a form or JSON.
    pub body: &'a [u8],
}

/// Reads callbacks, and says whose key may prove them.
#[derive(Clone, Debug, Default)]
pub struct CallbackVerifier {
    key_urls: PublicKeyUrls,
}

impl CallbackVerifier {
    /// Takes keys from these addresses and no others.
    pub const fn new(key_urls: PublicKeyUrls) -> Self {
        Self { key_urls }
    }

    /// Judges all but the signature.
    ///
    /// # Errors
    /// The first part that is wrong: method, target, a header that is missing or comes twice, the
    /// key's address, the body's digest.
    pub fn read<'a>(
        &self,
        request: &CallbackRequest<'a>,
    ) -> Result<UnverifiedCallback<'a>, VerifyError> {
        if request.method != "POST" {
            return Err(VerifyError::Method);
        }
        check_target(request.target)?;
        let needed = |name| header(request, name)?.ok_or(VerifyError::HeaderMissing { name });
        let key_url = self.key_urls.admit_header(needed(X_OSS_PUB_KEY_URL)?)?;
        let signature = decoded(AUTHORIZATION, needed(AUTHORIZATION)?)?;
        if header(request, X_OSS_SIGNATURE_VERSION)?.is_some_and(|version| version != "1.0") {
            return Err(VerifyError::SignatureVersion);
        }
        // OSS's oldest callbacks have none; the signature covers the body in any case.
        if let Some(digest) = header(request, CONTENT_MD5)?
            && decoded(CONTENT_MD5, digest)? != Md5::digest(request.body).as_slice()
        {
            return Err(VerifyError::Digest);
        }
        Ok(UnverifiedCallback {
            key_url,
            signature,
            target: request.target,
            body: request.body,
        })
    }
}

/// A callback of which all is well but the signature, which needs the key.
#[derive(Clone, Debug)]
pub struct UnverifiedCallback<'a> {
    key_url: PublicKeyUrl,
    signature: Vec<u8>,
    target: &'a str,
    body: &'a [u8],
}

impl<'a> UnverifiedCallback<'a> {
    /// Where the key is.
    pub const fn key_url(&self) -> &PublicKeyUrl {
        &self.key_url
    }

    /// Checks the signature with the key from [`key_url`](Self::key_url).
    ///
    /// # Errors
    /// [`VerifyError::Signature`], or [`VerifyError::KeyTooSmall`] for a key that its address does
    /// not excuse.
    pub fn verify(self, key: &PublicKey) -> Result<VerifiedCallback<'a>, VerifyError> {
        let (bits, least) = (key.bits(), self.key_url.least_bits());
        if bits < least {
            return Err(VerifyError::KeyTooSmall { bits, least });
        }
        key.verify_md5(&string_to_sign(self.target, self.body), &self.signature)
            .map_err(|_| VerifyError::Signature)?;
        Ok(VerifiedCallback { body: self.body })
    }
}

/// A callback that the key's owner signed.
///
/// What was signed is target and body, and nothing else: neither a host nor a time nor any header.
/// An application that must not hear of one upload twice compares the object's name and entity tag.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedCallback<'a> {
    body: &'a [u8],
}

impl<'a> VerifiedCallback<'a> {
    /// The body, as rendered from `callbackBody`.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// Which part of a callback is wrong, in one word for a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CheckedPart {
    /// The body is not what `Content-MD5` says.
    Digest,
    /// A header is missing, comes twice, or cannot be read.
    Header,
    /// The key's address, or the size of the key that was there.
    KeyUrl,
    /// Method or target.
    Request,
    /// The signature.
    Signature,
}

impl CheckedPart {
    /// A stable name, the same in the kit's every language.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Header => "header",
            Self::KeyUrl => "key-url",
            Self::Request => "request",
            Self::Signature => "signature",
        }
    }
}

impl fmt::Display for CheckedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request is no callback of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// The body has another MD5.
    #[error("the body does not have the MD5 that the header `content-md5` says")]
    Digest,
    /// A header is missing.
    #[error("the header `{name}` is missing")]
    HeaderMissing {
        /// Which one.
        name: &'static str,
    },
    /// A header is no base64.
    #[error("the header `{name}` is not base64")]
    HeaderNotBase64 {
        /// Which one.
        name: &'static str,
    },
    /// A header comes twice.
    #[error("the header `{name}` comes twice")]
    HeaderTwice {
        /// Which one.
        name: &'static str,
    },
    /// The key is too small.
    #[error("the key has {bits} bits; from this address it must have {least}")]
    KeyTooSmall {
        /// How many it has.
        bits: u32,
        /// How many it must have.
        least: u32,
    },
    /// The key's address is none of those allowed.
    #[error(transparent)]
    KeyUrl(#[from] InvalidPublicKeyUrl),
    /// The method is another.
    #[error("a callback is a POST request")]
    Method,
    /// The signature is wrong.
    #[error("the signature does not match target and body, or was made with another key")]
    Signature,
    /// The signature is of a version that we do not know.
    #[error("the header `x-oss-signature-version` is not 1.0")]
    SignatureVersion,
    /// The target could be signed in two ways.
    #[error("the target is not a path, has a fragment, or an encoded `?` or line feed in its path")]
    Target,
}

impl VerifyError {
    /// A stable name for it, the same in the kit's every language. Where the key cannot be had, which
    /// is not known here, the others say `key-unavailable`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::HeaderMissing { .. } => "header-missing",
            Self::HeaderNotBase64 { .. } => "header-not-base64",
            Self::HeaderTwice { .. } => "header-twice",
            Self::KeyTooSmall { .. } => "key-too-small",
            Self::KeyUrl(_) => "key-url",
            Self::Method => "method",
            Self::Signature => "signature",
            Self::SignatureVersion => "signature-version",
            Self::Target => "target",
        }
    }

    /// Which part is wrong.
    pub const fn part(&self) -> CheckedPart {
        match self {
            Self::Digest => CheckedPart::Digest,
            Self::HeaderMissing { .. }
            | Self::HeaderNotBase64 { .. }
            | Self::HeaderTwice { .. }
            | Self::SignatureVersion => CheckedPart::Header,
            Self::KeyTooSmall { .. } | Self::KeyUrl(_) => CheckedPart::KeyUrl,
            Self::Method | Self::Target => CheckedPart::Request,
            Self::Signature => CheckedPart::Signature,
        }
    }
}

/// The path is signed decoded, next to `?` and a line feed as marks: were they allowed in it,
/// `/a%3Fb` would carry the signature of `/a?b`. A fragment is never sent (RFC 9112, 3.2): servers
/// differ in whether they hand it on, so it is refused.
fn check_target(target: &str) -> Result<(), VerifyError> {
    let path = target.split('?').next().unwrap_or_default();
    let is_mark = |byte: u8| matches!(byte, b'?' | b'\n');
    if path.starts_with('/')
        && !percent_decode_str(path).any(is_mark)
        && !target.bytes().any(|byte| matches!(byte, b'#' | b'\n'))
    {
        Ok(())
    } else {
        Err(VerifyError::Target)
    }
}

/// The one header of this name, if there is one.
///
/// CGI and what descends from it read `_` as `-`: a header spelled so is another one, but beside the
/// right one it makes two, whoever reads them.
fn header<'a>(
    request: &CallbackRequest<'a>,
    name: &'static str,
) -> Result<Option<&'a str>, VerifyError> {
    let is_read_as_it = |(has, _): &&(&str, &str)| {
        let is_same = |(has, wanted): (u8, u8)| {
            has.eq_ignore_ascii_case(&wanted) || (has == b'_' && wanted == b'-')
        };
        has.len() == name.len() && has.bytes().zip(name.bytes()).all(is_same)
    };
    let mut found = request.headers.iter().filter(is_read_as_it);
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(VerifyError::HeaderTwice { name }),
        (Some((has, value)), None) if has.eq_ignore_ascii_case(name) => Ok(Some(*value)),
        (_, None) => Ok(None),
    }
}

fn decoded(name: &'static str, base64: &str) -> Result<Vec<u8>, VerifyError> {
    STANDARD
        .decode(base64)
        .map_err(|_| VerifyError::HeaderNotBase64 { name })
}

const AUTHORIZATION: &str = "authorization";
const CONTENT_MD5: &str = "content-md5";
const X_OSS_PUB_KEY_URL: &str = "x-oss-pub-key-url";
const X_OSS_SIGNATURE_VERSION: &str = "x-oss-signature-version";
