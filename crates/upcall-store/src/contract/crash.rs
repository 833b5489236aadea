//! Histories that end with a crash, and what must be there after it.
//!
//! [`drive`](super::drive) changes and asks, from several tasks, and notes every promise in a
//! [`Ledger`]; [`check`]
//! compares what a later life finds. An engine is driven on a disk that loses its power or fails, and
//! whoever drives it says when the history is over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use upcall::name::BucketName;

use super::calls::owed;
use super::ledger::{Broken, Ledger, content, facts, number_of};
use super::{Ports, Random, blob_facts, moment, without_place};
use crate::blobs::{BlobError, BlobId};
use crate::catalog::{ListObjects, ObjectFacts, OwedQuery};

/// One life of an engine.
#[derive(Clone)]
pub struct Life {
    /// The engine.
    pub ports: Ports,
    /// What was promised, in this life and in those before.
    pub ledger: Arc<Ledger>,
    /// Whether the crash has come. What is answered while this is not so, was promised.
    pub is_over: Arc<dyn Fn() -> bool + Send + Sync>,
    /// What an error means before that.
    pub on_error: OnError,
    /// Makes the history, and differs from life to life.
    pub seed: u64,
    /// How many operations each task makes at most.
    pub operations: usize,
}

/// What an error of the engine means while nothing has crashed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnError {
    /// It must not be.
    Broken,
    /// It was told, and what was asked for may have happened or not.
    Uncertain,
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Life")
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Compares everything that is there with what was promised, and takes it for known from here on.
/// Returns the objects, as the catalog has them, with those that are held; none if the life ended
/// meanwhile.
///
/// # Errors
/// [`Broken`].
pub async fn check(life: &Life) -> Result<Vec<ObjectFacts>, Broken> {
    let Some(buckets) = life.answer(life.ports.catalog.buckets().await)? else {
        return Ok(Vec::new());
    };
    let mut objects = BTreeMap::new();
    let mut all = Vec::new();
    for facts in &buckets {
        let Some(page) = life.list(&facts.name, "", 7).await? else {
            return Ok(Vec::new());
        };
        for found in page {
            if !life.look_into(&found).await? {
                return Ok(Vec::new());
            }
            let place = (found.bucket.to_string(), found.key.to_string());
            objects.insert(place, number_of(&found));
            all.push(found);
        }
    }
    let Some(calls) = life.check_calls(&mut all).await? else {
        return Ok(Vec::new());
    };
    if (life.is_over)() {
        return Ok(Vec::new());
    }
    let buckets = buckets
        .iter()
        .map(|facts| (facts.name.to_string(), facts.acl));
    life.ledger.settle(&objects, &buckets.collect(), &calls)?;
    Ok(all)
}

impl Life {
    /// The answer, if there is one and the life is not over.
    pub(super) fn answer<T, E: fmt::Debug>(
        &self,
        result: Result<T, E>,
    ) -> Result<Option<T>, Broken> {
        match result {
            _ if (self.is_over)() => Ok(None),
            Ok(value) => Ok(Some(value)),
            Err(_) if self.on_error == OnError::Uncertain => Ok(None),
            Err(error) => Err(Broken(format!("it failed with nothing wrong: {error:?}"))),
        }
    }

    /// The calls that are owed, each compared with what was recorded; what is held goes to the others.
    async fn check_calls(
        &self,
        objects: &mut Vec<ObjectFacts>,
    ) -> Result<Option<BTreeSet<BlobId>>, Broken> {
        let catalog = &self.ports.catalog;
        let mut ids = BTreeSet::new();
        let mut after = None;
        loop {
            let query = OwedQuery {
                after,
                limit: 5,
                ..OwedQuery::default()
            };
            let Some(page) = self.answer(catalog.owed_calls(query).await)? else {
                return Ok(None);
            };
            let Some(last) = page.last() else {
                return Ok(Some(ids));
            };
            after = Some(last.id);
            for facts in page {
                let read = self.answer(catalog.owed_call(facts.id).await)?;
                let Some(Some((call, held))) = read else {
                    return match read {
                        None => Ok(None),
                        _ => Err(Broken(format!("{facts:?} has no record"))),
                    };
                };
                let number = call.created.as_millisecond() - moment(0).as_millisecond();
                let expected = owed(facts.id, &facts.bucket, &facts.key, number.cast_unsigned());
                if call != expected || held.is_some() != facts.is_held {
                    return Err(Broken(format!("{call:?} and {held:?} are no {facts:?}")));
                }
                if let Some(held) = held {
                    let bytes = content(number.cast_unsigned());
                    let place = (&facts.bucket, facts.key.as_str());
                    let mut object =
                        super::ledger::facts(place.0, place.1, number.cast_unsigned(), &bytes);
                    object.blob = facts.id;
                    if without_place(held.object.clone()) != object {
                        return Err(Broken(format!("{held:?} is held, not {object:?}")));
                    }
                    objects.push(held.object);
                }
                ids.insert(facts.id);
            }
        }
    }

    /// All objects below a prefix, in pages.
    pub(super) async fn list(
        &self,
        bucket: &BucketName,
        prefix: &str,
        max_keys: usize,
    ) -> Result<Option<Vec<ObjectFacts>>, Broken> {
        let mut all = Vec::new();
        let mut request = ListObjects {
            bucket: bucket.clone(),
            prefix: prefix.to_owned(),
            marker: String::new(),
            delimiter: None,
            max_keys,
        };
        loop {
            let answered = self.ports.catalog.list_objects(&request).await;
            let Some(page) = self.answer(answered)? else {
                return Ok(None);
            };
            all.extend(page.objects);
            match page.next_marker {
                Some(marker) => request.marker = marker,
                None => return Ok(Some(all)),
            }
        }
    }

    /// Whether an object is what its number says, in everything; no if the life ended.
    pub(super) async fn look_into(&self, found: &ObjectFacts) -> Result<bool, Broken> {
        let mut found = found.clone();
        for _ in 0..LOOKS {
            let number = number_of(&found);
            let bytes = content(number);
            let mut expected = facts(&found.bucket, found.key.as_str(), number, &bytes);
            expected.blob = found.blob;
            if without_place(found.clone()) != expected {
                return Err(Broken(format!("facts are {found:?}, not {expected:?}")));
            }
            match self.read(&found, &bytes).await {
                Ok(()) => return Ok(!(self.is_over)()),
                Err(Unread::Wrong(what)) => {
                    return Err(Broken(format!("{found:?}, upload {number}: {what}")));
                }
                // Moved, or replaced by somebody else: it is looked up again, as the port says.
                Err(Unread::Failed(BlobError::Missing { .. })) if !(self.is_over)() => {
                    let again = self.ports.catalog.object(&found.bucket, &found.key).await;
                    match self.answer(again)? {
                        Some(Some(again)) if again.place != found.place => found = again,
                        Some(Some(again)) if again.blob == found.blob => {
                            return Err(Broken(format!("upload {number} has lost its bytes")));
                        }
                        Some(Some(again)) => found = again,
                        Some(None) => return Ok(true),
                        None => return Ok(false),
                    }
                }
                Err(Unread::Failed(error)) => {
                    self.answer::<(), _>(Err(error))?;
                    return Ok(false);
                }
            }
        }
        Err(Broken(format!("{found:?} is moved for ever")))
    }

    async fn read(&self, found: &ObjectFacts, bytes: &[u8]) -> Result<(), Unread> {
        let blobs = &self.ports.blobs;
        if blobs.facts(found).await? != blob_facts(found) {
            return Err(Unread::Wrong("it says something else of itself"));
        }
        let length = found.length;
        let mut random = Random::new(number_of(found) ^ self.seed);
        let some = |random: &mut Random| random.next() % (length + 1);
        let (one, other) = (some(&mut random), some(&mut random));
        for range in [0..length, one.min(other)..one.max(other)] {
            let mut reader = blobs.read(found, range.clone()).await?;
            let mut read = Vec::new();
            while let Some(piece) = reader.next().await {
                read.extend_from_slice(&piece?);
            }
            let at = |place| usize::try_from(place).expect("a small file");
            if read != bytes[at(range.start)..at(range.end)] {
                return Err(Unread::Wrong("its bytes are others"));
            }
        }
        Ok(())
    }
}

/// Why bytes were not read.
enum Unread {
    Failed(BlobError),
    Wrong(&'static str),
}

impl From<BlobError> for Unread {
    fn from(error: BlobError) -> Self {
        Self::Failed(error)
    }
}

/// How often an object may be moved while it is looked at.
const LOOKS: usize = 100;
