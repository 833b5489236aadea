//! What was promised, and what may be there: the model of a history that crashes interrupt.
//!
//! A key holds what was answered last. What was tried since and not answered (or answered with an
//! error) may have happened or not, wholly. What is found after a crash stays, and nothing that was
//! tried before comes up later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use upcall::name::{BucketName, ETag};

use super::calls::{CallFate, Calls};
use super::{crc64, moment, noise, object};
use crate::blobs::BlobId;
use crate::catalog::{BucketAcl, ObjectAcl, ObjectFacts, StoredHeaders};

/// A promise that was not kept, in words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// Every upload has a number, which says everything about it.
#[derive(Debug, Default)]
pub struct Ledger {
    numbers: AtomicU64,
    answers: AtomicU64,
    pub(super) calls: Calls,
    fates: Mutex<Fates>,
}

#[derive(Debug, Default)]
struct Fates {
    objects: BTreeMap<(String, String), Fate<u64>>,
    buckets: BTreeMap<String, Fate<BucketAcl>>,
}

/// What became of a name.
#[derive(Debug)]
pub(super) struct Fate<T> {
    /// What was answered, or found after a crash; `None`: nothing is there.
    pub(super) known: Option<T>,
    /// What was tried since.
    pub(super) tried: Vec<Option<T>>,
}

impl<T> Default for Fate<T> {
    fn default() -> Self {
        Self {
            known: None,
            tried: Vec::new(),
        }
    }
}

impl<T: Copy + PartialEq + std::fmt::Debug> Fate<T> {
    fn may_be(&self, found: Option<T>, is_shared: bool) -> bool {
        // Of those who create the same key, nobody replaces the one who was told; it may be deleted.
        let may_be_tried = !(is_shared && self.known.is_some() && found.is_some());
        found == self.known || (may_be_tried && self.tried.contains(&found))
    }

    fn is(&mut self, found: Option<T>) {
        self.known = found;
        self.tried.clear();
    }
}

impl Ledger {
    /// How many changes were answered, all in all.
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// The number of the next upload.
    pub(super) fn next(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// An object is about to become this.
    pub(super) fn try_object(&self, bucket: &BucketName, key: &str, to: Option<u64>) {
        let mut fates = self.fates();
        fates.object(bucket, key).tried.push(to);
    }

    /// An object has become this, says the engine.
    pub(super) fn told_object(&self, bucket: &BucketName, key: &str, is: Option<u64>) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.fates().object(bucket, key).is(is);
    }

    /// Somebody created a key that several try to create; there can be one.
    pub(super) fn told_winner(
        &self,
        bucket: &BucketName,
        key: &str,
        number: u64,
    ) -> Result<(), Broken> {
        let mut fates = self.fates();
        let fate = fates.object(bucket, key);
        if let Some(other) = fate.known {
            return Err(Broken(format!("{key} was won by {other} and by {number}")));
        }
        fate.known = Some(number);
        Ok(())
    }

    /// What the key holds, if that is certain.
    #[expect(
        clippy::option_option,
        reason = "whether it is known, and whether anything is there"
    )]
    pub(super) fn certain(&self, bucket: &BucketName, key: &str) -> Option<Option<u64>> {
        let mut fates = self.fates();
        let fate = fates.object(bucket, key);
        fate.tried.is_empty().then_some(fate.known)
    }

    /// Holds what was found against what may be.
    pub(super) fn may_be(
        &self,
        bucket: &BucketName,
        key: &str,
        found: Option<u64>,
    ) -> Result<(), Broken> {
        let mut fates = self.fates();
        let fate = fates.object(bucket, key);
        if fate.may_be(found, key.starts_with(SHARED)) {
            return Ok(());
        }
        Err(Broken(format!(
            "{bucket}/{key}: answered was {:?}, tried was {:?}, found was {found:?}",
            fate.known, fate.tried
        )))
    }

    /// A bucket is about to become this.
    pub(super) fn try_bucket(&self, name: &BucketName, to: Option<BucketAcl>) {
        let mut fates = self.fates();
        fates.bucket(name).tried.push(to);
    }

    /// A bucket has become this.
    pub(super) fn told_bucket(&self, name: &BucketName, is: Option<BucketAcl>) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.fates().bucket(name).is(is);
    }

    /// After a crash: everything that is there. It is what is known from now on.
    pub(super) fn settle(
        &self,
        objects: &BTreeMap<(String, String), u64>,
        buckets: &BTreeMap<String, BucketAcl>,
        calls: &BTreeSet<BlobId>,
    ) -> Result<(), Broken> {
        let mut fates = self.fates();
        for (name, fate) in &fates.buckets {
            let found = buckets.get(name).copied();
            if !fate.may_be(found, false) {
                return Err(Broken(format!("bucket {name}: {fate:?}, found {found:?}")));
            }
        }
        for name in buckets.keys() {
            if !fates.buckets.contains_key(name) {
                return Err(Broken(format!("nobody made bucket {name}")));
            }
        }
        for ((bucket, key), fate) in &fates.objects {
            let found = objects.get(&(bucket.clone(), key.clone())).copied();
            if !fate.may_be(found, key.starts_with(SHARED)) {
                return Err(Broken(format!("{bucket}/{key}: {fate:?}, found {found:?}")));
            }
        }
        for place in objects.keys() {
            if !fates.objects.contains_key(place) {
                return Err(Broken(format!("nobody uploaded {place:?}")));
            }
        }
        let place = |fate: &CallFate| (fate.bucket.to_string(), fate.key.clone());
        self.calls.settle(
            calls,
            |fate| objects.get(&place(fate)).copied(),
            |fate| {
                let object = fates.objects.get(&place(fate))?;
                *object.tried.last()?
            },
        )?;
        for (name, fate) in &mut fates.buckets {
            fate.is(buckets.get(name).copied());
        }
        for (place, fate) in &mut fates.objects {
            fate.is(objects.get(place).copied());
        }
        Ok(())
    }

    fn fates(&self) -> MutexGuard<'_, Fates> {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fates {
    fn object(&mut self, bucket: &BucketName, key: &str) -> &mut Fate<u64> {
        let place = (bucket.to_string(), key.to_owned());
        self.objects.entry(place).or_default()
    }

    fn bucket(&mut self, name: &BucketName) -> &mut Fate<BucketAcl> {
        self.buckets.entry(name.to_string()).or_default()
    }
}

/// The bytes of an upload: most are small, some are large, a few have several blocks.
pub(super) fn content(number: u64) -> Vec<u8> {
    let size = super::Random::new(number).next();
    let length = match size % 20 {
        0..12 => size / 20 % 4_000,
        12..17 => size / 20 % 60_000,
        17..19 => size / 20 % 100_000,
        _ => 250_000 + size / 20 % 50_000,
    };
    noise(number, usize::try_from(length).expect("a small file"))
}

/// The facts of an upload; its number is in every one of them.
pub(super) fn facts(bucket: &BucketName, key: &str, number: u64, bytes: &[u8]) -> ObjectFacts {
    let mut md5 = [0; 16];
    md5[..8].copy_from_slice(&number.to_le_bytes());
    ObjectFacts {
        length: bytes.len() as u64,
        etag: ETag::from_md5(md5),
        crc64: crc64(bytes),
        content_type: format!("application/x-{number}"),
        headers: StoredHeaders {
            cache_control: number
                .is_multiple_of(3)
                .then(|| format!("max-age={number}")),
            ..StoredHeaders::default()
        },
        metadata: vec![("number".to_owned(), number.to_string())],
        acl: if number.is_multiple_of(2) {
            ObjectAcl::Default
        } else {
            ObjectAcl::PublicRead
        },
        modified: moment(number.cast_signed()),
        ..object(bucket, key)
    }
}

/// Which upload these facts are of.
pub(super) fn number_of(facts: &ObjectFacts) -> u64 {
    let md5 = facts.etag.md5();
    u64::from_le_bytes(md5[..8].try_into().expect("eight"))
}

/// Keys under this are created by several at once, and never replaced.
pub(super) const SHARED: &str = "shared/";
