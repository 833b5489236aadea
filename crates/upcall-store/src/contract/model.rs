//! The model: what the ports promise, in a few maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use upcall::name::{BucketName, ObjectKey};

use super::history::{Answer, Operation, Why, upload};
use super::ledger::content;
use crate::blobs::BlobId;
use crate::catalog::{BucketFacts, ListObjects, ObjectFacts, ObjectPage, Overwrite};

/// What a store is.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) buckets: BTreeMap<BucketName, BucketFacts>,
    /// With the number of the upload, if there was one.
    pub(super) objects: BTreeMap<(BucketName, ObjectKey), (ObjectFacts, Option<u64>)>,
    /// Blobs of objects without an upload.
    pub(super) committed: Vec<BlobId>,
}

impl Model {
    pub(super) fn run(&mut self, operation: &Operation) -> Answer {
        match self.try_run(operation) {
            Ok(answer) => answer,
            Err(why) => Answer::Refused(why),
        }
    }

    fn try_run(&mut self, operation: &Operation) -> Result<Answer, Why> {
        let boxed = |found: Option<(ObjectFacts, Option<u64>)>| {
            Answer::Object(found.map(|(facts, _)| Box::new(facts)))
        };
        match operation {
            Operation::Commit(facts, overwrite) => {
                let place = self.place(&facts.bucket, &facts.key, *overwrite)?;
                self.committed.push(facts.blob);
                let object = (facts.as_ref().clone(), None);
                Ok(boxed(self.objects.insert(place, object)))
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
            Operation::Put(name, key, number, overwrite) => {
                let place = self.place(name, key, *overwrite)?;
                let facts = upload(name, key, *number);
                Ok(boxed(self.objects.insert(place, (facts, Some(*number)))))
            }
            Operation::Read(name, key, (one, other)) => {
                let Some((facts, number)) = self.objects.get(&(name.clone(), key.clone())) else {
                    return Ok(Answer::Object(None));
                };
                let at = |place: &u64| usize::try_from(*place.min(&facts.length)).unwrap_or(0);
                let (one, other) = (at(one), at(other));
                Ok(Answer::Bytes(number.map(|number| {
                    content(number)[one.min(other)..one.max(other)].to_vec()
                })))
            }
            Operation::SetAcl(name, acl) => {
                self.bucket(name)?.acl = *acl;
                Ok(Answer::Done)
            }
        }
    }

    /// Where an object may be put.
    fn place(
        &mut self,
        name: &BucketName,
        key: &ObjectKey,
        overwrite: Overwrite,
    ) -> Result<(BucketName, ObjectKey), Why> {
        self.bucket(name)?;
        let place = (name.clone(), key.clone());
        if self.objects.contains_key(&place) && overwrite == Overwrite::Forbid {
            return Err(Why::ObjectExists);
        }
        Ok(place)
    }

    fn bucket(&mut self, name: &BucketName) -> Result<&mut BucketFacts, Why> {
        self.buckets.get_mut(name).ok_or(Why::NoSuchBucket)
    }

    /// Every entry, then those that were asked for.
    fn list(&self, request: &ListObjects) -> ObjectPage {
        let mut entries: BTreeMap<String, Option<ObjectFacts>> = BTreeMap::new();
        for ((name, key), (facts, _)) in &self.objects {
            if *name != request.bucket {
                continue;
            }
            let Some(rest) = key.as_str().strip_prefix(&request.prefix) else {
                continue;
            };
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
