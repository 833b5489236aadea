//! The signature under a callback: RSA, PKCS#1 v1.5, MD5.
//!
//! Here is the text that is signed, and the public half. Signing is the storage server's, in a
//! crate of its own; this one does public operations only, on which nothing secret depends.
//!
//! Source: OSS, "Callback" (step 4, signature 1.0); RFC 8017.

use std::fmt;

use percent_encoding::percent_decode_str;
use rsa::BoxedUint;
use rsa::hazmat::rsa_encrypt;
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

    /// What a signature is over, for explanations. Never for believing it: that is
    /// [`verify_md5`](Self::verify_md5)'s.
    pub(super) fn signed_digest(&self, signature: &[u8]) -> SignedDigest {
        if signature.len() != self.0.size() {
            return SignedDigest::Foreign;
        }
        let number = BoxedUint::from_be_slice(signature, self.0.n_bits_precision());
        let number = number.ok().filter(|number| number < self.0.n().as_ref());
        let Some(block) = number.and_then(|number| rsa_encrypt(&self.0, &number).ok()) else {
            return SignedDigest::Foreign;
        };
        // 00 01 FF … FF 00, then the digest and what it is; the leading zero is trimmed.
        let block = block.to_be_bytes_trimmed_vartime();
        let is_fill = |byte: &&u8| **byte == 0xff;
        let filled = block.iter().skip(1).take_while(is_fill).count();
        let info = match &*block {
            [1, rest @ ..] if filled >= 8 => {
                rest.get(filled..).and_then(|rest| rest.strip_prefix(&[0]))
            }
            _ => None,
        };
        let Some(info) = info else {
            return SignedDigest::Foreign;
        };
        let known = DIGEST_INFOS
            .iter()
            .find_map(|(name, prefix)| Some((*name, info.strip_prefix(*prefix)?)));
        match known {
            Some((MD5, digest)) => match digest.try_into() {
                Ok(digest) => SignedDigest::Md5(digest),
                Err(_) => SignedDigest::Foreign,
            },
            Some((name, _)) => SignedDigest::Other(name),
            None => SignedDigest::Other("an unknown digest"),
        }
    }
}

/// What a signature is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SignedDigest {
    /// This is no signature of the key.
    Foreign,
    /// This MD5.
    Md5([u8; 16]),
    /// A digest of another kind.
    Other(&'static str),
}

const MD5: &str = "MD5";

/// What stands before a digest. Source: RFC 8017, 9.2, note 1.
const DIGEST_INFOS: [(&str, &[u8]); 4] = [
    (
        MD5,
        b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\0\x04\x10",
    ),
    (
        "SHA-1",
        b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\0\x04\x14",
    ),
    (
        "SHA-256",
        b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\0\x04\x20",
    ),
    (
        "SHA-512",
        b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\0\x04\x40",
    ),
];

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
