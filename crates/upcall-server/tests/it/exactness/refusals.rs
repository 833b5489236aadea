//! Every callback that is refused, with message, EC, and the argument that is named; nothing is stored,
//! and nobody is called.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use upcall_server::callback::{CallbackRule, LookUp};

use super::callback;
use super::ways::{Carried, Put, Signed, Upload, WAYS, Way};
use crate::application::Application;
use crate::client::Answer;
use crate::server::{Setup, TestServer};

/// What is wrong with the callback.
enum Given {
    /// As it stands, without any base64.
    Raw(String),
    /// JSON, or what is none, as base64.
    Text(String),
}

struct Row {
    given: Given,
    message: &'static str,
    ec: &'static str,
    name: &'static str,
    value: String,
}

const TOO_LONG: &str = "The length of callback exceed max value.";
const NOT_BASE64: &str = "The callback configuration is not base64 encoded.";
const NOT_JSON: &str = "The callback configuration is not json format.";
const URL: &str = "The callback url configuration is invalid.";
const TOO_MANY: &str = "The number of callback url exceed max value.";
const NO_IP: &str = "Can not get ip by this host.";
const PRIVATE: &str = "Private address is forbidden to callback.";
const HOST: &str = "The callback host configuration is invalid.";
const BODY: &str = "The callback body is invalid.";
const EMPTY_BODY: &str = "The callback body is empty.";
const TYPE: &str = "The callback body type configuration is invalid.";
const OTHER_TYPE: &str = "The body type of callback is not supported.";
const PLAIN: &str = "Invalid Argument.";

/// A row for the whole parameter; what is named is its text, or the text inside.
fn whole(given: Given, message: &'static str, ec: &'static str) -> Row {
    let value = match &given {
        Given::Raw(text) | Given::Text(text) => text.clone(),
    };
    Row {
        given,
        message,
        ec,
        name: "callback",
        value,
    }
}

/// A row for one member, which has this JSON; what is named is the text of a string, and else the JSON.
fn member(
    name: &'static str,
    json: &str,
    message: &'static str,
    ec: &'static str,
    value: &str,
) -> Row {
    let mut members = vec![
        ("callbackUrl", r#""http://public.test/""#),
        ("callbackBody", r#""a=b""#),
    ];
    members.retain(|(other, _)| *other != name);
    if !json.is_empty() {
        members.push((name, json));
    }
    let members = members.iter();
    let members: Vec<_> = members
        .map(|(name, json)| format!("\"{name}\":{json}"))
        .collect();
    Row {
        given: Given::Text(format!("{{{}}}", members.join(","))),
        message,
        ec,
        name,
        value: value.to_owned(),
    }
}

/// A row for an address.
fn url(text: &str, message: &'static str, ec: &'static str) -> Row {
    member("callbackUrl", &json!(text).to_string(), message, ec, text)
}

fn wholes() -> Vec<Row> {
    let raw = |text: &str| Given::Raw(text.to_owned());
    let text = |text: &str| Given::Text(text.to_owned());
    let (too_long, not_base64, not_json) = ("0007-00000001", "0007-00000002", "0007-00000003");
    let mut long = whole(raw(&"A".repeat(5124)), TOO_LONG, too_long);
    // Open: how much of it is sent back.
    long.value.truncate(5120);
    vec![
        long,
        whole(raw("error argument"), NOT_BASE64, not_base64),
        whole(raw("x123-*&"), NOT_BASE64, not_base64),
        // Open: the other alphabet, and text without padding.
        whole(raw("e30_"), NOT_BASE64, not_base64),
        whole(raw("e30"), NOT_BASE64, not_base64),
        whole(text("hello"), NOT_JSON, not_json),
        whole(text("{\"a\": <&\"'}"), NOT_JSON, not_json),
        whole(
            text("{'callbackUrl':'http://public.test/'}"),
            NOT_JSON,
            not_json,
        ),
        whole(text("[]"), NOT_JSON, not_json),
        whole(text("\"http://public.test/\""), NOT_JSON, not_json),
        whole(text("{} {}"), NOT_JSON, not_json),
    ]
}

fn urls() -> Vec<Row> {
    let (bad, no_ip, private) = ("0007-00000004", "0007-00000007", "0007-00000008");
    let six = ["http://public.test/"; 6].join(";");
    let mut rows = vec![
        member("callbackUrl", "", URL, bad, ""),
        member("callbackUrl", "7", URL, bad, "7"),
        member("callbackUrl", "null", URL, bad, "null"),
        member(
            "callbackUrl",
            r#"["http://public.test/"]"#,
            URL,
            bad,
            r#"["http://public.test/"]"#,
        ),
        url(&six, TOO_MANY, "0007-00000005"),
        url(&format!("{six};"), TOO_MANY, "0007-00000005"),
    ];
    for text in [
        "http://public.test:8o/",
        "http://public.test:/",
        "http://public.test:65536/",
        "public.test:port/cb",
        "ftp://public.test/",
        "http://user@public.test/",
        "http://[::1]/",
        "http://猫.test/",
        "http://public.test/猫",
        "http://public.test/a b",
        "http://public.test/;;http://public.test/",
        ";",
        " ",
    ] {
        rows.push(url(text, URL, bad));
    }
    // Open: OSS calls no IPv6 address; a name that has one is called here, if it may be.
    for text in [
        "http://nothing.test/",
        "my",
        "123.456",
        "http://public.test/;http://nothing.test/",
    ] {
        rows.push(url(text, NO_IP, no_ip));
    }
    for text in [
        "http://192.168.1.1",
        "127.0.0.1:8088/cb",
        "http://localhost:8080/cb",
        "http://169.254.169.254/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://inside.test/cb",
        "https://10.0.0.1/",
        "http://public.test/;http://inside.test/",
    ] {
        rows.push(url(text, PRIVATE, private));
    }
    rows
}

fn members() -> Vec<Row> {
    let (host, body, empty) = ("0007-00000009", "0007-00000010", "0007-00000011");
    let (kind, other) = ("0007-00000012", "0007-00000013");
    let template = |text: &str| {
        let json = json!(text).to_string();
        member("callbackBody", &json, BODY, body, text)
    };
    let other_type = |text: &str| {
        let json = json!(text).to_string();
        member("callbackBodyType", &json, OTHER_TYPE, other, text)
    };
    vec![
        member("callbackHost", "7", HOST, host, "7"),
        member("callbackHost", "null", HOST, host, "null"),
        member("callbackHost", r#""a b""#, HOST, host, "a b"),
        member("callbackHost", r#""a\r\nX: y""#, HOST, host, "a\r\nX: y"),
        member("callbackBody", "7", BODY, body, "7"),
        member("callbackBody", r#"{"a":"b"}"#, BODY, body, r#"{"a":"b"}"#),
        // Captured from the service.
        template("bucket=${bucket}&object=$(object)"),
        template("a=${object"),
        template("a=${object&b=c}"),
        member("callbackBody", "", EMPTY_BODY, empty, ""),
        member("callbackBody", r#""""#, EMPTY_BODY, empty, ""),
        member("callbackBodyType", "7", TYPE, kind, "7"),
        member("callbackBodyType", "null", TYPE, kind, "null"),
        other_type("text/plain"),
        other_type("application/json; charset=utf-8"),
        other_type(""),
        // Open: message and EC.
        member("callbackSNI", r#""true""#, PLAIN, "", r#""true""#),
        member("callbackSNI", "1", PLAIN, "", "1"),
    ]
}

fn hosts() -> LookUp {
    let system = LookUp::system();
    LookUp::from_fn(move |host, port| {
        let address = match host {
            "public.test" => "93.184.216.34",
            "inside.test" => "10.1.2.3",
            "nothing.test" | "my" => {
                return Err(std::io::Error::from(std::io::ErrorKind::NotFound));
            }
            _ => return system.ask(host, port),
        };
        Ok(vec![
            (address.parse::<std::net::IpAddr>().unwrap(), port).into(),
        ])
    })
}

async fn public_only() -> TestServer {
    TestServer::start_with(Setup {
        allow: vec![CallbackRule::Public],
        look_up: hosts(),
        ..Setup::default()
    })
    .await
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
        .replace('\r', "&#13;")
}

#[track_caller]
fn assert_refused(given: &Answer, row: &Row, way: Way) {
    let at = format!("{way:?}: {:?}: {}", row.value, given.text());
    assert_eq!(given.status, 400, "{at}");
    given.assert_refused(400, "InvalidArgument", row.message);
    assert_eq!(given.element("Message"), row.message, "{at}");
    assert_eq!(given.element("EC"), row.ec, "{at}");
    assert_eq!(given.element("ArgumentName"), row.name, "{at}");
    let value = given.element("ArgumentValue");
    let wanted = escaped(&row.value);
    assert!(
        value == wanted || value == wanted.replace("&apos;", "'").replace("&quot;", "\""),
        "{at}\nwanted {wanted}"
    );
}

#[tokio::test]
async fn a_callback_that_cannot_be_is_refused_before_anything_is_stored() {
    let server = public_only().await;
    let rows = [wholes(), urls(), members()];
    for row in rows.into_iter().flatten() {
        let text = match &row.given {
            Given::Raw(text) => text.clone(),
            Given::Text(text) => STANDARD.encode(text),
        };
        let upload = Upload::new("a", &text);
        for way in WAYS {
            assert_refused(&upload.send(&server, way).await, &row, way);
        }
    }
    assert_eq!(server.keys("open").await, [""; 0]);
    assert_eq!(server.blob_files(), 0);
}

const VARIABLES: &str = "The callback var is not expecten json.";

/// Variables come as a parameter of their own for `PutObject` alone.
#[tokio::test]
async fn variables_that_cannot_be_are_refused() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let callback = callback(&app.url("/"), "a=${x:a}", false);
    let upload = Upload::new("a", &callback);
    let flat = |text: &str| {
        (
            STANDARD.encode(text),
            VARIABLES,
            "0007-00000103",
            text.to_owned(),
        )
    };
    let long = "A".repeat(5124);
    let cut = long[..5120].to_owned();
    let rows = [
        (
            long,
            "The length of callback var exceed max value.",
            "0007-00000101",
            cut,
        ),
        // Open: the message, which no page prints.
        (
            "x123-*&".to_owned(),
            PLAIN,
            "0007-00000102",
            "x123-*&".to_owned(),
        ),
        ("e30".to_owned(), PLAIN, "0007-00000102", "e30".to_owned()),
        flat("hello"),
        flat("[]"),
        flat(r#"{"a":"1"}"#),
        flat(r#"{"x:":"1"}"#),
        flat(r#"{"x:a":1}"#),
        flat(r#"{"x:a":null}"#),
        flat(r#"{"x:a":{"x:b":"1"}}"#),
    ];
    for (variables, message, ec, value) in rows {
        let row = Row {
            given: Given::Raw(variables.clone()),
            message,
            ec,
            name: "callback-var",
            value,
        };
        for way in WAYS.into_iter().filter(|way| way.1 != Carried::Fields) {
            let mut put = Put::new(&upload);
            for (name, value) in [("callback", &callback), ("callback-var", &variables)] {
                put.bring(way.1, name, value);
            }
            assert_refused(&put.send(&server, way.0).await, &row, way);
        }
    }
    // A form has no such field; one that stands there is nobody's.
    let field = b"Content-Disposition: form-data; name=\"callback-var\"\r\n\r\nx123-*&";
    for signed in [Signed::Policy, Signed::Nobody] {
        let form = Upload::new("form", &callback).form(signed);
        let form = form.with_first(field);
        assert_eq!(server.post(&form).await.status, 200);
    }
    assert_eq!(server.keys("open").await, ["form"]);
    assert_eq!(app.calls().len(), 2);
}

#[tokio::test]
async fn header_and_query_are_not_taken_together() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let callback = callback(&app.url("/"), "a=b", false);
    let upload = Upload::new("a", &callback);
    let variables = STANDARD.encode(r#"{"x:a":"1"}"#);
    // Open: the EC of the twin.
    for (name, value, ec) in [
        ("callback", &callback, "0007-00000027"),
        ("callback-var", &variables, ""),
    ] {
        let message = format!(
            "Either the {name} query string parameter or the x-oss-{name} header should be \
             specified, not both."
        );
        for signed in [
            Signed::Nobody,
            Signed::HeaderV1,
            Signed::UrlV1,
            Signed::HeaderV4,
            Signed::UrlV4,
        ] {
            let mut put = Put::new(&upload);
            put.bring(Carried::Query, name, value);
            put.bring(Carried::Headers, name, value);
            let given = put.send(&server, signed).await;
            given.assert_refused(400, "InvalidArgument", &message);
            assert_eq!(given.element("EC"), ec, "{signed:?}");
            assert_eq!(given.element("ArgumentName"), name, "{signed:?}");
        }
    }
    assert_eq!(server.keys("open").await, [""; 0]);
    assert!(app.calls().is_empty());
}

/// An address that is the empty text means no callback; the page on errors has another view of it.
#[tokio::test]
async fn an_empty_address_asks_for_no_call() {
    let server = TestServer::start().await;
    for way in WAYS {
        let upload = Upload::new("a", &callback("", "a=b", false));
        let given = upload.send(&server, way).await;
        let status = if way.1 == Carried::Fields { 204 } else { 200 };
        assert_eq!(
            (given.status, given.text().as_str()),
            (status, ""),
            "{way:?}"
        );
    }
    // Open: an empty field is none; an empty header or parameter holds no JSON.
    let empty = Upload::new("a", "");
    for way in WAYS {
        let given = empty.send(&server, way).await;
        if way.1 == Carried::Fields {
            assert_eq!(given.status, 204, "{given:?}");
        } else {
            given.assert_refused(400, "InvalidArgument", NOT_JSON);
        }
    }
}

/// What is as long as it may be is taken, and so are five addresses, a `;` at their end, members that
/// nobody knows, and those that are empty.
#[tokio::test]
async fn what_is_just_allowed_is_taken() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let five = [
        app.url("/"),
        app.url("/"),
        app.url("/"),
        app.url("/"),
        app.url("/"),
    ]
    .join(";");
    let mut members = json!({
        "callbackUrl": format!("{five};"),
        "callbackHost": "",
        "callbackBody": "",
        "callbackSNI": false,
        "callbackBodyType": "application/json",
        "unknown": [7],
        "callbackbody": 7,
    });
    let room = 5120 / 4 * 3 - members.to_string().len();
    members["callbackBody"] = "b".repeat(room).into();
    let longest = super::encoded(&members);
    assert_eq!(longest.len(), 5120);
    for way in WAYS {
        let given = Upload::new("a", &longest).send(&server, way).await;
        assert_eq!(
            (given.status, given.text().as_str()),
            (200, "{}"),
            "{way:?}"
        );
    }
    assert_eq!(app.calls().len(), WAYS.len());
}
