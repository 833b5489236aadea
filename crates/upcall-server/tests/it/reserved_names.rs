//! Names of the keys that verify callbacks: no upload makes an object of them, on whatever host, and
//! nobody who does not sign is given one.

use jiff::{SignedDuration, Timestamp};
use upcall::name::{AccessKeyId, AccessKeySecret};
use upcall::signature::{SignedRequest, v1};

use crate::client::Answer;
use crate::form::{BOUNDARY, Form, sign};
use crate::server::{KEY_ID, SECRET, TestServer};

/// Names that a receiver's pattern or prefix could match, and the way they are written in a path.
const RESERVED: [(&str, &str); 6] = [
    ("callback_pub_key_evil.pem", "callback_pub_key_evil.pem"),
    ("callback_pub_key_evil.pem", "%63allback%5Fpub_key_evil.pem"),
    ("callback_pub_key_x/evil.txt", "callback_pub_key_x/evil.txt"),
    ("callback_webhook_key.txt", "callback_webhook_key.txt"),
    (
        "upcall_bucket_callback_key/photos/evil.pem",
        "upcall_bucket_callback_key/photos/evil.pem",
    ),
    (
        "upcall_anonymous_callback_key/evil.pem",
        "upcall_anonymous_callback_key/evil.pem",
    ),
];

/// How a request addresses the bucket: `Host`, and what comes before the key in the path.
const PLACES: [(&str, &str); 3] = [
    ("", "/open/"),
    ("open.oss-cn-hangzhou.localhost", "/"),
    ("open.oss-cn-hangzhou.localhost:8700", "/"),
];

/// How an object is made.
#[derive(Clone, Copy, Debug)]
enum Way {
    AnonymousForm,
    SignedForm,
    /// The name is the file's, put in for `${filename}`.
    FormByFileName,
    AnonymousPut,
    SignedPut,
    PresignedPut,
}

const WAYS: [Way; 6] = [
    Way::AnonymousForm,
    Way::SignedForm,
    Way::FormByFileName,
    Way::AnonymousPut,
    Way::SignedPut,
    Way::PresignedPut,
];

async fn send(
    server: &TestServer,
    (host, folder): (&str, &str),
    method: &str,
    path: &str,
    headers: String,
    body: &[u8],
) -> Answer {
    let host = match host {
        "" => server.address().to_string(),
        host => host.to_owned(),
    };
    let target = format!("{folder}{path}");
    let more = format!(
        "Host: {host}\r\nContent-Length: {}\r\nConnection: close\r\n",
        body.len()
    );
    let head = format!("{method} {target} HTTP/1.1\r\n{headers}{more}\r\n");
    let bytes = [head.as_bytes(), body].concat();
    server.client().send_for(method, &bytes).await
}

fn authorization(method: &str, resource: &str) -> String {
    let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    let signature = sign(SECRET, &format!("{method}\n\n\n{date}\n{resource}"));
    format!("Date: {date}\r\nAuthorization: OSS {KEY_ID}:{signature}\r\n")
}

fn presigned(method: &str, key: &str) -> String {
    let request = SignedRequest {
        method,
        bucket: Some("open"),
        key: Some(key),
        query: &[],
        headers: &[],
    };
    let (id, secret) = (
        AccessKeyId::parse(KEY_ID).unwrap(),
        AccessKeySecret::new(SECRET),
    );
    let until = Timestamp::now() + SignedDuration::from_mins(5);
    v1::presign(&id, &secret, &request, until).unwrap()
}

async fn make(
    server: &TestServer,
    place: (&str, &str),
    way: Way,
    (key, path): (&str, &str),
) -> Answer {
    let form = match way {
        Way::AnonymousForm => Form::empty("open").field("key", key).file("a", b"x"),
        Way::SignedForm => Form::signed("open", key).file("a", b"x"),
        Way::FormByFileName => {
            // Folders are cut off a file's name, so they stand in the field.
            let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
            let folder = if folder.is_empty() {
                String::new()
            } else {
                format!("{folder}/")
            };
            let field = [&folder, "${filename}"].concat();
            Form::signed("open", &field).file(name, b"x")
        }
        Way::AnonymousPut => {
            return send(server, place, "PUT", path, String::new(), b"x").await;
        }
        Way::SignedPut => {
            let headers = authorization("PUT", &format!("/open/{key}"));
            return send(server, place, "PUT", path, headers, b"x").await;
        }
        Way::PresignedPut => {
            let path = format!("{path}?{}", presigned("PUT", key));
            return send(server, place, "PUT", &path, String::new(), b"x").await;
        }
    };
    let headers = format!("Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n");
    send(server, place, "POST", "", headers, &form.body()).await
}

#[tokio::test]
async fn no_way_in_makes_an_object_of_a_reserved_name_on_any_host() {
    let server = TestServer::start().await;
    for place in PLACES {
        for way in WAYS {
            for name in RESERVED {
                let answer = make(&server, place, way, name).await;
                let what = format!("{place:?}, {way:?}, {name:?}: {}", answer.text());
                assert_eq!(answer.status, 400, "{what}");
                assert_eq!(answer.element("Code"), "InvalidObjectName", "{what}");
                assert!(answer.text().contains("verify callbacks"), "{what}");
            }
        }
    }
    assert_eq!(server.keys("open").await, [""; 0]);
    // Beside them there are no such rules.
    for key in ["callback_pub_key.pem", "a/callback_pub_key_v1.pem"] {
        for way in WAYS {
            let answer = make(&server, PLACES[1], way, (key, key)).await;
            assert!(answer.status < 300, "{way:?} {key}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn an_object_from_before_is_its_owners_to_read_and_everybodys_to_delete_who_may() {
    let server = TestServer::start().await;
    for (key, path) in RESERVED {
        for place in PLACES {
            server.old_object("open", key, b"not a key").await;
            for method in ["GET", "HEAD"] {
                let answer = send(&server, place, method, path, String::new(), b"").await;
                let what = format!("{method} {place:?} {path}: {answer:?}");
                if key == "callback_webhook_key.txt" && place.1 == "/" && method == "GET" {
                    // There the server has its own.
                    assert!(answer.text().starts_with("whpk_"), "{what}");
                } else {
                    assert_eq!(answer.status, 404, "{what}");
                }
                let headers = authorization(method, &format!("/open/{key}"));
                let signed = send(&server, place, method, path, headers, b"").await;
                let by_url = format!("{path}?{}", presigned(method, key));
                let by_url = send(&server, place, method, &by_url, String::new(), b"").await;
                for (answer, how) in [(signed, "header"), (by_url, "URL")] {
                    let what = format!("{method} {place:?} {path}, {how}: {answer:?}");
                    assert_eq!(answer.status, 200, "{what}");
                }
            }
            let headers = authorization("DELETE", &format!("/open/{key}"));
            let deleted = send(&server, place, "DELETE", path, headers, b"").await;
            assert_eq!(deleted.status, 204, "{deleted:?}");
            assert!(server.object("open", key).await.is_none(), "{key}");
        }
    }
    // A private bucket does not say whether there is one.
    server
        .old_object("photos", "callback_pub_key_evil.pem", b"x")
        .await;
    let path = "/photos/callback_pub_key_evil.pem";
    let hidden = server.client().request("GET", path, "", b"").await;
    let missing = server.client().request("GET", "/photos/x", "", b"").await;
    assert_eq!((hidden.status, missing.status), (403, 403));
}
