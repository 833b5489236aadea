//! The callback against the protocol's vectors.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::*;
use super::{read, text};

#[test]
fn every_body_is_rendered_as_documented() {
    let vectors = read("callback-body.json");
    let values = |name: &str| text(&vectors["variable_values"][name]);
    let number = |name: &str| values(name).parse().unwrap();
    let image = ImageInfo {
        format: values("imageInfo.format").into(),
        size: Some(ImageSize {
            width: number("imageInfo.width"),
            height: number("imageInfo.height"),
        }),
    };
    let mut facts = CallbackFacts {
        bucket: values("bucket"),
        object: values("object"),
        etag: values("etag"),
        size: number("size"),
        mime_type: values("mimeType"),
        image: Some(&image),
        crc64: number("crc64"),
        content_md5: values("contentMd5"),
        vpc_id: values("vpcId"),
        client_ip: values("clientIp"),
        req_id: values("reqId"),
        operation: values("operation"),
    };
    let custom = vectors["custom_variables"].as_object().unwrap();
    let variables = custom
        .iter()
        .map(|(name, value)| (name, text(value)))
        .collect();

    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let body = rendered(case, &facts, &variables);
        assert_eq!(body, text(&case["expected_body"]), "{case}");
        assert_eq!(Some(body.len() as u64), case["content_length"].as_u64());
    }
    facts.image = None;
    let case = &vectors["not_an_image"];
    assert_eq!(
        rendered(case, &facts, &variables),
        text(&case["expected_body"])
    );
}

fn rendered(case: &Value, facts: &CallbackFacts<'_>, variables: &CallbackVars) -> String {
    let parameter = serde_json::json!({
        "callbackUrl": "a",
        "callbackBody": case["callbackBody"],
        "callbackBodyType": case["callbackBodyType"],
    });
    let parameter = CallbackParameter::parse_json(&parameter.to_string())
        .unwrap()
        .unwrap();
    parameter
        .body
        .render(parameter.body_type, facts, variables)
        .unwrap()
}

#[test]
fn the_templates_that_oss_rejects_are_rejected() {
    for case in read("callback-body.json")["rejected_templates"]
        .as_array()
        .unwrap()
    {
        let json = serde_json::json!({"callbackUrl": "a", "callbackBody": case["callbackBody"]});
        let refusal = CallbackParameter::parse_json(&json.to_string())
            .unwrap_err()
            .refusal();
        assert!(text(&case["error"]).contains(refusal.text()), "{case}");
        assert_eq!(refusal.row().code, "InvalidArgument");
        if let Some(ec) = case["EC"].as_str() {
            assert_eq!(refusal.row().ec, Some(ec));
        }
    }
}

#[test]
fn the_documented_callbacks_verify_with_the_real_key_and_the_negatives_do_not() {
    let vectors = read("callback-signature.json");
    let key = PublicKey::from_pem(text(&vectors["oss_public_key"]["pem"])).unwrap();
    assert_eq!(key.bits(), 512);
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 5);
    for case in cases {
        let (target, body) = (
            text(&case["request_target"]),
            text(&case["body"]).as_bytes(),
        );
        let signed = string_to_sign(target, body);
        assert_eq!(signed, text(&case["string_to_sign"]).as_bytes());

        let digest = text(&case["content_md5_of_body"]);
        for (header, url) in vectors["pub_key_url_header_values"].as_object().unwrap() {
            let headers = [
                ("Authorization", text(&case["authorization"])),
                ("Content-MD5", digest),
                ("x-oss-pub-key-url", header),
            ];
            let request = CallbackRequest {
                method: "POST",
                target,
                headers: &headers,
                body,
            };
            let urls = PublicKeyUrls::parse("oss http://gosspublic.alicdn.com/").unwrap();
            let unverified = CallbackVerifier::new(urls).read(&request).unwrap();
            assert_eq!(unverified.key_url().as_str(), text(url));
            let by_default = CallbackVerifier::default().read(&request);
            assert_eq!(by_default.is_ok(), text(url).starts_with("https:"));
            let verified = unverified.verify(&key).map(|callback| callback.body());
            let expected = if case["verifies"].as_bool().unwrap() {
                Ok(body)
            } else {
                Err(VerifyError::Signature)
            };
            assert_eq!(verified, expected, "{case}");
        }
    }
}

#[test]
fn the_captured_callback_verifies_with_its_own_headers() {
    let vectors = read("callback-signature.json");
    let key = PublicKey::from_pem(text(&vectors["oss_public_key"]["pem"])).unwrap();
    let case = &vectors["cases"][1];
    let headers = case["observed_headers"].as_object().unwrap();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (&**name, text(value)))
        .collect();
    let request = CallbackRequest {
        method: "POST",
        target: text(&case["request_target"]),
        headers: &headers,
        body: text(&case["body"]).as_bytes(),
    };
    let unverified = CallbackVerifier::default().read(&request).unwrap();
    assert!(unverified.verify(&key).is_ok());
}

#[test]
fn the_throwaway_keys_verify_what_they_signed() {
    let vectors = read("callback-signature.json");
    for key in vectors["throwaway_keys_for_tests"].as_array().unwrap() {
        let public = PublicKey::from_pem(text(&key["public_key_pem"])).unwrap();
        assert_eq!(Some(public.bits().into()), key["bits"].as_u64());
        for case in key["cases"].as_array().unwrap() {
            let body = text(&case["body"]).as_bytes();
            let signed = string_to_sign(text(&case["request_target"]), body);
            assert_eq!(signed, text(&case["string_to_sign"]).as_bytes());
            let signature = STANDARD.decode(text(&case["authorization"])).unwrap();
            assert_eq!(public.verify_md5(&signed, &signature), Ok(()), "{case}");
            assert!(public.verify_md5(&signed, &signature[1..]).is_err());
            assert!(
                public
                    .verify_md5(&signed, &[&[0], &*signature].concat())
                    .is_err()
            );
        }
    }
}

#[test]
fn what_is_no_rsa_public_key_is_refused() {
    let vectors = read("callback-signature.json");
    let good = text(&vectors["oss_public_key"]["pem"]);
    let key = PublicKey::from_pem(good).unwrap();
    for same in [
        good.trim_end().to_owned(),
        good.replace('\n', "\r\n"),
        format!("\n{good}\n"),
    ] {
        assert_eq!(PublicKey::from_pem(&same), Ok(key.clone()), "{same:?}");
    }
    let ed25519 = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    // 511 bits: half of the real key's modulus, made odd.
    let small = "-----BEGIN PUBLIC KEY-----\n\
        MFswDQYJKoZIhvcNAQEBBQADSgAwRwJAVZ+SCNngoDs0rDbw5WDjvQQeCWbZGNYF\n\
        o+mvf9PfLNJLfI5RLfTeuWnG1ioOjut6WvihsIOuAS+ED90PswLrJwIDAQAB\n\
        -----END PUBLIC KEY-----\n";
    let even = good.replace("1k8CAwEAAQ==", "1k4CAwEAAQ==");
    let private = text(&vectors["throwaway_keys_for_tests"][1]["private_key_pkcs8_pem"]);
    for (pem, why) in [
        ("", InvalidPublicKey::NotPem),
        ("<html>404</html>", InvalidPublicKey::NotPem),
        (
            &good.replace("PUBLIC", "RSA PUBLIC"),
            InvalidPublicKey::NotPem,
        ),
        (private, InvalidPublicKey::NotPem),
        (&good[..100], InvalidPublicKey::NotPem),
        (
            &format!("{good}{}", " x".repeat(9000)),
            InvalidPublicKey::NotPem,
        ),
        (ed25519, InvalidPublicKey::NotRsa),
        (small, InvalidPublicKey::Numbers),
        (&even, InvalidPublicKey::Numbers),
    ] {
        assert_eq!(PublicKey::from_pem(pem), Err(why), "{pem}");
    }
}
