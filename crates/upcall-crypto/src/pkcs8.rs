//! Private keys as PKCS #8 in PEM, of any kind that AWS-LC knows.
//!
//! Source: RFC 5208 (PKCS #8), RFC 5958, RFC 8410 (Ed25519).

use aws_lc_sys::{CBS, CBS_init, CBS_len, EVP_marshal_private_key, EVP_parse_private_key};

use crate::error::{CryptoError, clear_errors, failed};
use crate::handle::{Key, built};
use crate::pem::{PrivateKeyPem, private_key_der};

/// The one key in the one block `-----BEGIN PRIVATE KEY-----` of `pem`, whose numbers belong
/// together.
pub(crate) fn parse(pem: &[u8]) -> Result<Key, CryptoError> {
    let der = private_key_der(pem)?;
    let mut unread = CBS::default();
    // SAFETY: pointer and length are those of one slice, which outlives `unread`'s last use
    // below; `unread` is exclusively borrowed.
    unsafe {
        CBS_init(
            &raw mut unread,
            der.as_slice().as_ptr(),
            der.as_slice().len(),
        );
    };
    // SAFETY: `unread` was initialised above over bytes that are alive; null or a key that is
    // ours is returned.
    let parsed = unsafe { EVP_parse_private_key(&raw mut unread) };
    // SAFETY: as just said, the reference is ours to give away.
    let Some(key) = (unsafe { Key::from_raw(parsed) }) else {
        clear_errors();
        return Err(CryptoError::NotPkcs8);
    };
    // SAFETY: `unread` was initialised above; only its length is read.
    if unsafe { CBS_len(&raw const unread) } != 0 {
        return Err(CryptoError::NotPkcs8);
    }
    Ok(key)
}

/// The key as PKCS #8 in PEM.
pub(crate) fn write(key: &Key) -> Result<PrivateKeyPem, CryptoError> {
    let der = built(|builder| {
        // SAFETY: `builder` is an initialised CBB for the time of this call, the key is valid
        // and only read.
        unsafe { EVP_marshal_private_key(builder, key.as_ptr()) }
    });
    let der = der.ok_or_else(|| failed("EVP_marshal_private_key"))?;
    Ok(PrivateKeyPem::of_der(der.as_slice()))
}
