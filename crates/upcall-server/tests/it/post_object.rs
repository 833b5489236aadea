//! `PostObject` as it should go.

use crate::form::Form;
use crate::server::TestServer;

const HELLO_MD5: &str = "5D41402ABC4B2A76B9719D911017C592";

#[tokio::test]
async fn a_signed_form_becomes_an_object() {
    let server = TestServer::start().await;

    let answer = server
        .post(&Form::signed("photos", "user/a.txt").file("a.txt", b"hello"))
        .await;

    assert_eq!(
        (answer.status, answer.text().as_str()),
        (204, ""),
        "{answer:?}"
    );
    assert_eq!(answer.header("etag"), format!("\"{HELLO_MD5}\""));
    assert_eq!(answer.header("content-md5"), "XUFAKrxLKna5cZ2REBfFkg==");
    assert_eq!(
        answer.header("x-oss-hash-crc64ecma"),
        "11177612005948864433"
    );
    assert_eq!(answer.header("server"), "AliyunOSS");
    assert_eq!(answer.header("x-oss-request-id").len(), 24);
    let object = server.object("photos", "user/a.txt").await.unwrap();
    assert_eq!(
        (object.length, object.etag.to_string().as_str()),
        (5, HELLO_MD5)
    );
}

#[tokio::test]
async fn the_bucket_may_be_named_by_the_host() {
    let server = TestServer::start().await;
    let form = Form::signed("photos", "a").file("a", b"hello");
    let body = form.body();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: photos.oss-cn-hangzhou.localhost:8700\r\nContent-Type: {}\r\n\
         Content-Length: {}\r\n\r\n",
        form.content_type(),
        body.len()
    );
    let answer = server
        .client()
        .send(&[request.as_bytes(), &body].concat())
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(server.keys("photos").await, ["a"]);
}

#[tokio::test]
async fn the_form_says_what_success_looks_like() {
    let server = TestServer::start().await;
    for (field, value, status) in [
        ("success_action_status", "200", 200),
        ("success_action_status", "201", 201),
        ("success_action_status", "204", 204),
        ("success_action_status", "418", 204),
        ("success_action_status", "", 204),
        (
            "success_action_redirect",
            "http://a.example/done?x=1#top",
            303,
        ),
    ] {
        let form = Form::signed("photos", "dir/a b.txt")
            .field(field, value)
            .file("a", b"hello");
        let answer = server.post(&form).await;
        assert_eq!(answer.status, status, "{field} {value}: {answer:?}");
        match status {
            201 => {
                assert_eq!(answer.element("Bucket"), "photos");
                assert_eq!(answer.element("Key"), "dir/a b.txt");
                assert_eq!(answer.element("ETag"), format!("\"{HELLO_MD5}\""));
                let location = format!("http://{}/photos/dir%2Fa%20b.txt", server.address());
                assert_eq!(answer.element("Location"), location);
            }
            303 => assert_eq!(
                answer.header("location"),
                format!(
                    "http://a.example/done?x=1&bucket=photos&key=dir%2Fa%20b.txt&etag=%22{HELLO_MD5}%22#top"
                )
            ),
            _ => assert!(answer.body.is_empty()),
        }
    }
}

#[tokio::test]
async fn filename_stands_for_the_name_of_the_file() {
    let server = TestServer::start().await;
    for (key, filename, stored) in [
        ("dir/${filename}", "cat.jpg", "dir/cat.jpg"),
        ("dir/${filename}", "C:\\photos\\cat.jpg", "dir/cat.jpg"),
        ("dir/${filename}", "../../etc/passwd", "dir/passwd"),
        ("${filename}-${filename}", "x", "x-x"),
        ("dir/${filename}", "猫 🐈.jpg", "dir/猫 🐈.jpg"),
    ] {
        let answer = server
            .post(&Form::signed("photos", key).file(filename, b"x"))
            .await;
        assert_eq!(answer.status, 204, "{key} {filename}: {answer:?}");
        assert!(server.object("photos", stored).await.is_some(), "{stored}");
    }
}

#[tokio::test]
async fn the_policy_sees_filename_unexpanded() {
    let server = TestServer::start().await;
    let form = |condition: &str| {
        Form::empty("photos")
            .field("key", "u/${filename}")
            .policy(condition)
            .file("a.jpg", b"x")
    };
    let kept = server
        .post(&form(r#"[["eq","$key","u/\\${filename}"]]"#))
        .await;
    assert_eq!(kept.status, 204, "{kept:?}");
    let broken = server.post(&form(r#"[["eq","$key","u/a.jpg"]]"#)).await;
    broken.assert_refused(
        403,
        "AccessDenied",
        r#"Policy Condition failed: ["eq", "$key", "u/a.jpg"]"#,
    );
}

#[tokio::test]
async fn the_content_type_has_its_precedence() {
    let server = TestServer::start().await;
    let part = Form::signed("photos", "a").field("Content-Type", "text/b");
    let own = part.clone().field("x-oss-content-type", "text/c");
    let bare = b"Content-Disposition: form-data; name=\"file\"\r\n\r\nx";
    for (form, expected) in [
        (own.file_of_type("a", "text/a", b"x"), "text/c"),
        (part.clone().file_of_type("a", "text/a", b"x"), "text/a"),
        (part.part(bare), "text/b"),
        (
            Form::signed("photos", "a").part(bare),
            "application/octet-stream",
        ),
    ] {
        assert_eq!(server.post(&form).await.status, 204);
        assert_eq!(
            server.object("photos", "a").await.unwrap().content_type,
            expected
        );
    }
}

#[tokio::test]
async fn what_a_form_says_of_the_object_is_read_back() {
    let server = TestServer::start().await;
    let form = Form::signed("photos", "a")
        .field("Cache-Control", "max-age=60")
        .field("Content-Disposition", "attachment; filename=\"x.txt\"")
        .field("Content-Encoding", "identity")
        .field("Expires", "Sun, 06 Nov 2094 08:49:37 GMT")
        .field("x-oss-object-acl", "public-read")
        .field("x-oss-meta-Author", "Анна")
        .field("x-oss-storage-class", "IA")
        .file("a.txt", b"hello");
    assert_eq!(server.post(&form).await.status, 204);

    let answer = server.client().request("GET", "/photos/a", "", b"").await;

    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "hello"),
        "{answer:?}"
    );
    assert_eq!(answer.header("cache-control"), "max-age=60");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"x.txt\""
    );
    assert_eq!(answer.header("content-encoding"), "identity");
    assert_eq!(answer.header("expires"), "Sun, 06 Nov 2094 08:49:37 GMT");
    assert_eq!(answer.header("x-oss-meta-author"), "Анна");
    assert_eq!(answer.header("x-oss-storage-class"), "IA");
}

#[tokio::test]
async fn field_names_have_no_case_and_order_does_not_matter() {
    let server = TestServer::start().await;
    let signed = Form::empty("photos").policy(r#"[["eq","$KEY","a"],{"X-Extra":"1"}]"#);
    let form = signed
        .field("x-extra", "1")
        .field("KEY", "a")
        .file("a", b"hello");
    let answer = server.post(&form).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[tokio::test]
async fn what_follows_the_file_is_ignored() {
    let server = TestServer::start().await;
    let form = Form::signed("photos", "a")
        .file("a", b"hello")
        .field("submit", "Upload");
    let answer = server
        .post(&form.field("x-oss-object-acl", "public-read"))
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    let acl = server.object("photos", "a").await.unwrap().acl;
    assert_eq!(acl, upcall_store::catalog::ObjectAcl::Default);
}

#[tokio::test]
async fn anybody_may_post_to_a_bucket_that_is_open() {
    let server = TestServer::start().await;
    let form = |bucket| Form::empty(bucket).field("key", "a").file("a", b"hello");
    assert_eq!(server.post(&form("open")).await.status, 204);
    let message = "You have no right to access this object because of bucket acl.";
    for bucket in ["photos", "shown"] {
        server
            .post(&form(bucket))
            .await
            .assert_refused(403, "AccessDenied", message);
    }
}

#[tokio::test]
async fn overwriting_is_allowed_unless_it_is_forbidden() {
    let server = TestServer::start().await;
    let form = |bytes: &[u8]| Form::signed("photos", "a").file("a", bytes);
    assert_eq!(server.post(&form(b"first")).await.status, 204);
    assert_eq!(server.post(&form(b"second!")).await.status, 204);
    assert_eq!(server.object("photos", "a").await.unwrap().length, 7);

    let forbidden = Form::signed("photos", "a")
        .field("x-oss-forbid-overwrite", "true")
        .file("a", b"third");
    let message = "The object you specified already exists and can not be overwritten.";
    server
        .post(&forbidden)
        .await
        .assert_refused(409, "FileAlreadyExists", message);
    assert_eq!(server.object("photos", "a").await.unwrap().length, 7);
}

#[tokio::test]
async fn the_body_may_come_in_chunks_and_its_digest_may_be_announced() {
    let server = TestServer::start().await;
    let form = Form::signed("photos", "a").file("a", b"hello");
    let body = form.body();
    let mut request = format!(
        "POST /photos/ HTTP/1.1\r\nHost: h\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        form.content_type()
    )
    .into_bytes();
    for piece in body.chunks(7) {
        request.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        request.extend_from_slice(piece);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = server.client().send(&request).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert!(answer.is_closed);

    let digest = base64_md5(&body);
    let answer = server
        .post(&form.clone().header("Content-MD5", &digest))
        .await;
    assert_eq!(answer.status, 204, "{answer:?}");
    let wrong = form.clone().header("Content-MD5", &base64_md5(b"other"));
    server
        .post(&wrong)
        .await
        .assert_refused(400, "InvalidDigest", "Content-MD5");
    let broken = form.header("Content-MD5", "abc");
    server
        .post(&broken)
        .await
        .assert_refused(400, "InvalidDigest", "Content-MD5");
}

pub(crate) fn base64_md5(bytes: &[u8]) -> String {
    use base64::Engine as _;
    use md5::Digest as _;
    base64::engine::general_purpose::STANDARD.encode(md5::Md5::digest(bytes))
}
