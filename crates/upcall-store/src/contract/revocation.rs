//! What was revoked while a write was under way counts, and an answered revocation is final.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName};

use super::{Ports, at_once, bucket, key, moment, object};
use crate::catalog::{
    AccessKeyFacts, BucketAcl, BucketFacts, CallbackSettings, CatalogError, Gate, ListObjects,
    ObjectAcl, ObjectFacts, Overwrite, OwedCall, Precondition, Writer,
};

/// What may be taken away while an upload is under way.
#[derive(Clone, Copy, Debug)]
enum Revoked {
    AccessKey,
    /// The access key, and another one was made under its id.
    AccessKeyAnew,
    BucketAcl,
    ObjectAcl,
    Bucket,
    /// The bucket, and another one was created under its name.
    BucketAnew,
    Default,
    Gate,
    Required,
    Redelivery,
}

impl Revoked {
    const ALL: [Self; 10] = [
        Self::AccessKey,
        Self::AccessKeyAnew,
        Self::BucketAcl,
        Self::ObjectAcl,
        Self::Bucket,
        Self::BucketAnew,
        Self::Default,
        Self::Gate,
        Self::Required,
        Self::Redelivery,
    ];

    const fn is_of_a_key(self) -> bool {
        matches!(self, Self::AccessKey | Self::AccessKeyAnew)
    }

    const fn is_of_the_bucket(self) -> bool {
        matches!(self, Self::Bucket | Self::BucketAnew)
    }

    /// The settings of callbacks, where those change.
    fn settings(self) -> Option<CallbackSettings> {
        let settings = CallbackSettings::default();
        match self {
            Self::AccessKey
            | Self::AccessKeyAnew
            | Self::BucketAcl
            | Self::ObjectAcl
            | Self::Bucket
            | Self::BucketAnew => None,
            Self::Default => Some(CallbackSettings {
                default: Some("e30=".to_owned()),
                ..settings
            }),
            Self::Gate => Some(CallbackSettings {
                gate: Some(Gate::Keep),
                ..settings
            }),
            Self::Required => Some(CallbackSettings {
                is_required: true,
                ..settings
            }),
            Self::Redelivery => Some(CallbackSettings {
                redeliver_seconds: Some(60),
                ..settings
            }),
        }
    }

    /// Why a write that was admitted before is refused.
    fn refusal(self, error: &CatalogError) -> bool {
        match self {
            Self::AccessKey | Self::AccessKeyAnew => matches!(error, CatalogError::KeyDeleted),
            Self::BucketAcl => matches!(error, CatalogError::BucketDenied),
            Self::ObjectAcl => matches!(error, CatalogError::ObjectDenied),
            Self::Bucket | Self::BucketAnew => matches!(error, CatalogError::NoSuchBucket),
            Self::Default | Self::Gate | Self::Required | Self::Redelivery => {
                matches!(error, CatalogError::SettingsChanged)
            }
        }
    }

    async fn revoke(self, ports: &Ports, admission: &Admission) {
        let catalog = &ports.catalog;
        let (name, by) = (&admission.bucket.name, &Writer::Operator);
        if let Some(settings) = self.settings() {
            let set = catalog.set_bucket_callback(name, &settings, by).await;
            return set.expect("revoked");
        }
        match self {
            Self::AccessKey => catalog
                .delete_access_key(&admission.key)
                .await
                .map(|was_there| assert!(was_there)),
            Self::AccessKeyAnew => {
                let anew = access_key(&admission.key, moment(9));
                catalog.put_access_key(&anew).await
            }
            Self::BucketAcl => {
                catalog
                    .set_bucket_acl(name, BucketAcl::PublicRead, by)
                    .await
            }
            Self::ObjectAcl => {
                let mut private = object(name, CONTENDED);
                private.acl = ObjectAcl::Private;
                let terms = Precondition::operator(Overwrite::Allow);
                let committed = catalog.commit_object(&private, &terms, None).await;
                committed.map(|_| ())
            }
            Self::Bucket | Self::BucketAnew => {
                let mut deleted = catalog.delete_bucket(name, by).await;
                while matches!(deleted, Err(CatalogError::BucketNotEmpty)) {
                    ports.empty(name).await;
                    deleted = catalog.delete_bucket(name, by).await;
                }
                if matches!(self, Self::BucketAnew) {
                    let mut anew = admission.bucket.as_ref().clone();
                    anew.created = moment(9);
                    catalog.create_bucket(&anew, by).await.expect("created");
                }
                deleted
            }
            Self::Default | Self::Gate | Self::Required | Self::Redelivery => Ok(()),
        }
        .expect("revoked");
    }
}

/// A bucket that everyone may write to, and an upload that was admitted to it.
struct Admission {
    bucket: Arc<BucketFacts>,
    key: AccessKeyId,
    terms: Precondition,
}

impl Ports {
    async fn admission(&self, name: &str, revoked: Revoked) -> Admission {
        let mut facts = bucket(name);
        facts.acl = BucketAcl::PublicReadWrite;
        let created = self.catalog.create_bucket(&facts, &Writer::Operator).await;
        created.expect("a bucket");
        let key = AccessKeyId::parse(&format!("key-of-{name}")).expect("an id");
        let created = moment(3);
        let put = self
            .catalog
            .put_access_key(&access_key(&key, created))
            .await;
        put.expect("a key");
        let found = self.catalog.bucket(&facts.name).await.expect("an answer");
        let bucket = found.expect("a bucket");
        let writer = if revoked.is_of_a_key() {
            Writer::Key {
                id: key.clone(),
                created: Some(created),
            }
        } else {
            Writer::Anonymous
        };
        let terms = Precondition {
            overwrite: Overwrite::Allow,
            writer,
            admitted: Some(Arc::clone(&bucket)),
        };
        Admission { bucket, key, terms }
    }

    async fn everything(&self, bucket: &BucketName) -> Vec<ObjectFacts> {
        let mut objects = Vec::new();
        let mut marker = String::new();
        loop {
            let page = self
                .catalog
                .list_objects(&ListObjects {
                    bucket: bucket.clone(),
                    prefix: String::new(),
                    marker,
                    delimiter: None,
                    max_keys: ListObjects::MAX_KEYS,
                })
                .await;
            match page {
                Ok(page) => {
                    objects.extend(page.objects);
                    match page.next_marker {
                        Some(next) => marker = next,
                        None => return objects,
                    }
                }
                Err(CatalogError::NoSuchBucket) => return Vec::new(),
                Err(error) => panic!("no listing: {error:?}"),
            }
        }
    }

    async fn empty(&self, bucket: &BucketName) {
        for object in self.everything(bucket).await {
            let deleted = self
                .catalog
                .delete_object(bucket, &object.key, &Writer::Operator);
            deleted.await.expect("deleted");
        }
    }
}

/// A commit, a held object and a deletion are each judged by what is so at their turn, whatever was so
/// when they were admitted.
pub async fn a_write_is_judged_by_what_is_so_at_its_turn(ports: &Ports) {
    let catalog = &ports.catalog;
    for (number, revoked) in Revoked::ALL.into_iter().enumerate() {
        let admission = ports.admission(&format!("judged-{number}"), revoked).await;
        let name = &admission.bucket.name;
        let written = object(name, CONTENDED);
        let owed = call(&written);
        // The same is taken before, so that it is the revocation that refuses it.
        let before = catalog.commit_object(&written, &admission.terms, None);
        before.await.expect("admitted");

        revoked.revoke(ports, &admission).await;
        let there = ports.everything(name).await;

        let next = object(name, CONTENDED);
        let committed = catalog.commit_object(&next, &admission.terms, None).await;
        refused(revoked, "a commit", committed);
        let owed_next = OwedCall {
            id: next.blob,
            ..owed.clone()
        };
        let committed = catalog.commit_object(&next, &admission.terms, Some(&owed_next));
        refused(revoked, "a commit with a call", committed.await);
        let held = catalog.hold_object(&next, &admission.terms, &owed_next);
        refused(revoked, "a held object", held.await);
        let owed = catalog.owed_call(next.blob).await.expect("an answer");
        assert!(owed.is_none(), "{revoked:?} left a call");
        let contended = key(CONTENDED);
        let deleted = catalog.delete_object(name, &contended, &admission.terms.writer);
        match revoked {
            Revoked::AccessKey
            | Revoked::AccessKeyAnew
            | Revoked::BucketAcl
            | Revoked::ObjectAcl => {
                refused(revoked, "a deletion", deleted.await);
            }
            Revoked::Bucket | Revoked::BucketAnew => {
                assert!(deleted.await.expect("an answer").is_none());
            }
            // Those are about uploads.
            Revoked::Default | Revoked::Gate | Revoked::Required | Revoked::Redelivery => continue,
        }
        assert_eq!(ports.everything(name).await, there, "{revoked:?}");
    }
}

/// While many writes are under way, a right is taken away. Once that was answered, nothing of them
/// commits any more.
pub async fn nothing_commits_after_a_revocation_was_answered(ports: &Ports) {
    for (number, revoked) in Revoked::ALL.into_iter().enumerate() {
        if revoked.is_of_the_bucket() {
            // A bucket is deleted when it is empty, and this one never is.
            continue;
        }
        let admission = ports.admission(&format!("raced-{number}"), revoked).await;
        let (done, mut counted) = watch::channel(0);
        let writers = (0..WRITERS).map(|writer| {
            let (ports, done) = (ports.clone(), done.clone());
            let (terms, name) = (admission.terms.clone(), admission.bucket.name.clone());
            async move {
                for number in 0..MOST_COMMITS {
                    let text = if matches!(revoked, Revoked::ObjectAcl) {
                        CONTENDED.to_owned()
                    } else {
                        format!("{writer}/{number}")
                    };
                    let facts = object(&name, &text);
                    let committed = ports.catalog.commit_object(&facts, &terms, None).await;
                    match committed {
                        Ok(_) => done.send_modify(|done| *done += 1),
                        Err(error) => {
                            assert!(revoked.refusal(&error), "{revoked:?}: {error:?}");
                            return;
                        }
                    }
                }
                panic!("{revoked:?} refused none of {MOST_COMMITS} commits");
            }
        });
        let writing = tokio::spawn(at_once(writers.collect::<Vec<_>>()));
        let enough = counted.wait_for(|done| *done >= 4 * WRITERS).await;
        drop(enough.expect("the writers are there"));

        revoked.revoke(ports, &admission).await;
        let answered = ports.everything(&admission.bucket.name).await;
        writing.await.expect("every writer was refused");
        let after = ports.everything(&admission.bucket.name).await;
        assert_eq!(after, answered, "{revoked:?}: committed after the answer");
    }
}

/// What its uploader may not write any more is not published either.
pub async fn a_held_object_is_published_only_by_right(ports: &Ports) {
    let catalog = &ports.catalog;
    for (number, revoked) in Revoked::ALL.into_iter().enumerate() {
        if revoked.is_of_the_bucket() {
            // A bucket is not deleted while it holds something.
            continue;
        }
        let admission = ports.admission(&format!("held-{number}"), revoked).await;
        let name = &admission.bucket.name;
        let facts = object(name, CONTENDED);
        let owed = call(&facts);
        let held = catalog.hold_object(&facts, &admission.terms, &owed);
        held.await.expect("held");

        revoked.revoke(ports, &admission).await;
        let there = ports.everything(name).await;
        let published = catalog.publish_object(facts.blob, &admission.terms.writer, None);
        if revoked.settings().is_some() {
            // What the bucket asks of uploads was answered by the call.
            published.await.expect("published");
            continue;
        }
        refused(revoked, "publishing", published.await);
        assert_eq!(ports.everything(name).await, there, "{revoked:?}");
        let settled = catalog.settle_call(facts.blob, None).await;
        assert!(settled.expect("settled"), "it is still held");
    }
}

/// Settings are changed by those who signed with a key that still exists.
pub async fn settings_change_only_by_right(ports: &Ports) {
    let catalog = &ports.catalog;
    let admission = ports.admission("by-right", Revoked::AccessKey).await;
    let name = &admission.bucket.name;
    let by = Writer::Key {
        id: admission.key.clone(),
        created: None,
    };
    let changed = catalog.set_bucket_acl(name, BucketAcl::PublicRead, &by);
    changed.await.expect("the key exists");
    Revoked::AccessKey.revoke(ports, &admission).await;
    let before = catalog.bucket(name).await.expect("an answer");

    for (by, is_denied) in [(by, false), (Writer::Anonymous, true)] {
        let other = bucket("by-right-other");
        let callback = CallbackSettings::default();
        for result in [
            catalog.create_bucket(&other, &by).await,
            catalog.set_bucket_acl(name, BucketAcl::Private, &by).await,
            catalog.set_bucket_cors(name, None, &by).await,
            catalog.set_bucket_callback(name, &callback, &by).await,
            catalog.delete_bucket(name, &by).await,
        ] {
            let error = result.expect_err("refused");
            let expected = if is_denied {
                matches!(error, CatalogError::BucketDenied)
            } else {
                matches!(error, CatalogError::KeyDeleted)
            };
            assert!(expected, "{by:?}: {error:?}");
        }
    }
    let after = catalog.bucket(name).await.expect("an answer");
    assert_eq!(after, before);
    let other = BucketName::parse("by-right-other").expect("a name");
    assert!(catalog.bucket(&other).await.expect("an answer").is_none());
}

fn refused<T: std::fmt::Debug>(revoked: Revoked, what: &str, result: Result<T, CatalogError>) {
    let error = result.expect_err("refused");
    assert!(revoked.refusal(&error), "{revoked:?}, {what}: {error:?}");
}

fn access_key(id: &AccessKeyId, created: Timestamp) -> AccessKeyFacts {
    AccessKeyFacts {
        id: id.clone(),
        secret: AccessKeySecret::new("secret"),
        created,
        description: String::new(),
    }
}

fn call(object: &ObjectFacts) -> OwedCall {
    OwedCall {
        id: object.blob,
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        request_id: object.blob.to_string(),
        idempotency: None,
        created: moment(4),
        call: "{}".to_owned(),
    }
}

/// The key that all write to, where it matters.
const CONTENDED: &str = "contended";

/// Tasks that write at once.
const WRITERS: usize = 4;

/// So many commits of one task are more than any revocation takes.
const MOST_COMMITS: usize = 20_000;
