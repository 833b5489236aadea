//! The request that the application gets, the addresses that are called, and what the uploader gets of
//! the answer.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use upcall::callback::{PublicKey, string_to_sign};
use upcall_server::callback::LookUp;

use super::ways::{Carried, Signed, Upload, WAYS, Way};
use super::{callback, encoded};
use crate::application::{Application, Call, Reply, answer};
use crate::callbacks::closed_port;
use crate::post_object::base64_md5;
use crate::server::{KEY_ID, Setup, TestServer};

/// Every name leads here.
fn loopback() -> Setup {
    Setup {
        look_up: LookUp::from_fn(|_, port| Ok(vec![([127, 0, 0, 1], port).into()])),
        ..Setup::default()
    }
}

async fn call(server: &TestServer, app: &Application, members: &Value, way: Way) -> Call {
    let given = Upload::new("a", &encoded(members)).send(server, way).await;
    assert_eq!(given.status, 200, "{way:?}: {members}: {given:?}");
    app.calls().pop().unwrap()
}

/// The headers of OSS, these and no others; not `Connection: close`, since connections are kept.
#[tokio::test]
async fn the_request_has_the_documented_headers_and_a_signature() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", "o=${object}&m=猫"),
        ("application/json", "{\"o\":${object}}"),
    ] {
        for way in WAYS {
            let members = json!({
                "callbackUrl": app.url("/up%2Fcall/%E7%8C%AB?x=%2F&y"),
                "callbackBody": body,
                "callbackBodyType": content_type,
            });
            let call = call(&server, &app, &members, way).await;
            let target = "/up%2Fcall/%E7%8C%AB?x=%2F&y";
            assert_eq!(call.request_line(), format!("POST {target} HTTP/1.1"));
            let requester = match way.0 {
                // Open: who nobody is.
                Signed::Nobody => "-",
                Signed::Policy
                | Signed::HeaderV1
                | Signed::UrlV1
                | Signed::HeaderV4
                | Signed::UrlV4 => KEY_ID,
            };
            let date = call.header("date").to_owned();
            let authorization = call.header("authorization").to_owned();
            let id = call.header("x-oss-request-id").to_owned();
            let path = match way.0 {
                // The announced key is not one that receivers are told to trust.
                Signed::Nobody => anonymous_key_path(&server, &call),
                Signed::Policy
                | Signed::HeaderV1
                | Signed::UrlV1
                | Signed::HeaderV4
                | Signed::UrlV4 => "/callback_pub_key_v1.pem".to_owned(),
            };
            let key_url = format!("http://{}{path}", server.address());
            let pem = server.client().request("GET", &path, "", b"").await;
            let key = PublicKey::from_pem(&pem.text()).unwrap();
            let mut wanted = [
                ("host", app.address().to_string()),
                ("content-length", call.body.len().to_string()),
                ("authorization", authorization.clone()),
                ("content-md5", base64_md5(&call.body)),
                ("content-type", content_type.to_owned()),
                ("date", date.clone()),
                ("user-agent", "aliyun-oss-callback".to_owned()),
                ("x-oss-additional-headers", String::new()),
                ("x-oss-bucket", "open".to_owned()),
                ("x-oss-owner", "owner".to_owned()),
                ("x-oss-pub-key-url", STANDARD.encode(&key_url)),
                ("x-oss-request-id", id.clone()),
                ("x-oss-requester", requester.to_owned()),
                ("x-oss-signature-version", "1.0".to_owned()),
                ("x-oss-tag", "CALLBACK".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value));
            wanted.sort();
            let lines = call.head.trim_end().split("\r\n").skip(1);
            let mut got: Vec<(String, String)> = lines
                .map(|line| line.split_once(':').unwrap())
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect();
            got.sort();
            assert_eq!(got, wanted, "{way:?}");
            let format = "%a, %d %b %Y %H:%M:%S GMT";
            assert!(
                jiff::civil::DateTime::strptime(format, &date).is_ok(),
                "{date}"
            );
            let is_hex = id.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(id.len() == 24 && is_hex, "{id}");
            let signed = string_to_sign(target, &call.body);
            assert!(signed.starts_with("/up/call/猫?x=%2F&y\n".as_bytes()));
            let signature = STANDARD.decode(authorization).unwrap();
            key.verify_md5(&signed, &signature).unwrap();
        }
    }
}

/// The path of the key that the call of an anonymous upload announces.
fn anonymous_key_path(server: &TestServer, call: &Call) -> String {
    let url = STANDARD.decode(call.header("x-oss-pub-key-url")).unwrap();
    let url = String::from_utf8(url).unwrap();
    let path = url.strip_prefix(&format!("http://{}", server.address()));
    let path = path.unwrap().to_owned();
    assert!(
        path.starts_with("/upcall_anonymous_callback_key/"),
        "{path}"
    );
    path
}

#[tokio::test]
async fn the_host_is_that_of_the_address_or_another() {
    let server = TestServer::start_with(loopback()).await;
    let app = Application::agreeing("{}").await;
    let port = app.address().port();
    let own = format!("App.test:{port}");
    for way in WAYS {
        for (host, wanted) in [
            (Value::Null, own.as_str()),
            (json!(""), &own),
            (json!("other.test"), "other.test"),
            (json!("other.test:81"), "other.test:81"),
            (json!("47.97.168.53"), "47.97.168.53"),
        ] {
            let mut members = json!({
                "callbackUrl": format!("App.test:{port}/cb"),
                "callbackBody": "a=b",
            });
            if !host.is_null() {
                members["callbackHost"] = host;
            }
            let call = call(&server, &app, &members, way).await;
            assert_eq!(call.header("host"), wanted, "{way:?}");
        }
    }
}

#[tokio::test]
async fn an_address_may_lack_scheme_and_path() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let bare = app.address().to_string();
    for way in WAYS {
        for (url, line) in [
            (bare.clone(), "POST / HTTP/1.1"),
            (format!("http://{bare}"), "POST / HTTP/1.1"),
            (format!("http://{bare}?a=b"), "POST /?a=b HTTP/1.1"),
            (format!("{bare}/index.html"), "POST /index.html HTTP/1.1"),
            // Variables are not put in here.
            (
                format!("HTTP://{bare}/$%7Bobject%7D"),
                "POST /$%7Bobject%7D HTTP/1.1",
            ),
        ] {
            let members = json!({ "callbackUrl": url, "callbackBody": "a=b" });
            let call = call(&server, &app, &members, way).await;
            assert_eq!(call.request_line(), line, "{way:?}: {url}");
        }
    }
}

/// A server that takes down what name TLS's first message has, and hangs up.
async fn tls_listener() -> (u16, Arc<Mutex<Vec<Option<String>>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let names = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&names);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = rustls::server::Acceptor::default();
            let begun = tokio_rustls::LazyConfigAcceptor::new(acceptor, socket).await;
            let begun = begun.unwrap();
            let name = begun.client_hello().server_name().map(str::to_owned);
            kept.lock().unwrap().push(name);
        }
    });
    (port, names)
}

#[tokio::test]
async fn tls_names_the_host_only_if_that_is_asked_for() {
    let server = TestServer::start_with(loopback()).await;
    let (port, names) = tls_listener().await;
    for way in WAYS {
        for (sni, wanted) in [
            (None, None),
            (Some(false), None),
            (Some(true), Some("app.test")),
        ] {
            let mut members = json!({
                "callbackUrl": format!("https://app.test:{port}/"),
                "callbackBody": "a=b",
                // It is the address that TLS names.
                "callbackHost": "other.test",
            });
            if let Some(sni) = sni {
                members["callbackSNI"] = sni.into();
            }
            let given = Upload::new("a", &encoded(&members))
                .send(&server, way)
                .await;
            given.assert_refused(203, "CallbackFailed", "Error status : -1");
            let got = names.lock().unwrap().pop();
            assert_eq!(got, Some(wanted.map(str::to_owned)), "{way:?}: {sni:?}");
        }
    }
}

/// What each of several addresses does: 0 is nobody, else the status that it answers with.
#[tokio::test]
async fn addresses_are_called_in_turn_until_one_agrees_and_the_last_failure_is_told() {
    let server = TestServer::start().await;
    let nobody = format!("http://{}/", closed_port());
    let mut apps = Vec::new();
    for (status, body) in [
        ("200 OK", r#"{"from":200}"#),
        ("404 No", r#"{"from":404}"#),
        ("500 No", r#"{"from":500}"#),
        ("200 OK", "no JSON"),
    ] {
        apps.push(Application::start(Reply::KeepAlive(answer(status, body))).await);
    }
    let agreed = Ok(r#"{"from":200}"#);
    let (unreached, no_json) = (
        "Error status : -1.OSS can not connect to your callbackUrl, please check it.",
        "Response body is not valid json format.",
    );
    // By number in `apps`, 9 for nobody; how many of them are called.
    for (addresses, called, wanted) in [
        (&[0][..], 1, agreed),
        (&[0, 1, 2], 1, agreed),
        (&[9, 0, 1], 2, agreed),
        (&[1, 0, 0], 2, agreed),
        (&[2, 3, 9, 1, 0], 5, agreed),
        (&[1, 2], 2, Err(("Error status : 500.", "0007-00000203"))),
        (&[2, 1], 2, Err(("Error status : 404.", "0007-00000203"))),
        (&[1, 9], 2, Err((unreached, "0007-00000203"))),
        (&[9, 3], 2, Err((no_json, "0007-00000205"))),
        (
            &[9, 9, 9, 9, 1],
            5,
            Err(("Error status : 404.", "0007-00000203")),
        ),
    ] {
        let urls = addresses.iter().map(|number| match apps.get(*number) {
            Some(app) => app.url("/"),
            None => nobody.clone(),
        });
        let urls: Vec<String> = urls.collect();
        let upload = Upload::new("a", &callback(&urls.join(";"), "a=b", false));
        for way in WAYS {
            let count = || apps.iter().map(|app| app.calls().len()).sum::<usize>();
            let before = count();
            let given = upload.send(&server, way).await;
            let at = format!("{way:?}: {addresses:?}: {given:?}");
            match wanted {
                Ok(body) => assert_eq!((given.status, given.text().as_str()), (200, body), "{at}"),
                Err((message, ec)) => {
                    given.assert_refused(203, "CallbackFailed", message);
                    assert_eq!(given.element("EC"), ec, "{at}");
                }
            }
            let nobodies = addresses[..called].iter().filter(|number| **number == 9);
            assert_eq!(count() - before, called - nobodies.count(), "{at}");
        }
    }
}

/// The application's answer, byte for byte, under the headers of the upload; what the form wanted
/// instead does not count.
#[tokio::test]
async fn the_uploader_gets_the_answer_with_the_headers_of_an_upload() {
    let server = TestServer::start().await;
    for (kind, body, wanted) in [
        ("application/json", "{\"a\" :\t1}\r\n", "application/json"),
        (
            "text/html; charset=gbk",
            "[\"<b>猫</b>\"]",
            "application/json",
        ),
        ("application/xml", "<ok/>", "application/xml"),
        // Open: what is JSON and no object.
        ("application/json", "7", "application/json"),
    ] {
        let bytes = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nSet-Cookie: a=b\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let app = Application::start(Reply::KeepAlive(bytes.into_bytes())).await;
        let upload = Upload::new("a", &callback(&app.url("/"), "a=b", false));
        for way in WAYS {
            let given = if way.1 == Carried::Fields {
                let action =
                    b"Content-Disposition: form-data; name=\"success_action_status\"\r\n\r\n201";
                server.post(&upload.form(way.0).with_first(action)).await
            } else {
                upload.send(&server, way).await
            };
            assert_eq!(
                (given.status, given.text().as_str()),
                (200, body),
                "{way:?}"
            );
            for (name, value) in [
                ("content-type", wanted),
                ("content-length", &body.len().to_string()),
                ("etag", "\"5D41402ABC4B2A76B9719D911017C592\""),
                ("x-oss-hash-crc64ecma", "11177612005948864433"),
                ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
                ("server", "AliyunOSS"),
                ("set-cookie", ""),
            ] {
                assert_eq!(given.header(name), value, "{way:?}: {name}");
            }
            for name in ["x-oss-request-id", "x-oss-server-time", "date"] {
                assert!(!given.header(name).is_empty(), "{way:?}: {name}");
            }
        }
    }
}
