//! What a callback parameter may be, and the refusal for each that may not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::super::*;

/// A refusal as the wire shows it: `ArgumentName`, `ArgumentValue`, `Message`, `EC`.
type Row<'a> = (&'a str, &'a str, &'a str, Option<&'a str>);

#[track_caller]
fn assert_refused(error: &CallbackError, (name, value, message, ec): Row<'_>) {
    let refusal = error.refusal();
    assert_eq!(refusal.row().code, "InvalidArgument");
    assert_eq!(refusal.row().status, 400);
    assert_eq!(refusal.text(), message);
    assert_eq!(refusal.row().ec, ec, "{message}");
    assert_eq!(refusal.hint_text(), Some(&*error.to_string()));
    let xml = refusal.to_xml("", "");
    let value = crate::error::escape_xml(value).into_owned();
    let extras =
        format!("<ArgumentName>{name}</ArgumentName>\n  <ArgumentValue>{value}</ArgumentValue>\n");
    assert!(xml.contains(&extras), "{xml}");
}

#[test]
fn everything_that_can_be_said_is_read() {
    let json = json!({
        "callbackUrl": "121.43.113.8:23456/index.html;https://b.example/cb?x=1",
        "callbackHost": "a.example:8080",
        "callbackBody": "{\"mimeType\":${mimeType},\"size\":${size}}",
        "callbackBodyType": "application/json",
        "callbackSNI": true,
        "somethingElse": {"x": 1},
    });
    let read = CallbackParameter::decode(&STANDARD.encode(json.to_string()))
        .unwrap()
        .unwrap();
    let urls: Vec<&str> = read.urls.iter().map(CallbackUrl::as_given).collect();
    assert_eq!(
        urls,
        ["121.43.113.8:23456/index.html", "https://b.example/cb?x=1"]
    );
    assert_eq!(read.host.as_deref(), Some("a.example:8080"));
    assert_eq!(
        read.body.as_str(),
        "{\"mimeType\":${mimeType},\"size\":${size}}"
    );
    assert_eq!(read.body_type, CallbackBodyType::Json);
    assert!(read.sni);
    assert_eq!(CallbackParameter::decode(&read.encode()), Ok(Some(read)));
}

/// Whoever checked the callback may have taken the other one.
#[test]
fn a_member_or_a_variable_that_stands_twice_is_refused() {
    for twice in [
        r#"{"callbackUrl":"a.example","callbackUrl":"b.example","callbackBody":"x"}"#,
        r#"{"callbackUrl":"a.example","callback\u0055rl":"b.example","callbackBody":"x"}"#,
        r#"{"callbackUrl":"a.example","callbackBody":"x","callbackBody":"x"}"#,
    ] {
        let refused = CallbackParameter::parse_json(twice).unwrap_err();
        let message = "The callback configuration is not json format.";
        let row = ("callback", twice, message, Some("0007-00000003"));
        assert_refused(&refused, row);
        assert!(refused.to_string().contains("stands twice"), "{refused}");
    }
    let twice = r#"{"x:a":"1","x:\u0061":"2"}"#;
    let refused = CallbackVars::decode(&STANDARD.encode(twice)).unwrap_err();
    let message = "The callback var is not expecten json.";
    assert_refused(
        &refused,
        ("callback-var", twice, message, Some("0007-00000103")),
    );
}

#[test]
fn what_is_not_said_has_its_default() {
    let read = CallbackParameter::parse_json(r#"{"callbackUrl":"a;","callbackBody":"x"}"#);
    let read = read.unwrap().unwrap();
    assert_eq!(read.urls.len(), 1, "a list may end with its separator");
    assert_eq!(read.host, None);
    assert_eq!(read.body_type, CallbackBodyType::Form);
    assert!(!read.sni);
    assert_eq!(
        read.to_json(),
        r#"{"callbackBody":"x","callbackBodyType":"application/x-www-form-urlencoded","callbackUrl":"a"}"#
    );
}

#[test]
fn an_empty_url_asks_for_no_callback() {
    let nothing = CallbackParameter::parse_json(r#"{"callbackUrl":"","callbackBody":""}"#);
    assert_eq!(nothing, Ok(None));
}

#[test]
fn what_cannot_be_decoded_is_refused() {
    let decode = |base64: &str| CallbackParameter::decode(base64).unwrap_err();
    let not_base64 = "The callback configuration is not base64 encoded.";
    for given in ["error argument", "x123-*&", "e30", "e31=", "e30=\n"] {
        let row = ("callback", given, not_base64, Some("0007-00000002"));
        assert_refused(&decode(given), row);
    }
    let not_json = "The callback configuration is not json format.";
    for given in [
        "",
        "{",
        "<a>&",
        "[]",
        "\"a\"",
        "null",
        "{} {}",
        "\u{feff}{}",
        "{\"a\":1,}",
    ] {
        let row = ("callback", given, not_json, Some("0007-00000003"));
        assert_refused(&decode(&STANDARD.encode(given)), row);
    }
    let row = (
        "callback",
        "{\"a\":\"\u{fffd}\"}",
        not_json,
        Some("0007-00000003"),
    );
    assert_refused(&decode(&STANDARD.encode(b"{\"a\":\"\xff\"}")), row);

    let longest = format!("{{\"callbackUrl\":\"\"}}{}", " ".repeat(5120 / 4 * 3 - 18));
    assert_eq!(STANDARD.encode(&longest).len(), 5120);
    assert_eq!(
        CallbackParameter::decode(&STANDARD.encode(&longest)),
        Ok(None)
    );
    let row = (
        "callback",
        &*"A".repeat(5120),
        "The length of callback exceed max value.",
        Some("0007-00000001"),
    );
    assert_refused(&decode(&"A".repeat(5124)), row);
    assert_refused(&decode(&"A".repeat(3_000_000)), row);
}

/// Refuses `{"callbackUrl": "a", "callbackBody": "a"}` with one member put in.
#[track_caller]
fn assert_member_refused(
    member: &str,
    value: serde_json::Value,
    shown: &str,
    (message, ec): (&str, &str),
) {
    let mut parameter = json!({"callbackUrl": "a", "callbackBody": "a"});
    parameter[member] = value;
    let refused = CallbackParameter::parse_json(&parameter.to_string()).unwrap_err();
    assert_refused(&refused, (member, shown, message, Some(ec)));
}

#[test]
fn each_bad_url_is_refused() {
    let texts = [
        "http://a:b/",
        "a;;b",
        ";",
        "a; b",
        "http://[::1]/",
        "http://a/中",
        "ftp://a/",
        "http://a@b/",
    ];
    for text in texts {
        assert_member_refused("callbackUrl", json!(text), text, URL);
    }
    for other in [json!(null), json!(1), json!(["a"])] {
        assert_member_refused("callbackUrl", other.clone(), &other.to_string(), URL);
    }
    for six in ["a;b;c;d;e;f;", "a;b;c;d;e;f"] {
        assert_member_refused("callbackUrl", json!(six), six, TOO_MANY);
    }
    let five = json!({"callbackUrl": "a;b;c;d;e;", "callbackBody": "a"}).to_string();
    let read = CallbackParameter::parse_json(&five).unwrap().unwrap();
    assert_eq!(read.urls.len(), 5);
}

#[test]
fn each_other_member_has_its_refusal() {
    for (member, value, shown, row) in [
        ("callbackHost", json!(true), "true", HOST),
        ("callbackHost", json!("a\r\nX: y"), "a\r\nX: y", HOST),
        ("callbackHost", json!("a/b"), "a/b", HOST),
        ("callbackHost", json!("a:0"), "a:0", HOST),
        ("callbackBody", json!(["a"]), "[\"a\"]", BODY),
        ("callbackBody", json!("a=$(object)"), "a=$(object)", BODY),
        ("callbackBody", json!("a=${object"), "a=${object", BODY),
        ("callbackBody", json!(""), "", EMPTY_BODY),
        ("callbackBodyType", json!(1), "1", BODY_TYPE),
        (
            "callbackBodyType",
            json!("text/plain"),
            "text/plain",
            OTHER_BODY_TYPE,
        ),
        ("callbackBodyType", json!(""), "", OTHER_BODY_TYPE),
    ] {
        assert_member_refused(member, value, shown, row);
    }
    let quoted = r#"{"callbackUrl":"a","callbackBody":"a","callbackSNI":"true"}"#;
    let row = ("callbackSNI", "\"true\"", "Invalid Argument.", None);
    assert_refused(&CallbackParameter::parse_json(quoted).unwrap_err(), row);
}

#[test]
fn a_member_that_is_missing_is_refused_and_names_have_a_case() {
    for (json, member, (message, ec)) in [
        (r#"{"callbackBody":"a"}"#, "callbackUrl", URL),
        (
            r#"{"CallbackUrl":"a","callbackBody":"a"}"#,
            "callbackUrl",
            URL,
        ),
        (r#"{"callbackUrl":"a"}"#, "callbackBody", EMPTY_BODY),
    ] {
        let refused = CallbackParameter::parse_json(json).unwrap_err();
        assert_refused(&refused, (member, "", message, Some(ec)));
    }
}

const URL: (&str, &str) = (
    "The callback url configuration is invalid.",
    "0007-00000004",
);
const TOO_MANY: (&str, &str) = (
    "The number of callback url exceed max value.",
    "0007-00000005",
);
const HOST: (&str, &str) = (
    "The callback host configuration is invalid.",
    "0007-00000009",
);
const BODY: (&str, &str) = ("The callback body is invalid.", "0007-00000010");
const EMPTY_BODY: (&str, &str) = ("The callback body is empty.", "0007-00000011");
const BODY_TYPE: (&str, &str) = (
    "The callback body type configuration is invalid.",
    "0007-00000012",
);
const OTHER_BODY_TYPE: (&str, &str) = (
    "The body type of callback is not supported.",
    "0007-00000013",
);

#[test]
fn what_the_network_says_of_a_host_is_refused_in_oss_s_words() {
    let parameter = CallbackParameter::builder("http://localhost:8080/a", "x")
        .or_url("my")
        .build()
        .unwrap();
    let given = "http://localhost:8080/a;my";
    assert_refused(
        &parameter.unresolvable(),
        (
            "callbackUrl",
            given,
            "Can not get ip by this host.",
            Some("0007-00000007"),
        ),
    );
    assert_refused(
        &parameter.private_address(),
        (
            "callbackUrl",
            given,
            "Private address is forbidden to callback.",
            Some("0007-00000008"),
        ),
    );
}

#[test]
fn variables_are_refused_in_oss_s_words() {
    let decode = |base64: &str| CallbackVars::decode(base64).unwrap_err();
    let too_long = "The length of callback var exceed max value.";
    assert_refused(
        &decode("*"),
        (
            "callback-var",
            "*",
            "Invalid Argument.",
            Some("0007-00000102"),
        ),
    );
    assert_refused(
        &decode("e30=".repeat(2).as_str()),
        (
            "callback-var",
            "e30=e30=",
            "Invalid Argument.",
            Some("0007-00000102"),
        ),
    );
    assert_refused(
        &decode(&STANDARD.encode("{\"a\":\"b\"}")),
        (
            "callback-var",
            "{\"a\":\"b\"}",
            "The callback var is not expecten json.",
            Some("0007-00000103"),
        ),
    );
    assert_refused(
        &decode(&"A".repeat(5121)),
        (
            "callback-var",
            &"A".repeat(5120),
            too_long,
            Some("0007-00000101"),
        ),
    );
    let parameter = CallbackParameter::builder("a", "${x:a}").build().unwrap();
    let variables = |bytes| [("x:a", "a".repeat(bytes))].into_iter().collect();
    assert_eq!(parameter.check_variables(&variables(512 * 1024)), Ok(()));
    assert_refused(
        &parameter
            .check_variables(&variables(512 * 1024 + 1))
            .unwrap_err(),
        ("callbackBody", "${x:a}", too_long, Some("0007-00000101")),
    );
}

#[test]
fn what_an_application_builds_is_judged_as_an_upload_would_be() {
    let built = CallbackParameter::builder("https://a.example/cb", "object=${object}")
        .or_url("https://b.example/cb")
        .host("c.example")
        .with_sni()
        .build()
        .unwrap();
    assert_eq!(CallbackParameter::decode(&built.encode()), Ok(Some(built)));

    let why = |builder: CallbackParameterBuilder| builder.build().unwrap_err().why().clone();
    let begun = |url: &str, body: &str| CallbackParameter::builder(url, body);
    assert_eq!(why(begun("", "x")), InvalidCallback::UrlMissing);
    assert_eq!(why(begun("a", "")), InvalidCallback::BodyEmpty);
    assert_eq!(
        why(begun("a", "x").host("a b")),
        InvalidCallback::HostInvalid
    );
    assert!(matches!(
        why(begun("a", &"x".repeat(4000))),
        InvalidCallback::TooLong { bytes: 5380..5500 }
    ));
}

proptest! {
    #[test]
    fn nothing_breaks_the_reader_of_parameters(text in ".{0,80}", json in "[{}\"a-zA-Z:,\\[\\]0-9]{0,60}") {
        let _ = CallbackParameter::decode(&text);
        let _ = CallbackParameter::decode(&STANDARD.encode(&json));
        let _ = CallbackVars::decode(&STANDARD.encode(&json));
        let _ = CallbackUrl::parse(&text);
        let _ = PublicKeyUrls::oss().admit_header(&STANDARD.encode(&text));
        let member = serde_json::json!({"callbackUrl": text, "callbackBody": text});
        let _ = CallbackParameter::parse_json(&member.to_string());
    }
}
