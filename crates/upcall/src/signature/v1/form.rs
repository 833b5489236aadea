//! A form's signature: the text of the field `policy`, as it is.

use super::super::error::SignatureError;
use super::super::mac;
use crate::name::{AccessKeyId, AccessKeySecret};

/// The field `Signature` for the field `policy`, which is base64 **text** and signed as such.
pub fn sign_policy(secret: &AccessKeySecret, policy: &str) -> String {
    mac::hmac_sha1_base64(secret.expose(), policy.as_bytes())
}

pub(in super::super) fn verify_policy(
    secret: Option<&AccessKeySecret>,
    access_key_id: &AccessKeyId,
    policy: &str,
    signature: &str,
) -> Result<(), SignatureError> {
    super::verify(secret, access_key_id, policy, signature)
}

/// The 20 bytes that [`sign_policy`] writes in base64, of any text.
pub(in super::super) fn mac_of(secret: &AccessKeySecret, text: &[u8]) -> [u8; 20] {
    mac::hmac_sha1(secret.expose(), text)
}
