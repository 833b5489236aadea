//! Every condition, with what became of it.

use proptest::prelude::*;

use super::super::explain::{Circumstances, Explanation, explain};
use super::super::{PolicyBuilder, PolicyError, check};
use super::{at, bucket, form};

const NOW: &str = "2026-01-01T00:00:00Z";

fn policy() -> PolicyBuilder {
    PolicyBuilder::new(at("2026-01-01T00:10:00Z"))
}

fn explained(policy: PolicyBuilder, fields: &[(&str, &str)], length: Option<u64>) -> Explanation {
    let photos = bucket("photos");
    let circumstances = Circumstances {
        bucket: Some(&photos),
        length,
        now: at(NOW),
    };
    explain(&policy.build(), &form(fields, None), &circumstances)
}

fn sentences(explanation: &Explanation) -> Vec<String> {
    let conditions = explanation.conditions.iter();
    conditions.map(ToString::to_string).collect()
}

#[test]
fn every_condition_has_its_sentence() {
    let policy = policy()
        .bucket("other")
        .starts_with("key", "user/eric/")
        .content_length_range(1, 10)
        .is_in("content-type", ["image/png"])
        .equals("x-oss-security-token", "wanted")
        .not_in("key", ["x"]);
    let fields = [("key", "user/bob"), ("x-oss-security-token", "found")];
    let explanation = explained(policy, &fields, Some(11));

    assert!(!explanation.is_met());
    assert_eq!(explanation.unmet().count(), 5);
    assert_eq!(
        sentences(&explanation),
        [
            r#"condition 1 wants the `bucket` to be "other", and it is "photos""#,
            r#"condition 2 wants field `key` to begin with "user/eric/", and it is "user/bob""#,
            "condition 3 wants the file to have 1 to 10 bytes, and it has 11",
            r#"condition 4 wants field `content-type` to be one of ["image/png"], and it is not there"#,
            "condition 5 wants field `x-oss-security-token` to have the value that was signed, and it \
             is another",
            r#"condition 6 wants field `key` to be none of ["x"], and that is so"#,
        ]
    );
}

#[test]
fn what_is_not_known_is_not_judged() {
    let policy = policy().bucket("other").content_length_range(1, 10).build();
    let circumstances = Circumstances {
        bucket: None,
        length: None,
        now: at(NOW),
    };
    let explanation = explain(&policy, &form(&[], None), &circumstances);
    assert!(explanation.is_met());
    assert_eq!(
        sentences(&explanation),
        [
            r#"condition 1 wants the `bucket` to be "other", and that is not known"#,
            "condition 2 wants the file to have 1 to 10 bytes, and that is not known",
        ]
    );
}

#[test]
fn the_end_and_the_fields_of_v4_are_judged_beside_the_conditions() {
    let photos = bucket("photos");
    let at_end = Circumstances {
        bucket: Some(&photos),
        length: Some(1),
        now: at("2026-01-01T00:10:00Z"),
    };
    let explanation = explain(&policy().build(), &form(&[], None), &at_end);
    assert!(explanation.has_expired && !explanation.is_met());

    let fields = [("x-oss-signature-version", "OSS4-HMAC-SHA256")];
    let explanation = explained(policy(), &fields, Some(1));
    assert!(!explanation.is_met());
    assert_eq!(
        explanation.unbound,
        ["x-oss-signature-version", "x-oss-credential", "x-oss-date"]
    );
}

#[test]
fn values_are_cut() {
    let long = "猫".repeat(5000);
    let explanation = explained(policy().equals("key", "a"), &[("key", &long)], None);
    assert!(sentences(&explanation)[0].chars().count() < 300);
    assert!(format!("{explanation:?}").len() < 2000);
}

proptest! {
    /// Nobody may read a condition in two ways.
    #[test]
    fn it_says_what_the_server_does(
        conditions in prop::collection::vec((0..5u8, "[ab]{0,2}", "[ab]{0,2}", 0..4u64), 0..5),
        fields in prop::collection::btree_map("[ab]{1,2}", "[ab]{0,2}", 0..4),
        length in 0..5u64,
        is_late in any::<bool>(),
    ) {
        let policy = conditions.iter().fold(policy(), |policy, (kind, field, value, bound)| {
            match kind {
                0 => policy.equals(field, value),
                1 => policy.starts_with(field, value),
                2 => policy.is_in(field, [value, "a"]),
                3 => policy.not_in(field, [value, "a"]),
                _ => policy.content_length_range(*bound, bound + 1),
            }
        }).build();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let (form, photos) = (form(&fields, None), bucket("photos"));
        let now = at(if is_late { "2026-02-01T00:00:00Z" } else { NOW });
        let done = check(&policy, &form, &photos, now);
        let passes = done.and_then(|range| range.check(length).map(|()| range));
        let circumstances = Circumstances { bucket: Some(&photos), length: Some(length), now };
        let explanation = explain(&policy, &form, &circumstances);
        prop_assert_eq!(explanation.is_met(), passes.is_ok());
        if let Err(PolicyError::ConditionUnmet(unmet)) = passes {
            let mut of_fields = explanation.unmet().filter(|judged| judged.condition.field().is_some());
            prop_assert_eq!(of_fields.next().map(|judged| judged.number), Some(unmet.number));
        }
    }
}
