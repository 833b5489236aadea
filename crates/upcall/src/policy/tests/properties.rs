//! What is built is read back, whatever is in it; and nothing that is read breaks the reader.

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::{Condition, PolicyBuilder, PolicyDocument, check, check_all};
use super::{bucket, form};

fn any_condition() -> impl Strategy<Value = Condition> {
    let field = || "[a-zA-Z$_-]{1,8}|[ -~猫]{1,4}";
    let value = || "[\\\\$a{}\"/]{0,6}|\\PC{0,4}|[\\x00-\\x1f]{0,2}";
    let values = move || proptest::collection::vec(value(), 0..4);
    prop_oneof![
        (field(), value()).prop_map(|(field, value)| Condition::Equals { field, value }),
        (field(), value()).prop_map(|(field, prefix)| Condition::StartsWith { field, prefix }),
        (field(), values()).prop_map(|(field, values)| Condition::In { field, values }),
        (field(), values()).prop_map(|(field, values)| Condition::NotIn { field, values }),
        (any::<u64>(), any::<u64>()).prop_map(|(a, b)| Condition::ContentLengthRange {
            min: a.min(b),
            max: a.max(b),
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        conditions in proptest::collection::vec(any_condition(), 1..6),
        nanoseconds in 0_i64..4_000_000_000_000_000_000,
    ) {
        let expiration = Timestamp::from_nanosecond(nanoseconds.into()).unwrap();
        let builder = PolicyBuilder::new(expiration);
        let policy = conditions.into_iter().fold(builder, PolicyBuilder::and).build();
        prop_assert!(policy.expiration <= expiration);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&policy.to_json()).is_ok());
        prop_assert_eq!(PolicyDocument::decode(&policy.encode()), Ok(policy));
    }

    /// A form that has what a condition names satisfies it, one that has not does not.
    #[test]
    fn a_condition_is_met_by_its_own_value_and_no_other(
        value in "[ -~猫]{1,8}",
        other in "[ -~猫]{1,8}",
    ) {
        prop_assume!(value != other);
        let policy = PolicyBuilder::new(Timestamp::MAX).equals("key", &value);
        let policy = PolicyDocument::decode(&policy.encode()).unwrap();
        let met = |value: &str| check_all(&policy, &form(&[("KEY", value)], None), &bucket("photos"));
        prop_assert!(met(&value).is_empty());
        prop_assert_eq!(met(&other).len(), 1);
        let now = Timestamp::UNIX_EPOCH;
        prop_assert!(check(&policy, &form(&[("key", &value)], None), &bucket("photos"), now).is_ok());
    }

    #[test]
    fn whatever_is_read_it_is_answered(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("{\"expiration\":\"2026-01-01T00:10:00Z\",\"conditions\":["),
                Just("[\"content-length-range\","),
                Just("[\"eq\",\"$key\",\"a\"]"),
                Just("{\"key\":"),
                Just("\\ud800"), Just("\\$"), Just("]"), Just("}"), Just(","), Just("\""),
                Just("9"), Just("-"), Just("é"), Just(" "),
            ],
            0..12,
        ),
    ) {
        if let Err(error) = PolicyDocument::parse_json(&pieces.concat()) {
            let refusal = error.refusal();
            prop_assert_eq!(refusal.row().code, "InvalidPolicyDocument");
        }
    }
}
