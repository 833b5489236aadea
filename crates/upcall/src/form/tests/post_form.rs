//! What the fields of a form ask for.

use super::super::{
    CredentialFault, Field, FieldValue, FileHead, FormCredentials, FormError, KnownField, Missing,
    Overwrite, PostForm, SuccessAction,
};

fn form(fields: &[(&str, &str)], file: FileHead) -> Result<PostForm, FormError> {
    let field = |(name, value): &(&str, &str)| Field {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    PostForm::new(fields.iter().map(field).collect(), file)
}

fn plain(fields: &[(&str, &str)]) -> PostForm {
    form(fields, FileHead::default()).unwrap()
}

fn file(filename: Option<&str>, content_type: Option<&str>) -> FileHead {
    FileHead {
        filename: filename.map(str::to_owned),
        is_filename_unreadable: false,
        content_type: content_type.map(str::to_owned),
    }
}

#[test]
fn names_are_compared_without_case_and_stand_once() {
    let read = plain(&[
        ("KEY", "a"),
        ("x:Who", "me"),
        ("success_action_status", "201"),
    ]);
    assert_eq!(read.field(KnownField::KEY), Some("a"));
    assert_eq!(
        read.custom_variables().collect::<Vec<_>>(),
        [("x:Who", "me")]
    );
    for (first, second) in [
        ("key", "key"),
        ("Signature", "signature"),
        ("x:a", "X:A"),
        ("x-oss-meta-a", "X-OSS-Meta-A"),
        ("x-oss-new", "x-oss-new"),
        ("callback", "Callback"),
    ] {
        let refused = form(&[(first, "1"), (second, "1")], FileHead::default());
        let refusal = refused.unwrap_err().refusal();
        assert_eq!(refusal.row().code, "InvalidArgument");
        assert_eq!(
            refusal.hint_text(),
            Some(&*format!(
                "field `{second}` stands twice in the form; send each field once; case does \
                 not tell names apart"
            ))
        );
    }
}

#[test]
fn every_field_that_is_read_stands_once() {
    for known in KnownField::ALL {
        let (name, value) = (known.name(), "1");
        let once = plain(&[(name, value)]);
        assert_eq!(once.field(*known), Some(value), "{name}");
        let other_case = name.to_ascii_uppercase();
        let refused = form(&[(name, value), (&other_case, value)], FileHead::default());
        assert_eq!(
            refused.unwrap_err(),
            FormError::Repeated { name: other_case }
        );
    }
}

#[test]
fn a_field_that_is_not_read_may_be_repeated_and_has_no_value_then() {
    let read = plain(&[
        ("tags[]", "a"),
        ("key", "k"),
        ("Tags[]", "b"),
        ("tags[]", "c"),
    ]);
    assert_eq!(read.condition_value("tags[]"), FieldValue::Repeated);
    assert_eq!(read.condition_value("TAGS[]").once(), None);
    assert_eq!(read.condition_value("tags"), FieldValue::Absent);
    assert_eq!(read.condition_value("Key"), FieldValue::Once("k"));
    assert_eq!(read.fields().count(), 4);
}

#[test]
fn a_file_name_that_cannot_be_read_makes_no_key() {
    let unreadable = || FileHead {
        is_filename_unreadable: true,
        ..FileHead::default()
    };
    let made = |key| form(&[("key", key)], unreadable()).unwrap().object_key();
    assert_eq!(made("dir/a.jpg").unwrap().as_str(), "dir/a.jpg");
    let refusal = made("dir/${filename}").unwrap_err().refusal();
    assert_eq!(refusal.row().code, "InvalidArgument");
    assert_eq!(
        refusal.hint_text(),
        Some(
            "`filename*` of the part `file` cannot be read, and `key` holds `${filename}`; send \
             `filename*=utf-8''…` with UTF-8 in percent-encoding, a plain `filename`, or a key \
             without `${filename}`"
        )
    );
}

#[test]
fn the_file_name_goes_into_the_key_without_folders() {
    for (key, filename, expected) in [
        ("u/${filename}", Some("cat.jpg"), "u/cat.jpg"),
        ("u/${filename}", Some("C:\\me\\a/cat.jpg"), "u/cat.jpg"),
        ("${filename}-${filename}", Some("a"), "a-a"),
        ("u/${filename}", None, "u/"),
        ("u/$filename}", Some("a"), "u/$filename}"),
        ("${filename}", Some("${filename}"), "${filename}"),
    ] {
        let form = form(&[("key", key)], file(filename, None)).unwrap();
        assert_eq!(form.key_text(), Ok(key));
        assert_eq!(form.object_key().unwrap().as_str(), expected);
    }
}

#[test]
fn a_key_that_is_none_has_the_message_of_oss() {
    let huge = "${filename}".repeat(100_000);
    for (fields, code, message) in [
        (
            &[("name", "a")],
            "InvalidArgument",
            "The bucket POST must contain the specified 'key'. If it is specified, please \
             check the order of the fields",
        ),
        (
            &[("key", "")],
            "InvalidObjectName",
            "The Object name can not be empty.",
        ),
        (
            &[("key", "/a")],
            "InvalidObjectName",
            "The specified object is not valid.",
        ),
        (
            &[("key", "a\0")],
            "InvalidObjectName",
            "The specified object is not valid.",
        ),
        (
            &[("key", &*huge)],
            "InvalidObjectName",
            "The Length of Object name must be less than 1024.",
        ),
    ] {
        let name = "n".repeat(10 << 20); // times 100,000 is a terabyte
        let form = form(fields, file(Some(&name), None)).unwrap();
        let refusal = form.object_key().unwrap_err().refusal();
        assert_eq!((refusal.row().code, refusal.text()), (code, message));
        assert_eq!(refusal.row().status, 400);
        assert!(refusal.hint_text().is_some());
    }
}

#[test]
fn the_stored_type_follows_the_order_of_oss() {
    let all = [("Content-Type", "a/field"), ("x-oss-content-type", "a/own")];
    let part = || file(None, Some("a/part"));
    for (fields, file, stored, compared) in [
        (&all[..], part(), "a/own", Some("a/field")),
        (&all[..1], part(), "a/part", Some("a/field")),
        (&all[..1], FileHead::default(), "a/field", Some("a/field")),
        (&[], part(), "a/part", Some("a/part")),
        (&[], FileHead::default(), "application/octet-stream", None),
    ] {
        let form = form(fields, file).unwrap();
        assert_eq!(form.content_type(), stored);
        assert_eq!(form.condition_value("Content-type").once(), compared);
    }
}

#[test]
fn the_answer_is_the_one_asked_for_or_204() {
    for (fields, action) in [
        (&[][..], SuccessAction::Status(204)),
        (
            &[("success_action_status", "200")],
            SuccessAction::Status(200),
        ),
        (
            &[("Success_Action_Status", "201")],
            SuccessAction::Status(201),
        ),
        (
            &[("success_action_status", "404")],
            SuccessAction::Status(204),
        ),
        (
            &[("success_action_redirect", "javascript:alert(1)")],
            SuccessAction::Status(204),
        ),
        (
            &[
                ("success_action_status", "201"),
                ("success_action_redirect", "HTTPS://app.example/done"),
            ],
            SuccessAction::Redirect("HTTPS://app.example/done".into()),
        ),
    ] {
        assert_eq!(plain(fields).success_action(), action);
    }
}

#[test]
fn what_becomes_a_header_can_be_one() {
    let read = plain(&[
        ("X-Oss-Meta-Camera", "猫"),
        ("x:a", "a\r\nb"),
        ("name", "\0"),
    ]);
    assert_eq!(
        read.metadata().collect::<Vec<_>>(),
        [("camera".to_owned(), "猫")]
    );

    let long = "a".repeat(8193);
    for (name, value) in [
        ("Cache-Control", "no-store\r\nSet-Cookie: a=b"),
        ("success_action_redirect", "http://a/\n"),
        ("x-oss-meta-a", "\u{85}"),
        ("x-oss-meta-", "a"),
        ("x-oss-meta-a b", "a"),
        ("Expires", &long),
        ("x-oss-meta-a", &long[..8192]),
    ] {
        let refused = form(&[(name, value)], FileHead::default()).unwrap_err();
        assert_eq!(refused.refusal().row().code, "InvalidArgument", "{name}");
    }
    assert!(form(&[("x-oss-meta-a", &long[..8191])], FileHead::default()).is_ok());
}

#[test]
fn overwriting_is_forbidden_by_true_alone() {
    for (value, overwrite) in [
        ("", Some(Overwrite::Allow)),
        ("false", Some(Overwrite::Allow)),
        ("True", Some(Overwrite::Forbid)),
        ("1", None),
    ] {
        let form = plain(&[("x-oss-forbid-overwrite", value)]);
        assert_eq!(form.overwrite().ok(), overwrite, "{value}");
    }
    assert_eq!(plain(&[]).overwrite(), Ok(Overwrite::Allow));
}

#[test]
fn credentials_come_all_together_or_not_at_all() {
    let v1 = [
        ("OSSAccessKeyId", "id"),
        ("policy", "p"),
        ("signature", "s"),
    ];
    assert_eq!(
        plain(&[("key", "a")]).credentials(),
        Ok(FormCredentials::Anonymous)
    );
    assert_eq!(
        plain(&[v1[0], v1[1], v1[2], ("x-oss-security-token", "")]).credentials(),
        Ok(FormCredentials::V1 {
            access_key_id: "id",
            policy: "p",
            signature: "s",
            security_token: None
        })
    );
    let v4 = [
        ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
        ("x-oss-credential", "c"),
        ("x-oss-date", "d"),
        ("policy", "p"),
        ("x-oss-signature", "s"),
        ("x-oss-security-token", "t"),
    ];
    assert_eq!(
        plain(&v4).credentials(),
        Ok(FormCredentials::V4 {
            credential: "c",
            date: "d",
            policy: "p",
            signature: "s",
            security_token: Some("t")
        })
    );
}

#[test]
fn a_missing_credential_has_the_ec_of_oss() {
    let version = ("x-oss-signature-version", "OSS4-HMAC-SHA256");
    let policy = ("policy", "p");
    let signature = ("Signature", "s");
    for (fields, ec) in [
        (&[policy][..], "703"),
        (&[policy, ("Signature", " ")], "704"),
        (&[signature], "702"),
        (&[("policy", ""), signature], "702"),
        (&[("OSSAccessKeyId", "id")], "702"),
        (&[policy, signature], "706"),
        (&[policy, signature, ("OSSAccessKeyId", "")], "707"),
        (&[("x-oss-signature-version", "2")], "701"),
        (&[("x-oss-signature", "s")], "701"),
        // V1's signature in a form that says V4.
        (&[version, policy, signature], "703"),
        (
            &[
                version,
                policy,
                ("x-oss-signature", "s"),
                ("x-oss-credential", "c"),
            ],
            "709",
        ),
    ] {
        let refusal = plain(fields).credentials().unwrap_err().refusal();
        assert_eq!(
            refusal.row().ec,
            Some(&*format!("0002-00000{ec}")),
            "{fields:?}"
        );
        let message = match ec {
            "702" => "Post request policy is empty.",
            "703" | "704" => "Post request signature is empty.",
            "706" | "707" => "Post request accessKeyId is empty.",
            _ => "Invalid Argument.",
        };
        assert_eq!(
            (refusal.row().code, refusal.text()),
            ("InvalidArgument", message)
        );
        assert!(refusal.hint_text().is_some());
    }
    assert_eq!(
        plain(&[policy]).credentials(),
        Err(CredentialFault::Signature(Missing::Absent("Signature")).into())
    );
}

#[test]
fn no_value_is_printed_for_debugging() {
    let form = plain(&[
        ("OSSAccessKeyId", "id"),
        ("policy", "sesame"),
        ("Signature", "sesame"),
    ]);
    assert!(!format!("{form:?} {:?}", form.credentials()).contains("sesame"));
}
