//! Who may store, overwrite and delete, and what a stranger can find out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt as _;
use upcall::name::BucketName;
use upcall_store::catalog::{BucketAcl, Writer};

use crate::client::read_answer;
use crate::form::Form;
use crate::server::TestServer;

/// A form that nobody signed.
fn anonymous(bucket: &str, key: &str) -> Form {
    Form::empty(bucket).field("key", key)
}

/// An object with an ACL of its own stays its owner's in a bucket that everybody may write to.
#[tokio::test]
async fn a_stranger_does_not_touch_an_object_with_an_acl_of_its_own() {
    let server = TestServer::start().await;
    for (acl, is_protected) in [
        ("private", true),
        ("public-read", true),
        ("default", false),
        ("public-read-write", false),
    ] {
        let signed = Form::signed("open", acl).field("x-oss-object-acl", acl);
        assert_eq!(server.post(&signed.file("a", b"mine")).await.status, 204);

        let form = server
            .post(&anonymous("open", acl).file("a", b"theirs"))
            .await;
        let target = format!("/open/{acl}");
        let put = server.client().request("PUT", &target, "", b"theirs").await;
        let deleted = server.client().request("DELETE", &target, "", b"").await;
        if is_protected {
            for answer in [form, put, deleted] {
                answer.assert_refused(403, "AccessDenied", "write permission on this object");
            }
            assert_eq!(server.object("open", acl).await.unwrap().length, 4);
        } else {
            assert_eq!((form.status, put.status, deleted.status), (204, 200, 204));
        }
    }
}

/// A callback's host is nothing that a stranger can make the server look up.
#[tokio::test]
async fn a_strangers_callback_is_not_resolved() {
    let server = TestServer::start().await;
    for url in ["http://name.invalid/", "http://10.0.0.1/"] {
        let callback = format!(r#"{{"callbackUrl":"{url}","callbackBody":"a"}}"#);
        let form = anonymous("photos", "a").field("callback", &STANDARD.encode(callback));
        let answer = server.post(&form.file("a", b"hello")).await;
        answer.assert_refused(403, "AccessDenied", "bucket acl");
    }
}

/// What counts is what the bucket allows when the form's head is complete, however slowly it came.
#[tokio::test]
async fn a_bucket_that_was_closed_meanwhile_is_closed() {
    let server = TestServer::start().await;
    let request = anonymous("open", "a").file("a", b"hello").request("a");
    let mut socket = server.client().connect().await;
    let middle = memchr::memmem::find(&request, b"\r\n\r\n").unwrap() + 20;
    socket.write_all(&request[..middle]).await.unwrap();
    // Another request, so that the first has been begun.
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let catalog = server.store().catalog();
    let open = BucketName::parse("open").unwrap();
    catalog
        .set_bucket_acl(&open, BucketAcl::Private, &Writer::Operator)
        .await
        .unwrap();

    socket.write_all(&request[middle..]).await.unwrap();
    let answer = read_answer(&mut socket, "POST").await.unwrap();
    answer.assert_refused(403, "AccessDenied", "bucket acl");
    assert_eq!(server.keys("open").await, [""; 0]);
}

/// Whether a key of a private bucket exists is not for strangers to know.
#[tokio::test]
async fn a_stranger_reads_the_same_refusal_for_a_key_that_is_there_and_one_that_is_not() {
    let server = TestServer::start().await;
    let form = Form::signed("photos", "there").file("a", b"hello");
    assert_eq!(server.post(&form).await.status, 204);
    let client = server.client();
    let there = client.request("GET", "/photos/there", "", b"").await;
    let absent = client.request("GET", "/photos/absent", "", b"").await;
    assert_eq!((there.status, absent.status), (403, 403));
    for element in ["Code", "Message", "Hint", "EC"] {
        assert_eq!(there.element(element), absent.element(element));
    }
}

/// A word that we do not know must not cost an object.
#[tokio::test]
async fn forbid_overwrite_means_it_in_any_case() {
    let server = TestServer::start().await;
    for (value, status) in [
        ("true", 200),
        ("true", 409),
        ("TRUE", 409),
        ("yes", 400),
        ("false", 200),
    ] {
        let header = format!("x-oss-forbid-overwrite: {value}\r\n");
        let client = server.client();
        let answer = client.request("PUT", "/open/a", &header, b"hello").await;
        assert_eq!(answer.status, status, "{value}");
    }
}

/// A body whose length nobody has told is not an empty file.
#[tokio::test]
async fn an_upload_says_how_long_it_is() {
    let server = TestServer::start().await;
    let form = Form::empty("open");
    for request in [
        "PUT /open/a HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        format!(
            "POST /open/ HTTP/1.1\r\nHost: a\r\nContent-Type: {}\r\n\r\n",
            form.content_type()
        ),
    ] {
        let answer = server.client().send(request.as_bytes()).await;
        answer.assert_refused(411, "MissingContentLength", "Content-Length");
    }
    assert!(server.keys("open").await.is_empty());
    let empty = "PUT /open/a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(server.client().send(empty.as_bytes()).await.status, 200);
}

/// Whoever hangs up while a deletion is made leaves no blob behind.
#[tokio::test]
async fn a_deletion_without_a_listener_leaves_no_blob() {
    let server = TestServer::with_files().await;
    for number in 0..40 {
        let form = anonymous("open", &number.to_string()).file("a", b"hello");
        assert_eq!(server.post(&form).await.status, 204);
    }
    for number in 0..40 {
        let mut socket = server.client().connect().await;
        let request = format!("DELETE /open/{number} HTTP/1.1\r\nHost: a\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        drop(socket);
    }
    // Not every request was read before its connection was gone.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let kept = server.keys("open").await.len();
    assert!(kept < 40, "nothing was deleted");
    let mut blobs = server.blob_files();
    for _ in 0..50 {
        if blobs == kept {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        blobs = server.blob_files();
    }
    assert_eq!(blobs, kept);
}
