//! The upload policy: reading, writing and checking.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use upcall::form::{Field, FileHead, PostForm};
use upcall::name::BucketName;
use upcall::policy::{PolicyDocument, PolicyError, check, check_all};

/// Any bytes as a policy's JSON and as its base64; what is read is written, read again and checked
/// against a form.
pub fn policy(data: &[u8]) {
    let encoded = PolicyDocument::decode(&STANDARD.encode(data));
    let Ok(text) = str::from_utf8(data) else {
        assert!(encoded.is_err(), "a policy is UTF-8");
        return;
    };
    let read = PolicyDocument::parse_json(text);
    assert_eq!(read.is_ok(), encoded.is_ok(), "base64 changes nothing");
    for policy in [read, PolicyDocument::decode(text)] {
        match policy {
            Ok(policy) => judge(&policy),
            Err(error) => answer(&error),
        }
    }
}

fn judge(policy: &PolicyDocument) {
    assert!(!policy.conditions.is_empty(), "a policy has conditions");
    let again = PolicyDocument::decode(&policy.encode());
    let again = again.expect("what is written is read back");
    assert_eq!(again.conditions, policy.conditions);
    let cut = policy.expiration.duration_since(again.expiration);
    assert!(
        (SignedDuration::ZERO..SignedDuration::from_millis(1)).contains(&cut),
        "an expiration is written in milliseconds"
    );

    let form = form();
    let bucket = BucketName::parse("examplebucket").expect("the name follows the rules");
    let late = check(policy, &form, &bucket, policy.expiration);
    assert!(late.is_err(), "a policy ends when it says");
    let before = policy.expiration.checked_sub(SignedDuration::from_secs(1));
    let unmet = check_all(policy, &form, &bucket);
    match check(policy, &form, &bucket, before.unwrap_or(Timestamp::MIN)) {
        Ok(range) => {
            assert!(unmet.is_empty(), "what is not met is refused");
            for length in [0, 1, 5, u64::MAX] {
                range.check(length).err().iter().for_each(answer);
            }
        }
        Err(error) => {
            assert!(!unmet.is_empty(), "what is refused is not met");
            answer(&error);
        }
    }
}

fn answer(error: &PolicyError) {
    let refusal = error.refusal();
    assert!(matches!(refusal.row().status, 400 | 403));
    assert!(refusal.hint_text().is_some());
    let _ = refusal.to_xml(
        "5CF3E7821AB22D0FDB86704D",
        "photos.oss-cn-hangzhou.localhost",
    );
}

fn form() -> PostForm {
    let field = |(name, value): (&str, &str)| Field {
        name: name.into(),
        value: value.into(),
    };
    let fields = [
        ("key", "user/eric/${filename}"),
        ("success_action_status", "200"),
        ("x-oss-object-acl", "private"),
        ("fileName", "a.jpg"),
    ];
    let file = FileHead {
        filename: Some("a.jpg".into()),
        is_filename_unreadable: false,
        content_type: Some("image/jpeg".into()),
    };
    PostForm::new(fields.map(field).into(), file).expect("no field stands twice")
}
