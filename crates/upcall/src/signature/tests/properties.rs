//! Whatever is signed verifies, and whatever differs does not.

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::{PolicySignature, RequestSignature, Scope, SignedRequest, v1, v4};
use super::query;
use crate::form::FormCredentials;
use crate::name::{AccessKeyId, AccessKeySecret};

fn id() -> AccessKeyId {
    AccessKeyId::parse("ak").unwrap()
}

fn any_pairs(name: &'static str) -> impl Strategy<Value = Vec<(String, String)>> {
    let value = "[ -~]{0,8}|[猫é+&=%/]{0,3}";
    proptest::collection::vec((name, value), 0..5)
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

proptest! {
    #[test]
    fn one_flipped_bit_of_a_policy_or_its_signature_fails(
        policy in "[A-Za-z0-9+/]{4,60}",
        place in any::<proptest::sample::Index>(),
        bit in 0_u8..7,
    ) {
        let secret = AccessKeySecret::new("sk");
        let flip = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[place.index(text.len())] ^= 1 << bit;
            String::from_utf8(bytes).unwrap()
        };
        let scope = Scope::oss("cn-hangzhou");
        let credential = v4::Credential::new(&id(), scope, NOW);
        let name = credential.to_string();
        let verify_v1 = |policy: &str, signature: &str| {
            let form = FormCredentials::V1 {
                access_key_id: "ak", policy, signature, security_token: None,
            };
            PolicySignature::of(&form).unwrap().unwrap().verify(Some(&secret), scope, NOW).is_ok()
        };
        let verify_v4 = |policy: &str, signature: &str| {
            let form = FormCredentials::V4 {
                credential: &name, date: "19700101T000000Z", policy, signature, security_token: None,
            };
            PolicySignature::of(&form).unwrap().unwrap().verify(Some(&secret), scope, NOW).is_ok()
        };
        let signature = v1::sign_policy(&secret, &policy);
        prop_assert!(verify_v1(&policy, &signature));
        prop_assert!(!verify_v1(&policy, &flip(&signature)));
        prop_assert!(!verify_v1(&flip(&policy), &signature));
        let signature = v4::sign_policy(&secret, &credential, &policy);
        prop_assert!(verify_v4(&policy, &signature));
        prop_assert!(!verify_v4(&policy, &flip(&signature)));
        prop_assert!(!verify_v4(&flip(&policy), &signature));
    }

    #[test]
    fn a_presigned_url_is_good_for_what_it_was_signed_for(
        own in any_pairs("uploadId|x-oss-[a-c]|versionId"),
        headers in any_pairs("x-oss-[a-c]|Content-Type"),
        key in "[a-c/ +猫]{1,6}",
    ) {
        let secret = AccessKeySecret::new("sk");
        let scope = Scope::oss("cn-hangzhou");
        let plain = SignedRequest {
            method: "PUT",
            bucket: Some("photos"),
            key: Some(&key),
            query: &own,
            headers: &headers,
        };
        let credential = v4::Credential::new(&id(), scope, NOW);
        let validity = v4::MAX_URL_VALIDITY;
        // V1 refuses values that read as another parameter.
        let with_v1 = v1::presign(&id(), &secret, &plain, NOW);
        let with_v4 = v4::presign(&credential, &secret, &plain, &[], NOW, validity);
        for sent in with_v1.into_iter().chain([with_v4]) {
            let sent = query(&sent);
            let verify = |request: SignedRequest<'_>| {
                let found = RequestSignature::find(&request).unwrap().unwrap();
                found.verify(Some(&secret), &request, scope, NOW).is_ok()
            };
            let signed = SignedRequest { query: &sent, ..plain };
            let extra = [("x-oss-z".to_owned(), String::new())];
            let (more_headers, more_query) = ([&headers[..], &extra].concat(), [&sent[..], &extra].concat());
            let others = [
                SignedRequest { method: "GET", ..signed },
                SignedRequest { bucket: Some("other"), ..signed },
                SignedRequest { key: Some("other"), ..signed },
                SignedRequest { headers: &more_headers, ..signed },
                SignedRequest { query: &more_query, ..signed },
            ];
            prop_assert!(verify(signed));
            prop_assert!(!others.into_iter().any(verify));
        }
    }

    #[test]
    fn whatever_the_header_says_reading_it_does_not_panic(
        header in "(OSS |OSS4-HMAC-SHA256 )?[ -~é]{0,60}",
        parameters in any_pairs("OSSAccessKeyId|Expires|Signature|x-oss-(signature|credential|date|expires|signature-version)"),
    ) {
        let headers = [("Authorization".to_owned(), header)];
        for (query, headers) in [(&[][..], &headers[..]), (&parameters[..], &[][..])] {
            let request = SignedRequest { method: "GET", bucket: None, key: None, query, headers };
            if let Ok(Some(found)) = RequestSignature::find(&request) {
                prop_assert!(found.verify(None, &request, Scope::oss("r"), NOW).is_err());
            }
        }
    }
}
