//! The table that the kit's every language reads: what signing a policy gives.

use serde_json::Value;

use super::super::signed::{SignedPolicy, V4Signer};
use super::super::{Condition, PolicyBuilder, PolicyDocument};
use super::at;
use crate::name::{AccessKeyId, AccessKeySecret};
use crate::signature::Scope;

#[test]
fn every_policy_of_the_table_is_signed_as_it_says() {
    let table: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/signed-policy.json")).unwrap();
    let cases = table["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let signed = signed(case);
        let name = &case["name"];

        let policy = PolicyDocument::decode(signed.policy()).unwrap();
        assert_eq!(policy.to_json(), text(&case["policyJson"]), "{name}");
        let fields: Vec<(&str, &str)> = pairs(&case["fields"]);
        assert_eq!(signed.fields(), fields, "{name}");
        let answer: Value = serde_json::from_str(&signed.to_json()).unwrap();
        assert_eq!(answer, case["answer"], "{name}");
    }
}

fn signed(case: &Value) -> SignedPolicy {
    let id = AccessKeyId::parse(text(&case["accessKeyId"])).unwrap();
    let secret = AccessKeySecret::new(text(&case["accessKeySecret"]));
    let conditions = case["conditions"].as_array().unwrap();
    let policy = conditions
        .iter()
        .map(condition)
        .fold(
            PolicyBuilder::new(at(text(&case["expiration"]))),
            PolicyBuilder::and,
        )
        .build();
    let signed = match text(&case["version"]) {
        "V1" => SignedPolicy::v1(&id, &secret, &policy),
        "V4" => SignedPolicy::v4(
            &V4Signer {
                access_key_id: &id,
                secret: &secret,
                scope: Scope::oss(text(&case["region"])),
                security_token: case["securityToken"].as_str(),
                now: at(text(&case["now"])),
            },
            &policy,
        ),
        other => panic!("the version `{other}`"),
    };
    let mut signed = signed.host(text(&case["host"])).dir(text(&case["dir"]));
    if let Some(callback) = case["callback"].as_str() {
        signed = signed.callback(callback);
    }
    for (name, value) in pairs(&case["more"]) {
        signed = signed.field(name, value);
    }
    signed
}

fn condition(said: &Value) -> Condition {
    let field = || text(&said["field"]).to_owned();
    let values = || {
        let values = said["values"].as_array().unwrap().iter();
        values.map(|value| text(value).to_owned()).collect()
    };
    match text(&said["operator"]) {
        "eq" => Condition::Equals {
            field: field(),
            value: text(&said["value"]).to_owned(),
        },
        "starts-with" => Condition::StartsWith {
            field: field(),
            prefix: text(&said["value"]).to_owned(),
        },
        "in" => Condition::In {
            field: field(),
            values: values(),
        },
        "not-in" => Condition::NotIn {
            field: field(),
            values: values(),
        },
        "content-length-range" => Condition::ContentLengthRange {
            min: said["min"].as_u64().unwrap(),
            max: said["max"].as_u64().unwrap(),
        },
        other => panic!("the operator `{other}`"),
    }
}

fn pairs(list: &Value) -> Vec<(&str, &str)> {
    let pairs = list.as_array().unwrap().iter();
    pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
