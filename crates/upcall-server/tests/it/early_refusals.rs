//! What is refused before an operation, or even a bucket, is known: the answer says where it is from,
//! and a page may read it where the rules of the bucket, or of the server, allow that.

use crate::client::Answer;
use crate::server::{Setup, TestServer};
use crate::signed::{Signed, Way};

const PAGE: &str = "https://app.example";

/// A server whose bucket `photos` lets one origin read, with or without origins of its own.
async fn server(cors_origins: &[&str]) -> TestServer {
    let server = TestServer::start_with(Setup {
        cors_origins: cors_origins.iter().map(ToString::to_string).collect(),
        ..Setup::default()
    })
    .await;
    let rules = format!(
        "<CORSConfiguration><CORSRule><AllowedOrigin>{PAGE}</AllowedOrigin>\
         <AllowedMethod>GET</AllowedMethod><AllowedMethod>POST</AllowedMethod>\
         <AllowedMethod>PUT</AllowedMethod></CORSRule></CORSConfiguration>"
    );
    let put = Signed::new("PUT", "photos", "")
        .parameter("cors", "")
        .body(rules.as_bytes());
    assert_eq!(put.send(&server, Way::HeaderV4).await.status, 200);
    server
}

/// Whether the request names a bucket that exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Bucket {
    Known,
    Unknown,
}

use Bucket::{Known, Unknown};

/// Requests that are refused early: the first line, more headers, the code.
const EARLY: [(&str, &str, &str, Bucket); 16] = [
    ("POST /photos/?uploads", "", "NotImplemented", Known),
    ("POST /photos/a?append", "", "NotImplemented", Known),
    ("POST /photos/a", "", "MethodNotAllowed", Known),
    ("PATCH /photos/a", "", "MethodNotAllowed", Known),
    ("PROPFIND /photos/", "", "MethodNotAllowed", Known),
    ("GET /photos//a", "", "InvalidObjectName", Known),
    ("GET /photos/%ff", "", "InvalidObjectName", Known),
    ("GET /photos/a?b=%ff", "", "InvalidArgument", Known),
    (
        "GET /photos/a",
        "Authorization: OSS x\r\n",
        "InvalidArgument",
        Known,
    ),
    (
        "GET /photos/a",
        "Authorization: OSS test-key:c2ln\r\nDate: yesterday\r\n",
        "AccessDenied",
        Known,
    ),
    (
        "POST /photos/",
        "Content-Type: text/plain\r\n",
        "RequestIsNotMultiPartContent",
        Known,
    ),
    ("GET /Ph_/a", "", "InvalidBucketName", Unknown),
    ("GET /%ff/a", "", "InvalidObjectName", Unknown),
    ("PATCH /none/a", "", "MethodNotAllowed", Unknown),
    ("GET /none/a", "", "NoSuchBucket", Unknown),
    ("GET /", "", "MethodNotAllowed", Unknown),
];

async fn send(server: &TestServer, line: &str, headers: &str, origin: &str) -> Answer {
    let host = server.address();
    let length = if line.starts_with('P') {
        "Content-Length: 0\r\n"
    } else {
        ""
    };
    let head =
        format!("{line} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n{length}{headers}\r\n");
    server.client().send(head.as_bytes()).await
}

#[tokio::test]
async fn an_early_refusal_names_the_host_and_can_be_read_by_the_buckets_pages() {
    for origins in [&[][..], &["*"], &[PAGE], &["https://*.example", "null"]] {
        let server = server(origins).await;
        for (line, headers, code, bucket) in EARLY {
            let what = format!("{line} with {origins:?}");
            let answer = send(&server, line, headers, PAGE).await;
            assert_eq!(answer.element("Code"), code, "{what}: {answer:?}");
            assert_eq!(
                answer.element("HostId"),
                server.address().to_string(),
                "{what}"
            );
            let wanted = match (bucket, origins) {
                (Unknown, []) => "",
                (Unknown, ["*"]) => "*",
                (Known | Unknown, _) => PAGE,
            };
            let allowed = |answer: &Answer| answer.header("access-control-allow-origin").to_owned();
            assert_eq!(allowed(&answer), wanted, "{what}");
            // A page that neither allows gets no leave.
            let other = send(&server, line, headers, "https://evil.test").await;
            let wanted = match (bucket, origins) {
                (Unknown, ["*"]) => "*",
                _ => "",
            };
            assert_eq!(allowed(&other), wanted, "{what}, another page");
        }
    }
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_answered_like_any_other() {
    for (origins, wanted) in [(&["*"][..], "*"), (&[PAGE], ""), (&[], "")] {
        let server = server(origins).await;
        for head in [
            "GET / HTTP/1.1\r\nHost: a\r\nb c: d\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        ] {
            let answer = server.client().send(head.as_bytes()).await;
            assert_eq!(answer.element("Code"), "BadRequest", "{answer:?}");
            assert_eq!(answer.element("HostId"), "oss-cn-hangzhou.localhost");
            assert_eq!(answer.header("access-control-allow-origin"), wanted);
        }
        // A host that is none is not repeated.
        let answer = server
            .client()
            .send(b"GET / HTTP/1.1\r\nHost: a@<b>\r\n\r\n")
            .await;
        assert_eq!(
            answer.element("HostId"),
            "oss-cn-hangzhou.localhost",
            "{answer:?}"
        );
        let endless = format!("GET / HTTP/1.1\r\nHost: a:{}\r\n\r\n", "0".repeat(9000));
        let answer = server.client().send(endless.as_bytes()).await;
        assert_eq!(answer.element("HostId"), "oss-cn-hangzhou.localhost");
    }
}

#[tokio::test]
async fn a_preflight_is_answered_where_the_refusal_may_be_read() {
    let preflight = async |server: &TestServer, target: &str| {
        let headers = format!(
            "Host: {}\r\nOrigin: {PAGE}\r\nAccess-Control-Request-Method: PUT\r\n\
             Access-Control-Request-Headers: x-oss-meta-a\r\n",
            server.address()
        );
        let head = format!("OPTIONS {target} HTTP/1.1\r\n{headers}\r\n");
        let answer = server.client().send(head.as_bytes()).await;
        let allowed = answer.header("access-control-allow-origin").to_owned();
        (answer.status, allowed)
    };
    let targets = ["/none/a", "/", "/Ph_/a", "/none//a"];
    let open = server(&["https://*.example"]).await;
    for target in targets {
        assert_eq!(
            preflight(&open, target).await,
            (200, PAGE.to_owned()),
            "{target}"
        );
    }
    let closed = server(&[]).await;
    for target in targets {
        let (status, allowed) = preflight(&closed, target).await;
        assert!(matches!(status, 400 | 403), "{target}: {status}");
        assert_eq!(allowed, "", "{target}");
    }
    // A known bucket has its own rules and no others; this one allows no header.
    assert_eq!(preflight(&open, "/photos/a").await, (403, String::new()));
}

#[tokio::test]
async fn what_an_answer_repeats_of_a_request_is_bounded() {
    let server = server(&["*", "https://*.example"]).await;
    let head_bytes = |answer: &Answer| {
        let headers = answer.headers.iter();
        headers
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum::<usize>()
    };
    // The text that was to be signed would stand in the header three times over.
    let long = "a".repeat(20_000);
    let head = Signed::new("HEAD", "photos", "a").header("x-oss-meta-a", &long);
    let answer = head.send_as(&server, "b").await;
    assert_eq!(answer.status, 403);
    assert!(head_bytes(&answer) < 12 * 1024, "{}", head_bytes(&answer));
    let xml = base64_text(answer.header("x-oss-err"));
    assert!(xml.contains("<Code>SignatureDoesNotMatch</Code>"), "{xml}");
    assert!(xml.contains("GET answers with all of it"), "{xml}");
    for headers in [
        format!("Origin: https://{long}.example\r\nAccess-Control-Request-Method: PUT\r\n"),
        format!(
            "Origin: {PAGE}\r\nAccess-Control-Request-Method: PUT\r\n\
             Access-Control-Request-Headers: {}\r\n",
            "a,".repeat(10_000)
        ),
    ] {
        for method in ["OPTIONS", "GET"] {
            let head = format!("{method} /none/a HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
            let answer = server.client().send(head.as_bytes()).await;
            assert!(
                head_bytes(&answer) < 2048,
                "{method}: {}",
                head_bytes(&answer)
            );
        }
    }
}

fn base64_text(text: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    String::from_utf8(bytes.unwrap()).unwrap()
}
