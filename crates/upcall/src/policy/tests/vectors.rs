//! The vectors `policy-match`, `post-v1` and `post-v4`.

use serde_json::Value;

use super::super::{Condition, PolicyDocument, PolicyError, check};
use super::{at, bucket};
use crate::form::{Field, FileHead, PostForm};

fn read(file: &str) -> Value {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn form_of(case: &Value) -> PostForm {
    let fields = case["form"].as_object().unwrap().iter();
    let fields = fields.map(|(name, value)| Field {
        name: name.clone(),
        value: value.as_str().unwrap().to_owned(),
    });
    let text = |member| case["file"][member].as_str().map(str::to_owned);
    let file = FileHead {
        filename: text("filename"),
        is_filename_unreadable: false,
        content_type: text("content_type"),
    };
    PostForm::new(fields.collect(), file).unwrap()
}

#[test]
fn policies_match_as_the_vectors_say() {
    let vectors = read("policy-match.json");
    let now = at(vectors["now"].as_str().unwrap());
    let bucket = bucket(vectors["bucket"].as_str().unwrap());
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 33);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let form = form_of(case);
        let outcome = PolicyDocument::parse_json(case["policy"].as_str().unwrap())
            .and_then(|policy| check(&policy, &form, &bucket, now))
            .and_then(|range| range.check(case["file"]["size"].as_u64().unwrap()));
        let expected = &case["expect"];
        if expected["pass"] == true {
            assert_eq!(outcome, Ok(()), "{name}");
            if let Some(key) = expected["stored_key"].as_str() {
                assert_eq!(form.object_key().unwrap().as_str(), key, "{name}");
            }
            continue;
        }
        let refusal = outcome.unwrap_err().refusal();
        assert_eq!(expected["http"], refusal.row().status, "{name}");
        assert_eq!(expected["code"], refusal.row().code, "{name}");
        for (member, found) in [("message", Some(refusal.text())), ("ec", refusal.row().ec)] {
            if let Some(text) = expected[member].as_str() {
                assert_eq!(Some(text), found, "{name}");
            }
        }
    }
}

#[test]
fn the_policies_of_the_signature_vectors_are_read() {
    for file in ["post-v1.json", "post-v4.json"] {
        for case in read(file).as_array().unwrap() {
            let name = case["name"].as_str().unwrap();
            let json = case["policy_json_text"].as_str().unwrap();
            let decoded = PolicyDocument::decode(case["policy_field"].as_str().unwrap()).unwrap();
            assert_eq!(
                PolicyDocument::parse_json(json),
                Ok(decoded.clone()),
                "{name}"
            );
            assert_eq!(
                PolicyDocument::decode(&decoded.encode()),
                Ok(decoded),
                "{name}"
            );
        }
    }
    let escaped = &read("post-v1.json")[0]["policy_field"];
    let policy = PolicyDocument::decode(escaped.as_str().unwrap()).unwrap();
    assert_eq!(policy.expiration, at("2020-03-19T03:44:06.476Z"));
    assert_eq!(
        policy.conditions[1],
        Condition::Equals {
            field: "key".to_owned(),
            value: "user/eric/${filename}".to_owned(),
        }
    );
}

/// The V4 vectors' own forms, with the file and fields that their other conditions want.
#[test]
fn the_forms_of_the_v4_vectors_satisfy_their_policies() {
    for case in read("post-v4.json").as_array().unwrap() {
        let fields = case["form_fields"].as_object().unwrap().iter();
        let fields = fields.map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let others = [("key", "user/eric/a.jpg"), ("success_action_status", "201")];
        let fields: Vec<_> = fields.chain(others).collect();
        let policy = PolicyDocument::decode(case["policy_field"].as_str().unwrap()).unwrap();
        let now = at("2023-12-03T12:12:12Z");
        let bucket = bucket("examplebucket");
        let outcome = |fields: &[(&str, &str)]| {
            check(
                &policy,
                &super::form(fields, Some("image/png")),
                &bucket,
                now,
            )
        };
        assert!(outcome(&fields).is_ok());
        for (place, (name, _)) in fields.iter().enumerate() {
            if !name.starts_with("x-oss-") || *name == "x-oss-signature" {
                continue;
            }
            let mut other = fields.clone();
            other[place].1 = "other";
            let error = outcome(&other).unwrap_err();
            assert!(matches!(error, PolicyError::ConditionUnmet(_)), "{name}");
        }
    }
}
