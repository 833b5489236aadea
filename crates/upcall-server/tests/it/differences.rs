//! Where OSS judges otherwise: every row of the table holds, in both modes, and the guide prints it.

use upcall::form::{FormLimits, Strictness};
use upcall_server::Limits;
use upcall_server::differences::{DIFFERENCES, Difference, StrictMode};

use crate::application::Application;
use crate::callbacks::parameter;
use crate::client::Answer;
use crate::form::Form;
use crate::server::{Setup, TestServer};

async fn server(strictness: Strictness) -> TestServer {
    let form = FormLimits {
        strictness,
        ..FormLimits::default()
    };
    let limits = Limits {
        form,
        ..Limits::default()
    };
    TestServer::start_with(Setup {
        limits,
        ..Setup::default()
    })
    .await
}

/// Status, code and EC.
fn said(answer: &Answer) -> String {
    let (code, ec) = if answer.status < 300 {
        (String::new(), String::new())
    } else {
        (answer.element("Code"), answer.element("EC"))
    };
    format!("{} {code} {ec}", answer.status)
}

async fn type_first(server: &TestServer) -> String {
    let part = b"Content-Type: image/jpeg\r\n\
                 Content-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\nhello";
    said(&server.post(&Form::signed("photos", "a").part(part)).await)
}

async fn image_formats(server: &TestServer) -> String {
    let app = Application::agreeing("{}").await;
    let body = "format=${imageInfo.format}&width=${imageInfo.width}";
    let pictures: [&[u8]; 4] = [
        include_bytes!("../../../upcall-image/tests/pictures/plain.avif"),
        include_bytes!("../../../upcall-image/tests/pictures/bitmap.ico"),
        include_bytes!("../../../upcall-image/tests/pictures/bare.jxl"),
        include_bytes!("../../../upcall-image/tests/pictures/still.gif"),
    ];
    for picture in pictures {
        let form = Form::signed("photos", "a")
            .field("callback", &parameter(&app.url("/"), body, ""))
            .file("a", picture);
        assert_eq!(server.post(&form).await.status, 200);
    }
    let calls = app.calls();
    let told = calls.iter().map(|call| {
        let body = String::from_utf8(call.body.clone()).unwrap();
        let (format, width) = body.split_once('&').unwrap();
        assert_eq!(format == "format=", width == "width=", "{body}");
        format.to_owned()
    });
    told.collect::<Vec<_>>().join(" ")
}

async fn not_multipart(server: &TestServer) -> String {
    let form = Form::signed("photos", "a").with_content_type("application/json");
    said(&server.post(&form.file("a", b"x")).await)
}

async fn path_style(server: &TestServer) -> String {
    let form = Form::signed("photos", "a").file("a", b"x");
    assert!(form.request("h").starts_with(b"POST /photos/ "));
    said(&server.post(&form).await)
}

#[tokio::test]
async fn every_row_holds_in_both_modes() {
    let (lenient, strict) = (
        server(Strictness::Lenient).await,
        server(Strictness::Strict).await,
    );
    for row in DIFFERENCES {
        let (ours, in_strict, as_oss) = match row.id {
            "type-first" => (
                type_first(&lenient).await,
                type_first(&strict).await,
                ("204  ", "400 MalformedPOSTRequest 0006-00000109"),
            ),
            "image-formats" => (
                image_formats(&lenient).await,
                image_formats(&strict).await,
                (
                    "format=avif format=ico format=jxl format=gif",
                    "format= format= format= format=gif",
                ),
            ),
            "not-multipart" => (
                not_multipart(&lenient).await,
                not_multipart(&strict).await,
                ("400 RequestIsNotMultiPartContent ", "405"),
            ),
            "path-style" => (
                path_style(&lenient).await,
                path_style(&strict).await,
                ("204  ", "403"),
            ),
            other => panic!("the row `{other}` has no test"),
        };
        let (of_upcall, of_oss) = as_oss;
        assert_eq!(ours, of_upcall, "{}", row.id);
        match row.strict {
            StrictMode::AsOss => assert_eq!(in_strict, of_oss, "{}", row.id),
            StrictMode::NoChange => assert_eq!(in_strict, ours, "{}", row.id),
        }
    }
}

#[test]
fn the_guide_prints_the_table() {
    let rows: Vec<_> = DIFFERENCES.iter().map(Difference::to_markdown).collect();
    let guide = include_str!("../../../../docs/guides/moving.md");
    assert_eq!(table_of(guide), rows);
    // The other language says the same of each row's last column, in the same order.
    let chinese = table_of(include_str!("../../../../docs/guides/zh/moving.md"));
    let last = |row: &String| row.ends_with("| as OSS |") || row.ends_with("| 与 OSS 一致 |");
    let ours: Vec<_> = rows.iter().map(last).collect();
    assert_eq!(chinese.iter().map(last).collect::<Vec<_>>(), ours);
}

/// The rows of the table whose head names `--strict`.
fn table_of(guide: &str) -> Vec<String> {
    let after_head = guide
        .lines()
        .skip_while(|line| !line.contains("| `upcall dev --strict` |"));
    let rows = after_head.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(str::to_owned).collect()
}
