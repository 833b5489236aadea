//! What changes while a file is on its way: each setting of a bucket, the access key and the object's ACL,
//! against each way in which an upload is permitted.
//!
//! Every upload is admitted and has sent half of its file when the change is made and answered. Then it
//! sends the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName, ObjectKey};
use upcall::signature::{SignedRequest, v1};
use upcall_server::Clock;
use upcall_store::blobs::{BlobId, BlobPlace};
use upcall_store::catalog::{
    AccessKeyFacts, BucketAcl, BucketFacts, BucketSignatures, CallbackSettings, Cors, Gate,
    ObjectAcl, ObjectFacts, Overwrite, Precondition, StoredHeaders, Writer,
};

use crate::application::{Application, Reply, answer};
use crate::callbacks::parameter;
use crate::client::{Answer, read_answer};
use crate::form::Form;
use crate::server::{KEY_ID, SECRET, Setup, TestServer};

/// What changes.
#[derive(Clone, Copy, Debug)]
enum Change {
    AccessKeyDeleted,
    AccessKeyMadeAnew,
    ObjectMadePrivate,
    BucketDeleted,
    BucketCreatedAnew,
    BucketMadePrivate,
    BucketMadePublicRead,
    CorsSet,
    DefaultSet,
    GateRefuses,
    GateKeeps,
    CallbackRequired,
    RedeliverySet,
    ConnectionsKept,
    ChunkedAnswersTaken,
    V1SwitchedOff,
    FormRulesSet,
}

/// The rows of the table: each setting of a bucket has some, and a new setting does not compile without.
fn rows(bucket: &BucketFacts) -> Vec<Change> {
    let BucketFacts {
        name: _,
        created: _,
        owner: _,
        acl: _,
        cors: _,
        callback,
        // One row here, for uploads that they do not concern; each of them has its own in `revoked_forms`.
        forms: _,
    } = bucket;
    let CallbackSettings {
        default: _,
        is_required: _,
        redeliver_seconds: _,
        gate: _,
        keep_alive: _,
        chunked_answers: _,
        signatures: _,
    } = callback;
    let of_no_bucket = [
        Change::AccessKeyDeleted,
        Change::AccessKeyMadeAnew,
        Change::ObjectMadePrivate,
    ];
    let identity = [Change::BucketDeleted, Change::BucketCreatedAnew];
    let acl = [Change::BucketMadePrivate, Change::BucketMadePublicRead];
    let cors = [Change::CorsSet];
    let default = [Change::DefaultSet];
    let is_required = [Change::CallbackRequired];
    let redeliver_seconds = [Change::RedeliverySet];
    let signatures = [Change::V1SwitchedOff];
    let chunked_answers = [Change::ChunkedAnswersTaken];
    let keep_alive = [Change::ConnectionsKept];
    let gate = [Change::GateRefuses, Change::GateKeeps];
    let forms = [Change::FormRulesSet];
    [
        of_no_bucket.as_slice(),
        &identity,
        &acl,
        &cors,
        &default,
        &is_required,
        &redeliver_seconds,
        &keep_alive,
        &chunked_answers,
        &signatures,
        &gate,
        &forms,
    ]
    .concat()
}

/// Who permitted the upload, and which callback it brings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Way {
    AnonymousForm,
    AnonymousFormWithCallback,
    AnonymousPut,
    SignedForm,
    SignedFormWithCallback,
    SignedPut,
    SignedPutWithCallback,
    /// With V1, whose text does not tell a query from a key that ends in it.
    SignedPutWithCallbackInQuery,
}

const WAYS: [Way; 8] = [
    Way::AnonymousForm,
    Way::AnonymousFormWithCallback,
    Way::AnonymousPut,
    Way::SignedForm,
    Way::SignedFormWithCallback,
    Way::SignedPut,
    Way::SignedPutWithCallback,
    Way::SignedPutWithCallbackInQuery,
];

impl Way {
    const fn is_signed(self) -> bool {
        match self {
            Self::AnonymousForm | Self::AnonymousFormWithCallback | Self::AnonymousPut => false,
            Self::SignedForm
            | Self::SignedFormWithCallback
            | Self::SignedPut
            | Self::SignedPutWithCallback
            | Self::SignedPutWithCallbackInQuery => true,
        }
    }

    /// Whether whoever permitted the upload has fixed its callback.
    const fn is_fixed(self) -> bool {
        matches!(
            self,
            Self::SignedFormWithCallback | Self::SignedPutWithCallback
        )
    }

    const fn has_callback(self) -> bool {
        match self {
            Self::AnonymousFormWithCallback
            | Self::SignedFormWithCallback
            | Self::SignedPutWithCallback
            | Self::SignedPutWithCallbackInQuery => true,
            Self::AnonymousForm | Self::AnonymousPut | Self::SignedForm | Self::SignedPut => false,
        }
    }
}

/// What becomes of an upload.
#[derive(Clone, Copy, Debug)]
enum End {
    /// As if nothing had changed: an application that refuses does not keep it from being stored.
    Stored,
    /// The application is asked, and refuses.
    Gated,
    Refused(u16, &'static str, &'static str),
}

fn end(change: Change, way: Way) -> End {
    let required = End::Refused(403, "AccessDenied", "requires a callback");
    match change {
        Change::AccessKeyDeleted | Change::AccessKeyMadeAnew if way.is_signed() => {
            End::Refused(403, "InvalidAccessKeyId", "does not exist")
        }
        Change::V1SwitchedOff if way.is_signed() => End::Refused(400, "InvalidArgument", ""),
        Change::ObjectMadePrivate if !way.is_signed() => {
            End::Refused(403, "AccessDenied", "write permission on this object")
        }
        Change::BucketMadePrivate | Change::BucketMadePublicRead if !way.is_signed() => {
            End::Refused(403, "AccessDenied", "bucket acl")
        }
        Change::BucketDeleted | Change::BucketCreatedAnew => {
            End::Refused(404, "NoSuchBucket", "bucket does not exist")
        }
        Change::DefaultSet if !way.has_callback() => {
            End::Refused(503, "ServiceUnavailable", "settings were changed")
        }
        Change::GateRefuses | Change::GateKeeps | Change::CallbackRequired if !way.is_fixed() => {
            required
        }
        Change::GateRefuses | Change::GateKeeps => End::Gated,
        Change::AccessKeyDeleted
        | Change::AccessKeyMadeAnew
        | Change::ObjectMadePrivate
        | Change::BucketMadePrivate
        | Change::BucketMadePublicRead
        | Change::CorsSet
        | Change::DefaultSet
        | Change::CallbackRequired
        | Change::RedeliverySet
        | Change::ConnectionsKept
        | Change::ChunkedAnswersTaken
        | Change::V1SwitchedOff
        | Change::FormRulesSet => End::Stored,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_a_file_is_on_its_way_counts() {
    let app = Application::start(Reply::KeepAlive(answer("403 Forbidden", "{}"))).await;
    let callback = parameter(&app.url("/"), "o=${object}", "");
    let first = bucket("open", Timestamp::UNIX_EPOCH);
    for change in rows(&first) {
        let server = TestServer::start_with(Setup {
            small_bytes: 0,
            ..Setup::default()
        })
        .await;
        let mut halves = Vec::new();
        for way in WAYS {
            halves.push(Half::send(&server, way, &callback).await);
        }
        until("each has a file", || server.blob_files() == WAYS.len()).await;

        make(change, &server, &callback).await;

        for half in halves {
            let way = half.way;
            let given = half.finish().await;
            check(&server, change, way, &given).await;
        }
        server.shutdown().await;
    }
}

async fn check(server: &TestServer, change: Change, way: Way, given: &Answer) {
    let case = format!("{change:?} × {way:?}: {given:?}");
    // Where there is no bucket, there is no object.
    let stored = server.object("open", &key(way)).await;
    let is_stored = stored.is_some_and(|object| object.length == FILE_BYTES as u64);
    match end(change, way) {
        End::Stored => {
            assert!(is_stored, "{case}");
            let status = if way.has_callback() { 203 } else { 200 };
            let is_form = matches!(way, Way::AnonymousForm | Way::SignedForm);
            assert_eq!(given.status, if is_form { 204 } else { status }, "{case}");
        }
        End::Gated => {
            assert!(!is_stored, "{case}");
            assert_eq!(given.status, 403, "{case}");
            assert_eq!(given.header("x-upcall-verdict"), "refused", "{case}");
        }
        End::Refused(status, code, message) => {
            assert!(!is_stored, "{case}");
            assert_eq!(given.status, status, "{case}");
            given.assert_refused(status, code, message);
            assert!(!given.element("Hint").is_empty(), "{case}");
        }
    }
}

/// Makes a change; it is answered when this returns.
async fn make(change: Change, server: &TestServer, callback: &str) {
    let (catalog, by) = (server.store().catalog(), &Writer::Operator);
    let name = &BucketName::parse("open").unwrap();
    let id = AccessKeyId::parse(KEY_ID).unwrap();
    let settings = CallbackSettings::default();
    let settings = match change {
        Change::AccessKeyDeleted => {
            assert!(catalog.delete_access_key(&id).await.unwrap());
            return;
        }
        Change::AccessKeyMadeAnew => {
            assert!(catalog.delete_access_key(&id).await.unwrap());
            let facts = AccessKeyFacts {
                id,
                secret: AccessKeySecret::new("another-secret"),
                created: Timestamp::now(),
                description: String::new(),
            };
            return catalog.put_access_key(&facts).await.unwrap();
        }
        Change::ObjectMadePrivate => {
            for way in WAYS {
                make_private(server, name, &key(way)).await;
            }
            return;
        }
        Change::BucketDeleted => return catalog.delete_bucket(name, by).await.unwrap(),
        Change::BucketCreatedAnew => {
            catalog.delete_bucket(name, by).await.unwrap();
            let anew = bucket("open", Timestamp::now());
            return catalog.create_bucket(&anew, by).await.unwrap();
        }
        Change::BucketMadePrivate => {
            let set = catalog.set_bucket_acl(name, BucketAcl::Private, by).await;
            return set.unwrap();
        }
        Change::BucketMadePublicRead => {
            let set = catalog
                .set_bucket_acl(name, BucketAcl::PublicRead, by)
                .await;
            return set.unwrap();
        }
        Change::CorsSet => {
            let cors = Cors {
                rules: Vec::new(),
                response_vary: true,
            };
            return catalog
                .set_bucket_cors(name, Some(&cors), by)
                .await
                .unwrap();
        }
        Change::DefaultSet => CallbackSettings {
            default: Some(callback.to_owned()),
            ..settings
        },
        Change::GateRefuses => CallbackSettings {
            gate: Some(Gate::Refuse),
            ..settings
        },
        Change::GateKeeps => CallbackSettings {
            gate: Some(Gate::Keep),
            ..settings
        },
        Change::CallbackRequired => CallbackSettings {
            is_required: true,
            ..settings
        },
        Change::V1SwitchedOff => {
            let signatures = Some(BucketSignatures::V4);
            let set = catalog.set_bucket_signatures(name, signatures, by).await;
            return set.unwrap();
        }
        Change::FormRulesSet => {
            let rules = crate::revoked_forms::all();
            let set = catalog.set_bucket_forms(name, &rules, by).await;
            return set.unwrap();
        }
        Change::ChunkedAnswersTaken => CallbackSettings {
            chunked_answers: true,
            ..settings
        },
        Change::ConnectionsKept => CallbackSettings {
            keep_alive: true,
            ..settings
        },
        Change::RedeliverySet => CallbackSettings {
            redeliver_seconds: Some(60),
            ..settings
        },
    };
    let set = catalog.set_bucket_callback(name, &settings, by).await;
    set.unwrap();
}

/// The owner stores a private object under the key.
async fn make_private(server: &TestServer, bucket: &BucketName, key: &str) {
    let object = ObjectFacts {
        bucket: bucket.clone(),
        key: ObjectKey::parse(key).unwrap(),
        blob: BlobId::new(),
        place: BlobPlace::default(),
        length: 0,
        etag: upcall::name::ETag::from_md5([7; 16]),
        crc64: 0,
        content_type: "text/plain".to_owned(),
        headers: StoredHeaders::default(),
        metadata: Vec::new(),
        acl: ObjectAcl::Private,
        storage_class: "Standard".to_owned(),
        modified: Timestamp::now(),
    };
    let terms = Precondition::operator(Overwrite::Allow);
    let catalog = server.store().catalog();
    catalog.commit_object(&object, &terms, None).await.unwrap();
}

/// An upload that has sent half of its file.
pub(crate) struct Half {
    way: Way,
    socket: TcpStream,
    rest: Vec<u8>,
}

impl Half {
    async fn send(server: &TestServer, way: Way, callback: &str) -> Self {
        Self::begin(server, way, &request(way, callback)).await
    }

    pub(crate) async fn begin(server: &TestServer, way: Way, request: &[u8]) -> Self {
        let rest = request[request.len() - FILE_BYTES / 2..].to_vec();
        let mut socket = server.client().connect().await;
        let half = &request[..request.len() - rest.len()];
        socket.write_all(half).await.unwrap();
        Self { way, socket, rest }
    }

    pub(crate) async fn finish(mut self) -> Answer {
        self.socket.write_all(&self.rest).await.unwrap();
        read_answer(&mut self.socket, "POST").await.unwrap()
    }
}

fn request(way: Way, callback: &str) -> Vec<u8> {
    let (key, file) = (key(way), vec![b'a'; FILE_BYTES]);
    let form = || Form::empty("open").field("key", &key);
    let form = match way {
        Way::AnonymousForm => form(),
        Way::AnonymousFormWithCallback => form().field("callback", callback),
        Way::SignedForm => Form::signed("open", &key),
        Way::SignedFormWithCallback => form()
            .policy(&format!(r#"[{{"callback":"{callback}"}}]"#))
            .field("callback", callback),
        Way::AnonymousPut => return put(&key, "", &[], &file),
        Way::SignedPut | Way::SignedPutWithCallback | Way::SignedPutWithCallbackInQuery => {
            let (mut headers, mut query) = (Vec::new(), Vec::new());
            match way {
                Way::SignedPutWithCallback => {
                    headers.push(("x-oss-callback".to_owned(), callback.to_owned()));
                }
                Way::SignedPutWithCallbackInQuery => {
                    query.push(("callback".to_owned(), callback.to_owned()));
                }
                Way::AnonymousForm
                | Way::AnonymousFormWithCallback
                | Way::AnonymousPut
                | Way::SignedForm
                | Way::SignedFormWithCallback
                | Way::SignedPut => {}
            }
            let signed = SignedRequest {
                method: "PUT",
                bucket: Some("open"),
                key: Some(&key),
                query: &query,
                headers: &headers,
            };
            let id = AccessKeyId::parse(KEY_ID).unwrap();
            let until = Timestamp::now() + SignedDuration::from_mins(10);
            let query = v1::presign(&id, &AccessKeySecret::new(SECRET), &signed, until).unwrap();
            return put(&key, &format!("?{query}"), &headers, &file);
        }
    };
    form.file("a", &file).request("a")
}

pub(crate) fn put(key: &str, query: &str, headers: &[(String, String)], file: &[u8]) -> Vec<u8> {
    let mut head = format!(
        "PUT /open/{key}{query} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n",
        file.len()
    );
    for (name, value) in headers {
        head += &[name, ": ", value, "\r\n"].concat();
    }
    head += "\r\n";
    [head.as_bytes(), file].concat()
}

fn key(way: Way) -> String {
    format!("{way:?}")
}

fn bucket(name: &str, created: Timestamp) -> BucketFacts {
    BucketFacts {
        name: BucketName::parse(name).unwrap(),
        acl: BucketAcl::PublicReadWrite,
        cors: None,
        owner: "owner".to_owned(),
        created,
        callback: CallbackSettings::default(),
        forms: upcall_store::catalog::FormRules::default(),
    }
}

pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// More than is gathered before the first of it is written, twice.
pub(crate) const FILE_BYTES: usize = 1024 * 1024;

/// A policy must not have ended when the last byte of its form comes; a signed URL counts at the start of the
/// request.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_ends_at_the_end_of_its_form_and_a_url_at_its_start() {
    let seconds = Arc::new(AtomicI64::new(Timestamp::now().as_second()));
    let shown = Arc::clone(&seconds);
    let server = TestServer::start_with(Setup {
        small_bytes: 0,
        clock: Clock::from_fn(move || {
            Timestamp::from_second(shown.load(Ordering::Relaxed)).unwrap()
        }),
        ..Setup::default()
    })
    .await;
    let expiration = Timestamp::from_second(seconds.load(Ordering::Relaxed) + 60).unwrap();
    let policy = |key: &str| {
        let form = Form::empty("open").field("key", key);
        form.policy_until(&expiration.to_string(), r#"[["starts-with","$key",""]]"#)
            .file("a", &vec![b'a'; FILE_BYTES])
            .request("a")
    };
    let mut halves = Vec::new();
    for (way, request) in [
        (Way::SignedForm, policy("form")),
        (Way::SignedPut, request(Way::SignedPut, "")),
    ] {
        halves.push(Half::begin(&server, way, &request).await);
    }
    until("each has a file", || server.blob_files() == 2).await;
    seconds.fetch_add(100 * 24 * 3600, Ordering::Relaxed);

    let [form, put] = halves.try_into().ok().unwrap();
    let given = form.finish().await;
    given.assert_refused(403, "AccessDenied", "Policy expired");
    assert!(server.object("open", "form").await.is_none());
    assert_eq!(put.finish().await.status, 200);
    // One that begins now is too late.
    let late = request(Way::SignedPut, "");
    let given = server.client().send(&late).await;
    given.assert_refused(403, "AccessDenied", "expired");
}

/// A change of settings whose signer's key is deleted before its body is complete changes nothing.
#[tokio::test]
async fn settings_are_not_changed_by_a_key_that_is_gone() {
    let server = TestServer::start().await;
    let body = b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin>\
        <AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>";
    let id = AccessKeyId::parse(KEY_ID).unwrap();
    let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    let date = ("Date".to_owned(), date.to_string());
    let signed = SignedRequest {
        method: "PUT",
        bucket: Some("open"),
        key: None,
        query: &[("cors".to_owned(), String::new())],
        headers: std::slice::from_ref(&date),
    };
    let signature = v1::authorization(&id, &AccessKeySecret::new(SECRET), &signed);
    let head = format!(
        "PUT /open/?cors HTTP/1.1\r\nHost: a\r\nDate: {}\r\nAuthorization: {signature}\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        date.1,
        body.len()
    );
    let mut socket = server.client().connect().await;
    socket.write_all(head.as_bytes()).await.unwrap();
    // The signature is good, so the body is wanted.
    let on = read_answer(&mut socket, "PUT").await.unwrap();
    assert_eq!(on.status, 100);
    let catalog = server.store().catalog();
    assert!(catalog.delete_access_key(&id).await.unwrap());

    socket.write_all(body).await.unwrap();
    let given = read_answer(&mut socket, "PUT").await.unwrap();
    given.assert_refused(403, "InvalidAccessKeyId", "does not exist");
    let open = BucketName::parse("open").unwrap();
    assert!(catalog.bucket(&open).await.unwrap().unwrap().cors.is_none());
}
