//! Signatures of requests, V1, in the header and in the URL; and buckets made and set up with them.
//!
//! Source: OSS, "Include signatures in headers", "Include signatures in URLs".

use jiff::{SignedDuration, Timestamp};

use crate::client::{Answer, Client};
use crate::form::sign;
use crate::server::{KEY_ID, SECRET, TestServer};

/// A request that this key signs, now.
struct Signed<'a> {
    id: &'a str,
    secret: &'a str,
    method: &'a str,
    target: &'a str,
    /// What the signature is made over; usually the target.
    resource: &'a str,
    date: Timestamp,
    /// A header `x-oss-…:value` that is sent, and whether it is signed.
    oss_header: Option<(&'a str, bool)>,
}

impl<'a> Signed<'a> {
    fn new(method: &'a str, target: &'a str) -> Self {
        Self {
            id: KEY_ID,
            secret: SECRET,
            method,
            target,
            resource: target,
            date: Timestamp::now(),
            oss_header: None,
        }
    }

    async fn send(self, client: &Client, body: &[u8]) -> Answer {
        let date = self.date.strftime("%a, %d %b %Y %H:%M:%S GMT");
        let line = |(header, _): (&str, bool), end: &str| [header, end].concat();
        let sent = self.oss_header.map(|header| line(header, "\r\n"));
        let signed = self.oss_header.filter(|(_, is_signed)| *is_signed);
        let text = format!(
            "{}\n\n\n{date}\n{}{}",
            self.method,
            signed.map(|header| line(header, "\n")).unwrap_or_default(),
            self.resource
        );
        let headers = format!(
            "Date: {date}\r\nAuthorization: OSS {}:{}\r\n{}",
            self.id,
            sign(self.secret, &text),
            sent.unwrap_or_default()
        );
        client
            .request(self.method, self.target, &headers, body)
            .await
    }
}

#[tokio::test]
async fn a_header_signature_opens_what_is_private() {
    let server = TestServer::start().await;
    let client = server.client();
    let target = "/photos/a.txt";
    let put = Signed::new("PUT", target).send(&client, b"hello").await;
    assert_eq!(put.status, 200, "{put:?}");

    let get = || Signed::new("GET", target);
    let ago = |minutes: i64| Timestamp::now() - SignedDuration::from_mins(minutes);
    assert_eq!(get().send(&client, b"").await.text(), "hello");
    let late = Signed {
        date: ago(14),
        ..get()
    };
    assert_eq!(late.send(&client, b"").await.status, 200);

    let nobody = client.request("GET", target, "", b"").await;
    nobody.assert_refused(403, "AccessDenied", "");
    let wrong_secret = Signed {
        secret: "wrong",
        ..get()
    };
    let other_path = Signed {
        resource: "/photos/b.txt",
        ..get()
    };
    let unknown_key = Signed {
        id: "nobody",
        ..get()
    };
    let too_old = Signed {
        date: ago(16),
        ..get()
    };
    let too_new = Signed {
        date: ago(-16),
        ..get()
    };
    for (request, code) in [
        (wrong_secret, "SignatureDoesNotMatch"),
        (other_path, "SignatureDoesNotMatch"),
        (unknown_key, "InvalidAccessKeyId"),
        (too_old, "RequestTimeTooSkewed"),
        (too_new, "RequestTimeTooSkewed"),
    ] {
        let answer = request.send(&client, b"").await;
        answer.assert_refused(403, code, "");
    }
}

#[tokio::test]
async fn a_signed_url_opens_one_object_until_it_expires() {
    let server = TestServer::start().await;
    let client = server.client();
    let put = Signed::new("PUT", "/photos/a.txt");
    assert_eq!(put.send(&client, b"hello").await.status, 200);
    let now = Timestamp::now().as_second();
    let url = |expires: i64, secret: &str| {
        let path = "/photos/a.txt";
        let signature = sign(secret, &format!("GET\n\n\n{expires}\n{path}"));
        let signature = signature
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        format!("{path}?OSSAccessKeyId={KEY_ID}&Expires={expires}&Signature={signature}")
    };
    let get = |target: String| {
        let client = server.client();
        async move { client.request("GET", &target, "", b"").await }
    };

    let good = url(now + 60, SECRET);
    assert_eq!(get(good.clone()).await.text(), "hello");
    let head = client.request("HEAD", &good, "", b"").await;
    assert_eq!(head.status, 403, "signed for GET");
    let moved = good.replace("/a.txt", "/b.txt");
    let refused = "SignatureDoesNotMatch";
    get(moved).await.assert_refused(403, refused, "");
    let longer = good.replace(&(now + 60).to_string(), &(now + 90).to_string());
    get(longer).await.assert_refused(403, refused, "");
    let forged = url(now + 60, "wrong");
    get(forged).await.assert_refused(403, refused, "");
    let expired = url(now - 1, SECRET);
    let answer = get(expired).await;
    answer.assert_refused(403, "AccessDenied", "Request has expired.");
}

#[tokio::test]
async fn a_bucket_is_made_opened_and_described() {
    let server = TestServer::start().await;
    let client = server.client();
    let send = |method, target, body: &'static str| {
        let client = server.client();
        async move {
            Signed::new(method, target)
                .send(&client, body.as_bytes())
                .await
        }
    };

    let nobody = client.request("PUT", "/albums/", "", b"").await;
    nobody.assert_refused(403, "AccessDenied", "");
    assert_eq!(send("PUT", "/albums/", "").await.status, 200);
    let bad = send("PUT", "/Al_bums/", "").await;
    assert_eq!(bad.element("Code"), "InvalidBucketName", "{bad:?}");

    let info = send("GET", "/albums/?bucketInfo", "").await;
    assert_eq!(info.element("Name"), "albums");
    assert_eq!(info.element("Grant"), "private");
    let open = |is_signed| Signed {
        oss_header: Some(("x-oss-acl:public-read", is_signed)),
        ..Signed::new("PUT", "/albums/?acl")
    };
    let unsigned = open(false).send(&client, b"").await;
    unsigned.assert_refused(403, "SignatureDoesNotMatch", "");
    let opened = open(true).send(&client, b"").await;
    assert_eq!(opened.status, 200, "{opened:?}");
    let info = send("GET", "/albums/?bucketInfo", "").await;
    assert_eq!(info.element("Grant"), "public-read");

    let rules = "<CORSConfiguration><CORSRule><AllowedOrigin>https://a.example</AllowedOrigin>\
                 <AllowedMethod>POST</AllowedMethod></CORSRule></CORSConfiguration>";
    assert_eq!(send("PUT", "/albums/?cors", rules).await.status, 200);
    let rules = send("GET", "/albums/?cors", "").await;
    assert_eq!(rules.element("AllowedOrigin"), "https://a.example");
    for broken in [
        "<CORSConfiguration><CORSRule>",
        "<Other/>",
        "",
        "<!DOCTYPE x [<!ENTITY e \"y\">]><CORSConfiguration/>",
    ] {
        let answer = send("PUT", "/albums/?cors", broken).await;
        answer.assert_refused(400, "MalformedXML", "");
    }
    let kept = send("GET", "/albums/?cors", "").await;
    assert_eq!(kept.element("AllowedOrigin"), "https://a.example");
}
