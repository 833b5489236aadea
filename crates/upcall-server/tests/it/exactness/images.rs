//! `${imageInfo.…}`: pictures and what only looks like one, whole, and cut as a network may.

use std::fs;
use std::path::{Path, PathBuf};

use super::callback;
use super::values::body;
use super::ways::{Carried, Signed, Upload, WAYS};
use crate::application::Application;
use crate::server::TestServer;

const TEMPLATE: &str = "${imageInfo.format},${imageInfo.width},${imageInfo.height}";

/// A file, and format, width and height as JSON; none for what is no image.
fn images() -> Vec<(Vec<u8>, &'static str)> {
    let padded = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len() + 64, 0);
        bytes
    };
    let none = r#""","","""#;
    vec![
        (
            padded(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x07\0\0\0\x05\x08\x02\0\0\0"),
            r#""png",7,5"#,
        ),
        (padded(b"GIF89a\x07\0\x05\0"), r#""gif",7,5"#),
        (padded(b"GIF87a\x07\0\x05\0"), r#""gif",7,5"#),
        (
            padded(b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x0b\x08\0\x05\0\x07\x01\x01\x11\0"),
            r#""jpg",7,5"#,
        ),
        // Progressive.
        (
            padded(b"\xff\xd8\xff\xc2\0\x0b\x08\0\x05\0\x07\x01\x01\x11\0"),
            r#""jpg",7,5"#,
        ),
        (
            padded(b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x07\0\0\0\x05\0\0\0\x01\0\x18\0"),
            r#""bmp",7,5"#,
        ),
        (
            padded(b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x06\0\0\x04\0\0"),
            r#""webp",7,5"#,
        ),
        (
            padded(b"II*\0\x08\0\0\0\x02\0\0\x01\x03\0\x01\0\0\0\x07\0\0\0\x01\x01\x03\0\x01\0\0\0\x05\0\0\0\0\0\0\0"),
            r#""tiff",7,5"#,
        ),
        (
            padded(b"\0\0\x01\0\x01\0\x07\x05\0\0\x01\0\x18\0\x30\0\0\0\x16\0\0\0\x28\0\0\0\x07\0\0\0\x0a\0\0\0\x01\0\x18\0"),
            r#""ico",7,5"#,
        ),
        (b"hello".to_vec(), none),
        (Vec::new(), none),
        (b"<svg width=\"7\" height=\"5\"/>".to_vec(), none),
        (b"\x89PNG\r\n\x1a\n".to_vec(), none),
        // The format shows, the size does not.
        (padded(b"\x89PNG\r\n\x1a\n"), r#""png","","""#),
        (padded(b"\xff\xd8\xff\xe0\0\x10JFIF"), r#""jpg","","""#),
    ]
}

#[tokio::test]
async fn an_image_has_its_format_and_size_and_anything_else_has_none() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let mut upload = Upload::new("a", &callback(&app.url("/"), TEMPLATE, true));
    // The type that the uploader claims says nothing.
    upload.content_type = Some("image/jpeg".to_owned());
    for (bytes, wanted) in images() {
        upload.bytes = bytes;
        for way in WAYS {
            let got = body(&server, &app, &upload, way).await;
            assert_eq!(got, wanted, "{way:?}: {upload:?}");
        }
    }
}

/// Pictures of the image reader's own tests.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../upcall-image/tests/pictures")
}

fn pictures() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

/// Each picture whole, and in crumbs: the application hears the same.
#[tokio::test]
async fn a_picture_in_crumbs_is_what_it_is() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let mut upload = Upload::new("a", &callback(&app.url("/"), TEMPLATE, true));
    for path in pictures() {
        upload.bytes = fs::read(&path).unwrap();
        let whole = body(&server, &app, &upload, (Signed::Nobody, Carried::Headers)).await;
        for crumb in [1, 7, 61] {
            let cuts: Vec<usize> = (1..upload.bytes.len().min(600)).step_by(crumb).collect();
            for request in [cut_put(&upload, &cuts), cut_form(&upload, &cuts)] {
                let said = said(&server, &app, &request).await;
                assert_eq!(said, whole, "{} by {crumb}", path.display());
            }
        }
    }
}

/// A look at the first piece alone would find a tile, or the smallest icon.
#[tokio::test]
async fn where_a_picture_is_cut_changes_nothing() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let mut upload = Upload::new("a", &callback(&app.url("/"), TEMPLATE, true));
    for (name, places, wanted) in [
        ("heic-tiles-turned.heic", 310..346, r#""heic",3024,4032"#),
        ("ico-three.ico", 1..66, r#""ico",48,48"#),
    ] {
        upload.bytes = fs::read(folder().join(name)).unwrap();
        for at in places {
            let said = said(&server, &app, &cut_put(&upload, &[at])).await;
            assert_eq!(said, wanted, "{name} cut at {at}");
        }
    }
}

/// Sends a request; what the application heard.
async fn said(server: &TestServer, app: &Application, request: &[u8]) -> String {
    let before = app.calls().len();
    let answer = server.client().send(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    String::from_utf8(app.calls()[before].body.clone()).unwrap()
}

/// A `PutObject` whose body comes in chunks: the server gets them one after the other.
fn cut_put(upload: &Upload, cuts: &[usize]) -> Vec<u8> {
    let head = format!(
        "PUT /open/a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nx-oss-callback: {}\r\n\r\n",
        upload.callback
    );
    [head.into_bytes(), chunked(&upload.bytes, cuts)].concat()
}

/// A form, likewise.
fn cut_form(upload: &Upload, cuts: &[usize]) -> Vec<u8> {
    let form = upload.form(Signed::Nobody);
    let body = form.body();
    let file = position(&body, &upload.bytes);
    let cuts: Vec<usize> = cuts.iter().map(|cut| file + cut).collect();
    let head = format!(
        "POST /open/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Type: {}\r\n\r\n",
        form.content_type()
    );
    [head.into_bytes(), chunked(&body, &cuts)].concat()
}

/// Where these bytes begin in the body.
fn position(body: &[u8], bytes: &[u8]) -> usize {
    let mut windows = body.windows(bytes.len());
    windows.position(|window| window == bytes).unwrap()
}

fn chunked(body: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut ends = cuts.to_vec();
    ends.push(body.len());
    let mut chunks = Vec::new();
    let mut from = 0;
    for end in ends {
        chunks.extend(format!("{:x}\r\n", end - from).into_bytes());
        chunks.extend(&body[from..end]);
        chunks.extend(b"\r\n");
        from = end;
    }
    chunks.extend(b"0\r\n\r\n");
    chunks
}
