//! What is checked of a form.

use std::collections::HashMap;

use super::super::{
    Condition, FormView, Found, LengthRange, PolicyBuilder, PolicyError, check, check_all,
};
use super::{answer, at, bucket, form};
use crate::form::FieldValue;

const NOW: &str = "2026-01-01T00:00:00Z";

fn policy() -> PolicyBuilder {
    PolicyBuilder::new(at("2026-01-01T00:10:00Z"))
}

fn outcome(
    policy: PolicyBuilder,
    fields: &[(&str, &str)],
    file_type: Option<&str>,
) -> Result<LengthRange, PolicyError> {
    let form = form(fields, file_type);
    check(&policy.build(), &form, &bucket("photos"), at(NOW))
}

/// What the hint says and what the message says of a condition that is not met.
fn unmet(policy: PolicyBuilder, fields: &[(&str, &str)]) -> (String, String) {
    let error = outcome(policy, fields, None).unwrap_err();
    let (code, ec, message) = answer(&error);
    assert_eq!((code, ec), ("AccessDenied", "0006-00000227"));
    let prefix = "Invalid according to Policy: Policy Condition failed: ";
    (
        error.to_string(),
        message.strip_prefix(prefix).unwrap().to_owned(),
    )
}

#[test]
fn what_is_not_met_is_named_with_what_it_wants_and_what_came() {
    for (policy, hint, rendered) in [
        (
            policy().equals("key", "a\"\\$b"),
            r#"condition 1 of the policy wants field `key` to be "a\"\\$b", and it is "user/bob""#,
            r#"["eq", "$key", "a\"\\$b"]"#,
        ),
        (
            policy()
                .content_length_range(0, 1)
                .starts_with("key", "user/eric/"),
            r#"condition 2 of the policy wants field `key` to begin with "user/eric/", and it is "user/bob""#,
            r#"["starts-with", "$key", "user/eric/"]"#,
        ),
        (
            policy().is_in("Content-Type", ["image/jpg", "image/png"]),
            r#"condition 1 of the policy wants field `Content-Type` to be one of ["image/jpg", "image/png"], and it is not there"#,
            r#"["in", "$Content-Type", ["image/jpg", "image/png"]]"#,
        ),
        (
            policy().not_in("key", ["user/bob"]),
            r#"condition 1 of the policy wants field `key` to be none of ["user/bob"], and it is "user/bob""#,
            r#"["not-in", "$key", ["user/bob"]]"#,
        ),
        (
            policy().is_in("key", [""; 0]),
            r#"condition 1 of the policy wants field `key` to be one of [], and it is "user/bob""#,
            r#"["in", "$key", []]"#,
        ),
        (
            policy().bucket("other"),
            r#"condition 1 of the policy wants the `bucket` to be "other", and it is "photos""#,
            r#"["eq", "$bucket", "other"]"#,
        ),
    ] {
        assert_eq!(
            unmet(policy, &[("key", "user/bob")]),
            (hint.to_owned(), rendered.to_owned())
        );
    }
}

#[test]
fn the_bucket_is_the_one_addressed_whatever_a_field_says() {
    let fields = [("key", "a"), ("bucket", "other")];
    assert!(outcome(policy().bucket("photos"), &fields, None).is_ok());
    assert!(outcome(policy().equals("Bucket", "other"), &fields, None).is_err());
}

#[test]
fn a_field_that_is_not_there_meets_what_asks_for_nothing() {
    let ok = |policy| outcome(policy, &[("key", "a")], None).is_ok();
    assert!(!ok(policy().equals("x", "")));
    assert!(ok(policy().starts_with("x", "")));
    assert!(!ok(policy().starts_with("x", "a")));
    assert!(!ok(policy().is_in("x", [""])));
    assert!(ok(policy().not_in("x", ["a"])));
    assert!(ok(policy().not_in("x", [""])));
}

#[test]
fn names_have_no_case_and_values_do() {
    let ok = |policy| outcome(policy, &[("Cache-Control", "No-Cache")], None).is_ok();
    assert!(ok(policy().equals("cache-CONTROL", "No-Cache")));
    assert!(!ok(policy().equals("Cache-Control", "no-cache")));
}

#[test]
fn a_condition_on_the_type_binds_what_is_stored() {
    let only_images = || policy().is_in("content-type", ["image/jpeg", "image/png"]);
    let stored = |fields, file_type| outcome(only_images(), fields, file_type);
    assert!(stored(&[("Content-Type", "image/png")], None).is_ok());
    assert!(stored(&[], Some("image/png")).is_ok());
    assert!(stored(&[("Content-Type", "image/png")], Some("image/jpeg")).is_ok());
    assert!(stored(&[], None).is_err());
    assert!(stored(&[], Some("text/html")).is_err());
    for (fields, file_type) in [
        (&[("Content-Type", "image/png")][..], Some("text/html")),
        (&[("x-oss-content-type", "text/html")], Some("image/png")),
    ] {
        let PolicyError::ConditionUnmet(unmet) = stored(fields, file_type).unwrap_err() else {
            panic!("the condition is met");
        };
        assert_eq!(unmet.found, Found::StoredType("text/html".to_owned()));
        assert!(
            unmet
                .to_string()
                .ends_with("the object would be stored as \"text/html\"")
        );
    }
    let no_pages = policy().not_in("content-type", ["text/html"]);
    let fields = [("x-oss-content-type", "text/html")];
    assert!(outcome(no_pages, &fields, None).is_err());
}

#[test]
fn a_token_or_a_signature_is_not_shown() {
    for field in [
        "x-oss-security-token",
        "Policy",
        "signature",
        "X-Oss-Signature",
    ] {
        let (hint, _) = unmet(policy().equals(field, "wanted"), &[(field, "found")]);
        assert!(
            !hint.contains("found") && !hint.contains("\"wanted"),
            "{hint}"
        );
        let fields = form(&[(field, "found")], None);
        let all = check_all(
            &policy().equals(field, "w").build(),
            &fields,
            &bucket("photos"),
        );
        assert_eq!(all[0].found, Found::Hidden);
    }
}

#[test]
fn a_long_value_is_shown_in_part() {
    let long = "猫".repeat(5000);
    let (hint, _) = unmet(
        policy().equals("key", &long),
        &[("key", &format!("{long}x"))],
    );
    assert!(hint.len() < 2000, "{}", hint.len());
}

#[test]
fn all_that_is_not_met_is_found_in_order() {
    let policy = policy()
        .bucket("other")
        .equals("key", "a")
        .starts_with("x", "b")
        .build();
    let all = check_all(&policy, &form(&[("key", "a")], None), &bucket("photos"));
    let found: Vec<_> = all
        .into_iter()
        .map(|unmet| (unmet.number, unmet.found))
        .collect();
    assert_eq!(
        found,
        [(1, Found::Value("photos".to_owned())), (3, Found::Absent)]
    );
}

#[test]
fn a_policy_ends_at_its_expiration() {
    let policy = policy().build();
    let check = |now: &str| check(&policy, &form(&[], None), &bucket("photos"), at(now));
    assert!(check("2026-01-01T00:09:59.999Z").is_ok());
    let error = check("2026-01-01T00:10:00Z").unwrap_err();
    let message = "Invalid according to Policy: Policy expired.";
    assert_eq!(
        answer(&error),
        ("AccessDenied", "0006-00000213", message.to_owned())
    );
    assert_eq!(error.refusal().row().status, 403);
}

#[test]
fn ranges_intersect_and_are_inclusive() {
    let range = |policy| outcome(policy, &[], None).unwrap();
    assert_eq!(range(policy().bucket("photos")), LengthRange::ANY);
    let two = policy()
        .content_length_range(1, 100)
        .content_length_range(10, 1000);
    let two = range(two);
    assert_eq!(two, LengthRange { min: 10, max: 100 });
    assert_eq!((two.check(10), two.check(100)), (Ok(()), Ok(())));
    let small = two.check(9).unwrap_err();
    assert_eq!(answer(&small).0, "EntityTooSmall");
    assert_eq!(answer(&small).1, "0006-00000004");
    let large = two.check(101).unwrap_err();
    assert_eq!(answer(&large).0, "EntityTooLarge");
    assert_eq!(answer(&large).1, "0006-00000003");
    let none = range(
        policy()
            .content_length_range(0, 1)
            .content_length_range(5, 9),
    );
    assert!((0..12).all(|length| none.check(length).is_err()));
}

#[test]
fn a_condition_on_a_field_that_is_repeated_fails() {
    let twice = [("tags[]", "a"), ("Tags[]", "a")];
    assert!(outcome(policy(), &twice, None).is_ok());
    assert!(outcome(policy().equals("tags", "a"), &[("tags", "a")], None).is_ok());
    let sentence = "and it stands more than once; send it once";
    for on_tags in [
        policy().equals("tags[]", "a"),
        policy().is_in("TAGS[]", ["a"]),
        policy().not_in("tags[]", ["b"]),
        policy().starts_with("tags[]", ""),
    ] {
        let (hint, _) = unmet(on_tags, &twice);
        assert!(hint.ends_with(sentence), "{hint}");
    }
    // `bucket` is the bucket that the form was sent to, and no field.
    let twice = [("bucket", "a"), ("bucket", "b")];
    assert!(outcome(policy().bucket("photos"), &twice, None).is_ok());
}

#[test]
fn a_field_that_is_not_there_may_stand_behind_the_file() {
    let error = outcome(policy().equals("x", "1"), &[], None).unwrap_err();
    let refusal = error.refusal();
    let hint = refusal.hint_text().unwrap();
    assert!(
        hint.contains("send it before `file`, since fields after the file are not read"),
        "{hint}"
    );
}

/// A form that is no [`PostForm`](crate::form::PostForm).
struct Fields(HashMap<&'static str, &'static str>);

impl FormView for Fields {
    fn condition_value(&self, name: &str) -> FieldValue<'_> {
        let value = self.0.get(name.to_ascii_lowercase().as_str());
        value.map_or(FieldValue::Absent, |value| FieldValue::Once(value))
    }
}

#[test]
fn v4_wants_its_fields_bound() {
    let signed = [
        ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
        (
            "x-oss-credential",
            "ak/20260101/cn-hangzhou/oss/aliyun_v4_request",
        ),
        ("x-oss-date", "20260101T000000Z"),
        ("x-oss-security-token", "token"),
    ];
    let check = |policy: PolicyBuilder, fields: &[(&'static str, &'static str)]| {
        let form = Fields(fields.iter().copied().collect());
        check(&policy.build(), &form, &bucket("photos"), at(NOW))
    };
    let bound = |fields: &[(&str, &str)]| {
        let bind = |policy: PolicyBuilder, (name, value): &(&str, &str)| policy.equals(name, value);
        fields.iter().fold(policy(), bind)
    };
    assert!(check(bound(&signed), &signed).is_ok());
    assert!(check(bound(&signed[..3]), &signed[..3]).is_ok());
    // Of another version nothing is demanded, and an empty token is none.
    assert!(check(policy(), &signed[1..]).is_ok());
    let mut blank = signed;
    blank[3].1 = " ";
    assert!(check(bound(&signed[..3]), &blank).is_ok());
    for left_out in 0..signed.len() {
        let mut some = signed.to_vec();
        let (field, value) = some.remove(left_out);
        for policy in [bound(&some), bound(&some).starts_with(field, value)] {
            let error = check(policy, &signed).unwrap_err();
            assert_eq!(error, PolicyError::Required { field });
            let (code, ec, _) = answer(&error);
            assert_eq!((code, ec), ("InvalidPolicyDocument", "0006-00000201"));
        }
        let mut other = signed;
        other[left_out].1 = "other";
        if left_out > 0 {
            let error = check(bound(&signed), &other).unwrap_err();
            assert!(matches!(error, PolicyError::ConditionUnmet(_)), "{field}");
        }
    }
}

#[test]
fn a_policy_without_conditions_gets_one_that_allows_all() {
    let built = policy().build();
    assert!(matches!(
        built.conditions[..],
        [Condition::ContentLengthRange { min: 0, .. }]
    ));
    assert!(outcome(policy(), &[], None).is_ok());
}
