//! Signatures of forms.

use jiff::{SignedDuration, Timestamp};

use super::super::{PolicySignature, Scope, SignatureError};
use super::super::{date, v1, v4};
use super::{answer, at, element, key, text, vectors};
use crate::form::FormCredentials;
use crate::name::{AccessKeyId, AccessKeySecret};

fn v1_fields<'a>(id: &'a str, policy: &'a str, signature: &'a str) -> FormCredentials<'a> {
    FormCredentials::V1 {
        access_key_id: id,
        policy,
        signature,
        security_token: None,
    }
}

fn found<'a>(credentials: &FormCredentials<'a>) -> PolicySignature<'a> {
    PolicySignature::of(credentials).unwrap().unwrap()
}

#[test]
fn v1_vectors_are_signed_and_verified() {
    for case in vectors("post-v1.json") {
        let name = text(&case, "name");
        let (id, secret) = key(&case);
        let policy = text(&case, "policy_field");
        assert_eq!(policy, text(&case, "string_to_sign"), "{name}");
        let signature = v1::sign_policy(&secret, policy);
        assert_eq!(signature, text(&case, "signature_field"), "{name}");

        let signed = found(&v1_fields(id.as_str(), policy, &signature));
        assert_eq!((signed.access_key_id(), signed.policy()), (&id, policy));
        let verify =
            |secret| signed.verify(secret, Scope::oss("cn-hangzhou"), Timestamp::UNIX_EPOCH);
        assert_eq!(verify(Some(&secret)), Ok(()), "{name}");
        let other = AccessKeySecret::new("other");
        let wrong = verify(Some(&other)).unwrap_err();
        assert_eq!(
            answer(&wrong),
            ("SignatureDoesNotMatch", 403, Some("0002-00000705"))
        );
        assert_eq!(element(&wrong, "StringToSign").unwrap(), policy);
        assert_eq!(element(&wrong, "SignatureProvided").unwrap(), signature);
        let unknown = verify(None).unwrap_err();
        assert_eq!(answer(&unknown).0, "InvalidAccessKeyId");
    }
}

#[test]
fn v4_vectors_are_signed_and_verified() {
    for case in vectors("post-v4.json") {
        let name = text(&case, "name");
        let (id, secret) = key(&case);
        let policy = text(&case, "policy_field");
        let time = date::parse(date::BASIC, text(&case, "x_oss_date")).unwrap();
        let scope = Scope {
            region: text(&case, "region"),
            product: text(&case, "product"),
        };
        let credential = v4::Credential::new(&id, scope, time);
        let signing_key = v4::SigningKey::new(&secret, &credential);
        assert_eq!(
            signing_key.to_hex(),
            text(&case, "signing_key_hex"),
            "{name}"
        );
        let signature = v4::sign_policy(&secret, &credential, policy);
        assert_eq!(signature, text(&case, "signature_field"), "{name}");
        let fields = &case["form_fields"];
        assert_eq!(credential.to_string(), text(fields, "x-oss-credential"));

        let signed = found(&FormCredentials::V4 {
            credential: text(fields, "x-oss-credential"),
            date: text(fields, "x-oss-date"),
            policy,
            signature: text(fields, "x-oss-signature"),
            security_token: fields["x-oss-security-token"].as_str(),
        });
        assert_eq!((signed.access_key_id(), signed.policy()), (&id, policy));
        assert_eq!(signed.verify(Some(&secret), scope, time), Ok(()), "{name}");
        let wrong = AccessKeySecret::new("other");
        let wrong = signed.verify(Some(&wrong), scope, time).unwrap_err();
        assert_eq!(
            answer(&wrong),
            ("SignatureDoesNotMatch", 403, Some("0002-00000705"))
        );
        let unknown = signed.verify(None, scope, time).unwrap_err();
        assert_eq!(answer(&unknown).0, "InvalidAccessKeyId");
    }
}

#[test]
fn another_spelling_of_the_same_bytes_is_no_signature() {
    let secret = AccessKeySecret::new("sk");
    let good = v1::sign_policy(&secret, "e30=");
    assert!(good.ends_with('=') && !good.ends_with("=="));
    let (body, _) = good.split_at(good.len() - 2);
    let last = good.as_bytes()[good.len() - 2];
    // 20 bytes leave two spare bits in the last digit.
    let spare = body.to_owned() + &char::from(last + 1).to_string() + "=";
    let v4_style = v4::sign_policy(
        &secret,
        &v4::Credential::parse("ak/20231203/cn-hangzhou/oss/aliyun_v4_request").unwrap(),
        "e30=",
    );
    for bad in [
        spare,
        good.trim_end_matches('=').to_owned(),
        format!("{good}="),
        format!("{good}\n"),
        format!(" {good}"),
        good[..good.len() - 4].to_owned(),
        good.replace('+', "-").replace('/', "_") + "x",
        good.to_lowercase(),
        String::new(),
        v4_style,
    ] {
        let signed = found(&v1_fields("ak", "e30=", &bad));
        let error = signed.verify(Some(&secret), Scope::oss("r"), Timestamp::UNIX_EPOCH);
        assert!(matches!(error, Err(SignatureError::Mismatch(_))), "{bad}");
    }
}

/// A form of V4, signed by `ak` with `sk` for `cn-hangzhou`.
struct V4 {
    credential: String,
    date: String,
    signature: String,
}

impl V4 {
    fn signed(time: &str) -> Self {
        let id = AccessKeyId::parse("ak").unwrap();
        let credential = v4::Credential::new(&id, Scope::oss("cn-hangzhou"), at(time));
        Self {
            signature: v4::sign_policy(&AccessKeySecret::new("sk"), &credential, "e30="),
            credential: credential.to_string(),
            date: date::print(date::BASIC, at(time)),
        }
    }

    fn verify(&self, now: Timestamp) -> Result<(), SignatureError> {
        let credentials = FormCredentials::V4 {
            credential: &self.credential,
            date: &self.date,
            policy: "e30=",
            signature: &self.signature,
            security_token: None,
        };
        let signed = PolicySignature::of(&credentials)?.unwrap();
        let secret = AccessKeySecret::new("sk");
        signed.verify(Some(&secret), Scope::oss("cn-hangzhou"), now)
    }
}

#[test]
fn v4_takes_lower_case_hex_of_full_length_only() {
    let now = at("2023-12-03T12:12:12Z");
    let good = V4::signed("2023-12-03T12:12:12Z");
    assert_eq!(good.verify(now), Ok(()));
    for bad in [
        good.signature.to_uppercase(),
        good.signature[..63].to_owned(),
        format!("{}0", good.signature),
        String::new(),
        v1::sign_policy(&AccessKeySecret::new("sk"), "e30="),
    ] {
        let form = V4 {
            signature: bad,
            ..V4::signed("2023-12-03T12:12:12Z")
        };
        assert!(matches!(form.verify(now), Err(SignatureError::Mismatch(_))));
    }
}

#[test]
fn v4_is_valid_from_a_quarter_of_an_hour_before_its_date_to_seven_days_after() {
    let time = at("2023-12-03T23:59:59Z");
    let form = V4::signed("2023-12-03T23:59:59Z");
    let second = SignedDuration::from_secs(1);
    let (before, after) = (SignedDuration::from_mins(15), v4::FORM_VALIDITY);
    for good in [time - before, time, time + after] {
        assert_eq!(form.verify(good), Ok(()), "{good}");
    }
    for bad in [time - before - second, time + after + second] {
        let error = form.verify(bad).unwrap_err();
        assert_eq!(
            answer(&error),
            ("InvalidArgument", 400, Some("0002-00000709")),
            "{bad}"
        );
    }
}

#[test]
fn v4_names_one_day_one_region_and_one_product() {
    let now = at("2023-12-03T12:12:12Z");
    for (credential, date, code, ec) in [
        (
            "ak/20231202/cn-hangzhou/oss/aliyun_v4_request",
            "20231203T121212Z",
            "InvalidArgument",
            "0002-00000709",
        ),
        (
            "ak/20231203/cn-hangzhou/oss/aliyun_v4_request",
            "2023-12-03T12:12:12Z",
            "InvalidArgument",
            "0002-00000709",
        ),
        (
            "ak/20231203/cn-beijing/oss/aliyun_v4_request",
            "20231203T121212Z",
            "SignatureDoesNotMatch",
            "0002-00000227",
        ),
        (
            "ak/20231203/cn-hangzhou/oss-cloudbox/aliyun_v4_request",
            "20231203T121212Z",
            "SignatureDoesNotMatch",
            "0002-00000227",
        ),
        (
            "ak/20231203/cn-hangzhou/oss/request",
            "20231203T121212Z",
            "InvalidArgument",
            "0002-00000710",
        ),
    ] {
        let form = V4 {
            credential: credential.to_owned(),
            date: date.to_owned(),
            ..V4::signed("2023-12-03T12:12:12Z")
        };
        let error = form.verify(now).unwrap_err();
        assert_eq!(
            (answer(&error).0, answer(&error).2),
            (code, Some(ec)),
            "{credential} {date}"
        );
    }
}

#[test]
fn a_form_without_policy_is_anonymous_and_an_impossible_id_is_told() {
    assert_eq!(PolicySignature::of(&FormCredentials::Anonymous), Ok(None));
    let error = PolicySignature::of(&v1_fields("a k", "e30=", "x")).unwrap_err();
    assert_eq!(
        answer(&error),
        ("InvalidAccessKeyId", 403, Some("0002-00000903"))
    );
}

#[test]
fn a_long_policy_is_repeated_in_part() {
    let policy = "猫".repeat(100_000);
    let signed = found(&v1_fields("ak", &policy, "x"));
    let secret = AccessKeySecret::new("sk");
    let error = signed
        .verify(Some(&secret), Scope::oss("r"), Timestamp::UNIX_EPOCH)
        .unwrap_err();
    let shown = element(&error, "StringToSign").unwrap();
    assert!(policy.starts_with(&shown) && (16_382..=16_384).contains(&shown.len()));
    assert!(error.refusal().to_xml("", "").len() < 80_000);
}

#[test]
fn nothing_secret_is_printed() {
    let signed = found(&v1_fields("ak", "the-policy", "the-signature"));
    assert_eq!(format!("{signed:?}"), "V1(AccessKeyId(\"ak\"), …)");
    let form = V4::signed("2023-12-03T12:12:12Z");
    let credential = v4::Credential::parse(&form.credential).unwrap();
    let signing_key = v4::SigningKey::new(&AccessKeySecret::new("sk"), &credential);
    assert_eq!(format!("{signing_key:?}"), "SigningKey(…)");
}
