//! What a policy leaves open, before it is signed.
//!
//! In: a policy and the present time. Out: warnings, each with a stable name and a sentence that says
//! what to change. None of them is an error: the server takes such a policy. A policy is a permission
//! that a page, and whoever reads the page's traffic, can use in any way that it does not exclude.

use jiff::{SignedDuration, Timestamp};

use super::check::excerpt;
use super::condition::Condition;
use super::document::PolicyDocument;
use crate::callback::{self, CallbackWarning};

/// Something that a policy leaves open, or that it can never permit.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Nothing binds the ACL of the object.
    #[error(
        "nothing binds `x-oss-object-acl`, so a page can make its file public: add \
         `[\"not-in\", \"$x-oss-object-acl\", [\"public-read\", \"public-read-write\"]]`, which a page \
         that sends none meets, or let the bucket forbid it (`upcall bucket uploads set --forbid-acl`)"
    )]
    AclOpen,
    /// Nothing binds the bucket.
    #[error(
        "there is no condition on `bucket`, so the policy is good for every bucket of the access \
         key: add `{{\"bucket\": \"NAME\"}}`"
    )]
    BucketOpen,
    /// The callback that the policy binds cannot work, or not as it is meant.
    #[error("the callback of condition {number}: {why}")]
    Callback {
        /// Which condition, from 1.
        number: usize,
        /// What is wrong with it.
        why: CallbackWarning,
    },
    /// Nothing binds the callback.
    #[error(
        "nothing binds `callback`, so a page can leave it out, and the application does not hear of \
         the file: add `{{\"callback\": \"BASE64\"}}` with the very value of the field"
    )]
    CallbackOpen,
    /// No value of the field meets all of its conditions.
    #[error(
        "no value of `{field}` can meet conditions {first} and {second} both, so every form is \
         refused: drop one of them"
    )]
    Contradiction {
        /// The field; `content-length-range` for the length.
        field: String,
        /// The number of one of the two, from 1.
        first: usize,
        /// That of the other.
        second: usize,
    },
    /// A condition says what another one says already.
    #[error("condition {second} repeats condition {first} on `{field}`: drop one of them")]
    Duplicate {
        /// The field; `content-length-range` for the length.
        field: String,
        /// The number of the first, from 1.
        first: usize,
        /// That of the second.
        second: usize,
    },
    /// The policy has ended already.
    #[error("the policy has expired before it is used: sign one whose `expiration` is to come")]
    Expired,
    /// The policy holds for long.
    #[error(
        "the policy holds for {hours} hours, and whoever sees it can use it as long: sign one for \
         minutes when the upload begins, and another one when it is needed"
    )]
    ExpirationFar {
        /// For how many more.
        hours: u64,
    },
    /// Nothing binds the key at all.
    #[error(
        "nothing binds `key`, so a page can write to any name: add \
         `[\"starts-with\", \"$key\", \"user/ID/\"]`"
    )]
    KeyOpen,
    /// A prefix that leaves every key open.
    #[error(
        "condition {number} wants `key` to begin with nothing, which every key does: name a folder \
         of the user, such as `user/ID/`"
    )]
    KeyPrefixEmpty {
        /// Which one, from 1.
        number: usize,
    },
    /// A prefix that is no folder's.
    #[error(
        "condition {number} wants `key` to begin with {prefix:?}, which `{prefix}2/…` does, too: end \
         the prefix with `/`"
    )]
    KeyPrefixUnended {
        /// Which one, from 1.
        number: usize,
        /// The prefix, cut to 200 characters.
        prefix: String,
    },
    /// A maximum that bounds nothing.
    #[error(
        "files may have {max} bytes, which is no limit: set the second bound of \
         `content-length-range` to what is wanted"
    )]
    LengthHuge {
        /// The maximum, in bytes.
        max: u64,
    },
    /// No maximum.
    #[error("nothing limits the length of the file: add `[\"content-length-range\", 1, MAX]`")]
    LengthOpen,
    /// Files that are there already may be replaced.
    #[error(
        "a page can replace files that are there already: add \
         `{{\"x-oss-forbid-overwrite\": \"true\"}}`, or bind `key` to one name that nobody guesses, or let \
         the bucket forbid it (`upcall bucket uploads set --forbid-overwrite`)"
    )]
    OverwriteOpen,
    /// Nothing binds the address to which the browser is sent.
    #[error(
        "nothing binds `success_action_redirect`, so a page can send the browser anywhere in the \
         server's name: bind it to its value, or add `{{\"success_action_redirect\": \"\"}}` and send \
         the field empty, or let the bucket allow some only, or none (`upcall bucket uploads set --redirect URL`, \
         `--no-redirects`)"
    )]
    RedirectOpen,
    /// Nothing binds the content type.
    #[error(
        "nothing binds `content-type`, so a page can store HTML that browsers run under the bucket's \
         name: add `[\"in\", \"$content-type\", [\"image/jpeg\", \"image/png\"]]`, or let the bucket \
         store pages as downloads (`upcall bucket uploads set --pages-as-downloads`)"
    )]
    TypeOpen,
}

impl Warning {
    /// A stable name, for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AclOpen => "acl-open",
            Self::BucketOpen => "bucket-open",
            Self::Callback { why, .. } => why.name(),
            Self::CallbackOpen => "callback-open",
            Self::Contradiction { .. } => "contradiction",
            Self::Duplicate { .. } => "duplicate",
            Self::Expired => "expired",
            Self::ExpirationFar { .. } => "expiration-far",
            Self::KeyOpen => "key-open",
            Self::KeyPrefixEmpty { .. } => "key-prefix-empty",
            Self::KeyPrefixUnended { .. } => "key-prefix-unended",
            Self::LengthHuge { .. } => "length-huge",
            Self::LengthOpen => "length-open",
            Self::OverwriteOpen => "overwrite-open",
            Self::RedirectOpen => "redirect-open",
            Self::TypeOpen => "type-open",
        }
    }
}

/// What a bucket refuses of every form, whatever its policy leaves open.
///
/// Pages of the classic samples send none of the fields that would close these, and a field that is
/// missing fails an equality: for them the bucket's settings have to (`upcall bucket uploads set`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own, and all of them are off or on"
)]
pub struct BucketRules {
    /// A form cannot make its file public.
    pub binds_acl: bool,
    /// A form cannot send the browser to an address of its own.
    pub binds_redirect: bool,
    /// What browsers run is stored as a download.
    pub downloads_pages: bool,
    /// A form cannot replace a file.
    pub forbids_overwrite: bool,
}

/// Every warning, what can never be met first. `now` is the time of signing.
pub fn lint(policy: &PolicyDocument, now: Timestamp) -> Vec<Warning> {
    lint_in(policy, BucketRules::default(), now)
}

/// The same for forms that are posted to a bucket with settings of its own.
pub fn lint_in(policy: &PolicyDocument, rules: BucketRules, now: Timestamp) -> Vec<Warning> {
    let mut warnings = pairs(policy);
    warnings.extend(of_expiration(policy, now));
    let is_open = |field| !is_bound(policy, field);
    let mut warn_if = |is_so: bool, warning| warnings.extend(is_so.then_some(warning));
    warn_if(is_open("bucket"), Warning::BucketOpen);
    warn_if(is_open("callback"), Warning::CallbackOpen);
    let is_acl_open = is_open(ACL) && !excludes_public(policy) && !rules.binds_acl;
    warn_if(is_acl_open, Warning::AclOpen);
    warn_if(
        is_open("content-type") && !rules.downloads_pages,
        Warning::TypeOpen,
    );
    let is_redirect_open = is_open("success_action_redirect") && !rules.binds_redirect;
    warn_if(is_redirect_open, Warning::RedirectOpen);
    let is_overwriting_open = is_overwriting_open(policy) && !rules.forbids_overwrite;
    warn_if(is_overwriting_open, Warning::OverwriteOpen);
    warnings.extend(of_callback(policy));
    warnings.extend(of_key(policy));
    warnings.extend(of_length(policy));
    warnings
}

/// Whether any condition says what the field is. One that says what it is not leaves all the rest: to
/// exclude `text/html` leaves `text/html; charset=utf-8`.
fn is_bound(policy: &PolicyDocument, field: &str) -> bool {
    on(policy, field).any(|(_, condition)| match condition {
        Condition::StartsWith { prefix, .. } => !prefix.is_empty(),
        Condition::Equals { .. } | Condition::In { .. } => true,
        Condition::ContentLengthRange { .. } | Condition::NotIn { .. } => false,
    })
}

/// An ACL is one of four words, so what is public can be excluded; a page that sends none meets it.
fn excludes_public(policy: &PolicyDocument) -> bool {
    let has = |values: &[String], wanted: &str| values.iter().any(|value| value == wanted);
    on(policy, ACL).any(|(_, condition)| match condition {
        Condition::NotIn { values, .. } => PUBLIC.iter().all(|acl| has(values, acl)),
        Condition::ContentLengthRange { .. }
        | Condition::Equals { .. }
        | Condition::In { .. }
        | Condition::StartsWith { .. } => false,
    })
}

/// What is wrong with the callbacks that the policy binds.
fn of_callback(policy: &PolicyDocument) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (number, condition) in on(policy, "callback") {
        let values = match condition {
            Condition::Equals { value, .. } => std::slice::from_ref(value),
            Condition::In { values, .. } => values,
            Condition::ContentLengthRange { .. }
            | Condition::NotIn { .. }
            | Condition::StartsWith { .. } => &[],
        };
        for why in values.iter().flat_map(|value| callback::warnings(value)) {
            warnings.push(Warning::Callback { number, why });
        }
    }
    warnings
}

fn on<'a>(policy: &'a PolicyDocument, field: &str) -> impl Iterator<Item = (usize, &'a Condition)> {
    let is_on = move |condition: &Condition| {
        condition
            .field()
            .is_some_and(|has| has.eq_ignore_ascii_case(field))
    };
    let numbered = (1..).zip(&policy.conditions);
    numbered.filter(move |(_, condition)| is_on(condition))
}

fn of_expiration(policy: &PolicyDocument, now: Timestamp) -> Option<Warning> {
    if policy.check_expiration(now).is_err() {
        return Some(Warning::Expired);
    }
    let left = policy.expiration.duration_since(now);
    let hours = u64::try_from(left.as_hours()).unwrap_or(0);
    (left > LONG).then_some(Warning::ExpirationFar { hours })
}

fn of_key(policy: &PolicyDocument) -> Vec<Warning> {
    let mut prefixes = Vec::new();
    for (number, condition) in on(policy, "key") {
        match condition {
            Condition::StartsWith { prefix, .. } if prefix.is_empty() => {
                prefixes.push(Warning::KeyPrefixEmpty { number });
            }
            Condition::StartsWith { prefix, .. } if !prefix.ends_with('/') => {
                let prefix = excerpt(prefix);
                prefixes.push(Warning::KeyPrefixUnended { number, prefix });
            }
            // Names, or one folder: that is enough, whatever the others are.
            Condition::Equals { .. } | Condition::In { .. } | Condition::StartsWith { .. } => {
                return Vec::new();
            }
            Condition::ContentLengthRange { .. } | Condition::NotIn { .. } => {}
        }
    }
    if prefixes.is_empty() {
        prefixes.push(Warning::KeyOpen);
    }
    prefixes
}

/// Only what is the value `true` forbids; a key that one name alone can have, without the name of the
/// file in it, is the application's to choose.
fn is_overwriting_open(policy: &PolicyDocument) -> bool {
    let is_forbidden = on(policy, "x-oss-forbid-overwrite").any(|(_, condition)| {
        matches!(condition, Condition::Equals { value, .. } if value.eq_ignore_ascii_case("true"))
    });
    let is_chosen = on(policy, "key").any(|(_, condition)| {
        matches!(condition, Condition::Equals { value, .. } if !value.contains("${filename}"))
    });
    !is_forbidden && !is_chosen
}

fn of_length(policy: &PolicyDocument) -> Option<Warning> {
    let ranges = policy.conditions.iter().filter_map(as_range);
    match ranges.map(|(_, max)| max).min() {
        None => Some(Warning::LengthOpen),
        Some(max) => (max > HUGE).then_some(Warning::LengthHuge { max }),
    }
}

const fn as_range(condition: &Condition) -> Option<(u64, u64)> {
    match condition {
        Condition::ContentLengthRange { min, max } => Some((*min, *max)),
        Condition::Equals { .. }
        | Condition::In { .. }
        | Condition::NotIn { .. }
        | Condition::StartsWith { .. } => None,
    }
}

/// Conditions on one field that say the same, or exclude each other. At most a warning for each
/// condition: the first other one that it does not go with.
fn pairs(policy: &PolicyDocument) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let numbered: Vec<(usize, &Condition)> = (1..).zip(&policy.conditions).collect();
    for (at, (second, condition)) in numbered.iter().enumerate() {
        let earlier = numbered.iter().take(at).copied();
        let of_same = earlier.filter(|(_, other)| is_same_field(other, condition));
        let mut clashes = of_same.filter_map(|(first, other)| {
            let (field, second) = (field_of(condition), *second);
            if wants_same(other, condition) {
                Some(Warning::Duplicate {
                    field,
                    first,
                    second,
                })
            } else if excludes(other, condition) || excludes(condition, other) {
                Some(Warning::Contradiction {
                    field,
                    first,
                    second,
                })
            } else {
                None
            }
        });
        warnings.extend(clashes.next());
    }
    warnings
}

fn field_of(condition: &Condition) -> String {
    let field = condition.field().map(str::to_ascii_lowercase);
    field.map_or_else(
        || "content-length-range".to_owned(),
        |field| excerpt(&field),
    )
}

fn is_same_field(one: &Condition, other: &Condition) -> bool {
    match (one.field(), other.field()) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Whether two conditions on one field are one.
fn wants_same(one: &Condition, other: &Condition) -> bool {
    match (one, other) {
        (Condition::Equals { value: a, .. }, Condition::Equals { value: b, .. })
        | (Condition::StartsWith { prefix: a, .. }, Condition::StartsWith { prefix: b, .. }) => {
            a == b
        }
        (Condition::In { values: a, .. }, Condition::In { values: b, .. })
        | (Condition::NotIn { values: a, .. }, Condition::NotIn { values: b, .. }) => a == b,
        (one, other) => one == other,
    }
}

/// Whether everything that `one` allows is refused by `other`. What `one` allows has to be countable,
/// or a beginning that the other one's is compared with.
fn excludes(one: &Condition, other: &Condition) -> bool {
    match (one, other) {
        (
            Condition::ContentLengthRange { min, max },
            Condition::ContentLengthRange {
                min: other_min,
                max: other_max,
            },
        ) => max < other_min || other_max < min,
        (Condition::Equals { value, .. }, _) => !other.is_met_by(Some(value)),
        (Condition::In { values, .. }, _) => {
            values.iter().all(|value| !other.is_met_by(Some(value)))
        }
        (
            Condition::StartsWith { prefix, .. },
            Condition::StartsWith {
                prefix: other_prefix,
                ..
            },
        ) => !prefix.starts_with(other_prefix) && !other_prefix.starts_with(prefix),
        _ => false,
    }
}

const ACL: &str = "x-oss-object-acl";

/// The ACLs that let anybody in.
const PUBLIC: [&str; 2] = ["public-read", "public-read-write"];

/// Longer than an upload takes, and than a page is open.
const LONG: SignedDuration = SignedDuration::from_hours(4);

/// 5 GiB, the most that a form can carry; what is above it bounds nothing.
const HUGE: u64 = 5 * 1024 * 1024 * 1024;
