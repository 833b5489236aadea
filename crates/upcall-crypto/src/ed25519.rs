//! The key that signs webhook headers: Ed25519.
//!
//! Source: RFC 8032 (Ed25519), RFC 8410 (its keys in PKCS #8).

use std::fmt;
use std::ptr;

use aws_lc_sys::{
    EVP_DigestSign, EVP_DigestSignInit, EVP_PKEY_ED25519, EVP_PKEY_get_raw_public_key, EVP_PKEY_id,
    EVP_PKEY_new_raw_private_key, RAND_bytes,
};

use crate::error::{CryptoError, failed, succeeded};
use crate::handle::{Key, SecretBytes, Signing};
use crate::pem::PrivateKeyPem;
use crate::pkcs8;

/// An Ed25519 private key that signs.
///
/// It may be shared by any number of threads, which sign at the same time. `Debug` prints nothing
/// of the key.
pub struct Ed25519PrivateKey(Key);

// SAFETY: an EVP_PKEY is not bound to the thread that made it; its memory comes from `malloc`.
unsafe impl Send for Ed25519PrivateKey {}
// SAFETY: evp.h: an EVP_PKEY "may be used concurrently on multiple threads by non-mutating
// functions, provided no other thread is concurrently calling a mutating function". After
// construction only such functions are called: EVP_PKEY_id, EVP_marshal_private_key,
// EVP_PKEY_get_raw_public_key and EVP_DigestSignInit, of which it says "does not mutate pkey for
// thread-safety purposes". Dropping takes `&mut`.
unsafe impl Sync for Ed25519PrivateKey {}

impl Ed25519PrivateKey {
    /// A new key.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if memory is out.
    pub fn generate() -> Result<Self, CryptoError> {
        let mut seed = SecretBytes::with_capacity(SEED_BYTES);
        seed.as_mut_vec().resize(SEED_BYTES, 0);
        let room = seed.as_mut_vec();
        // SAFETY: pointer and length are those of one vector, exclusively borrowed.
        let is_random = unsafe { RAND_bytes(room.as_mut_ptr(), room.len()) };
        succeeded(is_random, "RAND_bytes")?;
        // SAFETY: the engine may be null; pointer and length are those of one vector, which is
        // copied.
        let made = unsafe {
            EVP_PKEY_new_raw_private_key(
                EVP_PKEY_ED25519,
                ptr::null_mut(),
                seed.as_slice().as_ptr(),
                seed.as_slice().len(),
            )
        };
        // SAFETY: null, or a new key whose one reference is ours.
        let key = unsafe { Key::from_raw(made) };
        key.map(Self)
            .ok_or_else(|| failed("EVP_PKEY_new_raw_private_key"))
    }

    /// Reads a key from `-----BEGIN PRIVATE KEY-----`.
    ///
    /// # Errors
    /// Says what the text is instead; nothing of it is repeated but the label of its PEM block.
    pub fn from_pkcs8_pem(pem: &[u8]) -> Result<Self, CryptoError> {
        let key = pkcs8::parse(pem)?;
        // SAFETY: `key` is valid; only its type is read.
        if unsafe { EVP_PKEY_id(key.as_ptr()) } != EVP_PKEY_ED25519 {
            return Err(CryptoError::NotEd25519);
        }
        Ok(Self(key))
    }

    /// The key as PKCS #8 in PEM.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if memory is out.
    pub fn to_pkcs8_pem(&self) -> Result<PrivateKeyPem, CryptoError> {
        pkcs8::write(&self.0)
    }

    /// The public half: 32 bytes.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if memory is out.
    pub fn public_key(&self) -> Result<[u8; 32], CryptoError> {
        let mut public = [0; 32];
        let mut length = public.len();
        // SAFETY: the key is valid and only read; `public` has the `length` bytes that may be
        // written; both are exclusively borrowed.
        let is_given = unsafe {
            EVP_PKEY_get_raw_public_key(self.0.as_ptr(), public.as_mut_ptr(), &raw mut length)
        };
        succeeded(is_given, "EVP_PKEY_get_raw_public_key")?;
        Ok(public)
    }

    /// Signs `message`; the same message has the same signature, 64 bytes.
    ///
    /// Takes the CPU for some 20 µs and the length of the message, twice hashed with SHA-512.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if memory is out.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], CryptoError> {
        let signing = Signing::new().ok_or_else(|| failed("EVP_MD_CTX_new"))?;
        // SAFETY: `signing` is new and ours; the out-pointer, the digest (Ed25519 has its own) and
        // the engine may be null; the key is valid, and the call takes a reference of its own.
        let is_begun = unsafe {
            EVP_DigestSignInit(
                signing.as_ptr(),
                ptr::null_mut(),
                ptr::null(),
                ptr::null_mut(),
                self.0.as_ptr(),
            )
        };
        succeeded(is_begun, "EVP_DigestSignInit")?;
        let mut signature = [0; 64];
        let mut length = signature.len();
        // SAFETY: `signing` was set up above; `signature` has the `length` bytes that may be
        // written; `message` and its length are one slice's, which is only read.
        let is_signed = unsafe {
            EVP_DigestSign(
                signing.as_ptr(),
                signature.as_mut_ptr(),
                &raw mut length,
                message.as_ptr(),
                message.len(),
            )
        };
        succeeded(is_signed, "EVP_DigestSign")?;
        Ok(signature)
    }
}

impl fmt::Debug for Ed25519PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519PrivateKey(…)")
    }
}

/// RFC 8032: the private key is 32 random bytes.
const SEED_BYTES: usize = 32;
