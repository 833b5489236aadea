//! Every way in which a document is refused, with the answer the client gets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::{Condition, PolicyDocument, PolicyError, SyntaxFault};
use super::{answer, at};

const SIMPLE: &str = "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly \
                      one property specified.";

fn with_condition(condition: &str) -> String {
    format!("{{\"expiration\":\"2026-01-01T00:10:00Z\",\"conditions\":[{condition}]}}")
}

fn with_expiration(expiration: &str) -> String {
    format!("{{\"expiration\":{expiration},\"conditions\":[{{\"bucket\":\"photos\"}}]}}")
}

fn ec(json: &str) -> &'static str {
    let error = PolicyDocument::parse_json(json).unwrap_err();
    let (code, ec, message) = answer(&error);
    assert_eq!(code, "InvalidPolicyDocument");
    assert!(message.starts_with("Invalid Policy: "), "{message}");
    assert_eq!(error.refusal().row().status, 400);
    ec
}

#[test]
fn a_policy_is_canonical_base64_of_utf8() {
    let good = PolicyDocument::parse_json(&with_condition("{\"bucket\":\"photos\"}")).unwrap();
    // Blanks pad the text until it needs two `=`, the last digit before them has four spare bits.
    let json = format!("{:<88}", good.to_json());
    assert_eq!(json.len() % 3, 1);
    let base64 = STANDARD.encode(&json);
    assert_eq!(PolicyDocument::decode(&base64), Ok(good));
    let bare = base64.trim_end_matches('=');
    let last = bare.as_bytes()[bare.len() - 1];
    let spare = format!("{}{}==", &bare[..bare.len() - 1], char::from(last + 1));
    for bad in [
        spare,
        bare.to_owned(),
        format!("{bare}="),
        format!("{base64}="),
        format!("{base64}\n"),
        format!(" {base64}"),
        format!("{}\r\n{}", &base64[..76], &base64[76..]),
        base64.replace('e', "-"),
        json,
        "%".to_owned(),
    ] {
        let error = PolicyDocument::decode(&bad).unwrap_err();
        assert_eq!(error, PolicyError::Syntax(SyntaxFault::NotBase64), "{bad}");
        assert_eq!(answer(&error).1, "0006-00000202");
    }
    let latin1 = STANDARD.encode(b"{\"expiration\":\"\xe9\"}");
    let error = PolicyDocument::decode(&latin1).unwrap_err();
    assert_eq!(answer(&error).1, "0006-00000203");
}

#[test]
fn json_faults_are_told_in_the_words_of_oss() {
    for (json, message) in [
        (
            "eyJleHBpcmF0aW9uIjoi",
            "Invalid Policy: Invalid JSON: unknown char e",
        ),
        ("[1 2]", "Invalid Policy: Invalid JSON: , or ] expected"),
        ("", "Invalid Policy: Invalid JSON: unexpected end"),
        (
            "{\"conditions\":[[\"starts-with\",\"$key\",\"user/eric/\"],]}",
            "Invalid Policy: Invalid JSON: unknown char ]",
        ),
        (
            "{\"expiration\":\"2026-01-01T00:10:00Z\",\"expiration\":\"2026-01-01T00:10:00Z\"}",
            "Invalid Policy: Invalid JSON: member \"expiration\" stands twice",
        ),
    ] {
        let error = PolicyDocument::parse_json(json).unwrap_err();
        let found = answer(&error);
        assert_eq!(
            found,
            ("InvalidPolicyDocument", "0006-00000204", message.to_owned())
        );
    }
    // Once too often: the policy is base64 of base64.
    let twice = STANDARD.encode(STANDARD.encode("{}"));
    let error = PolicyDocument::decode(&twice).unwrap_err();
    assert_eq!(
        answer(&error).2,
        "Invalid Policy: Invalid JSON: unknown char e"
    );
}

#[test]
fn each_fault_of_the_members_has_its_ec() {
    let conditions = "\"conditions\":[{\"bucket\":\"photos\"}]";
    let expiration = "\"expiration\":\"2026-01-01T00:10:00Z\"";
    for (json, expected) in [
        ("[]".to_owned(), "0006-00000201"),
        ("\"text\"".to_owned(), "0006-00000201"),
        (format!("{{{expiration}}}"), "0006-00000207"),
        (format!("{{{conditions}}}"), "0006-00000208"),
        (
            format!("{{\"Expiration\":\"\",{conditions}}}"),
            "0006-00000208",
        ),
        ("{}".to_owned(), "0006-00000209"),
        (with_expiration("123"), "0006-00000210"),
        (with_expiration("null"), "0006-00000210"),
        (with_expiration("\"\""), "0006-00000211"),
        (
            format!("{{{expiration},\"conditions\":123}}"),
            "0006-00000214",
        ),
        (
            format!("{{{expiration},\"conditions\":{{}}}}"),
            "0006-00000214",
        ),
        (
            format!("{{{expiration},\"conditions\":[]}}"),
            "0006-00000215",
        ),
    ] {
        assert_eq!(ec(&json), expected, "{json}");
    }
    let more = format!("{{\"id\":[{{}}],{expiration},{conditions}}}");
    assert!(PolicyDocument::parse_json(&more).is_ok());
}

#[test]
fn each_fault_of_a_condition_has_its_ec() {
    for (condition, expected) in [
        ("[]", "0006-00000216"),
        ("[\"$key\"]", "0006-00000216"),
        ("[\"$key\",\"eq\",\"a\"]", "0006-00000216"),
        ("[1,\"$key\",\"a\"]", "0006-00000216"),
        ("[\"ends-with\",\"$key\",\"a\"]", "0006-00000217"),
        ("[\"EQ\",\"$key\",\"a\"]", "0006-00000217"),
        ("[\"eq\",\"$key\"]", "0006-00000218"),
        ("[\"starts-with\",\"$key\",\"a\",\"b\"]", "0006-00000218"),
        ("[\"content-length-range\",1]", "0006-00000218"),
        ("[\"content-length-range\",20,10]", "0006-00000219"),
        ("[\"content-length-range\",10,\"test\"]", "0006-00000221"),
        ("[\"content-length-range\",\"1\",10]", "0006-00000221"),
        ("[\"content-length-range\",-1,10]", "0006-00000221"),
        ("[\"content-length-range\",0,1.5]", "0006-00000221"),
        ("[\"content-length-range\",0,1.0]", "0006-00000221"),
        ("[\"content-length-range\",0,1e3]", "0006-00000221"),
        (
            "[\"content-length-range\",0,18446744073709551616]",
            "0006-00000221",
        ),
        ("123", "0006-00000222"),
        ("\"key\"", "0006-00000222"),
        ("null", "0006-00000222"),
        ("[\"content-length-range\",[1],\"test\"]", "0006-00000223"),
        ("[\"content-length-range\",0,{}]", "0006-00000223"),
        ("[\"content-length-range\",0,true]", "0006-00000223"),
        (
            "[\"not-in\",\"cache-control\",\"no-cache\"]",
            "0006-00000224",
        ),
        ("[\"in\",\"$key\",[1]]", "0006-00000224"),
        ("[\"eq\",\"$key\",[\"a\"]]", "0006-00000224"),
        ("[\"eq\",1,\"a\"]", "0006-00000224"),
        ("{\"key\":1}", "0006-00000224"),
    ] {
        assert_eq!(ec(&with_condition(condition)), expected, "{condition}");
    }
    for condition in ["{}", "{\"bucket\":\"photos\",\"key\":\"a\"}"] {
        let error = PolicyDocument::parse_json(&with_condition(condition)).unwrap_err();
        assert_eq!(answer(&error).2, SIMPLE);
        assert_eq!(answer(&error).1, "0006-00000205");
    }
    // The number is the condition's, not the first one's.
    let second = PolicyDocument::parse_json(&with_condition("{\"bucket\":\"photos\"},1"));
    let fault = SyntaxFault::ConditionType { number: 2 };
    assert_eq!(second, Err(PolicyError::Syntax(fault)));
}

#[test]
fn a_byte_order_mark_is_called_by_its_name() {
    let text = format!("\u{feff}{}", with_condition("{\"bucket\":\"photos\"}"));
    let error = PolicyDocument::parse_json(&text).unwrap_err();
    let refusal = error.refusal();
    assert_eq!(refusal.row().ec, Some("0006-00000204"));
    assert_eq!(
        refusal.text(),
        "Invalid Policy: Invalid JSON: unknown char \\u{feff}"
    );
    assert_eq!(
        refusal.hint_text(),
        Some(
            "the policy begins with a byte order mark (U+FEFF), which cannot be seen; write the \
             JSON text as UTF-8 without one"
        )
    );
}

/// The last instant that there is; the year 9999 has some hours more.
const LAST: &str = "9999-12-30T22:00:00.999999999Z";

#[test]
fn the_policies_of_other_clients_are_taken_and_written_again() {
    for (json, written) in [
        (
            include_str!("fixtures/policy-fraction.json"),
            "2036-01-01T00:00:00.120Z",
        ),
        (
            include_str!("fixtures/policy-microseconds.json"),
            "2030-01-01T12:00:00.123Z",
        ),
        (
            include_str!("fixtures/policy-9999.json"),
            "9999-12-30T22:00:00.999Z",
        ),
    ] {
        let policy = PolicyDocument::parse_json(json).unwrap();
        let again = policy.to_json();
        assert!(again.contains(written), "{again}");
        assert!(PolicyDocument::parse_json(&again).is_ok());
        assert_eq!(policy.check_expiration(at("2026-01-01T00:00:00Z")), Ok(()));
    }
}

#[test]
fn an_expiration_has_a_fraction_of_up_to_nine_digits() {
    for (good, time) in [
        ("\"2014-12-01T12:00:00.000Z\"", "2014-12-01T12:00:00Z"),
        ("\"2013-12-01T12:00:00Z\"", "2013-12-01T12:00:00Z"),
        ("\"2020-03-19T03:44:06.476Z\"", "2020-03-19T03:44:06.476Z"),
        ("\"2023-02-19T13:19:00.5Z\"", "2023-02-19T13:19:00.5Z"),
        ("\"2023-02-19T13:19:00.05Z\"", "2023-02-19T13:19:00.05Z"),
        ("\"2023-02-19T13:19:00.1234Z\"", "2023-02-19T13:19:00.1234Z"),
        (
            "\"2023-02-19T13:19:00.123456Z\"",
            "2023-02-19T13:19:00.123456Z",
        ),
        (
            "\"2023-02-19T13:19:00.123456789Z\"",
            "2023-02-19T13:19:00.123456789Z",
        ),
        ("\"9999-12-30T22:00:00Z\"", "9999-12-30T22:00:00Z"),
        ("\"9999-12-31T23:59:59Z\"", LAST),
        ("\"9999-12-31T23:59:59.999Z\"", LAST),
        ("\"9999-12-31T23:59:59.999999999Z\"", LAST),
    ] {
        let policy = PolicyDocument::parse_json(&with_expiration(good)).unwrap();
        assert_eq!(policy.expiration, at(time));
    }
    for bad in [
        "2023-02-19 13:19:00",
        "2023-02-19T13:19:00",
        "2023-02-19 13:19:00Z",
        "2023-02-19t13:19:00z",
        "2023-02-19T13:19:00+08:00",
        "2023-02-19T13:19:00+00:00",
        "2023-02-19T13:19Z",
        "2023-02-19T13:19:00.Z",
        "2023-02-19T13:19:00.1234567890Z",
        "2023-02-19T13:19:00.+5Z",
        "2023-02-19T13:19:00.5 Z",
        "2023-02-19T13:19:00.5.5Z",
        "2023-02-19T13:19:00.5",
        "2023-02-19T13:19:00,000Z",
        "-9999-01-01T00:00:00Z",
        "-001-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "9999-12-32T00:00:00Z",
        "2023-02-30T13:19:00Z",
        "2023-13-19T13:19:00Z",
        "2023-02-19T24:00:00Z",
        "2023-02-19T13:19:60Z",
        "2023-2-19T13:19:00Z",
        "+002023-02-19T13:19:00Z",
        "20230219T131900Z",
        " 2023-02-19T13:19:00Z",
        "2023-02-19T13:19:00Z ",
        "2023-02-19T13:19:00Z[UTC]",
        "Sun, 19 Feb 2023 13:19:00 GMT",
        "1676812740",
    ] {
        assert_eq!(
            ec(&with_expiration(&format!("\"{bad}\""))),
            "0006-00000212",
            "{bad}"
        );
    }
}

#[test]
fn names_may_lack_the_dollar_and_values_escape_it() {
    let read = |condition: &str| {
        let policy = PolicyDocument::parse_json(&with_condition(condition)).unwrap();
        policy.conditions.into_iter().next().unwrap()
    };
    for condition in [
        r#"["eq","$key","a\/\\${filename}"]"#,
        r#"["eq","key","a/\${filename}"]"#,
        r#"["eq","$key","a/${filename}"]"#,
        r#"{"key":"a\/\\${filename}"}"#,
    ] {
        let expected = Condition::Equals {
            field: "key".to_owned(),
            value: "a/${filename}".to_owned(),
        };
        assert_eq!(read(condition), expected, "{condition}");
    }
    let listed = read(r#"["not-in","$Cache-Control",["no-\$tore",""]]"#);
    assert_eq!(
        listed.to_string(),
        r#"["not-in", "$Cache-Control", ["no-$tore", ""]]"#
    );
}

#[test]
fn the_bounds_of_a_document_are_its_own() {
    let many = |count| with_condition(&vec!["{\"a\":\"b\"}"; count].join(","));
    assert!(PolicyDocument::parse_json(&many(PolicyDocument::MAX_CONDITIONS)).is_ok());
    assert_eq!(
        ec(&many(PolicyDocument::MAX_CONDITIONS + 1)),
        "0006-00000201"
    );
    let long = |bytes| {
        let json = with_condition("{\"a\":\"b\"}");
        let blanks = " ".repeat(bytes - json.len());
        json + &blanks
    };
    let longest = long(PolicyDocument::MAX_BYTES);
    assert!(PolicyDocument::decode(&STANDARD.encode(&longest)).is_ok());
    let longer = long(PolicyDocument::MAX_BYTES + 1);
    assert_eq!(ec(&longer), "0006-00000201");
    let error = PolicyDocument::decode(&STANDARD.encode(&longer)).unwrap_err();
    assert_eq!(error, PolicyError::Syntax(SyntaxFault::TooLong));
    let huge = PolicyDocument::decode(&"A".repeat(2 * 1024 * 1024)).unwrap_err();
    assert_eq!(huge, PolicyError::Syntax(SyntaxFault::TooLong));
}
