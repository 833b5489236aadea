//! What can go wrong with a key, and what AWS-LC leaves behind when it does.

use aws_lc_sys::ERR_clear_error;

/// Why there is no key, or no signature.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CryptoError {
    /// A function of AWS-LC failed for want of memory or a reason of its own.
    #[error("AWS-LC failed in `{function}`")]
    Library {
        /// Which one.
        function: &'static str,
    },
    /// What stands between the PEM lines is no base64.
    #[error("the private key's PEM block is not base64")]
    NotBase64,
    /// It is a key of another kind.
    #[error("the private key is not an Ed25519 key")]
    NotEd25519,
    /// There is no whole PEM block.
    #[error("there is no PEM block `-----BEGIN PRIVATE KEY-----` … `-----END PRIVATE KEY-----`")]
    NotPem,
    /// The block's bytes are no private key, or its numbers do not belong together.
    #[error("the PEM block does not hold a valid PKCS #8 private key")]
    NotPkcs8,
    /// It is a key of another kind.
    #[error("the private key is not an RSA key")]
    NotRsa,
    /// The PEM block is something else.
    #[error("the PEM block is a `{label}`; a `PRIVATE KEY` is wanted (PKCS #8, not encrypted)")]
    OtherPem {
        /// What it says it is.
        label: String,
    },
    /// The key is too small or too large, or no such key is generated.
    #[error(
        "an RSA key of {bits} bits is not offered: 512 to 4,096 are read, and generated in steps \
         of 128"
    )]
    Size {
        /// How many bits it has, or would have.
        bits: u32,
    },
}

pub(crate) fn succeeded(returned: i32, function: &'static str) -> Result<(), CryptoError> {
    if returned == 1 {
        return Ok(());
    }
    Err(failed(function))
}

pub(crate) fn failed(function: &'static str) -> CryptoError {
    clear_errors();
    CryptoError::Library { function }
}

/// Empties this thread's queue of AWS-LC errors, where rustls or others would find ours.
pub(crate) fn clear_errors() {
    // SAFETY: takes nothing, and touches only this thread's own queue.
    unsafe { ERR_clear_error() };
}
