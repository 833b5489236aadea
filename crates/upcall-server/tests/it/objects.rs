//! Objects: written, read in parts and under conditions, listed, deleted.

use crate::client::Client;
use crate::form::Form;
use crate::server::TestServer;
use crate::signed::{Signed, Way};

async fn put(client: &Client, target: &str, bytes: &[u8]) {
    let answer = client.request("PUT", target, "", bytes).await;
    assert_eq!(answer.status, 200, "{target}: {answer:?}");
}

#[tokio::test]
async fn an_object_is_read_whole_in_parts_and_by_head() {
    let server = TestServer::start().await;
    let client = server.client();
    put(&client, "/open/dir/a%20b.txt", b"0123456789").await;

    let get = |headers: &'static str| client.request("GET", "/open/dir/a%20b.txt", headers, b"");
    let whole = get("").await;
    assert_eq!((whole.status, whole.text().as_str()), (200, "0123456789"));
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("etag"), "\"781E5E245D69B566979B86E28D23F2C7\"");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    for (range, status, text, content_range) in [
        ("Range: bytes=2-4\r\n", 206, "234", "bytes 2-4/10"),
        ("Range: bytes=-3\r\n", 206, "789", "bytes 7-9/10"),
        ("Range: bytes=7-\r\n", 206, "789", "bytes 7-9/10"),
        ("Range: bytes=0-0,2-3\r\n", 200, "0123456789", ""),
        ("Range: bytes=99-\r\n", 200, "0123456789", ""),
    ] {
        let part = get(range).await;
        assert_eq!(
            (part.status, part.text().as_str()),
            (status, text),
            "{range}"
        );
        assert_eq!(part.header("content-range"), content_range, "{range}");
    }
    let strict = get("Range: bytes=99-\r\nx-oss-range-behavior: standard\r\n").await;
    strict.assert_refused(416, "InvalidRange", "");
    let head = client.request("HEAD", "/open/dir/a%20b.txt", "", b"").await;
    assert_eq!((head.status, head.header("content-length")), (200, "10"));
    let missing = client.request("HEAD", "/open/none", "", b"").await;
    assert_eq!(missing.status, 404);
    assert!(!missing.header("x-oss-err").is_empty());
}

#[tokio::test]
async fn conditions_decide_before_bytes_are_sent() {
    let server = TestServer::start().await;
    let client = server.client();
    put(&client, "/open/a", b"hello").await;
    let tag = "\"5D41402ABC4B2A76B9719D911017C592\"";
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    let future = "Sat, 06 Nov 2094 08:49:37 GMT";
    for (header, value, status) in [
        ("If-Match", tag, 200),
        ("If-Match", "\"other\"", 412),
        ("If-None-Match", tag, 304),
        ("If-None-Match", "\"other\"", 200),
        ("If-Modified-Since", past, 200),
        ("If-Modified-Since", future, 304),
        ("If-Unmodified-Since", past, 412),
        ("If-Unmodified-Since", future, 200),
        ("If-Modified-Since", "yesterday", 200),
    ] {
        let line = [header, ": ", value, "\r\n"].concat();
        let answer = client.request("GET", "/open/a", &line, b"").await;
        assert_eq!(answer.status, status, "{header}: {value}");
    }
}

#[tokio::test]
async fn who_may_read_is_said_by_the_acl_of_object_or_bucket() {
    let server = TestServer::start().await;
    let client = server.client();
    for (bucket, acl, status) in [
        ("photos", "default", 403),
        ("photos", "public-read", 200),
        ("shown", "default", 200),
        ("shown", "private", 403),
    ] {
        let form = Form::signed(bucket, acl)
            .field("x-oss-object-acl", acl)
            .file("a", b"x");
        assert_eq!(server.post(&form).await.status, 204);
        let answer = client
            .request("GET", &format!("/{bucket}/{acl}"), "", b"")
            .await;
        assert_eq!(answer.status, status, "{bucket} {acl}");
    }
    let unsigned = "/shown/default?response-content-type=text/html";
    let overridden = client.request("GET", unsigned, "", b"").await;
    assert_eq!(overridden.status, 400, "{overridden:?}");
}

#[tokio::test]
async fn a_listing_is_paged_in_the_order_of_bytes() {
    let server = TestServer::start().await;
    let client = server.client();
    for key in ["a", "b/1", "b/2", "c/1", "%C3%A9", "z%20%26"] {
        put(&client, &format!("/open/{key}"), b"x").await;
    }
    let list = |query: &'static str| client.request("GET", query, "", b"");
    let keys = |text: &str, element: &str| -> Vec<String> {
        let open = format!("<{element}>");
        let parts = text.split(open.as_str()).skip(1);
        parts
            .map(|part| part.split('<').next().unwrap().to_owned())
            .collect()
    };
    let all = list("/open/?max-keys=1000").await;
    assert_eq!(
        keys(&all.text(), "Key"),
        ["a", "b/1", "b/2", "c/1", "z &amp;", "é"]
    );
    assert_eq!(all.element("IsTruncated"), "false");
    let first = list("/open/?max-keys=2&delimiter=/").await;
    assert_eq!(keys(&first.text(), "Key"), ["a"]);
    assert_eq!(keys(&first.text(), "Prefix")[1..], ["b/"]);
    assert_eq!(
        (first.element("IsTruncated"), first.element("NextMarker")),
        ("true".into(), "b/".into())
    );
    let next = list("/open/?max-keys=2&delimiter=/&marker=b/").await;
    assert_eq!(keys(&next.text(), "Prefix")[1..], ["c/"]);
    let inside = list("/open/?prefix=b/&encoding-type=url").await;
    assert_eq!(keys(&inside.text(), "Key"), ["b/1", "b/2"]);
    let bad = list("/open/?max-keys=1001").await;
    bad.assert_refused(400, "InvalidArgument", "");
}

#[tokio::test]
async fn deleting_is_idempotent_and_unknown_sub_resources_touch_nothing() {
    let server = TestServer::start().await;
    let client = server.client();
    put(&client, "/open/a", b"hello").await;
    for (method, target) in [
        ("PUT", "/open/a?tagging"),
        ("PUT", "/open/a?acl"),
        ("POST", "/open/a?append"),
    ] {
        let answer = client.request(method, target, "", b"other").await;
        assert_eq!(
            (answer.status, answer.element("Code").as_str()),
            (400, "NotImplemented"),
            "{target}"
        );
    }
    assert_eq!(server.object("open", "a").await.unwrap().length, 5);
    for _ in 0..2 {
        assert_eq!(
            client.request("DELETE", "/open/a", "", b"").await.status,
            204
        );
    }
    client
        .request("GET", "/open/a", "", b"")
        .await
        .assert_refused(404, "NoSuchKey", "");
    let forbidden = client.request("DELETE", "/shown/a", "", b"").await;
    forbidden.assert_refused(403, "AccessDenied", "");
}

#[tokio::test]
async fn a_reader_finishes_with_the_old_bytes() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = TestServer::start().await;
    let client = server.client();
    let old = vec![1; 6 * 1024 * 1024];
    put(&client, "/open/a", &old).await;
    let mut socket = client.connect().await;
    let request = b"GET /open/a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    socket.write_all(request).await.unwrap();
    let mut first = [0; 1000];
    socket.read_exact(&mut first).await.unwrap();

    put(&client, "/open/a", b"new").await;
    assert_eq!(
        client.request("DELETE", "/open/a", "", b"").await.status,
        204
    );

    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).await.unwrap();
    let body = rest
        .iter()
        .rev()
        .take(old.len() - 1000)
        .all(|byte| *byte == 1);
    assert!(body && rest.len() + 1000 > old.len(), "{}", rest.len());
}

#[tokio::test]
async fn a_damaged_blob_is_an_error_and_never_other_bytes() {
    let server = TestServer::with_files().await;
    let client = server.client();
    put(&client, "/open/a", b"hello, world").await;
    let id = server.object("open", "a").await.unwrap().blob.to_string();
    let file = server.folder.path().join("blobs").join(&id[30..]).join(&id);
    let file = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    file.set_len(20).unwrap();

    let answer = client.request("GET", "/open/a", "", b"").await;

    answer.assert_refused(500, "InternalError", "");
    assert!(
        !answer.text().contains(&id),
        "the cause belongs into the log"
    );
}

#[tokio::test]
async fn a_blank_header_or_field_counts_as_absent() {
    let server = TestServer::start().await;
    let client = server.client();
    let head = b"Content-Disposition: form-data; name=\"file\"\r\n";
    let part = |more: &str| [head, more.as_bytes(), b"\r\nhello"].concat();
    for blank in ["", " ", "\t"] {
        let headers = format!(
            "Content-Type:{blank}\r\nCache-Control:{blank}\r\nContent-Disposition:{blank}\r\n"
        );
        let put = client.request("PUT", "/open/a", &headers, b"hello").await;
        assert_eq!(put.status, 200, "{put:?}");
        let form = Form::empty("open").field("key", "b");
        let with_field = form
            .clone()
            .field("Content-Type", blank)
            .field("x-oss-content-type", blank)
            .field("Cache-Control", blank)
            .part(&part(&format!("Content-Type:{blank}\r\n")));
        assert_eq!(server.post(&with_field).await.status, 204);
        let without = Form::empty("open").field("key", "c").part(&part(""));
        assert_eq!(server.post(&without).await.status, 204);
        for key in ["a", "b", "c"] {
            let get = client
                .request("GET", &format!("/open/{key}"), "", b"")
                .await;
            let content_type = get.header("content-type");
            assert_eq!(content_type, "application/octet-stream", "{key} {blank:?}");
            // Callbacks and listings have the type from what is stored.
            let stored = server.object("open", key).await.unwrap().content_type;
            assert_eq!(stored, "application/octet-stream", "{key} {blank:?}");
            for name in ["cache-control", "content-disposition"] {
                assert!(!get.headers.contains_key(name), "{key} {blank:?} {name}");
            }
        }
    }
    let put = Signed::new("PUT", "photos", "a").header("Content-Type", "image/png");
    assert_eq!(
        put.body(b"x").send(&server, Way::HeaderV4).await.status,
        200
    );
    let get = Signed::new("GET", "photos", "a")
        .parameter("response-content-type", "")
        .parameter("response-expires", "");
    let get = get.send(&server, Way::UrlV4).await;
    assert_eq!(get.header("content-type"), "image/png");
    assert!(!get.headers.contains_key("expires"));
}
