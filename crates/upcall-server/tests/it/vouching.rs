//! Which key signs a call: each way in, who signed it, who fixed the callback.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use upcall::callback::{CallbackRequest, CallbackVerifier, PublicKey, PublicKeyUrls};
use upcall::name::{AccessKeyId, AccessKeySecret};
use upcall::signature::v4::Credential;
use upcall::signature::{Scope, SignedRequest, v1, v4};
use upcall_server::callback::{AnonymousCallbacks, UnpinnedCallbacks, VouchingRules};

use crate::application::{Application, Call, Reply, answer};
use crate::client::{Answer, Client};
use crate::form::{Form, sign};
use crate::server::{ADMIN, KEY_ID, SECRET, Setup, TestServer};

/// How an upload comes in that brings a callback.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    FormAnonymous,
    FormPinned,
    FormUnpinned,
    PutAnonymousHeader,
    PutAnonymousQuery,
    PutHeaderV1,
    PutHeaderV4,
    PutUrlV1,
    PutUrlV4,
}

const WAYS: [Way; 9] = [
    Way::FormAnonymous,
    Way::FormPinned,
    Way::FormUnpinned,
    Way::PutAnonymousHeader,
    Way::PutAnonymousQuery,
    Way::PutHeaderV1,
    Way::PutHeaderV4,
    Way::PutUrlV1,
    Way::PutUrlV4,
];

/// Who fixed the callback.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Words {
    /// It is the upload's own.
    Own,
    /// The upload brings none, and the bucket has one.
    Bucket,
    /// The upload brings the very callback that the bucket has.
    SameAsBucket,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Signed {
    Trusted,
    Unpinned,
    Anonymous,
    Not,
    /// The upload is refused.
    Refused,
}

/// The one table; a new way in has to be given its answer.
fn expected(way: Way, words: Words, rules: VouchingRules) -> Signed {
    match words {
        Words::Bucket | Words::SameAsBucket => return Signed::Trusted,
        Words::Own => {}
    }
    match way {
        Way::FormAnonymous | Way::PutAnonymousHeader | Way::PutAnonymousQuery => {
            match rules.anonymous {
                AnonymousCallbacks::Separate => Signed::Anonymous,
                AnonymousCallbacks::Unsigned => Signed::Not,
                AnonymousCallbacks::Refuse => Signed::Refused,
            }
        }
        // With V1 a callback in the URL may be the end of the key that was signed.
        Way::FormUnpinned | Way::PutUrlV1 => match rules.unpinned {
            UnpinnedCallbacks::Trusted => Signed::Trusted,
            UnpinnedCallbacks::Separate => Signed::Unpinned,
        },
        Way::FormPinned | Way::PutHeaderV1 | Way::PutHeaderV4 | Way::PutUrlV4 => Signed::Trusted,
    }
}

/// The callback in base64.
fn callback(app: &Application, body: &str) -> String {
    let url = app.url("/cb");
    STANDARD.encode(json!({ "callbackUrl": url, "callbackBody": body }).to_string())
}

async fn upload(server: &TestServer, way: Way, callback: Option<&str>) -> Answer {
    let form = match way {
        Way::FormAnonymous => Form::empty("open").field("key", "a"),
        Way::FormUnpinned => Form::signed("open", "a"),
        Way::FormPinned => {
            let pin = callback.map(|text| json!(["eq", "$callback", text]));
            let conditions: Vec<_> = [json!(["eq", "$key", "a"])]
                .into_iter()
                .chain(pin)
                .collect();
            let form = Form::empty("open").field("key", "a");
            form.policy(&Value::from(conditions).to_string())
        }
        Way::PutAnonymousHeader
        | Way::PutAnonymousQuery
        | Way::PutHeaderV1
        | Way::PutHeaderV4
        | Way::PutUrlV1
        | Way::PutUrlV4 => return put(server, way, callback).await,
    };
    let form = match callback {
        Some(callback) => form.field("callback", callback),
        None => form,
    };
    server.post(&form.file("a", b"hello")).await
}

async fn put(server: &TestServer, way: Way, callback: Option<&str>) -> Answer {
    let now = Timestamp::now();
    let (id, secret) = (
        AccessKeyId::parse(KEY_ID).unwrap(),
        AccessKeySecret::new(SECRET),
    );
    let credential = Credential::new(&id, Scope::oss("cn-hangzhou"), now);
    let (mut headers, mut query) = (Vec::new(), Vec::new());
    let callback = callback.map(str::to_owned);
    match way {
        Way::PutAnonymousHeader | Way::PutHeaderV1 | Way::PutHeaderV4 => {
            headers.extend(callback.map(|text| ("x-oss-callback".to_owned(), text)));
        }
        Way::PutAnonymousQuery | Way::PutUrlV1 | Way::PutUrlV4 => {
            query.extend(callback.map(|text| ("callback".to_owned(), text)));
        }
        Way::FormAnonymous | Way::FormPinned | Way::FormUnpinned => unreachable!("it is no PUT"),
    }
    let date = |format: &str| now.strftime(format).to_string();
    match way {
        Way::PutHeaderV1 => {
            headers.push(("Date".to_owned(), date("%a, %d %b %Y %H:%M:%S GMT")));
        }
        Way::PutHeaderV4 => headers.extend([
            ("x-oss-date".to_owned(), date("%Y%m%dT%H%M%SZ")),
            (
                "x-oss-content-sha256".to_owned(),
                "UNSIGNED-PAYLOAD".to_owned(),
            ),
        ]),
        Way::FormAnonymous
        | Way::FormPinned
        | Way::FormUnpinned
        | Way::PutAnonymousHeader
        | Way::PutAnonymousQuery
        | Way::PutUrlV1
        | Way::PutUrlV4 => {}
    }
    let request = SignedRequest {
        method: "PUT",
        bucket: Some("open"),
        key: Some("a"),
        query: &query,
        headers: &headers,
    };
    let plain = || {
        let pairs = query.iter().map(|(name, value)| {
            let value = value
                .replace('+', "%2B")
                .replace('/', "%2F")
                .replace('=', "%3D");
            format!("{name}={value}")
        });
        pairs.collect::<Vec<_>>().join("&")
    };
    let (query, authorization) = match way {
        Way::PutHeaderV1 => (plain(), Some(v1::authorization(&id, &secret, &request))),
        Way::PutHeaderV4 => (
            plain(),
            Some(v4::authorization(&credential, &secret, &request, &[])),
        ),
        Way::PutUrlV1 => {
            // By hand: our own signer refuses to sign a callback here.
            let until = (now + SignedDuration::from_mins(5)).as_second();
            let in_text: Vec<String> = query.iter().map(|(n, v)| format!("?{n}={v}")).collect();
            let text = format!("PUT\n\n\n{until}\n/open/a{}", in_text.concat());
            let signature = sign(SECRET, &text).replace('+', "%2B").replace('/', "%2F");
            let signed = format!("Expires={until}&OSSAccessKeyId={KEY_ID}&Signature={signature}");
            (format!("{}&{signed}", plain()), None)
        }
        Way::PutUrlV4 => {
            let validity = SignedDuration::from_mins(5);
            let query = v4::presign(&credential, &secret, &request, &[], now, validity);
            (query, None)
        }
        Way::FormAnonymous
        | Way::FormPinned
        | Way::FormUnpinned
        | Way::PutAnonymousHeader
        | Way::PutAnonymousQuery => (plain(), None),
    };
    headers.extend(authorization.map(|value| ("Authorization".to_owned(), value)));
    let mut lines = String::new();
    for (name, value) in &headers {
        lines += &[name, ": ", value, "\r\n"].concat();
    }
    let target = format!("/open/a?{query}");
    server
        .client()
        .request("PUT", &target, &lines, b"hello")
        .await
}

async fn admin(server: &TestServer, method: &str, path: &str, body: &str) -> Answer {
    let headers = format!("Authorization: Bearer {ADMIN}\r\n");
    Client::new(server.admin())
        .request(method, path, &headers, body.as_bytes())
        .await
}

/// The address of the key that a call names, and the key, which the server serves there.
async fn named_key(server: &TestServer, call: &Call) -> Option<(String, PublicKey)> {
    let header = call.header("x-oss-pub-key-url");
    if header.is_empty() {
        return None;
    }
    let url = String::from_utf8(STANDARD.decode(header).unwrap()).unwrap();
    let own = format!("http://{}", server.address());
    let path = url.strip_prefix(&own).unwrap();
    let served = server.client().request("GET", path, "", b"").await;
    assert_eq!(served.status, 200, "{path}");
    Some((url, PublicKey::from_pem(&served.text()).unwrap()))
}

/// What an unmodified receiver says that trusts the server's own keys, by the recommended pattern.
fn is_believed(server: &TestServer, call: &Call, key: &PublicKey) -> bool {
    let pattern = format!("http://{}/callback_pub_key_*.pem", server.address());
    let list = PublicKeyUrls::none().and(&pattern).unwrap();
    let headers = ["authorization", "x-oss-pub-key-url"].map(|name| (name, call.header(name)));
    let request = CallbackRequest {
        method: "POST",
        target: call.request_line().split(' ').nth(1).unwrap(),
        headers: &headers,
        body: &call.body,
    };
    let verifier = CallbackVerifier::new(list);
    let Ok(pending) = verifier.read(&request) else {
        return false;
    };
    pending.verify(key).is_ok()
}

async fn signed_as(server: &TestServer, call: &Call) -> Signed {
    let listed = admin(server, "GET", "/v1/callbacks?limit=1", "").await;
    let listed: Value = serde_json::from_slice(&listed.body).unwrap();
    let path = format!(
        "/v1/callbacks/{}",
        listed["calls"][0]["id"].as_str().unwrap()
    );
    let recorded = admin(server, "GET", &path, "").await;
    let recorded: Value = serde_json::from_slice(&recorded.body).unwrap();
    let Some((url, key)) = named_key(server, call).await else {
        assert_eq!(call.header("authorization"), "");
        assert_eq!(recorded["signedWith"], "unsigned");
        return Signed::Not;
    };
    let (signed, word) = match url.split('/').nth(3).unwrap() {
        name if name.starts_with("callback_pub_key_") => (Signed::Trusted, "trusted"),
        "upcall_unpinned_callback_key" => (Signed::Unpinned, "unpinned"),
        "upcall_anonymous_callback_key" => (Signed::Anonymous, "anonymous"),
        other => panic!("{other}"),
    };
    assert_eq!(recorded["signedWith"], word);
    assert_eq!(is_believed(server, call, &key), signed == Signed::Trusted);
    signed
}

#[tokio::test]
async fn each_way_in_is_signed_with_the_key_of_whoever_answers_for_it() {
    for (anonymous, unpinned) in [
        (AnonymousCallbacks::Separate, UnpinnedCallbacks::Trusted),
        (AnonymousCallbacks::Unsigned, UnpinnedCallbacks::Separate),
        (AnonymousCallbacks::Refuse, UnpinnedCallbacks::Trusted),
    ] {
        let vouching = VouchingRules {
            anonymous,
            unpinned,
        };
        let server = TestServer::start_with(Setup {
            vouching,
            ..Setup::default()
        })
        .await;
        let app = Application::agreeing("{}").await;
        let settings = json!({ "default": {
            "callbackUrl": app.url("/bucket"), "callbackBody": "o=${object}&u=${x:u}" } });
        let path = "/v1/buckets/open/callback";
        let set = admin(&server, "PUT", path, &settings.to_string()).await;
        assert_eq!(set.status, 204, "{set:?}");
        let same = STANDARD.encode(settings["default"].to_string());
        let own = callback(&app, "bucket=victims&object=whatever&size=1");
        for way in WAYS {
            for words in [Words::Own, Words::Bucket, Words::SameAsBucket] {
                let what = format!("{way:?}, {words:?}, {vouching:?}");
                let given = match words {
                    Words::Own => Some(own.as_str()),
                    Words::Bucket => None,
                    Words::SameAsBucket => Some(same.as_str()),
                };
                let before = app.calls().len();

                let answer = upload(&server, way, given).await;

                let wanted = expected(way, words, vouching);
                if wanted == Signed::Refused {
                    answer.assert_refused(403, "AccessDenied", "anonymous request");
                    assert_eq!(app.calls().len(), before, "{what}");
                    continue;
                }
                assert_eq!(answer.status, 200, "{what}: {}", answer.text());
                let call = app.calls().pop().unwrap();
                assert_eq!(app.calls().len(), before + 1, "{what}");
                assert_eq!(signed_as(&server, &call).await, wanted, "{what}");
            }
        }
    }
}

#[test]
fn each_route_is_known_to_bring_a_callback_or_not() {
    // Method, place and sub-resource; those that are tested above.
    let bring_one = ["POST Bucket -", "PUT Object -"];
    let bring_none = [
        "DELETE Bucket cors",
        "DELETE Object -",
        "GET Bucket -",
        "GET Bucket acl",
        "GET Bucket bucketInfo",
        "GET Bucket cors",
        "GET Bucket x-upcall-answer",
        "GET Object -",
        "HEAD Object -",
        "HEAD Object objectMeta",
        "PUT Bucket -",
        "PUT Bucket acl",
        "PUT Bucket cors",
    ];
    let routes = include_str!("../fixtures/storage-routes.txt");
    for route in routes.lines().filter(|line| !line.starts_with('#')) {
        let known = bring_one.contains(&route) || bring_none.contains(&route);
        assert!(known, "`{route}`: who signs the callback that it brings?");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_made_again_is_signed_with_the_same_kind_of_key_after_a_restart_too() {
    let server = TestServer::start().await;
    let app = Application::start(Reply::KeepAlive(answer("502 Bad Gateway", "{}"))).await;
    let settings = r#"{"redeliverSeconds":600}"#;
    admin(&server, "PUT", "/v1/buckets/open/callback", settings).await;
    let own = callback(&app, "bucket=victims");
    let given = upload(&server, Way::FormAnonymous, Some(&own)).await;
    given.assert_refused(203, "CallbackFailed", "");
    let first = named_key(&server, &app.calls()[0]).await.unwrap();
    let (port, first_url) = (server.address().port(), first.0);

    let folder = server.shutdown().await;
    app.reply(Reply::KeepAlive(answer("200 OK", "{}")));
    let before = app.calls().len();
    let server = TestServer::again(folder, Setup::default()).await;
    let began = std::time::Instant::now();
    while app.calls().len() == before {
        assert!(began.elapsed().as_secs() < 60, "it is not made again");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    let again = app.calls().pop().unwrap();
    let (url, _) = named_key(&server, &again).await.unwrap();
    // The same ring, and so the same id, on the port of the second server.
    let there = format!(":{port}/");
    assert_eq!(
        url,
        first_url.replace(&there, &format!(":{}/", server.address().port()))
    );
    assert!(url.contains("/upcall_anonymous_callback_key/"), "{url}");
}

#[tokio::test]
async fn a_bucket_has_keys_of_its_own_with_rotation_until_they_are_removed() {
    let server = TestServer::start().await;
    let app = Application::agreeing("{}").await;
    let own = callback(&app, "o=${object}");
    let rotate = r#"{"bucket":"open"}"#;
    let call = async |way| {
        let given = upload(&server, way, Some(&own)).await;
        assert_eq!(given.status, 200, "{}", given.text());
        let call = app.calls().pop().unwrap();
        named_key(&server, &call).await.unwrap()
    };
    let pattern = format!(
        "http://{}/upcall_bucket_callback_key/open/*.pem",
        server.address()
    );
    let list = PublicKeyUrls::none().and(&pattern).unwrap();
    let none = admin(&server, "GET", "/v1/callback-key?bucket=open", "").await;
    assert_eq!(
        (none.status, none.text().contains("NoSuchKeys")),
        (404, true)
    );

    let made = admin(&server, "POST", "/v1/callback-key/rotate", rotate).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let made: Value = serde_json::from_slice(&made.body).unwrap();
    assert_eq!(made["urls"], pattern.as_str());
    assert_eq!(made["buckets"], json!(["open"]));
    let (first, _) = call(Way::FormUnpinned).await;
    assert_eq!(made["current"]["url"], first.as_str());
    assert!(list.admit(&first).is_ok(), "{first}");
    // What an anonymous requester makes up is not the bucket's either.
    let (anonymous, _) = call(Way::FormAnonymous).await;
    assert!(list.admit(&anonymous).is_err(), "{anonymous}");
    // Another bucket is not touched.
    let other = Form::signed("photos", "a").field("callback", &own);
    assert_eq!(server.post(&other.file("a", b"1")).await.status, 200);
    let (other, _) = named_key(&server, &app.calls().pop().unwrap())
        .await
        .unwrap();
    assert!(other.ends_with("/callback_pub_key_v1.pem"), "{other}");

    admin(&server, "POST", "/v1/callback-key/rotate", rotate).await;
    let (second, _) = call(Way::PutHeaderV4).await;
    assert!(second != first && list.admit(&second).is_ok(), "{second}");
    let own_url = format!("http://{}", server.address());
    let former = first.strip_prefix(&own_url).unwrap();
    let served = server.client().request("GET", former, "", b"").await;
    assert_eq!(served.status, 200, "the former key is still known");

    // After a restart it signs still.
    let folder = server.shutdown().await;
    let server = TestServer::again(folder, Setup::default()).await;
    let shown = admin(&server, "GET", "/v1/callback-key?bucket=open", "").await;
    let shown: Value = serde_json::from_slice(&shown.body).unwrap();
    let id = second.rsplit('/').next().unwrap().strip_suffix(".pem");
    assert_eq!(shown["current"]["id"].as_str(), id);
    assert_eq!(shown["former"].as_array().unwrap().len(), 1);

    let removed = admin(&server, "DELETE", "/v1/callback-key?bucket=open", "").await;
    assert_eq!(removed.status, 204, "{}", removed.text());
    let given = upload(&server, Way::FormUnpinned, Some(&own)).await;
    assert_eq!(given.status, 200, "{}", given.text());
    let (after, _) = named_key(&server, &app.calls().pop().unwrap())
        .await
        .unwrap();
    assert!(after.ends_with("/callback_pub_key_v1.pem"), "{after}");
}

#[tokio::test]
async fn a_new_bucket_does_not_inherit_the_keys_of_one_that_had_its_name() {
    let server = TestServer::start().await;
    let made = admin(&server, "PUT", "/v1/buckets/short-lived", "").await;
    assert!(made.status < 300, "{}", made.text());
    let rotate = r#"{"bucket":"short-lived","bits":512}"#;
    let own = admin(&server, "POST", "/v1/callback-key/rotate", rotate).await;
    assert_eq!(own.status, 200, "{}", own.text());

    admin(&server, "DELETE", "/v1/buckets/short-lived", "").await;
    admin(&server, "PUT", "/v1/buckets/short-lived", "").await;

    let keys = "/v1/callback-key?bucket=short-lived";
    assert_eq!(admin(&server, "GET", keys, "").await.status, 404);
    let missing = r#"{"bucket":"not-there"}"#;
    let refused = admin(&server, "POST", "/v1/callback-key/rotate", missing).await;
    assert_eq!(refused.status, 404, "{}", refused.text());
}
