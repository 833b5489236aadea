//! Keys and signatures: the protocol's vectors, and crate `rsa` as the second opinion.

use std::sync::LazyLock;

use proptest::prelude::*;
use rsa::pkcs8::DecodePublicKey;
use serde_json::Value;
use upcall_crypto::{CryptoError, RsaPrivateKey};

#[test]
fn the_throwaway_keys_sign_byte_for_byte_as_openssl_does() {
    let vectors = vectors();
    let keys = vectors["throwaway_keys_for_tests"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let private = RsaPrivateKey::from_pkcs8_pem(text(&key["private_key_pkcs8_pem"])).unwrap();
        assert_eq!(Some(u64::from(private.bits())), key["bits"].as_u64());
        assert_eq!(
            private.public_key_pem().unwrap(),
            key["public_key_pem"].as_str().unwrap()
        );
        for case in key["cases"].as_array().unwrap() {
            let signature = private.sign_md5(text(&case["string_to_sign"])).unwrap();
            assert_eq!(
                base64(&signature),
                case["authorization"].as_str().unwrap(),
                "{case}"
            );
        }
    }
}

#[test]
fn a_key_that_was_written_is_the_key_that_is_read() {
    for key in vectors()["throwaway_keys_for_tests"].as_array().unwrap() {
        let pem = text(&key["private_key_pkcs8_pem"]);
        let written = RsaPrivateKey::from_pkcs8_pem(pem)
            .unwrap()
            .to_pkcs8_pem()
            .unwrap();
        assert_eq!(written.as_bytes(), pem);
    }
}

#[test]
fn a_generated_key_has_the_size_asked_for_and_others_accept_what_it_signs() {
    for bits in [1024, 1152, 2048] {
        let key = RsaPrivateKey::generate(bits).unwrap();
        assert_eq!(key.bits(), bits);
        assert_eq!(format!("{key:?}"), format!("RsaPrivateKey({bits} bits)"));

        let signature = key.sign_md5(b"/cb\nbucket=b").unwrap();
        assert_eq!(signature.len(), bits as usize / 8);
        let public = rsa::PublicKey::from_public_key_pem(&key.public_key_pem().unwrap()).unwrap();
        public
            .pkcs1v15_verify::<md5::Md5>(b"/cb\nbucket=b", &signature)
            .unwrap();
        assert!(
            public
                .pkcs1v15_verify::<md5::Md5>(b"/cb\nbucket=c", &signature)
                .is_err()
        );

        let read = RsaPrivateKey::from_pkcs8_pem(key.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
        assert_eq!(read.sign_md5(b"/cb\nbucket=b").unwrap(), signature);
    }
}

/// As OSS's own key has; crate `rsa` refuses to read so small a one.
#[test]
fn a_key_of_512_bits_is_generated() {
    let key = RsaPrivateKey::generate(512).unwrap();
    assert_eq!(key.bits(), 512);
    assert_eq!(key.sign_md5(b"/cb\nbucket=b").unwrap().len(), 64);
}

#[test]
fn sizes_that_are_not_offered_are_refused() {
    for bits in [0, 384, 511, 1023, 1025, 1088, 4097, 4224, u32::MAX] {
        let refused = RsaPrivateKey::generate(bits).map(|_| ());
        assert_eq!(refused, Err(CryptoError::Size { bits }), "{bits}");
    }
}

#[test]
fn many_threads_sign_with_one_key() {
    let expected = KEY.sign_md5(b"together").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(KEY.sign_md5(b"together").unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn what_is_no_private_key_is_told_by_what_it_is() {
    let good = String::from_utf8(KEY.to_pkcs8_pem().unwrap().as_bytes().to_vec()).unwrap();
    let body = good.lines().nth(1).unwrap();
    let relabelled = |label: &str| good.replace("PRIVATE KEY", label);
    let other = |label: &str| CryptoError::OtherPem {
        label: label.into(),
    };
    for (pem, expected) in [
        (String::new(), CryptoError::NotPem),
        ("no key at all".into(), CryptoError::NotPem),
        (
            good.replace("-----END PRIVATE KEY-----", ""),
            CryptoError::NotPem,
        ),
        (good[..good.len() / 2].into(), CryptoError::NotPem),
        (" ".repeat(40_000) + &good, CryptoError::NotPem),
        (relabelled("RSA PRIVATE KEY"), other("RSA PRIVATE KEY")),
        (
            relabelled("ENCRYPTED PRIVATE KEY"),
            other("ENCRYPTED PRIVATE KEY"),
        ),
        (KEY.public_key_pem().unwrap(), other("PUBLIC KEY")),
        (relabelled(&"X".repeat(65)), other("?")),
        (relabelled("\u{1b}[31m"), other("?")),
        (
            good.replacen(body, &body.replacen('M', "*", 1), 1),
            CryptoError::NotBase64,
        ),
        (block(""), CryptoError::NotPkcs8),
        (block("AAAA"), CryptoError::NotPkcs8),
        (ED25519.into(), CryptoError::NotRsa),
    ] {
        assert_eq!(
            RsaPrivateKey::from_pkcs8_pem(pem.as_bytes()).map(|_| ()),
            Err(expected),
            "{pem}"
        );
    }
}

#[test]
fn the_pem_may_have_been_through_other_hands() {
    let good = String::from_utf8(KEY.to_pkcs8_pem().unwrap().as_bytes().to_vec()).unwrap();
    for pem in [
        good.replace('\n', "\r\n"),
        format!("Bag Attributes: none\n{good}\n# a comment\n"),
        good.trim_end().into(),
    ] {
        assert!(
            RsaPrivateKey::from_pkcs8_pem(pem.as_bytes()).is_ok(),
            "{pem}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A changed digit of the key is found when the key is read, and nothing breaks.
    #[test]
    fn a_damaged_key_is_refused(at in any::<prop::sample::Index>(), flip in 1u8..=255) {
        let mut der = der(KEY.to_pkcs8_pem().unwrap().as_bytes());
        let at = at.index(der.len());
        der[at] ^= flip;
        let read = RsaPrivateKey::from_pkcs8_pem(block(&base64(&der)).as_bytes());
        // Not every byte belongs to a number; what is still read must be the same key.
        if let Ok(read) = read {
            prop_assert_eq!(read.sign_md5(b"m").unwrap(), KEY.sign_md5(b"m").unwrap());
        }
    }

    #[test]
    fn nothing_that_is_read_as_a_key_breaks_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(RsaPrivateKey::from_pkcs8_pem(&bytes).is_err());
        prop_assert!(RsaPrivateKey::from_pkcs8_pem(block(&base64(&bytes)).as_bytes()).is_err());
    }
}

static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| RsaPrivateKey::generate(1024).unwrap());

/// A key of another kind, made for this test.
const ED25519: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";

fn vectors() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../upcall/tests/vectors/callback-signature.json"
    );
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &[u8] {
    value.as_str().unwrap().as_bytes()
}

fn block(base64: &str) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn der(pem: &[u8]) -> Vec<u8> {
    use base64::Engine;
    let pem = std::str::from_utf8(pem).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap()
}
