//! Clients that go away at any byte leave nothing behind; refusals reach those who are still sending.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::read_answer;
use crate::form::{BOUNDARY, Form};
use crate::server::TestServer;

#[tokio::test]
async fn a_form_that_is_cut_anywhere_leaves_nothing() {
    let server = TestServer::start().await;
    let request = Form::signed("photos", "a")
        .file("a", &[7; 2000])
        .request("h");
    let end = request.len();
    let cuts = (0..end).step_by(16).chain(end - 100..end - 2);
    let before = descriptors();

    for cut in cuts {
        let mut socket = server.client().connect().await;
        socket.write_all(&request[..cut]).await.unwrap();
        socket.shutdown().await.unwrap();
        // Whatever is answered, it is no success.
        let answer = read_answer(&mut socket, "POST").await;
        assert!(
            answer.is_none_or(|answer| answer.status >= 400),
            "cut at {cut}"
        );
    }

    assert!(server.keys("photos").await.is_empty());
    nothing_left(&server, before).await;
}

#[tokio::test]
async fn aborted_uploads_leave_no_object_no_blob_no_descriptor() {
    let count = if is_long() { 10_000 } else { 300 };
    let server = TestServer::start().await;
    // More than one batch, so that a blob's file exists when the client goes.
    let request = Form::signed("photos", "a")
        .file("a", &vec![7; 700_000])
        .request("h");
    let before = descriptors();

    for number in 0..count {
        let mut socket = server.client().connect().await;
        let cut = 300 + (number * 7919) % (request.len() - 400);
        // The server may have closed already, on a form that is cut in its head.
        let _ = socket.write_all(&request[..cut]).await;
        drop(socket);
    }

    nothing_left(&server, before).await;
    assert!(server.keys("photos").await.is_empty());
    let whole = server.client().send(&request).await;
    assert_eq!(whole.status, 204, "{whole:?}");
}

#[tokio::test]
async fn a_refusal_comes_before_64_kib_of_the_file() {
    let server = TestServer::start().await;
    let signed = Form::empty("photos").field("key", "a");
    let wrong = signed
        .clone()
        .field("OSSAccessKeyId", "test-key")
        .field("policy", "e30=");
    for (name, form, status, code) in [
        (
            "signature",
            wrong.field("Signature", "AAAA"),
            403,
            "SignatureDoesNotMatch",
        ),
        (
            "length",
            signed.policy(r#"[["content-length-range",0,1000000]]"#),
            400,
            "EntityTooLarge",
        ),
    ] {
        let mut socket = server.client().connect().await;
        socket.write_all(&announcing_a_gib(&form)).await.unwrap();
        socket.write_all(&vec![7; 60 * 1024]).await.unwrap();
        // Nothing more is sent, and still the whole answer comes.
        let answer = read_answer(&mut socket, "POST").await.unwrap();
        answer.assert_refused(status, code, "");
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut rest));
        assert!(read.await.is_ok() && rest.is_empty(), "{name}: not closed");
    }
}

#[tokio::test]
async fn whoever_goes_on_sending_gets_to_read_the_refusal() {
    let server = TestServer::start().await;
    let form = Form::empty("photos")
        .field("key", "a")
        .policy(r#"[["content-length-range",0,9]]"#);
    let mut socket = server.client().connect().await;
    socket.write_all(&announcing_a_gib(&form)).await.unwrap();
    let piece = vec![7; 64 * 1024];
    // 16 MiB more, as a browser that does not look would send; within what is thrown away.
    for _ in 0..256 {
        socket
            .write_all(&piece)
            .await
            .expect("the connection is not reset");
    }
    let answer = read_answer(&mut socket, "POST").await.unwrap();
    answer.assert_refused(400, "EntityTooLarge", "");
    // What is thrown away is bounded: after that the connection ends.
    let began = Instant::now();
    while socket.write_all(&piece).await.is_ok() {
        assert!(
            began.elapsed() < Duration::from_secs(15),
            "it reads on and on"
        );
    }
}

#[tokio::test]
async fn who_waits_for_100_is_refused_without_it() {
    let server = TestServer::start().await;
    let mut socket = server.client().connect().await;
    let head = "PUT /photos/a HTTP/1.1\r\nHost: h\r\nContent-Length: 1073741824\r\nExpect: 100-continue\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let answer = read_answer(&mut socket, "PUT").await.unwrap();
    answer.assert_refused(403, "AccessDenied", "");
}

/// A form's head and the head of its file, in a request that announces 1 GiB.
fn announcing_a_gib(form: &Form) -> Vec<u8> {
    let body = form.clone().unclosed().body();
    let head = format!(
        "POST /photos/ HTTP/1.1\r\nHost: h\r\nContent-Type: {}\r\nContent-Length: 1073741824\r\n\r\n",
        form.content_type()
    );
    let file = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
    );
    [head.as_bytes(), &body, file.as_bytes()].concat()
}

async fn nothing_left(server: &TestServer, descriptors_before: usize) {
    let began = Instant::now();
    loop {
        let (blobs, open) = (server.blob_files(), descriptors());
        // Some of the other tests' connections may come and go meanwhile.
        if blobs == 0 && open <= descriptors_before + 64 {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{blobs} blobs, {open} descriptors left"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

pub(crate) fn is_long() -> bool {
    std::env::var_os("UPCALL_LONG_TESTS").is_some()
}
