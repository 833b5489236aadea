//! What is believed by its webhook headers, and what not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::super::CallbackRequest;
use super::super::webhook::*;

/// Made with `openssl pkeyutl -sign -rawin` over id, time and body.
const KEY: &str = "whpk_gKYreJEfvjqmzAUgeWWP5/SUDMcsbfx2x38anWhpK2o=";
const SIGNATURE: &str =
    "P6EuBYbwIQ3AFmTEJiSLVGseIoCxkjOtWjZOf92lTYyTM1/v1ZN95J0G9Az4zPeL0jBp/HUFRrHPK9/D2wRmCw==";
const ID: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";
const TIME: i64 = 1_674_087_231;
const BODY: &[u8] = b"{\"object\":\"user/eric/cat.jpg\",\"size\":5}";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn verifier() -> WebhookVerifier {
    WebhookVerifier::new([WebhookKey::parse(KEY).unwrap()])
}

fn verified(
    verifier: &WebhookVerifier,
    headers: &[(&str, &str)],
    body: &[u8],
    now: i64,
) -> Result<String, WebhookError> {
    let request = CallbackRequest {
        method: "POST",
        target: "/cb",
        headers,
        body,
    };
    let webhook = verifier.verify(&request, at(now))?;
    assert_eq!(webhook.body(), body);
    Ok(format!(
        "{} {}",
        webhook.id(),
        webhook.timestamp().as_second()
    ))
}

/// Under other values of the three headers.
fn with(id: &str, time: &str, signature: &str) -> Result<String, WebhookError> {
    let headers = [
        ("Webhook-Id", id),
        ("webhook-timestamp", time),
        ("WEBHOOK-SIGNATURE", signature),
    ];
    verified(&verifier(), &headers, BODY, TIME)
}

#[test]
fn a_signature_of_another_program_is_believed() {
    let time = TIME.to_string();
    let expected = Ok(format!("{ID} {TIME}"));
    assert_eq!(with(ID, &time, &format!("v1a,{SIGNATURE}")), expected);
    // Beside one of a former key, and one with a shared secret.
    let other = STANDARD.encode([7; 64]);
    let several =
        format!("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,{other}  v1a,{SIGNATURE}");
    assert_eq!(with(ID, &time, &several), expected);
}

#[test]
fn while_keys_are_rotated_either_is_believed() {
    let keys = [[1; 32], [2; 32], [3; 32]].map(|bytes| SigningKey::from_bytes(&bytes));
    let public = |key: &SigningKey| {
        let text = format!("whpk_{}", STANDARD.encode(key.verifying_key()));
        let parsed = WebhookKey::parse(&text).unwrap();
        assert_eq!(parsed.to_string(), text);
        parsed
    };
    let sign = |key: &SigningKey| {
        let signature = key.sign([b"a.5.".as_slice(), BODY].concat().as_slice());
        format!("v1a,{}", STANDARD.encode(signature.to_bytes()))
    };
    let verifier = WebhookVerifier::new([public(&keys[0]), public(&keys[1])]);
    let verify = |signature: &str| {
        let headers = [
            ("webhook-id", "a"),
            ("webhook-timestamp", "5"),
            ("webhook-signature", signature),
        ];
        verified(&verifier, &headers, BODY, 5)
    };
    assert!(verify(&sign(&keys[0])).is_ok());
    assert!(verify(&sign(&keys[1])).is_ok());
    assert_eq!(verify(&sign(&keys[2])), Err(WebhookError::Signature));
    assert!(verify(&format!("{} {}", sign(&keys[2]), sign(&keys[1]))).is_ok());
}

#[test]
fn what_is_not_of_late_is_refused() {
    let (time, signature) = (TIME.to_string(), format!("v1a,{SIGNATURE}"));
    let headers = [
        ("webhook-id", ID),
        ("webhook-timestamp", &time),
        ("webhook-signature", &signature),
    ];
    let verify =
        |verifier: &WebhookVerifier, now| verified(verifier, &headers, BODY, now).map(|_| ());
    assert_eq!(verify(&verifier(), TIME + 300), Ok(()));
    assert_eq!(verify(&verifier(), TIME - 300), Ok(()));
    assert_eq!(verify(&verifier(), TIME + 301), Err(WebhookError::TooOld));
    assert_eq!(verify(&verifier(), TIME - 301), Err(WebhookError::TooNew));
    let strict = verifier().tolerance(SignedDuration::ZERO);
    assert_eq!(verify(&strict, TIME), Ok(()));
    assert_eq!(verify(&strict, TIME + 1), Err(WebhookError::TooOld));
    // Of a forgery it is not said how old it is.
    let forged = verified(&verifier(), &headers, b"{}", TIME + 301);
    assert_eq!(forged, Err(WebhookError::Signature));
}

#[test]
fn each_header_is_needed_once_and_in_its_form() {
    let (time, signature) = (TIME.to_string(), format!("v1a,{SIGNATURE}"));
    let good = [
        ("webhook-id", ID),
        ("webhook-timestamp", &*time),
        ("webhook-signature", &*signature),
    ];
    for (place, (name, _)) in good.into_iter().enumerate() {
        let mut headers = good.to_vec();
        headers.remove(place);
        let refused = verified(&verifier(), &headers, BODY, TIME);
        assert_eq!(refused, Err(WebhookError::HeaderMissing { name }));
        let twice = [&good[..], &good[place..=place]].concat();
        let refused = verified(&verifier(), &twice, BODY, TIME);
        assert_eq!(refused, Err(WebhookError::HeaderTwice { name }));
    }
    let unreadable = |name| Err(WebhookError::HeaderUnreadable { name });
    for id in ["", "a.b", "a b", "猫", &"a".repeat(257)] {
        assert_eq!(
            with(id, &time, &signature),
            unreadable("webhook-id"),
            "{id}"
        );
    }
    for time in [
        "",
        "+1674087231",
        "-1",
        "1674087231.0",
        " 1674087231",
        "99999999999999",
        "x",
    ] {
        assert_eq!(
            with(ID, time, &signature),
            unreadable("webhook-timestamp"),
            "{time}"
        );
    }
    let many = format!("v1a,{SIGNATURE} ").repeat(17);
    for list in [
        "",
        " ",
        "v1a",
        SIGNATURE,
        "v1a,!",
        "v1a,AAAA",
        many.as_str(),
    ] {
        assert_eq!(
            with(ID, &time, list),
            unreadable("webhook-signature"),
            "{list}"
        );
    }
    // None of the version that is asked for.
    assert_eq!(with(ID, &time, "v1,AAAA"), Err(WebhookError::Signature));
    let late = (TIME + 1).to_string();
    assert_eq!(with(ID, &late, &signature), Err(WebhookError::Signature));
    assert_eq!(
        with("other", &time, &signature),
        Err(WebhookError::Signature)
    );
}

#[test]
fn what_is_no_public_key_is_refused() {
    use InvalidWebhookKey::{Length, NotAKey, NotBase64, Prefix, Secret};
    let of = |bytes: &[u8]| format!("whpk_{}", STANDARD.encode(bytes));
    let mut identity = [0; 32];
    identity[0] = 1;
    for (text, why) in [
        ("", Prefix),
        ("gKYreJEfvjqmzAUgeWWP5/SUDMcsbfx2x38anWhpK2o=", Prefix),
        ("whsk_gKYreJEfvjqmzAUgeWWP5/SUDMcsbfx2x38anWhpK2o=", Secret),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Secret),
        ("whpk_!", NotBase64),
        ("whpk_", Length),
        (&of(&[1; 31]), Length),
        // No point of the curve, and one of a small group.
        (&of(&[2; 32]), NotAKey),
        (&of(&identity), NotAKey),
    ] {
        assert_eq!(WebhookKey::parse(text), Err(why), "{text}");
    }
    assert!(WebhookKey::parse(&format!(" {KEY}\n")).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_changed_byte_is_found(at in 0..BODY.len(), flip in 1u8..=255) {
        let (time, signature) = (TIME.to_string(), format!("v1a,{SIGNATURE}"));
        let headers = [
            ("webhook-id", ID),
            ("webhook-timestamp", &*time),
            ("webhook-signature", &*signature),
        ];
        let mut body = BODY.to_vec();
        body[at] ^= flip;
        let refused = verified(&verifier(), &headers, &body, TIME);
        prop_assert_eq!(refused, Err(WebhookError::Signature));
    }

    #[test]
    fn no_header_breaks_it(id in ".{0,20}", time in "[0-9+-. ]{0,24}", list in "(v1a?,[A-Za-z0-9+/=]{0,90} ?){0,4}") {
        prop_assert!(with(&id, &time, &list).is_err());
    }
}
