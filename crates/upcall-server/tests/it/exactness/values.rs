//! What stands in the body for each variable, in both types of body.

use super::callback;
use super::ways::{Upload, WAYS, Way, operation};
use crate::application::Application;
use crate::server::{Setup, TestServer};

/// A value, how a form has it, how JSON has it.
type Row = (&'static str, &'static str, &'static str);

/// Custom variables may be any text.
const TEXTS: [Row; 24] = [
    ("", "", r#""""#),
    ("plain", "plain", r#""plain""#),
    ("42", "42", r#""42""#),
    ("007", "007", r#""007""#),
    ("-1.5e3", "-1.5e3", r#""-1.5e3""#),
    ("true", "true", r#""true""#),
    ("null", "null", r#""null""#),
    (" a  b ", "%20a%20%20b%20", r#"" a  b ""#),
    ("a\"b\"", "a%22b%22", r#""a\"b\"""#),
    ("it's", "it%27s", r#""it's""#),
    ("C:\\dir", "C%3A%5Cdir", r#""C:\\dir""#),
    ("a\r\nb\n", "a%0D%0Ab%0A", r#""a\r\nb\n""#),
    (
        "\u{1}\t\u{8}\u{1f}",
        "%01%09%08%1F",
        r#""\u0001\t\b\u001f""#,
    ),
    ("\u{7f}", "%7F", "\"\u{7f}\""),
    ("a+b", "a%2Bb", r#""a+b""#),
    ("100%", "100%25", r#""100%""#),
    ("%2F", "%252F", r#""%2F""#),
    (
        "a/b?c=d&e;f#g",
        "a%2Fb%3Fc%3Dd%26e%3Bf%23g",
        r#""a/b?c=d&e;f#g""#,
    ),
    ("-._~", "-._~", r#""-._~""#),
    (
        "!*'()<>[]{}|^`@$,:",
        "%21%2A%27%28%29%3C%3E%5B%5D%7B%7D%7C%5E%60%40%24%2C%3A",
        r#""!*'()<>[]{}|^`@$,:""#,
    ),
    ("é", "%C3%A9", r#""é""#),
    ("猫", "%E7%8C%AB", r#""猫""#),
    (
        "𠮷🐦\u{2028}",
        "%F0%A0%AE%B7%F0%9F%90%A6%E2%80%A8",
        "\"𠮷🐦\u{2028}\"",
    ),
    // What is put in is not read again.
    ("${object}", "%24%7Bobject%7D", r#""${object}""#),
];

/// The names of custom variables: more than the ten that the page advises, Chinese ones; open: upper
/// case, which the page calls an error and says no more of. It counts, as it is.
fn name(number: usize) -> String {
    match number {
        0 => "x:猫".to_owned(),
        1 => "x:Upper".to_owned(),
        2 => "x:a.b-c_d".to_owned(),
        _ => format!("x:v{number}"),
    }
}

fn template(names: &[String], is_json: bool) -> String {
    let place = |(number, name): (usize, &String)| {
        if is_json {
            format!("\"{number}\":${{{name}}}")
        } else {
            format!("{number}=${{{name}}}")
        }
    };
    let places: Vec<_> = names.iter().enumerate().map(place).collect();
    if is_json {
        format!("{{{}}}", places.join(","))
    } else {
        places.join("&")
    }
}

fn expected(values: impl Iterator<Item = (String, String)>, is_json: bool) -> String {
    let values: Vec<_> = values
        .enumerate()
        .map(|(number, (form, json))| {
            if is_json {
                format!("\"{number}\":{json}")
            } else {
                format!("{number}={form}")
            }
        })
        .collect();
    if is_json {
        format!("{{{}}}", values.join(","))
    } else {
        values.join("&")
    }
}

/// Uploads, and gives the body that the application got.
pub(super) async fn body(
    server: &TestServer,
    app: &Application,
    upload: &Upload,
    way: Way,
) -> String {
    let before = app.calls().len();
    let given = upload.send(server, way).await;
    assert_eq!(given.status, 200, "{way:?}: {upload:?}: {given:?}");
    let calls = app.calls();
    assert_eq!(calls.len(), before + 1, "{way:?}");
    String::from_utf8(calls[before].body.clone()).unwrap()
}

#[tokio::test]
async fn custom_variables_are_written_as_their_body_type_wants_it() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let names: Vec<String> = (0..TEXTS.len()).map(name).collect();
    for is_json in [false, true] {
        let mut upload = Upload::new(
            "a",
            &callback(&app.url("/"), &template(&names, is_json), is_json),
        );
        let values = TEXTS.iter().map(|(value, ..)| (*value).to_owned());
        upload.variables = names.iter().cloned().zip(values).collect();
        let rows = TEXTS.iter();
        let rows = rows.map(|(_, form, json)| ((*form).to_owned(), (*json).to_owned()));
        let wanted = expected(rows, is_json);
        for way in WAYS {
            assert_eq!(body(&server, &app, &upload, way).await, wanted, "{way:?}");
        }
    }
}

/// A key, as a form and as JSON have it.
const KEYS: [Row; 7] = [
    ("a", "a", r#""a""#),
    (
        "dir/sub/cat.jpg",
        "dir%2Fsub%2Fcat.jpg",
        r#""dir/sub/cat.jpg""#,
    ),
    ("a b+c%d", "a%20b%2Bc%25d", r#""a b+c%d""#),
    ("\"q\"'s\\t", "%22q%22%27s%5Ct", r#""\"q\"'s\\t""#),
    ("?x=1&y#z", "%3Fx%3D1%26y%23z", r#""?x=1&y#z""#),
    (
        "猫/𠮷🐦.txt",
        "%E7%8C%AB%2F%F0%A0%AE%B7%F0%9F%90%A6.txt",
        r#""猫/𠮷🐦.txt""#,
    ),
    ("a//b/../c", "a%2F%2Fb%2F..%2Fc", r#""a//b/../c""#),
];

/// Every system variable for the object `hello`, which is no image, and what is like one but none: open
/// is what an unknown name gives, which is nothing. Of `crc64` JSON has a string, since most readers of
/// JSON lose the last digits of so large a number; open as well.
const SYSTEM: [Row; 18] = [
    ("bucket", "open", r#""open""#),
    (
        "etag",
        "5D41402ABC4B2A76B9719D911017C592",
        r#""5D41402ABC4B2A76B9719D911017C592""#,
    ),
    ("size", "5", "5"),
    (
        "mimeType",
        "text%2Fplain%3B%20a%3D%22b%22",
        r#""text/plain; a=\"b\"""#,
    ),
    ("imageInfo.height", "", r#""""#),
    ("imageInfo.width", "", r#""""#),
    ("imageInfo.format", "", r#""""#),
    ("crc64", "11177612005948864433", r#""11177612005948864433""#),
    (
        "contentMd5",
        "XUFAKrxLKna5cZ2REBfFkg%3D%3D",
        r#""XUFAKrxLKna5cZ2REBfFkg==""#,
    ),
    ("vpcId", "", r#""""#),
    ("clientIp", "127.0.0.1", r#""127.0.0.1""#),
    ("x:unset", "", r#""""#),
    ("x:", "", r#""""#),
    ("foo", "", r#""""#),
    ("", "", r#""""#),
    ("Bucket", "", r#""""#),
    ("imageInfo", "", r#""""#),
    ("X:a", "", r#""""#),
];

#[tokio::test]
async fn every_system_variable_is_there_in_both_types_of_body() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let mut names: Vec<String> = SYSTEM.iter().map(|(name, ..)| (*name).to_owned()).collect();
    names.push("operation".to_owned());
    names.push("object".to_owned());
    for is_json in [false, true] {
        for (key, in_form, in_json) in KEYS {
            let body_of = callback(&app.url("/"), &template(&names, is_json), is_json);
            let mut upload = Upload::new(key, &body_of);
            upload.content_type = Some("text/plain; a=\"b\"".to_owned());
            for way in WAYS {
                let operation = operation(way);
                let last = [
                    (operation.to_owned(), format!("\"{operation}\"")),
                    (in_form.to_owned(), in_json.to_owned()),
                ];
                let rows = SYSTEM.iter();
                let rows = rows.map(|(_, form, json)| ((*form).to_owned(), (*json).to_owned()));
                let wanted = expected(rows.chain(last), is_json);
                let got = body(&server, &app, &upload, way).await;
                assert_eq!(got, wanted, "{way:?}: {key}");
            }
        }
    }
}

#[tokio::test]
async fn the_request_id_is_the_uploads_own() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    for way in WAYS {
        let upload = Upload::new("a", &callback(&app.url("/"), "${reqId}", false));
        let given = upload.send(&server, way).await;
        let call = app.calls().pop().unwrap();
        let id = given.header("x-oss-request-id");
        assert_eq!(call.body, id.as_bytes());
        assert_eq!(call.header("x-oss-request-id"), id);
    }
}

#[tokio::test]
async fn a_type_that_nobody_gave_is_octet_stream() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let upload = Upload::new("a", &callback(&app.url("/"), "${mimeType}", false));
    for way in WAYS {
        let got = body(&server, &app, &upload, way).await;
        assert_eq!(got, "application%2Foctet-stream", "{way:?}");
    }
}

/// A template need not be JSON, constants stay as they are, and a placeholder in quotes is the user's
/// own affair.
#[tokio::test]
async fn constants_stay_as_they_are() {
    let server = TestServer::start_with(Setup::default()).await;
    let app = Application::agreeing("{}").await;
    for (template, is_json, wanted) in [
        ("纯文本 a+b %41 &=\"", true, "纯文本 a+b %41 &=\""),
        ("纯文本 a+b %41 &=\"", false, "纯文本 a+b %41 &=\""),
        (r#"{"h":"${size}"}"#, true, r#"{"h":"5"}"#),
        (
            "$object $ $$ {object} ${object}",
            false,
            "$object $ $$ {object} a",
        ),
        ("price $(5 + 5) $", false, "price $(5 + 5) $"),
        ("${size}${size}", true, "55"),
    ] {
        let upload = Upload::new("a", &callback(&app.url("/"), template, is_json));
        for way in WAYS {
            let got = body(&server, &app, &upload, way).await;
            assert_eq!(got, wanted, "{way:?}");
        }
    }
}
