//! Random histories against a model: the contract of both ports, as code that can be run.

use std::collections::HashSet;
use std::sync::Arc;

use ::bytes::Bytes;
use upcall::name::{BucketName, ObjectKey};

use super::ledger::{content, facts};
use super::model::Model;
use super::{Ports, Random, blob_facts, bucket, object, without_place};
use crate::blobs::{BlobError, BlobId, Blobs};
use crate::catalog::{
    BucketAcl, BucketFacts, CatalogError, ListObjects, ObjectFacts, ObjectPage, Overwrite,
    Precondition, Writer,
};

/// Makes `operations` random changes and questions, and compares every answer with the model's. The
/// same seed makes the same history.
pub async fn history(ports: &Ports, seed: u64, operations: usize) {
    let mut history = History::new(seed);
    history.run(ports, operations).await;
    history.compare(ports, 1).await;
}

/// A history that goes on after the store was closed and opened again.
#[derive(Debug)]
pub struct History {
    seed: u64,
    random: Random,
    model: Model,
    names: Vec<BucketName>,
    steps: u64,
}

impl History {
    /// The begin of it: nothing is there.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Random(seed),
            model: Model::default(),
            names: (0..3)
                .map(|number| bucket(&format!("history-{seed}-{number}")).name)
                .collect(),
            steps: 0,
        }
    }

    /// Goes on.
    pub async fn run(&mut self, ports: &Ports, operations: usize) {
        let seed = self.seed;
        for _ in 0..operations {
            self.steps += 1;
            let step = self.steps;
            let operation = Operation::random(&mut self.random, &self.names, step);
            let expected = self.model.run(&operation);
            let found = operation.run(ports).await;
            assert!(
                found == expected,
                "seed {seed}, step {step}: {operation:?} gave {found:?}, not {expected:?}"
            );
        }
    }

    /// Everything that is there is what the model has, and the bytes of each `share`-th object too.
    pub async fn compare(&self, ports: &Ports, share: u64) {
        let seed = self.seed;
        for name in &self.names {
            let found = Operation::LookAtBucket(name.clone()).run(ports).await;
            let expected = self.model.buckets.get(name).cloned().map(Arc::new);
            assert_eq!(found, Answer::Bucket(expected), "seed {seed}");
        }
        for ((name, key), (facts, number)) in &self.model.objects {
            let place = (name.clone(), key.clone());
            let found = Operation::Look(name.clone(), key.clone()).run(ports).await;
            let expected = Answer::Object(Some(Box::new(facts.clone())));
            assert_eq!(found, expected, "seed {seed}");
            if number.unwrap_or_default().is_multiple_of(share) {
                let read = Operation::Read(place.0, place.1, (0, u64::MAX));
                let expected = Answer::Bytes(number.map(content));
                assert!(read.run(ports).await == expected, "seed {seed}: {facts:?}");
            }
        }
        // Objects whose bytes are elsewhere; the others an engine need not know by their blobs.
        let blobs = self.model.committed.as_slice();
        let found = ports.catalog.referenced(blobs).await.expect("an answer");
        let pointed_to = self.model.objects.values();
        let bare = pointed_to.filter(|(_, number)| number.is_none());
        let expected: HashSet<BlobId> = bare.map(|(facts, _)| facts.blob).collect();
        assert_eq!(found, expected, "seed {seed}");
    }
}

#[derive(Debug)]
pub(super) enum Operation {
    /// Of an object whose bytes nobody has.
    Commit(Box<ObjectFacts>, Overwrite),
    CreateBucket(BucketFacts),
    Delete(BucketName, ObjectKey),
    DeleteBucket(BucketName),
    List(ListObjects),
    Look(BucketName, ObjectKey),
    LookAtBucket(BucketName),
    /// Of the upload of this number.
    Put(BucketName, ObjectKey, u64, Overwrite),
    /// From one place to another, each as far as there are bytes.
    Read(BucketName, ObjectKey, (u64, u64)),
    SetAcl(BucketName, BucketAcl),
}

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// `None` if there are none.
    Bytes(Option<Vec<u8>>),
    Bucket(Option<Arc<BucketFacts>>),
    Done,
    Object(Option<Box<ObjectFacts>>),
    Page(ObjectPage),
    Refused(Why),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Why {
    BucketExists,
    BucketNotEmpty,
    NoSuchBucket,
    ObjectExists,
}

impl Operation {
    fn random(random: &mut Random, names: &[BucketName], step: u64) -> Self {
        let name = random.pick(names).clone();
        match random.below(100) {
            0..5 => Self::CreateBucket(bucket(name.as_str())),
            5..8 => Self::DeleteBucket(name),
            8..12 => {
                let acls = [BucketAcl::Private, BucketAcl::PublicRead];
                Self::SetAcl(name, *random.pick(&acls))
            }
            12..15 => Self::LookAtBucket(name),
            15..20 => {
                let facts = object(&name, &text(random, 1));
                let overwrite = *random.pick(&[Overwrite::Allow, Overwrite::Forbid]);
                Self::Commit(Box::new(facts), overwrite)
            }
            20..50 => {
                let overwrite = *random.pick(&[Overwrite::Allow, Overwrite::Forbid]);
                Self::Put(name, super::key(&text(random, 1)), step, overwrite)
            }
            50..65 => Self::Delete(name, super::key(&text(random, 1))),
            65..70 => Self::Look(name, super::key(&text(random, 1))),
            70..80 => {
                let most = *random.pick(&[100, 5_000, 300_000]);
                let range = (random.next() % most, random.next() % most);
                Self::Read(name, super::key(&text(random, 1)), range)
            }
            _ => Self::List(ListObjects {
                bucket: name,
                prefix: text(random, 0),
                marker: text(random, 0),
                delimiter: (random.below(3) > 0).then(|| text(random, 0)),
                max_keys: *random.pick(&[0, 1, 2, 3, 10, 1000]),
            }),
        }
    }

    async fn run(&self, ports: &Ports) -> Answer {
        let catalog = ports.catalog.as_ref();
        let done = |()| Answer::Done;
        let page = |mut page: ObjectPage| {
            page.objects = page.objects.into_iter().map(plain).collect();
            Answer::Page(page)
        };
        let looked = |found: Option<ObjectFacts>| Answer::Object(found.map(plain).map(Box::new));
        let gone = |gone: Option<ObjectFacts>| {
            if let Some(gone) = &gone {
                ports.blobs.give_up(gone);
            }
            looked(gone)
        };
        let answer = match self {
            Self::Commit(facts, overwrite) => catalog
                .commit_object(facts, &Precondition::operator(*overwrite), None)
                .await
                .map(gone),
            Self::CreateBucket(facts) => catalog
                .create_bucket(facts, &Writer::Operator)
                .await
                .map(done),
            Self::Delete(name, key) => catalog
                .delete_object(name, key, &Writer::Operator)
                .await
                .map(gone),
            Self::DeleteBucket(name) => catalog
                .delete_bucket(name, &Writer::Operator)
                .await
                .map(done),
            Self::List(request) => catalog.list_objects(request).await.map(page),
            Self::Look(name, key) => catalog.object(name, key).await.map(looked),
            Self::LookAtBucket(name) => catalog.bucket(name).await.map(Answer::Bucket),
            Self::Put(name, key, number, overwrite) => {
                let put = put(ports, name, key, *number, *overwrite).await;
                put.map(gone)
            }
            Self::Read(name, key, range) => read(ports, name, key, *range).await,
            Self::SetAcl(name, acl) => catalog
                .set_bucket_acl(name, *acl, &Writer::Operator)
                .await
                .map(done),
        };
        answer.unwrap_or_else(|error| {
            Answer::Refused(match error {
                CatalogError::BucketExists => Why::BucketExists,
                CatalogError::BucketNotEmpty => Why::BucketNotEmpty,
                CatalogError::NoSuchBucket => Why::NoSuchBucket,
                CatalogError::ObjectExists => Why::ObjectExists,
                CatalogError::BucketDenied
                | CatalogError::Closed
                | CatalogError::Corrupt(_)
                | CatalogError::Engine(_)
                | CatalogError::KeyDeleted
                | CatalogError::NotOwed
                | CatalogError::ObjectDenied
                | CatalogError::SettingsChanged => {
                    panic!("the engine failed: {error:?}")
                }
            })
        })
    }
}

/// An upload, as a server does it; what it has replaced.
async fn put(
    ports: &Ports,
    name: &BucketName,
    key: &ObjectKey,
    number: u64,
    overwrite: Overwrite,
) -> Result<Option<ObjectFacts>, CatalogError> {
    let bytes = Bytes::from(content(number));
    let mut object = facts(name, key.as_str(), number, &bytes);
    let mut draft = ports.blobs.begin(0).await.expect("a draft");
    object.blob = draft.id();
    let half = bytes.len() / 2;
    let first = draft.write(vec![bytes.slice(..half)]).await;
    first.expect("a written draft");
    let rest = draft.finish(vec![bytes.slice(half..)], blob_facts(&object));
    rest.await.expect("a finished draft");
    let replaced = ports
        .catalog
        .commit_object(&object, &Precondition::operator(overwrite), None)
        .await?;
    draft.keep();
    Ok(replaced)
}

/// The facts of an upload, as [`plain`] leaves them.
pub(super) fn upload(name: &BucketName, key: &ObjectKey, number: u64) -> ObjectFacts {
    plain(facts(name, key.as_str(), number, &content(number)))
}

/// What of an object is the same in every history: which blob has an upload's bytes, and where, is the
/// engine's business.
fn plain(mut object: ObjectFacts) -> ObjectFacts {
    let is_upload = !object.metadata.is_empty();
    if is_upload {
        object.blob = BlobId::from_bytes([0; 16]);
    }
    without_place(object)
}

/// A range of an object, which is looked up again when its bytes were moved.
async fn read(
    ports: &Ports,
    name: &BucketName,
    key: &ObjectKey,
    (one, other): (u64, u64),
) -> Result<Answer, CatalogError> {
    let mut last = None;
    loop {
        let Some(found) = ports.catalog.object(name, key).await? else {
            return Ok(Answer::Object(None));
        };
        let (one, other) = (one.min(found.length), other.min(found.length));
        let range = one.min(other)..one.max(other);
        match read_all(ports.blobs.as_ref(), &found, range).await {
            Ok(bytes) => return Ok(Answer::Bytes(Some(bytes))),
            Err(BlobError::Missing { .. }) if last != Some(found.place) => {
                last = Some(found.place);
            }
            Err(BlobError::Missing { .. }) => return Ok(Answer::Bytes(None)),
            Err(error) => panic!("the engine failed: {error:?}"),
        }
    }
}

async fn read_all(
    blobs: &dyn Blobs,
    found: &ObjectFacts,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, BlobError> {
    let mut reader = blobs.read(found, range).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

/// Few letters, so that keys meet; the last of them sorts last, and one begins more bytes than it has.
fn text(random: &mut Random, least: usize) -> String {
    let length = least + random.below(4);
    let mut text: String = (0..length)
        .map(|_| *random.pick(&['a', 'b', '/', '/', '\u{d7ff}', '\u{10ffff}']))
        .collect();
    if least > 0 && text.starts_with('/') {
        text.insert(0, 'a');
    }
    text
}
