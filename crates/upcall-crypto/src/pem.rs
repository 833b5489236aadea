//! PEM: base64 between two lines that name what it is (RFC 7468).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::CryptoError;
use crate::handle::SecretBytes;

/// A private key as PEM text. Wiped on drop, and never printed.
///
/// Whoever writes it to disk creates the file so that nobody else can read it.
pub struct PrivateKeyPem(SecretBytes);

impl PrivateKeyPem {
    /// The text's bytes, ASCII, ending with a line feed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    pub(crate) fn of_der(der: &[u8]) -> Self {
        let mut base64 = SecretBytes::with_capacity(der.len().div_ceil(3) * 4);
        encode_base64(der, base64.as_mut_vec());
        let mut text = SecretBytes::with_capacity(pem_length(base64.as_slice().len(), PRIVATE_KEY));
        write_pem(base64.as_slice(), PRIVATE_KEY, text.as_mut_vec());
        Self(text)
    }
}

impl fmt::Debug for PrivateKeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeyPem(…)")
    }
}

/// `der` as `-----BEGIN PUBLIC KEY-----`.
pub(crate) fn public_key_pem(der: &[u8]) -> String {
    let mut text = Vec::new();
    write_pem(STANDARD.encode(der).as_bytes(), PUBLIC_KEY, &mut text);
    String::from_utf8(text).expect("the label, base64 and the lines' dashes are ASCII")
}

/// The DER inside the one block `-----BEGIN PRIVATE KEY-----` of `text`.
pub(crate) fn private_key_der(text: &[u8]) -> Result<SecretBytes, CryptoError> {
    if text.len() > MAX_BYTES {
        return Err(CryptoError::NotPem);
    }
    let after = |line: &[u8], from: &[u8]| find(from, line).map(|at| at + line.len());
    let begin = after(BEGIN, text).ok_or(CryptoError::NotPem)?;
    let label_length = find(&text[begin..], DASHES).ok_or(CryptoError::NotPem)?;
    let label = &text[begin..begin + label_length];
    if label != PRIVATE_KEY.as_bytes() {
        return Err(CryptoError::OtherPem {
            // A label is short and printable; anything else is not repeated to anybody.
            label: match std::str::from_utf8(label) {
                Ok(label) if label.len() <= 64 && !label.contains(char::is_control) => label.into(),
                _ => "?".into(),
            },
        });
    }
    let body = &text[begin + label_length + DASHES.len()..];
    let end = [END, label, DASHES].concat();
    let body = &body[..find(body, &end).ok_or(CryptoError::NotPem)?];

    let mut base64 = SecretBytes::with_capacity(body.len());
    let is_written = |byte: &u8| !byte.is_ascii_whitespace();
    base64
        .as_mut_vec()
        .extend(body.iter().copied().filter(is_written));
    let mut der = SecretBytes::with_capacity(base64.as_slice().len());
    der.as_mut_vec().resize(base64.as_slice().len(), 0);
    let length = STANDARD
        .decode_slice(base64.as_slice(), der.as_mut_vec())
        .map_err(|_| CryptoError::NotBase64)?;
    der.as_mut_vec().truncate(length);
    Ok(der)
}

fn encode_base64(bytes: &[u8], into: &mut Vec<u8>) {
    into.resize(bytes.len().div_ceil(3) * 4, 0);
    let length = STANDARD
        .encode_slice(bytes, into)
        .expect("base64 takes four bytes for every three begun, and there are as many");
    into.truncate(length);
}

fn write_pem(base64: &[u8], label: &str, into: &mut Vec<u8>) {
    let label = label.as_bytes();
    for piece in [BEGIN, label, DASHES, b"\n"] {
        into.extend_from_slice(piece);
    }
    for line in base64.chunks(LINE_BYTES) {
        into.extend_from_slice(line);
        into.push(b'\n');
    }
    for piece in [END, label, DASHES, b"\n"] {
        into.extend_from_slice(piece);
    }
}

const fn pem_length(base64: usize, label: &str) -> usize {
    let lines = BEGIN.len() + END.len() + 2 * (label.len() + DASHES.len() + 1);
    lines + base64 + base64.div_ceil(LINE_BYTES)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const PRIVATE_KEY: &str = "PRIVATE KEY";
const PUBLIC_KEY: &str = "PUBLIC KEY";
/// RFC 7468: 64 characters a line.
const LINE_BYTES: usize = 64;
/// A key of 4,096 bits takes 3.3 KB; what is ten times as long is not one.
const MAX_BYTES: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_taken_for_a_private_key_is_exact_so_that_no_copy_is_left_behind() {
        for length in [0, 1, 47, 48, 49, 1217] {
            let pem = PrivateKeyPem::of_der(&vec![7; length]);
            let base64 = length.div_ceil(3) * 4;
            assert_eq!(pem.as_bytes().len(), pem_length(base64, PRIVATE_KEY));
            assert_eq!(
                private_key_der(pem.as_bytes()).unwrap().as_slice().len(),
                length
            );
        }
    }

    #[test]
    fn a_private_key_is_not_printed() {
        assert_eq!(
            format!("{:?}", PrivateKeyPem::of_der(b"secret")),
            "PrivateKeyPem(…)"
        );
    }
}
