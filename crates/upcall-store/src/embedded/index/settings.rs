//! Buckets and access keys, kept in memory: what every request asks for, at no cost.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use rusqlite::Connection;
use upcall::name::{AccessKeyId, BucketName};

use super::rows;
use crate::catalog::{AccessKeyFacts, BucketFacts, CatalogError};

/// What is kept.
#[derive(Debug)]
pub(in crate::embedded) struct Settings(RwLock<Tables>);

#[derive(Debug)]
struct Tables {
    buckets: BTreeMap<BucketName, Arc<BucketFacts>>,
    keys: BTreeMap<AccessKeyId, Arc<AccessKeyFacts>>,
}

/// A change that is on the disk.
pub(in crate::embedded) enum SettingsChange {
    /// This is what the bucket is now.
    Bucket(BucketFacts),
    /// This is what the access key is now.
    Key(AccessKeyFacts),
    /// The bucket is gone.
    NoBucket(BucketName),
    /// The access key is gone.
    NoKey(AccessKeyId),
}

impl Settings {
    pub(super) fn read(connection: &Connection) -> Result<Self, CatalogError> {
        let buckets = rows::buckets(connection)?.into_iter();
        let keys = rows::access_keys(connection)?.into_iter();
        Ok(Self(RwLock::new(Tables {
            buckets: buckets
                .map(|facts| (facts.name.clone(), Arc::new(facts)))
                .collect(),
            keys: keys
                .map(|facts| (facts.id.clone(), Arc::new(facts)))
                .collect(),
        })))
    }

    pub(super) fn apply(&self, change: SettingsChange) {
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match change {
            SettingsChange::Bucket(facts) => {
                tables.buckets.insert(facts.name.clone(), Arc::new(facts));
            }
            SettingsChange::Key(facts) => {
                tables.keys.insert(facts.id.clone(), Arc::new(facts));
            }
            SettingsChange::NoBucket(name) => {
                tables.buckets.remove(&name);
            }
            SettingsChange::NoKey(id) => {
                tables.keys.remove(&id);
            }
        }
    }

    pub(in crate::embedded) fn bucket(&self, name: &BucketName) -> Option<Arc<BucketFacts>> {
        self.tables().buckets.get(name).cloned()
    }

    pub(in crate::embedded) fn buckets(&self) -> Vec<Arc<BucketFacts>> {
        self.tables().buckets.values().cloned().collect()
    }

    pub(in crate::embedded) fn access_key(&self, id: &AccessKeyId) -> Option<Arc<AccessKeyFacts>> {
        self.tables().keys.get(id).cloned()
    }

    pub(in crate::embedded) fn access_keys(&self) -> Vec<Arc<AccessKeyFacts>> {
        self.tables().keys.values().cloned().collect()
    }

    /// Judges by what the bucket and the key are, with one look.
    pub(in crate::embedded) fn judge<T>(
        &self,
        bucket: &BucketName,
        key: Option<&AccessKeyId>,
        judge: impl FnOnce(Option<&BucketFacts>, Option<&AccessKeyFacts>) -> T,
    ) -> T {
        let tables = self.tables();
        let bucket = tables.buckets.get(bucket).map(AsRef::as_ref);
        let key = key.and_then(|id| tables.keys.get(id)).map(AsRef::as_ref);
        judge(bucket, key)
    }

    fn tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}
