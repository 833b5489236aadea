//! Each warning, from a policy that gives it and no other.

use super::super::lint::{Warning, lint};
use super::super::{PolicyBuilder, PolicyDocument};
use super::at;

const NOW: &str = "2026-01-01T00:00:00Z";

/// Conditions that bind everything; each can be left out, or be another.
const BOUND: [(&str, &str); 6] = [
    ("bucket", "photos"),
    ("callback", "eyJ9"),
    ("x-oss-object-acl", "default"),
    ("success_action_redirect", ""),
    ("x-oss-forbid-overwrite", "true"),
    ("content-type", "image/png"),
];

fn expiring(at_time: &str, without: &str) -> PolicyBuilder {
    let bound = BOUND.iter().filter(|(field, _)| *field != without);
    bound.fold(PolicyBuilder::new(at(at_time)), |policy, (field, value)| {
        policy.equals(field, value)
    })
}

fn without(field: &str) -> PolicyBuilder {
    expiring("2026-01-01T00:10:00Z", field)
}

fn with_key(policy: PolicyBuilder) -> PolicyDocument {
    let policy = policy.starts_with("key", "user/eric/");
    policy.content_length_range(1, 1024).build()
}

fn warned(policy: &PolicyDocument) -> Vec<(&'static str, String)> {
    let warnings = lint(policy, at(NOW));
    let texts = warnings.iter();
    texts
        .map(|warning| (warning.name(), warning.to_string()))
        .collect()
}

fn one(policy: &PolicyDocument, name: &str, part: &str) {
    let warned = warned(policy);
    assert_eq!(warned.len(), 1, "{name}: {warned:?}");
    assert_eq!(warned[0].0, name);
    assert!(warned[0].1.contains(part), "{warned:?}");
}

#[test]
fn a_policy_that_binds_everything_has_no_warning() {
    assert_eq!(lint(&with_key(without("")), at(NOW)), []);
}

#[test]
fn what_is_not_bound_is_named() {
    for (field, name, part) in [
        ("bucket", "bucket-open", "every bucket of the access key"),
        ("callback", "callback-open", "a page can leave it out"),
        ("x-oss-object-acl", "acl-open", "make its file public"),
        (
            "success_action_redirect",
            "redirect-open",
            "send the browser anywhere",
        ),
        (
            "x-oss-forbid-overwrite",
            "overwrite-open",
            "replace files that are there",
        ),
        ("content-type", "type-open", "store HTML that browsers run"),
    ] {
        one(&with_key(without(field)), name, part);
    }
    // A beginning of nothing binds nothing, and not to be something leaves all the rest.
    let empty = without("callback").starts_with("callback", "");
    one(&with_key(empty), "callback-open", "a page can leave it out");
}

#[test]
fn the_key_is_to_be_in_a_folder() {
    let policy = |key: fn(PolicyBuilder) -> PolicyBuilder| {
        key(without("")).content_length_range(1, 1024).build()
    };
    one(&policy(|policy| policy), "key-open", "write to any name");
    let empty = policy(|policy| policy.starts_with("key", ""));
    one(
        &empty,
        "key-prefix-empty",
        "condition 7 wants `key` to begin with nothing",
    );
    let unended = policy(|policy| policy.starts_with("Key", "user/eric"));
    one(
        &unended,
        "key-prefix-unended",
        "which `user/eric2/…` does, too",
    );
    let good = policy(|policy| policy.starts_with("key", "").starts_with("key", "user/"));
    assert_eq!(lint(&good, at(NOW)), []);
    let whole = policy(|policy| policy.equals("key", "a"));
    assert_eq!(lint(&whole, at(NOW)), []);
}

#[test]
fn one_name_of_the_applications_own_may_be_overwritten() {
    let policy = |key| {
        let policy = without("x-oss-forbid-overwrite").equals("key", key);
        policy.content_length_range(1, 1024).build()
    };
    assert_eq!(lint(&policy("avatars/5c3d"), at(NOW)), []);
    one(
        &policy("user/${filename}"),
        "overwrite-open",
        "x-oss-forbid-overwrite",
    );
}

#[test]
fn the_length_is_to_have_a_limit() {
    let policy = |ranges: &[(u64, u64)]| {
        let policy = without("").starts_with("key", "user/");
        let add = |policy: PolicyBuilder, (min, max): &(u64, u64)| {
            policy.content_length_range(*min, *max)
        };
        ranges.iter().fold(policy, add).build()
    };
    one(&policy(&[]), "length-open", "nothing limits the length");
    one(
        &policy(&[(0, u64::MAX)]),
        "length-huge",
        "which is no limit",
    );
    let five_gib = 5 * 1024 * 1024 * 1024;
    assert_eq!(lint(&policy(&[(0, five_gib)]), at(NOW)), []);
    one(
        &policy(&[(0, five_gib + 1)]),
        "length-huge",
        "5368709121 bytes",
    );
}

#[test]
fn a_policy_is_for_now_and_not_for_days() {
    let until = |time| with_key(expiring(time, ""));
    one(
        &until("2025-12-31T23:59:59Z"),
        "expired",
        "before it is used",
    );
    one(
        &until("2026-01-02T00:00:00Z"),
        "expiration-far",
        "for 24 hours",
    );
    assert_eq!(lint(&until("2026-01-01T04:00:00Z"), at(NOW)), []);
}

#[test]
fn conditions_that_repeat_or_exclude_each_other_are_named() {
    let with = |add: fn(PolicyBuilder) -> PolicyBuilder| with_key(add(without("")));
    let twice = with(|policy| policy.equals("Bucket", "photos"));
    one(
        &twice,
        "duplicate",
        "condition 7 repeats condition 1 on `bucket`",
    );
    for (policy, field) in [
        (with(|policy| policy.equals("bucket", "other")), "bucket"),
        (
            with(|policy| policy.is_in("content-type", ["image/jpeg"])),
            "content-type",
        ),
        (
            with(|policy| policy.not_in("content-type", ["image/png"])),
            "content-type",
        ),
        (
            with(|policy| policy.starts_with("callback", "x")),
            "callback",
        ),
        (with(|policy| policy.starts_with("key", "a/")), "key"),
        (
            with(|policy| policy.content_length_range(2000, 3000)),
            "content-length-range",
        ),
    ] {
        let name = format!("no value of `{field}` can meet conditions ");
        one(&policy, "contradiction", &name);
    }
    let narrower = with(|policy| {
        policy
            .starts_with("key", "user/")
            .content_length_range(5, 2000)
    });
    assert_eq!(lint(&narrower, at(NOW)), []);
    let endless = PolicyDocument::MAX_CONDITIONS;
    let many = (0..endless).fold(without(""), |policy, at| {
        policy.equals("a", &at.to_string())
    });
    let clashes = lint(&many.build(), at(NOW));
    let clashes = clashes
        .iter()
        .filter(|warning| matches!(warning, Warning::Contradiction { .. }));
    assert_eq!(clashes.count(), endless - 1);
}
