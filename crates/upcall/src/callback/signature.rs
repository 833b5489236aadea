//! The signature under a callback: RSA, PKCS#1 v1.5, MD5.
//!
//! Here is the text that is signed, and the public half. Signing is the storage server's, in a
//! crate of its own; this one does public operations only, on which nothing secret depends.
//!
//! Source: OSS, "Callback" (step 4, signature 1.0); RFC 8017.

use std::fmt;

use percent_encoding::percent_decode_str;
use rsa::BoxedUint;
use rsa::pkcs1::RsaPublicKeyRef;
use rsa::pkcs8::{Document, SubjectPublicKeyInfoRef};
use rsa::traits::PublicKeyParts;

/// The text that is signed: the path, decoded; the query as it stands, after its `?`; a line feed;
/// the body. Without a query there is no `?`.
///
/// A `+` in the path stays one: receivers do not agree about it, and callback addresses should not
/// have any.
pub fn string_to_sign(path_and_query: &str, body: &[u8]) -> Vec<u8> {
    let end = path_and_query.find('?').unwrap_or(path_and_query.len());
    let (path, query) = path_and_query.split_at(end);
    let mut text = Vec::with_capacity(path_and_query.len() + 1 + body.len());
    text.extend(percent_decode_str(path));
    text.extend_from_slice(query.as_bytes());
    text.push(b'\n');
    text.extend_from_slice(body);
    text
}

/// An RSA public key of 512 to 4,096 bits.
///
/// 512 bits, which can be factored for the price of a meal, because OSS's own key has no more; the
/// [`CallbackVerifier`](super::CallbackVerifier) takes so small a key from OSS's own addresses only.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(rsa::PublicKey);

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----`.
    ///
    /// # Errors
    /// Says what the text is instead.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidPublicKey> {
        // Far more than a key of 4,096 bits takes (800 bytes).
        if pem.len() > 16 * 1024 {
            return Err(InvalidPublicKey::NotPem);
        }
        let (label, der) = Document::from_pem(pem.trim()).map_err(|_| InvalidPublicKey::NotPem)?;
        if label != "PUBLIC KEY" {
            return Err(InvalidPublicKey::NotPem);
        }
        let info = SubjectPublicKeyInfoRef::try_from(der.as_bytes())
            .map_err(|_| InvalidPublicKey::NotRsa)?;
        if info.algorithm.oid != rsa::pkcs1::ALGORITHM_OID {
            return Err(InvalidPublicKey::NotRsa);
        }
        let numbers = info
            .subject_public_key
            .as_bytes()
            .and_then(|bytes| RsaPublicKeyRef::try_from(bytes).ok())
            .ok_or(InvalidPublicKey::NotRsa)?;
        let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
        // By its numbers, with our own limits: the crate's decoder refuses less than 1,024 bits.
        rsa::PublicKey::new_with_size_limits(
            number(numbers.modulus.as_bytes()),
            number(numbers.public_exponent.as_bytes()),
            512..=4096,
        )
        .map(Self)
        .map_err(|_| InvalidPublicKey::Numbers)
    }

    /// How many bits the modulus has.
    pub fn bits(&self) -> u32 {
        self.0.n().bit_width_vartime()
    }

    /// Checks the signature under the MD5 of `message`.
    ///
    /// # Errors
    /// [`SignatureMismatch`], for whatever reason.
    pub fn verify_md5(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureMismatch> {
        self.0
            .pkcs1v15_verify::<md5::Md5>(message, signature)
            .map_err(|_| SignatureMismatch)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits)", self.bits())
    }
}

/// Why a text is no public key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidPublicKey {
    /// There is no such PEM block.
    #[error("this is not a PEM block `-----BEGIN PUBLIC KEY-----`")]
    NotPem,
    /// It is a key of another kind, or none.
    #[error("the PEM block does not hold an RSA public key")]
    NotRsa,
    /// Its numbers cannot be a key's.
    #[error("the RSA key has not 512 to 4,096 bits, or its numbers cannot be a key's")]
    Numbers,
}

/// The signature is not this key's under this message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the signature does not match")]
pub struct SignatureMismatch;
