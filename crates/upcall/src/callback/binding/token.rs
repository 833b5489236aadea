//! The token's text: `v1.`, the permission and the MAC over both, in base64 for addresses.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::error::BindingError;

/// `v1.PERMISSION`, over which the MAC is made.
pub(super) fn signed_text(permission: &str) -> String {
    format!("{VERSION}.{}", encode(permission.as_bytes()))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The parts of a token; nothing in it has been verified.
pub(super) struct Token<'a> {
    /// What the MAC is over.
    pub(super) signed: &'a str,
    permission: &'a str,
    /// Compared as text: a second spelling of the same bytes is none.
    pub(super) mac: &'a str,
}

impl<'a> Token<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, BindingError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_plain);
        if text.len() > MAX_BYTES {
            return Err(BindingError::Malformed);
        }
        let (signed, mac) = text.rsplit_once('.').ok_or(BindingError::Malformed)?;
        match signed.split_once('.') {
            Some((VERSION, permission))
                if is_part(permission) && is_part(mac) && mac.len() == MAC_CHARACTERS =>
            {
                Ok(Self {
                    signed,
                    permission,
                    mac,
                })
            }
            Some(_) | None => Err(BindingError::Malformed),
        }
    }

    /// The permission's text.
    pub(super) fn decode(&self) -> Result<String, BindingError> {
        let bytes = URL_SAFE_NO_PAD.decode(self.permission);
        let bytes = bytes.map_err(|_| BindingError::Malformed)?;
        String::from_utf8(bytes).map_err(|_| BindingError::Malformed)
    }
}

const VERSION: &str = "v1";

/// A callback parameter has at most 5 KiB, and more than the binding is in it.
const MAX_BYTES: usize = 4096;

/// 32 bytes in base64 without padding.
const MAC_CHARACTERS: usize = 43;
