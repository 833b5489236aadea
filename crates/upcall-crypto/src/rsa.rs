//! The key that signs callbacks: RSA, PKCS#1 v1.5, MD5.
//!
//! Source: OSS, "Callback" (signature 1.0); RFC 8017 (PKCS #1), RFC 5208 (PKCS #8).

use std::fmt;

use aws_lc_sys::{
    BN_set_u64, EVP_PKEY_RSA, EVP_PKEY_get0_RSA, EVP_PKEY_id, EVP_PKEY_set1_RSA,
    EVP_marshal_public_key, NID_md5, RSA, RSA_bits, RSA_generate_key_ex, RSA_sign, RSA_size,
};

use crate::error::{CryptoError, failed, succeeded};
use crate::handle::{BigNumber, Key, Rsa, built};
use crate::md5::Md5;
use crate::pem::{PrivateKeyPem, public_key_pem};
use crate::pkcs8;

/// An RSA private key that signs.
///
/// It may be shared by any number of threads, which sign at the same time. `Debug` prints its size
/// and nothing of the key.
pub struct RsaPrivateKey(Key);

// SAFETY: an EVP_PKEY is not bound to the thread that made it; its memory comes from `malloc`.
unsafe impl Send for RsaPrivateKey {}
// SAFETY: rsa.h: "A given object may be used concurrently on multiple threads by non-mutating
// functions", and evp.h says the same of EVP_PKEY. After construction only such functions are
// called: EVP_PKEY_get0_RSA, EVP_PKEY_id, EVP_marshal_*, RSA_bits, RSA_size and RSA_sign, which
// takes the lock inside RSA for its blinding. Dropping takes `&mut`.
unsafe impl Sync for RsaPrivateKey {}

impl RsaPrivateKey {
    /// The smallest key that is read or generated: OSS's own is no larger. Enough for tests of
    /// clients that know nothing else, and for nothing more.
    pub const MIN_BITS: u32 = 512;
    /// The largest key that is read or generated; one signature with it takes 1.7 ms.
    pub const MAX_BITS: u32 = 4096;

    /// A new key of `bits` (a multiple of 128), with exponent 65537.
    ///
    /// Takes the CPU for some hundred milliseconds at 2,048 bits.
    ///
    /// # Errors
    /// [`CryptoError::Size`] if there is no such key; [`CryptoError::Library`] if memory is out.
    pub fn generate(bits: u32) -> Result<Self, CryptoError> {
        let is_offered = (Self::MIN_BITS..=Self::MAX_BITS).contains(&bits);
        if !is_offered || !bits.is_multiple_of(128) {
            return Err(CryptoError::Size { bits });
        }
        let size = i32::try_from(bits).map_err(|_| CryptoError::Size { bits })?;
        let exponent = BigNumber::new().ok_or_else(|| failed("BN_new"))?;
        // SAFETY: `exponent` is a valid number that nobody else holds.
        let is_set = unsafe { BN_set_u64(exponent.as_ptr(), EXPONENT) };
        succeeded(is_set, "BN_set_u64")?;
        let rsa = Rsa::new().ok_or_else(|| failed("RSA_new"))?;
        // SAFETY: `rsa` is a new RSA that nobody else holds, `exponent` a valid number that is only
        // read, and a null callback is allowed.
        let is_generated = unsafe {
            RSA_generate_key_ex(rsa.as_ptr(), size, exponent.as_ptr(), std::ptr::null_mut())
        };
        succeeded(is_generated, "RSA_generate_key_ex")?;
        let key = Key::new().ok_or_else(|| failed("EVP_PKEY_new"))?;
        // SAFETY: both are valid and ours; the call takes a reference of its own on `rsa`, so that
        // dropping ours leaves the key's.
        let is_set = unsafe { EVP_PKEY_set1_RSA(key.as_ptr(), rsa.as_ptr()) };
        succeeded(is_set, "EVP_PKEY_set1_RSA")?;
        Ok(Self(key))
    }

    /// Reads a key from `-----BEGIN PRIVATE KEY-----`, of 512 to 4,096 bits, and checks that its
    /// numbers belong together.
    ///
    /// # Errors
    /// Says what the text is instead; nothing of it is repeated but the label of its PEM block.
    pub fn from_pkcs8_pem(pem: &[u8]) -> Result<Self, CryptoError> {
        let key = pkcs8::parse(pem)?;
        // SAFETY: `key` is valid; only its type is read.
        if unsafe { EVP_PKEY_id(key.as_ptr()) } != EVP_PKEY_RSA {
            return Err(CryptoError::NotRsa);
        }
        let key = Self(key);
        let bits = key.bits();
        if !(Self::MIN_BITS..=Self::MAX_BITS).contains(&bits) {
            return Err(CryptoError::Size { bits });
        }
        Ok(key)
    }

    /// The key as PKCS #8 in PEM.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if memory is out.
    pub fn to_pkcs8_pem(&self) -> Result<PrivateKeyPem, CryptoError> {
        pkcs8::write(&self.0)
    }

    /// The public half as `-----BEGIN PUBLIC KEY-----` (`SubjectPublicKeyInfo`), as OSS publishes
    /// its own.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if memory is out.
    pub fn public_key_pem(&self) -> Result<String, CryptoError> {
        let der = built(|builder| {
            // SAFETY: `builder` is an initialised CBB for the time of this call, the key is valid
            // and only read.
            unsafe { EVP_marshal_public_key(builder, self.0.as_ptr()) }
        });
        let der = der.ok_or_else(|| failed("EVP_marshal_public_key"))?;
        Ok(public_key_pem(der.as_slice()))
    }

    /// Signs the MD5 of `message` (RSASSA-PKCS1-v1_5); the signature is as long as the modulus.
    ///
    /// Takes the CPU for 0.26 ms at 2,048 bits.
    ///
    /// # Errors
    /// [`CryptoError::Library`] if memory is out, or if the signature, which AWS-LC checks before
    /// it gives it, came out wrong.
    pub fn sign_md5(&self, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let digest = Md5::digest(message);
        // SAFETY: the key is a valid RSA key; only its size is read.
        let size = unsafe { RSA_size(self.rsa()) };
        let mut signature = vec![0; size as usize];
        let mut length = 0;
        // SAFETY: `digest` and its length are one array's; `signature` has the RSA_size bytes that
        // the call may write; `length` is exclusively borrowed. RSA_sign does not change the key
        // but for its blinding, which it locks.
        let is_signed = unsafe {
            RSA_sign(
                NID_md5,
                digest.as_ptr(),
                digest.len(),
                signature.as_mut_ptr(),
                &raw mut length,
                self.rsa(),
            )
        };
        succeeded(is_signed, "RSA_sign")?;
        signature.truncate(length as usize);
        Ok(signature)
    }

    /// How many bits the modulus has.
    pub fn bits(&self) -> u32 {
        // SAFETY: the key is a valid RSA key; only its size is read.
        unsafe { RSA_bits(self.rsa()) }
    }

    /// The RSA key inside, which lives as long as `self`.
    fn rsa(&self) -> *mut RSA {
        // SAFETY: both constructors make sure that the key is an RSA key; then this returns its
        // inner pointer, not null, without taking a reference.
        unsafe { EVP_PKEY_get0_RSA(self.0.as_ptr()) }
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPrivateKey({} bits)", self.bits())
    }
}

/// F4, as OSS's own key has.
const EXPONENT: u64 = 65_537;
