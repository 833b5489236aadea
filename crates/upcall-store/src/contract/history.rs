//! Random histories against a model: the contract of the catalog, as code that can be run.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use upcall::name::{BucketName, ObjectKey};

use super::{Ports, Random, bucket, object, without_place};
use crate::blobs::BlobId;
use crate::catalog::{
    BucketAcl, BucketFacts, Catalog, CatalogError, ListObjects, ObjectFacts, ObjectPage, Overwrite,
};

/// Makes `operations` random changes and questions, and compares every answer with the model's. The
/// same seed makes the same history.
pub async fn history(ports: &Ports, seed: u64, operations: usize) {
    let mut random = Random(seed);
    let mut model = Model::default();
    let names: Vec<BucketName> = (0..3)
        .map(|number| bucket(&format!("history-{seed}-{number}")).name)
        .collect();
    for step in 0..operations {
        let operation = Operation::random(&mut random, &names);
        let expected = model.run(&operation);
        let found = operation.run(ports.catalog.as_ref()).await;
        assert_eq!(found, expected, "seed {seed}, step {step}: {operation:?}");
    }
    let blobs: Vec<BlobId> = model.committed.clone();
    let found = ports.catalog.referenced(&blobs).await.expect("an answer");
    let expected: HashSet<BlobId> = model.objects.values().map(|facts| facts.blob).collect();
    assert_eq!(found, expected, "seed {seed}");
}

#[derive(Debug)]
enum Operation {
    Commit(Box<ObjectFacts>, Overwrite),
    CreateBucket(BucketFacts),
    Delete(BucketName, ObjectKey),
    DeleteBucket(BucketName),
    List(ListObjects),
    Look(BucketName, ObjectKey),
    LookAtBucket(BucketName),
    SetAcl(BucketName, BucketAcl),
}

#[derive(Debug, Eq, PartialEq)]
enum Answer {
    Bucket(Option<Arc<BucketFacts>>),
    Done,
    Object(Option<Box<ObjectFacts>>),
    Page(ObjectPage),
    Refused(Why),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Why {
    BucketExists,
    BucketNotEmpty,
    NoSuchBucket,
    ObjectExists,
}

impl Operation {
    fn random(random: &mut Random, names: &[BucketName]) -> Self {
        let name = random.pick(names).clone();
        match random.below(100) {
            0..5 => Self::CreateBucket(bucket(name.as_str())),
            5..8 => Self::DeleteBucket(name),
            8..12 => {
                let acls = [BucketAcl::Private, BucketAcl::PublicRead];
                Self::SetAcl(name, *random.pick(&acls))
            }
            12..15 => Self::LookAtBucket(name),
            15..50 => {
                let facts = object(&name, &text(random, 1));
                let overwrite = *random.pick(&[Overwrite::Allow, Overwrite::Forbid]);
                Self::Commit(Box::new(facts), overwrite)
            }
            50..65 => Self::Delete(name, super::key(&text(random, 1))),
            65..75 => Self::Look(name, super::key(&text(random, 1))),
            _ => Self::List(ListObjects {
                bucket: name,
                prefix: text(random, 0),
                marker: text(random, 0),
                delimiter: (random.below(3) > 0).then(|| text(random, 0)),
                max_keys: *random.pick(&[0, 1, 2, 3, 10, 1000]),
            }),
        }
    }

    async fn run(&self, catalog: &dyn Catalog) -> Answer {
        let done = |()| Answer::Done;
        let page = |mut page: ObjectPage| {
            page.objects = page.objects.into_iter().map(without_place).collect();
            Answer::Page(page)
        };
        let object =
            |found: Option<ObjectFacts>| Answer::Object(found.map(without_place).map(Box::new));
        let answer = match self {
            Self::Commit(facts, overwrite) => {
                catalog.commit_object(facts, *overwrite).await.map(object)
            }
            Self::CreateBucket(facts) => catalog.create_bucket(facts).await.map(done),
            Self::Delete(name, key) => catalog.delete_object(name, key).await.map(object),
            Self::DeleteBucket(name) => catalog.delete_bucket(name).await.map(done),
            Self::List(request) => catalog.list_objects(request).await.map(page),
            Self::Look(name, key) => catalog.object(name, key).await.map(object),
            Self::LookAtBucket(name) => catalog.bucket(name).await.map(Answer::Bucket),
            Self::SetAcl(name, acl) => catalog.set_bucket_acl(name, *acl).await.map(done),
        };
        answer.unwrap_or_else(|error| {
            Answer::Refused(match error {
                CatalogError::BucketExists => Why::BucketExists,
                CatalogError::BucketNotEmpty => Why::BucketNotEmpty,
                CatalogError::NoSuchBucket => Why::NoSuchBucket,
                CatalogError::ObjectExists => Why::ObjectExists,
                CatalogError::Closed | CatalogError::Corrupt(_) | CatalogError::Engine(_) => {
                    panic!("the engine failed: {error:?}")
                }
            })
        })
    }
}

/// Few letters, so that keys meet; the last of them sorts last, and one begins more bytes than it has.
fn text(random: &mut Random, least: usize) -> String {
    let length = least + random.below(5);
    let mut text: String = (0..length)
        .map(|_| *random.pick(&['a', 'b', '/', '/', '\u{d7ff}', '\u{10ffff}']))
        .collect();
    if least > 0 && text.starts_with('/') {
        text.insert(0, 'a');
    }
    text
}

/// What a catalog is.
#[derive(Debug, Default)]
struct Model {
    buckets: BTreeMap<BucketName, BucketFacts>,
    objects: BTreeMap<(BucketName, ObjectKey), ObjectFacts>,
    committed: Vec<BlobId>,
}

impl Model {
    fn run(&mut self, operation: &Operation) -> Answer {
        match self.try_run(operation) {
            Ok(answer) => answer,
            Err(why) => Answer::Refused(why),
        }
    }

    fn try_run(&mut self, operation: &Operation) -> Result<Answer, Why> {
        let boxed = |found: Option<ObjectFacts>| Answer::Object(found.map(Box::new));
        match operation {
            Operation::Commit(facts, overwrite) => {
                self.bucket(&facts.bucket)?;
                let place = (facts.bucket.clone(), facts.key.clone());
                if self.objects.contains_key(&place) && *overwrite == Overwrite::Forbid {
                    return Err(Why::ObjectExists);
                }
                self.committed.push(facts.blob);
                Ok(boxed(self.objects.insert(place, facts.as_ref().clone())))
            }
            Operation::CreateBucket(facts) => {
                if self.buckets.contains_key(&facts.name) {
                    return Err(Why::BucketExists);
                }
                self.buckets.insert(facts.name.clone(), facts.clone());
                Ok(Answer::Done)
            }
            Operation::Delete(name, key) => {
                Ok(boxed(self.objects.remove(&(name.clone(), key.clone()))))
            }
            Operation::DeleteBucket(name) => {
                self.bucket(name)?;
                if self.objects.keys().any(|(bucket, _)| bucket == name) {
                    return Err(Why::BucketNotEmpty);
                }
                self.buckets.remove(name);
                Ok(Answer::Done)
            }
            Operation::List(request) => {
                self.bucket(&request.bucket)?;
                Ok(Answer::Page(self.list(request)))
            }
            Operation::Look(name, key) => {
                let found = self.objects.get(&(name.clone(), key.clone()));
                Ok(boxed(found.cloned()))
            }
            Operation::LookAtBucket(name) => Ok(Answer::Bucket(
                self.buckets.get(name).cloned().map(Arc::new),
            )),
            Operation::SetAcl(name, acl) => {
                self.bucket(name)?.acl = *acl;
                Ok(Answer::Done)
            }
        }
    }

    fn bucket(&mut self, name: &BucketName) -> Result<&mut BucketFacts, Why> {
        self.buckets.get_mut(name).ok_or(Why::NoSuchBucket)
    }

    /// Every entry, then those that were asked for.
    fn list(&self, request: &ListObjects) -> ObjectPage {
        let mut entries: BTreeMap<String, Option<ObjectFacts>> = BTreeMap::new();
        for ((name, key), facts) in &self.objects {
            let Some(rest) = key.as_str().strip_prefix(&request.prefix) else {
                continue;
            };
            if *name != request.bucket {
                continue;
            }
            let delimiter = request.delimiter.as_deref().filter(|text| !text.is_empty());
            match delimiter.and_then(|text| Some((rest.split_once(text)?.0, text))) {
                Some((before, text)) => {
                    entries.insert(format!("{}{before}{text}", request.prefix), None);
                }
                None => {
                    entries.insert(key.to_string(), Some(facts.clone()));
                }
            }
        }
        entries.retain(|entry, _| *entry > request.marker);
        let mut page = ObjectPage::default();
        if request.max_keys > 0 && entries.len() > request.max_keys {
            page.next_marker = entries.keys().nth(request.max_keys - 1).cloned();
        }
        for (entry, facts) in entries.into_iter().take(request.max_keys) {
            match facts {
                Some(facts) => page.objects.push(facts),
                None => page.common_prefixes.push(entry),
            }
        }
        page
    }
}
