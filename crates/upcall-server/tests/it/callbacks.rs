//! Callbacks: the exact call, every answer that does not count, and what the uploader is told.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use upcall::callback::{PublicKey, string_to_sign};
use upcall_server::Limits;
use upcall_server::callback::CallbackRule;

use crate::application::{Application, Reply, answer};
use crate::form::Form;
use crate::post_object::base64_md5;
use crate::server::{KEY_ID, Setup, TestServer};

pub(crate) fn parameter(url: &str, body: &str, more: &str) -> String {
    STANDARD.encode(format!(
        r#"{{"callbackUrl":"{url}","callbackBody":"{body}"{more}}}"#
    ))
}

/// An address at which nobody listens.
pub(crate) async fn closed_port() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

fn form(callback: &str) -> Form {
    Form::signed("photos", "dir/猫 a&b.txt")
        .field("callback", callback)
        .field("x:uid", "a \"b\"\n&c=é")
}

#[tokio::test]
async fn the_application_is_called_exactly_as_documented() {
    let server = TestServer::start().await;
    let app = Application::agreeing(r#"{"Status":"OK"}"#).await;
    let template = "b=${bucket}&o=${object}&e=${etag}&s=${size}&m=${mimeType}&h=${imageInfo.height}\
                    &w=${imageInfo.width}&f=${imageInfo.format}&c=${crc64}&d=${contentMd5}\
                    &i=${clientIp}&r=${reqId}&p=${operation}&v=${vpcId}&u=${x:uid}&n=${x:none}";
    let callback = parameter(
        &app.url("/up%2Fcall/a b?x=%2F&y".replace(' ', "%20").as_str()),
        template,
        r#","callbackHost":"app.example:81""#,
    );

    let given = server
        .post(
            &form(&callback)
                .field("success_action_status", "201")
                .file_of_type("a", "text/plain", b"hello"),
        )
        .await;

    assert_eq!(
        (given.status, given.text().as_str()),
        (200, r#"{"Status":"OK"}"#),
        "{given:?}"
    );
    assert_eq!(given.header("content-type"), "application/json");
    let calls = app.calls();
    let [call] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert_eq!(
        call.request_line(),
        "POST /up%2Fcall/a%20b?x=%2F&y HTTP/1.1"
    );
    let request_id = given.header("x-oss-request-id");
    let body = format!(
        "b=photos&o=dir%2F%E7%8C%AB%20a%26b.txt&e=5D41402ABC4B2A76B9719D911017C592&s=5&m=text%2Fplain\
         &h=&w=&f=&c=11177612005948864433&d=XUFAKrxLKna5cZ2REBfFkg%3D%3D&i=127.0.0.1&r={request_id}\
         &p=PostObject&v=&u=a%20%22b%22%0A%26c%3D%C3%A9&n="
    );
    assert_eq!(String::from_utf8_lossy(&call.body), body);
    let key_url = format!("http://{}/callback_pub_key_v1.pem", server.address());
    for (name, value) in [
        ("host", "app.example:81"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-md5", &base64_md5(body.as_bytes())),
        ("user-agent", "aliyun-oss-callback"),
        ("x-oss-bucket", "photos"),
        ("x-oss-pub-key-url", &STANDARD.encode(&key_url)),
        ("x-oss-request-id", request_id),
        ("x-oss-requester", KEY_ID),
        ("x-oss-signature-version", "1.0"),
        ("x-oss-tag", "CALLBACK"),
    ] {
        assert_eq!(call.header(name), value, "{name}");
    }
    let pem = server
        .client()
        .request("GET", "/callback_pub_key_v1.pem", "", b"")
        .await
        .text();
    let key = PublicKey::from_pem(&pem).unwrap();
    let signature = STANDARD.decode(call.header("authorization")).unwrap();
    let mut signed = string_to_sign("/up%2Fcall/a%20b?x=%2F&y", &call.body);
    assert!(signed.starts_with(b"/up/call/a b?x=%2F&y\n"));
    key.verify_md5(&signed, &signature).unwrap();
    signed[0] ^= 1;
    assert!(key.verify_md5(&signed, &signature).is_err());
}

#[tokio::test]
async fn a_json_template_gets_json_values_and_an_image_its_size() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let callback = parameter(
        &app.url("/"),
        r#"{\"o\":${object},\"s\":${size},\"w\":${imageInfo.width},\"h\":${imageInfo.height},\"f\":${imageInfo.format},\"u\":${x:uid}}"#,
        r#","callbackBodyType":"application/json""#,
    );
    // A PNG's signature and its header chunk: 7 pixels wide, 5 high.
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x07\0\0\0\x05\x08\x02\0\0\0\x12\x34\x56\x78 and the rest of it";

    let given = server
        .post(&form(&callback).file_of_type("a.png", "image/png", png))
        .await;

    assert_eq!(given.status, 200, "{given:?}");
    let body: serde_json::Value = serde_json::from_slice(&app.calls()[0].body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"o": "dir/猫 a&b.txt", "s": png.len(), "w": 7, "h": 5, "f": "png", "u": "a \"b\"\n&c=é"})
    );
}

#[tokio::test]
async fn put_object_takes_its_callback_from_header_or_query() {
    let server = TestServer::start().await;
    let app = Application::agreeing(r#"{"a":1}"#).await;
    let callback = parameter(
        &app.url("/put"),
        "o=${object}&p=${operation}&u=${x:uid}",
        "",
    );
    let variables = STANDARD.encode(r#"{"x:uid":"7"}"#);
    let headers = format!("x-oss-callback: {callback}\r\nx-oss-callback-var: {variables}\r\n");

    let given = server
        .client()
        .request("PUT", "/open/a", &headers, b"hello")
        .await;
    assert_eq!(
        (given.status, given.text().as_str()),
        (200, r#"{"a":1}"#),
        "{given:?}"
    );
    let query = |text: &str| {
        text.replace('+', "%2B")
            .replace('=', "%3D")
            .replace('/', "%2F")
    };
    let target = format!(
        "/open/b?callback={}&callback-var={}",
        query(&callback),
        query(&variables)
    );
    let given = server.client().request("PUT", &target, "", b"hello").await;
    assert_eq!(
        (given.status, given.text().as_str()),
        (200, r#"{"a":1}"#),
        "{given:?}"
    );
    let bodies: Vec<String> = app
        .calls()
        .iter()
        .map(|call| String::from_utf8_lossy(&call.body).into_owned())
        .collect();
    assert_eq!(bodies, ["o=a&p=PutObject&u=7", "o=b&p=PutObject&u=7"]);
    // Two uploads, one connection.
    assert_eq!(app.calls()[1].connection, 0);

    let both = server
        .client()
        .request("PUT", &target, &headers, b"hello")
        .await;
    let message = "Either the callback query string parameter or the x-oss-callback header should be specified, not both.";
    both.assert_refused(400, "InvalidArgument", message);
}

#[tokio::test]
async fn an_answer_that_does_not_count_is_told_with_203_and_the_object_stays() {
    let limits = Limits {
        callback: Duration::from_millis(700),
        ..Limits::default()
    };
    let server = TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    let text = |text: &str| Reply::Bytes(text.as_bytes().to_vec());
    let long = "x".repeat(1_100_000);
    let status = |line: &str| Reply::Bytes(answer(line, "{}"));
    for (name, reply, message, ec) in [
        (
            "201",
            status("201 Created"),
            "Error status : 201.",
            "0007-00000203",
        ),
        (
            "204",
            text("HTTP/1.1 204 No Content\r\n\r\n"),
            "Error status : 204.",
            "0007-00000203",
        ),
        (
            "302",
            text("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 2\r\n\r\n{}"),
            "Error status : 302.",
            "0007-00000203",
        ),
        (
            "404",
            status("404 Not Found"),
            "Error status : 404.",
            "0007-00000203",
        ),
        (
            "500",
            status("500 No"),
            "Error status : 500.",
            "0007-00000203",
        ),
        (
            "not JSON",
            Reply::Bytes(answer("200 OK", "OK")),
            "Response body is not valid json format.",
            "0007-00000205",
        ),
        (
            "BOM",
            Reply::Bytes(answer("200 OK", "\u{feff}{}")),
            "Response body is not valid json format.",
            "0007-00000205",
        ),
        (
            "no length",
            text("HTTP/1.1 200 OK\r\n\r\n{}"),
            "User server missing content-length.",
            "",
        ),
        (
            "chunked",
            text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
            "User server missing content-length.",
            "",
        ),
        (
            "empty",
            Reply::Bytes(answer("200 OK", "")),
            "User server return invalid conent-length value.",
            "",
        ),
        (
            "too long",
            Reply::Bytes(answer("200 OK", &long)),
            "User server return too long content-length value.",
            "",
        ),
        (
            "cut",
            text("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"),
            "Error status : -1",
            "",
        ),
        ("reset", text(""), "Error status : -1", ""),
        (
            "slow",
            Reply::Stall(Vec::new()),
            "Cost too long time.",
            "0007-00000202",
        ),
        (
            "slow body",
            Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()),
            "Cost too long time.",
            "0007-00000202",
        ),
        (
            "endless head",
            Reply::Endless(b"X: y\r\n".to_vec()),
            "Error status : -1",
            "",
        ),
    ] {
        let app = Application::start(reply).await;
        let given = server
            .post(&form(&parameter(&app.url("/"), "a=b", "")).file("a", b"hello"))
            .await;
        given.assert_refused(203, "CallbackFailed", message);
        assert!(
            ec.is_empty() || given.element("EC") == ec,
            "{name}: {}",
            given.text()
        );
        assert!(
            server.object("photos", "dir/猫 a&b.txt").await.is_some(),
            "{name}"
        );
        assert_eq!(app.calls().len(), 1, "{name}");
    }
    let nobody = parameter("http://127.0.0.1:9/", "a=b", "");
    let given = server.post(&form(&nobody).file("a", b"hello")).await;
    given.assert_refused(203, "CallbackFailed", "Error status : -1");
}

#[tokio::test]
async fn urls_are_called_in_turn_until_one_agrees() {
    let server = TestServer::start().await;
    let no = Application::start(Reply::Bytes(answer("500 No", "{}"))).await;
    let yes = Application::agreeing(r#"{"from":"second"}"#).await;
    let unused = Application::agreeing("{}").await;
    let urls = format!(
        "http://127.0.0.1:9/;{};{};{}",
        no.url("/1"),
        yes.url("/2"),
        unused.url("/3")
    );

    let given = server
        .post(&form(&parameter(&urls, "a=b", "")).file("a", b"hello"))
        .await;

    assert_eq!(
        (given.status, given.text().as_str()),
        (200, r#"{"from":"second"}"#),
        "{given:?}"
    );
    assert_eq!(
        (no.calls().len(), yes.calls().len(), unused.calls().len()),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn a_callback_that_cannot_be_is_refused_before_the_file_is_stored() {
    let server = TestServer::start_with(Setup {
        allow: vec![CallbackRule::Public],
        ..Setup::default()
    })
    .await;
    let six = ["http://1.1.1.1/"; 6].join(";");
    for (name, callback, message, ec) in [
        (
            "not base64",
            "x123-*&".to_owned(),
            "The callback configuration is not base64 encoded.",
            "0007-00000002",
        ),
        (
            "not JSON",
            STANDARD.encode("hello"),
            "The callback configuration is not json format.",
            "0007-00000003",
        ),
        (
            "bad port",
            parameter("http://1.1.1.1:8o/", "a=b", ""),
            "The callback url configuration is invalid.",
            "0007-00000004",
        ),
        (
            "six URLs",
            parameter(&six, "a=b", ""),
            "The number of callback url exceed max value.",
            "0007-00000005",
        ),
        (
            "no such host",
            parameter("http://nothing.invalid/", "a=b", ""),
            "Can not get ip by this host.",
            "0007-00000007",
        ),
        (
            "loopback",
            parameter("http://127.0.0.1/", "a=b", ""),
            "Private address is forbidden to callback.",
            "0007-00000008",
        ),
        (
            "decimal loopback",
            parameter("http://2130706433/", "a=b", ""),
            "Private address is forbidden to callback.",
            "0007-00000008",
        ),
        (
            "metadata",
            parameter("http://169.254.169.254/", "a=b", ""),
            "Private address is forbidden to callback.",
            "0007-00000008",
        ),
        (
            "second is private",
            parameter("http://1.1.1.1/;http://10.0.0.1/", "a=b", ""),
            "Private address is forbidden to callback.",
            "0007-00000008",
        ),
        (
            "empty body",
            parameter("http://1.1.1.1/", "", ""),
            "The callback body is empty.",
            "0007-00000011",
        ),
        (
            "unknown type",
            parameter(
                "http://1.1.1.1/",
                "a=b",
                r#","callbackBodyType":"text/plain""#,
            ),
            "The body type of callback is not supported.",
            "0007-00000013",
        ),
    ] {
        let given = server.post(&form(&callback).file("a", b"hello")).await;
        given.assert_refused(400, "InvalidArgument", message);
        assert_eq!(given.element("EC"), ec, "{name}: {}", given.text());
        assert!(!given.element("ArgumentName").is_empty(), "{name}");
    }
    assert!(server.keys("photos").await.is_empty());
    assert_eq!(server.blob_files(), 0);
}

#[tokio::test]
async fn whoever_hangs_up_is_still_told_of() {
    use tokio::io::AsyncWriteExt as _;
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let request = form(&parameter(&app.url("/"), "a=b", ""))
        .file("a", b"hello")
        .request("h");
    let mut socket = server.client().connect().await;
    socket.write_all(&request).await.unwrap();
    // Gone before there can be an answer; the form may or may not have been read by now.
    drop(socket);
    let began = std::time::Instant::now();
    while server.object("photos", "dir/猫 a&b.txt").await.is_none() {
        if began.elapsed() > Duration::from_secs(3) {
            // The server noticed before the commit: then nobody was called either.
            assert!(app.calls().is_empty());
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while app.calls().is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(8),
            "stored, and nobody was told"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
