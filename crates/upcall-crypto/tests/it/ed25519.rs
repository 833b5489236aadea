//! Ed25519: RFC 8032's own values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use upcall_crypto::{CryptoError, Ed25519PrivateKey, RsaPrivateKey};

/// RFC 8032, 7.1: secret key, public key, message, signature.
const VECTORS: [[&str; 4]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
];

fn bytes(hex: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

/// RFC 8410, 7: the seed, in two octet strings, after the algorithm's name.
fn pem(seed: &[u8]) -> String {
    let der = [&bytes("302e020100300506032b657004220420")[..], seed].concat();
    let text = STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

#[test]
fn the_test_vectors_of_rfc_8032_hold() {
    for [secret, public, message, signature] in VECTORS {
        let pem = pem(&bytes(secret));
        let key = Ed25519PrivateKey::from_pkcs8_pem(pem.as_bytes()).unwrap();
        assert_eq!(key.public_key().unwrap()[..], bytes(public));
        assert_eq!(key.sign(&bytes(message)).unwrap()[..], bytes(signature));
        assert_eq!(key.to_pkcs8_pem().unwrap().as_bytes(), pem.as_bytes());
    }
}

#[test]
fn a_generated_key_is_its_own_and_comes_back_from_pem() {
    let (one, other) = (
        Ed25519PrivateKey::generate().unwrap(),
        Ed25519PrivateKey::generate().unwrap(),
    );
    assert_ne!(one.public_key().unwrap(), other.public_key().unwrap());
    let read = Ed25519PrivateKey::from_pkcs8_pem(one.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
    assert_eq!(read.public_key().unwrap(), one.public_key().unwrap());
    assert_eq!(read.sign(b"m").unwrap(), one.sign(b"m").unwrap());
    assert_ne!(one.sign(b"m").unwrap(), other.sign(b"m").unwrap());
    assert_ne!(one.sign(b"m").unwrap(), one.sign(b"n").unwrap());
    assert_eq!(format!("{one:?}"), "Ed25519PrivateKey(…)");
}

#[test]
fn a_key_of_the_other_kind_is_named() {
    let rsa = RsaPrivateKey::generate(1024).unwrap();
    let rsa = rsa.to_pkcs8_pem().unwrap();
    let refused = Ed25519PrivateKey::from_pkcs8_pem(rsa.as_bytes()).map(|_| ());
    assert_eq!(refused, Err(CryptoError::NotEd25519));
    let ed25519 = pem(&[7; 32]);
    let refused = RsaPrivateKey::from_pkcs8_pem(ed25519.as_bytes()).map(|_| ());
    assert_eq!(refused, Err(CryptoError::NotRsa));
    let cut = pem(&[7; 31]);
    assert!(Ed25519PrivateKey::from_pkcs8_pem(cut.as_bytes()).is_err());
}
