//! What an application server believes, and what not.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use proptest::prelude::*;
use rsa::pkcs8::DecodePrivateKey;

use super::super::*;
use super::{read, text};

#[test]
fn a_small_key_is_good_at_the_two_addresses_of_oss_and_nowhere_else() {
    let vectors = read("callback-signature.json");
    let small = &vectors["throwaway_keys_for_tests"][0];
    let key = PublicKey::from_pem(text(&small["public_key_pem"])).unwrap();
    let case = &small["cases"][0];
    let urls =
        PublicKeyUrls::parse("oss http://gosspublic.alicdn.com/ https://keys.example/").unwrap();
    let verifier = CallbackVerifier::new(urls);
    for (url, expected) in [
        (
            "https://gosspublic.alicdn.com/callback_pub_key_v1.pem",
            Ok(()),
        ),
        (
            "http://gosspublic.alicdn.com/callback_pub_key_v1.pem",
            Ok(()),
        ),
        (
            "https://gosspublic.alicdn.com/other.pem",
            Err(VerifyError::KeyTooSmall {
                bits: 512,
                least: 1024,
            }),
        ),
        (
            "https://keys.example/callback_pub_key_v1.pem",
            Err(VerifyError::KeyTooSmall {
                bits: 512,
                least: 1024,
            }),
        ),
    ] {
        let url = STANDARD.encode(url);
        let headers = [
            ("authorization", text(&case["authorization"])),
            ("x-oss-pub-key-url", &*url),
        ];
        let request = CallbackRequest {
            method: "POST",
            target: text(&case["request_target"]),
            headers: &headers,
            body: text(&case["body"]).as_bytes(),
        };
        let verified = verifier.read(&request).unwrap().verify(&key).map(|_| ());
        assert_eq!(verified, expected);
    }
}

#[test]
fn the_part_that_is_wrong_is_named() {
    use VerifyError as E;
    let good = Sent::new("/cb?id=1", b"bucket=b");
    assert_eq!(good.verify(), Ok(()));

    let refused = |change: &dyn Fn(&mut Sent), error: VerifyError, part: &str| {
        let mut sent = good.clone();
        change(&mut sent);
        assert_eq!(sent.verify(), Err(error));
        assert_eq!(error.part().to_string(), part);
    };
    refused(&|sent| sent.method = "GET", E::Method, "request");
    for target in [
        "cb?id=1",
        "http://a/cb?id=1",
        "/cb%3Fid=1",
        "/cb%0Abucket",
        "/cb?a\nb",
    ] {
        refused(&|sent| sent.target = target.into(), E::Target, "request");
    }
    for name in ["authorization", "x-oss-pub-key-url"] {
        refused(
            &|sent| sent.drop_header(name),
            E::HeaderMissing { name },
            "header",
        );
        refused(
            &|sent| sent.add_header(&name.to_uppercase(), "AAAA"),
            E::HeaderTwice { name },
            "header",
        );
    }
    for name in ["authorization", "content-md5"] {
        refused(
            &|sent| sent.set_header(name, "!"),
            E::HeaderNotBase64 { name },
            "header",
        );
    }
    let version = |sent: &mut Sent| sent.add_header("x-oss-signature-version", "2.0");
    refused(&version, E::SignatureVersion, "header");
    let elsewhere = STANDARD.encode("http://evil.example/key.pem");
    refused(
        &|sent| sent.set_header("x-oss-pub-key-url", &elsewhere),
        E::KeyUrl(InvalidPublicKeyUrl::NotAllowed),
        "key-url",
    );
    refused(&|sent| sent.body.push(b'!'), E::Digest, "digest");
    refused(
        &|sent| sent.set_header("content-md5", "AAAA"),
        E::Digest,
        "digest",
    );
    refused(
        &|sent| sent.target = "/cb?id=2".into(),
        E::Signature,
        "signature",
    );
    refused(
        &|sent| sent.set_header("authorization", "AAAA"),
        E::Signature,
        "signature",
    );
}

#[test]
fn a_callback_without_a_digest_rests_on_its_signature() {
    let mut sent = Sent::new("/cb", b"bucket=b");
    sent.drop_header("content-md5");
    assert_eq!(sent.verify(), Ok(()), "OSS's oldest callbacks have none");
    sent.body.push(b'!');
    assert_eq!(sent.verify(), Err(VerifyError::Signature));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// One byte of path, query or body is another: no signature.
    #[test]
    fn a_changed_byte_is_found(
        path in "/[a-z0-9/._-]{1,20}",
        query in "[a-z0-9=&%/?.]{1,20}",
        body in prop::collection::vec(any::<u8>(), 1..60),
        at in any::<prop::sample::Index>(),
        letter in "[a-z]",
        flip in 1u8..=255,
    ) {
        let good = Sent::new(&format!("{path}?{query}"), &body);
        prop_assert_eq!(good.verify(), Ok(()));

        let mut other = good.clone();
        let at_body = at.index(body.len());
        other.body[at_body] ^= flip;
        prop_assert_eq!(other.verify(), Err(VerifyError::Digest));
        other.drop_header("content-md5");
        prop_assert_eq!(other.verify(), Err(VerifyError::Signature));

        // Past the first slash; the mark between path and query is one of the bytes, too.
        let mut other = good.clone();
        let at_target = 1 + at.index(good.target.len() - 1);
        if other.target[at_target..=at_target] != letter {
            other.target.replace_range(at_target..=at_target, &letter);
            prop_assert_eq!(other.verify(), Err(VerifyError::Signature));
        }
    }
}

/// A callback, signed with a key of 2,048 bits that serves for tests.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    fn new(target: &str, body: &[u8]) -> Self {
        let signature = KEY
            .pkcs1v15_sign::<Md5>(&string_to_sign(target, body))
            .unwrap();
        let headers = [
            ("authorization", STANDARD.encode(signature)),
            ("content-md5", STANDARD.encode(Md5::digest(body))),
            ("x-oss-pub-key-url", STANDARD.encode(KEY_URL)),
        ];
        Self {
            method: "POST",
            target: target.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            body: body.to_vec(),
        }
    }

    fn add_header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn drop_header(&mut self, name: &str) {
        self.headers.retain(|(has, _)| has != name);
    }

    fn set_header(&mut self, name: &str, value: &str) {
        self.drop_header(name);
        self.add_header(name, value);
    }

    fn verify(&self) -> Result<(), VerifyError> {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let request = CallbackRequest {
            method: self.method,
            target: &self.target,
            headers: &headers,
            body: &self.body,
        };
        let urls = PublicKeyUrls::none().and(KEY_URL).unwrap();
        CallbackVerifier::new(urls)
            .read(&request)?
            .verify(&PUBLIC)
            .map(|_| ())
    }
}

const KEY_URL: &str = "http://127.0.0.1:8700/callback_pub_key_v1.pem";

static KEY: LazyLock<rsa::PrivateKey> = LazyLock::new(|| {
    let vectors = read("callback-signature.json");
    let pem = text(&vectors["throwaway_keys_for_tests"][1]["private_key_pkcs8_pem"]);
    rsa::PrivateKey::from_pkcs8_pem(pem).unwrap()
});

static PUBLIC: LazyLock<PublicKey> = LazyLock::new(|| {
    let vectors = read("callback-signature.json");
    PublicKey::from_pem(text(
        &vectors["throwaway_keys_for_tests"][1]["public_key_pem"],
    ))
    .unwrap()
});
