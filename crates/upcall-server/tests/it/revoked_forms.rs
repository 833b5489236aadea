//! What a bucket refuses of forms, switched on while a form is on its way: each rule against forms that
//! break it, forms that keep it, and requests that are no forms.
//!
//! Every upload is admitted and has sent half of its file when the rule is set and answered. Then it sends
//! the rest.

use jiff::{SignedDuration, Timestamp};
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName};
use upcall::signature::{SignedRequest, v1};
use upcall_store::catalog::{FormRules, Writer};

use crate::form::Form;
use crate::revoked::{FILE_BYTES, Half, Way, put, until};
use crate::server::{KEY_ID, SECRET, Setup, TestServer};

/// All of them: a new rule does not compile without a row below.
pub(crate) fn all() -> FormRules {
    FormRules {
        forbid_overwrite: true,
        forbid_acl: true,
        redirects: Some(Vec::new()),
        pages_as_downloads: true,
    }
}

/// One of the rules.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Overwriting,
    PublicAcls,
    Redirects,
    Pages,
}

fn rules() -> [Rule; 4] {
    let FormRules {
        forbid_overwrite: _,
        forbid_acl: _,
        redirects: _,
        pages_as_downloads: _,
    } = all();
    [
        Rule::Overwriting,
        Rule::PublicAcls,
        Rule::Redirects,
        Rule::Pages,
    ]
}

impl Rule {
    fn alone(self) -> FormRules {
        let (all, none) = (all(), FormRules::default());
        match self {
            Self::Overwriting => FormRules {
                forbid_overwrite: all.forbid_overwrite,
                ..none
            },
            Self::PublicAcls => FormRules {
                forbid_acl: all.forbid_acl,
                ..none
            },
            Self::Redirects => FormRules {
                redirects: all.redirects,
                ..none
            },
            Self::Pages => FormRules {
                pages_as_downloads: all.pages_as_downloads,
                ..none
            },
        }
    }

    /// What a form that breaks it is told.
    const fn refusal(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Overwriting => (409, "FileAlreadyExists", "already exists"),
            Self::PublicAcls | Self::Redirects => (403, "AccessDenied", ""),
            Self::Pages => (503, "ServiceUnavailable", "settings were changed"),
        }
    }

    /// The fields of a form that breaks it; the key is taken already, where that counts.
    const fn broken_by(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Overwriting => &[("x-oss-forbid-overwrite", "false")],
            Self::PublicAcls => &[("x-oss-object-acl", "public-read")],
            Self::Redirects => &[("success_action_redirect", "https://evil.example/")],
            Self::Pages => &[("x-oss-content-type", "text/html")],
        }
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
enum Upload {
    AnonymousBreaking,
    SignedBreaking,
    SignedKeeping,
    /// Asks for all that the rules close, and is none of their business.
    Put,
}

const UPLOADS: [Upload; 4] = [
    Upload::AnonymousBreaking,
    Upload::SignedBreaking,
    Upload::SignedKeeping,
    Upload::Put,
];

impl Upload {
    const fn is_breaking(self) -> bool {
        matches!(self, Self::AnonymousBreaking | Self::SignedBreaking)
    }

    /// Its object's key. What keeps the rules has a key of its own.
    fn key(self) -> String {
        format!("{self:?}")
    }

    fn request(self, rule: Rule) -> Vec<u8> {
        let (key, file) = (self.key(), vec![b'a'; FILE_BYTES]);
        let with = |form: Form| {
            let fields = rule.broken_by().iter();
            let form = fields.fold(form, |form, (name, value)| form.field(name, value));
            form.file("a", &file).request("a")
        };
        match self {
            Self::AnonymousBreaking => with(Form::empty("open").field("key", &key)),
            Self::SignedBreaking => with(Form::signed("open", &key)),
            Self::SignedKeeping => Form::signed("open", &key)
                .field("x-oss-object-acl", "private")
                .file_of_type("a", "image/png", &file)
                .request("a"),
            Self::Put => {
                let headers = [
                    ("content-type", "text/html"),
                    ("x-oss-object-acl", "public-read"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
                let signed = SignedRequest {
                    method: "PUT",
                    bucket: Some("open"),
                    key: Some(&key),
                    query: &[],
                    headers: &headers,
                };
                let id = AccessKeyId::parse(KEY_ID).unwrap();
                let until = Timestamp::now() + SignedDuration::from_mins(10);
                let query =
                    v1::presign(&id, &AccessKeySecret::new(SECRET), &signed, until).unwrap();
                put(&key, &format!("?{query}"), &headers, &file)
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_set_while_a_form_is_on_its_way_counts() {
    for rule in rules() {
        let server = TestServer::start_with(Setup {
            small_bytes: 0,
            ..Setup::default()
        })
        .await;
        let mut halves = Vec::new();
        for upload in UPLOADS {
            let request = upload.request(rule);
            // The ways only tell whether it is a form.
            halves.push((
                upload,
                Half::begin(&server, Way::SignedForm, &request).await,
            ));
        }
        until("each has a file", || server.blob_files() == UPLOADS.len()).await;
        // In between another upload took the keys, that of the form that keeps the rules excepted.
        let mut first = 0;
        if matches!(rule, Rule::Overwriting) {
            for upload in UPLOADS {
                if upload.is_breaking() || matches!(upload, Upload::Put) {
                    let form = Form::signed("open", &upload.key()).file("a", b"first");
                    assert_eq!(server.post(&form).await.status, 204);
                    first = 5;
                }
            }
        }

        let catalog = server.store().catalog();
        let open = BucketName::parse("open").unwrap();
        let alone = rule.alone();
        let set = catalog.set_bucket_forms(&open, &alone, &Writer::Operator);
        set.await.unwrap();

        for (upload, half) in halves {
            let given = half.finish().await;
            let case = format!("{rule:?} × {upload:?}: {given:?}");
            let stored = server.object("open", &upload.key()).await;
            let length = stored.map_or(0, |object| object.length);
            if upload.is_breaking() {
                let (status, code, message) = rule.refusal();
                assert_eq!(length, first, "{case}");
                assert_eq!(given.status, status, "{case}");
                given.assert_refused(status, code, message);
                assert!(!given.element("Hint").is_empty(), "{case}");
            } else {
                assert_eq!(length, FILE_BYTES as u64, "{case}");
            }
        }
        server.shutdown().await;
    }
}

/// What was stored as a download stays one, and nothing is in the way of the others.
#[tokio::test(flavor = "multi_thread")]
async fn rules_that_are_lifted_meanwhile_hold_up_nothing() {
    let server = TestServer::start_with(Setup {
        small_bytes: 0,
        ..Setup::default()
    })
    .await;
    let catalog = server.store().catalog();
    let open = BucketName::parse("open").unwrap();
    let strict = all();
    let set = catalog.set_bucket_forms(&open, &strict, &Writer::Operator);
    set.await.unwrap();
    let request = Form::signed("open", "page")
        .file_of_type("a", "text/html", &vec![b'a'; FILE_BYTES])
        .request("a");
    let half = Half::begin(&server, Way::SignedForm, &request).await;
    until("it has a file", || server.blob_files() == 1).await;
    let none = FormRules::default();
    let set = catalog.set_bucket_forms(&open, &none, &Writer::Operator);
    set.await.unwrap();

    let given = half.finish().await;
    assert_eq!(given.status, 204, "{given:?}");
    let object = server.object("open", "page").await.unwrap();
    assert_eq!(
        object.headers.content_disposition.as_deref(),
        Some("attachment")
    );
}
