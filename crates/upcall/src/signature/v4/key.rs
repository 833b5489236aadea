//! The key that signs, derived from the secret for one day, region and product.

use std::fmt;

use super::super::mac;
use super::credential::Credential;
use crate::name::AccessKeySecret;

/// A key that signs for one day, one region and one product. Never printed.
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// Derives the key for day, region and product of `credential`.
    pub fn new(secret: &AccessKeySecret, credential: &Credential) -> Self {
        Self::of_bytes(secret.expose(), credential)
    }

    pub(super) fn of_bytes(secret: &[u8], credential: &Credential) -> Self {
        let of_day = mac::hmac_sha256(&[PREFIX, secret].concat(), credential.day().as_bytes());
        let of_region = mac::hmac_sha256(&of_day, credential.region().as_bytes());
        let of_product = mac::hmac_sha256(&of_region, credential.product().as_bytes());
        Self(mac::hmac_sha256(&of_product, Credential::END.as_bytes()))
    }

    /// The signature: 64 lower-case hex digits.
    pub fn sign(&self, text: &[u8]) -> String {
        mac::hex(&self.mac_of(text))
    }

    /// The 32 bytes that [`sign`](Self::sign) writes in hex.
    pub(in super::super) fn mac_of(&self, text: &[u8]) -> [u8; 32] {
        mac::hmac_sha256(&self.0, text)
    }

    #[cfg(test)]
    pub(in super::super) fn to_hex(&self) -> String {
        mac::hex(&self.0)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

const PREFIX: &[u8] = b"aliyun_v4";
