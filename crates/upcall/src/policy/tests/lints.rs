//! Each warning, from a policy that gives it and no other.

use super::super::lint::{BucketRules, Warning, lint, lint_in};
use super::super::{PolicyBuilder, PolicyDocument};
use super::at;

const NOW: &str = "2026-01-01T00:00:00Z";

/// Conditions that bind everything; each can be left out, or be another.
const BOUND: [(&str, &str); 6] = [
    ("bucket", "photos"),
    ("callback", CALLBACK),
    ("x-oss-object-acl", "default"),
    ("success_action_redirect", ""),
    ("x-oss-forbid-overwrite", "true"),
    ("content-type", "image/png"),
];

/// `{"callbackUrl":"a","callbackBody":"o=${object}"}`.
const CALLBACK: &str = "eyJjYWxsYmFja1VybCI6ImEiLCJjYWxsYmFja0JvZHkiOiJvPSR7b2JqZWN0fSJ9";

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
fn to_exclude_some_values_closes_nothing_but_an_acl() {
    let public = ["public-read", "public-read-write"];
    let acl =
        |values: &[&str]| with_key(without("x-oss-object-acl").not_in("x-oss-object-acl", values));
    assert_eq!(lint(&acl(&public), at(NOW)), []);
    one(&acl(&["public-read"]), "acl-open", "make its file public");
    one(&acl(&["private"]), "acl-open", "make its file public");
    // `text/html; charset=utf-8` is none of these.
    let typed = without("content-type").not_in("content-type", ["text/html", "image/svg+xml"]);
    one(
        &with_key(typed),
        "type-open",
        "store HTML that browsers run",
    );
    let elsewhere = "success_action_redirect";
    let elsewhere = without(elsewhere).not_in(elsewhere, ["http://evil.example/"]);
    one(
        &with_key(elsewhere),
        "redirect-open",
        "send the browser anywhere",
    );
    let called = without("callback").not_in("callback", ["x"]);
    one(
        &with_key(called),
        "callback-open",
        "a page can leave it out",
    );
}

#[test]
fn what_the_bucket_closes_is_not_open() {
    let rules = BucketRules {
        binds_acl: true,
        binds_redirect: true,
        downloads_pages: true,
        forbids_overwrite: true,
    };
    // What the pages of the classic samples send, and no more.
    let classic = PolicyBuilder::new(at("2026-01-01T00:10:00Z"))
        .bucket("photos")
        .equals("callback", CALLBACK);
    let policy = with_key(classic);
    assert_eq!(lint_in(&policy, rules, at(NOW)), []);
    let names = |rules| {
        let warnings = lint_in(&policy, rules, at(NOW));
        warnings.iter().map(Warning::name).collect::<Vec<_>>()
    };
    let each = ["acl-open", "type-open", "redirect-open", "overwrite-open"];
    assert_eq!(names(BucketRules::default()), each);
    assert_eq!(
        names(BucketRules {
            binds_acl: false,
            ..rules
        }),
        ["acl-open"]
    );
    assert_eq!(
        names(BucketRules {
            downloads_pages: false,
            ..rules
        }),
        ["type-open"]
    );
    assert_eq!(
        names(BucketRules {
            binds_redirect: false,
            ..rules
        }),
        ["redirect-open"]
    );
    assert_eq!(
        names(BucketRules {
            forbids_overwrite: false,
            ..rules
        }),
        ["overwrite-open"]
    );
}

#[test]
fn a_bound_callback_that_cannot_work_is_named() {
    for (file, name) in [
        ("policy-pins-callback-no-url.json", "callback-url-missing"),
        (
            "policy-pins-callback-template-percent-encoded.json",
            "callback-body-encoded",
        ),
    ] {
        let path = format!("{}/tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let policy = PolicyDocument::parse_json(&text).unwrap();
        let warnings = lint(&policy, at(NOW));
        let found = warnings.iter().find(|warning| warning.name() == name);
        let text = found.map(ToString::to_string);
        assert!(
            text.unwrap().starts_with("the callback of condition 4: "),
            "{file}"
        );
    }
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
