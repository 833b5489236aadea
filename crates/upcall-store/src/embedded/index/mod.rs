//! The index: what the log says, in tables that can be searched, on SQLite.
//!
//! The log is where changes of objects become durable; the index follows it in batches, and after a
//! crash reads on from where it was. Buckets and access keys are in the index alone, and durable in
//! it; they are few, asked for by every request, and kept in memory, which is right because the data
//! directory belongs to this process alone.

pub(super) mod check;
mod connection;
mod listing;
pub(super) mod owed;
mod readers;
mod rows;
mod schema;
mod settings;
mod writer;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use upcall::name::{BucketName, ObjectKey};

use self::readers::Readers;
pub(super) use self::schema::check_version;
pub(super) use self::settings::{Settings, SettingsChange};
use self::writer::IndexWriter;
use super::change::Change;
use super::log::record::{At, Salt};
use super::owed::OwedRow;
use crate::blobs::BlobId;
use crate::catalog::{
    AccessKeyFacts, BucketFacts, CallProgress, CatalogError, ListObjects, ObjectFacts, ObjectPage,
};
use crate::disk::Disk;

/// The index of one store.
#[derive(Debug)]
pub(super) struct Index {
    /// `None` when the index is closed.
    writer: Mutex<Option<IndexWriter>>,
    readers: Readers,
    settings: Settings,
}

/// How far the log was taken in.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogState {
    /// The first place that was not.
    pub(super) next: At,
    /// The last record that was.
    pub(super) sequence: u64,
    /// The store's salt.
    pub(super) salt: Salt,
}

impl Index {
    /// Opens the file, which is made or brought up to date first. Blocks.
    pub(super) fn open(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, CatalogError> {
        let mut connection = connection::open_to_write(path)?;
        schema::migrate(&mut connection)?;
        let settings = Settings::read(&connection)?;
        drop(connection);
        let mut writer = IndexWriter::open(path, disk)?;
        writer.sync()?;
        Ok(Self {
            writer: Mutex::new(Some(writer)),
            readers: Readers::new(path),
            settings,
        })
    }

    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Blocks.
    pub(super) fn log_state(&self) -> Result<LogState, CatalogError> {
        self.write(|writer| writer::log_state(writer.connection()))
    }

    /// How many bytes of each segment objects point to. Blocks.
    pub(super) fn live_bytes(&self) -> Result<BTreeMap<u64, u64>, CatalogError> {
        self.readers.run(rows::live_bytes)
    }

    /// Takes changes in, without a flush: the log has them. Blocks.
    pub(super) fn apply(&self, changes: &[Change]) -> Result<(), CatalogError> {
        self.write(|writer| writer.apply(changes))
    }

    /// Puts what was taken in on stable storage, so that the log need not be read again from before.
    /// Blocks.
    pub(super) fn sync(&self) -> Result<(), CatalogError> {
        self.write(IndexWriter::sync)
    }

    /// Changes settings on disk and then, in the same order, in memory. Blocks.
    pub(super) fn change_settings<T>(
        &self,
        change: impl FnOnce(&Tables<'_>) -> Result<(SettingsChange, T), CatalogError>,
    ) -> Result<T, CatalogError> {
        self.write(|writer| {
            let (change, value) =
                writer.change_settings(|connection| change(&Tables(connection)))?;
            self.settings.apply(change);
            Ok(value)
        })
    }

    /// The store's salt is this. Blocks.
    pub(super) fn set_salt(&self, salt: Salt) -> Result<(), CatalogError> {
        self.write(|writer| writer::set_salt(writer.connection(), salt))
    }

    /// The log was taken in up to here. Blocks.
    pub(super) fn set_log_end(&self, next: At, sequence: u64) -> Result<(), CatalogError> {
        self.write(|writer| writer::set_log_state(writer.connection(), next, sequence))
    }

    /// Forgets a segment that was removed. Blocks.
    pub(super) fn forget_segment(&self, number: u64) -> Result<(), CatalogError> {
        self.write(|writer| writer.forget_segment(number))
    }

    /// The object under this key, as the tables have it. Blocks.
    pub(super) fn find_blocking(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        self.readers.run(|connection| find(connection, bucket, key))
    }

    /// The objects under these keys, as the tables have them at one moment. Blocks.
    pub(super) fn find_all(
        &self,
        keys: &[(BucketName, ObjectKey)],
    ) -> Result<Vec<Result<Option<ObjectFacts>, CatalogError>>, CatalogError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.readers.run(|connection| {
            // One snapshot: SQLite takes and gives back its locks once for all of them.
            let snapshot = connection.unchecked_transaction()?;
            let mut ids: HashMap<&BucketName, Option<_>> = HashMap::new();
            let mut found = Vec::with_capacity(keys.len());
            for (bucket, key) in keys {
                let id = match ids.get(bucket) {
                    Some(id) => *id,
                    None => *ids
                        .entry(bucket)
                        .or_insert(rows::bucket_id(&snapshot, bucket)?),
                };
                found.push(match id {
                    Some(id) => rows::find_object(&snapshot, bucket, id, key),
                    None => Ok(None),
                });
            }
            Ok(found)
        })
    }

    /// The object under this key, as the tables have it.
    pub(super) async fn find(
        &self,
        bucket: BucketName,
        key: ObjectKey,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        self.readers
            .run_off_the_runtime(move |connection| find(connection, &bucket, &key))
            .await
    }

    /// A page of a listing.
    pub(super) async fn list(
        &self,
        request: ListObjects,
        overlay: Vec<(Box<str>, Option<Arc<ObjectFacts>>)>,
    ) -> Result<ObjectPage, CatalogError> {
        self.readers
            .run_off_the_runtime(move |connection| listing::list(connection, &request, &overlay))
            .await
    }

    /// Which of these blobs objects point to, of those that have files of their own. Blocks.
    pub(super) fn references(&self, blobs: &[BlobId]) -> Result<HashSet<BlobId>, CatalogError> {
        self.readers.run(|connection| {
            let mut found = HashSet::new();
            for blob in blobs {
                if rows::is_referenced(connection, *blob)? || owed::is_held(connection, *blob)? {
                    found.insert(*blob);
                }
            }
            Ok(found)
        })
    }

    /// The owed calls of these ids, as the tables have them. Blocks.
    pub(super) fn find_owed(&self, ids: &[BlobId]) -> Result<Vec<Option<OwedRow>>, CatalogError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.readers.run(|connection| {
            let rows = ids.iter().map(|id| owed::find(connection, *id));
            rows.collect()
        })
    }

    /// Reads something on a thread that may wait.
    pub(super) async fn read_off_the_runtime<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        self.readers.run_off_the_runtime(read).await
    }

    /// Notes what was tried of owed calls. Blocks.
    pub(super) fn note_calls(
        &self,
        progress: &[(BlobId, CallProgress)],
    ) -> Result<(), CatalogError> {
        self.write(|writer| writer.note_calls(progress))
    }

    /// Reads something else. Blocks.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        self.readers.run(read)
    }

    /// There are no readers any more, and SQLite's log is in its file. Blocks.
    pub(super) fn close(&self) {
        self.readers.close();
        if let Some(mut writer) = self.writer().take() {
            writer.close();
        }
    }

    fn write<T>(
        &self,
        write: impl FnOnce(&mut IndexWriter) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        write(self.writer().as_mut().ok_or(CatalogError::Closed)?)
    }

    fn writer(&self) -> MutexGuard<'_, Option<IndexWriter>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(
    connection: &Connection,
    bucket: &BucketName,
    key: &ObjectKey,
) -> Result<Option<ObjectFacts>, CatalogError> {
    match rows::bucket_id(connection, bucket)? {
        Some(id) => rows::find_object(connection, bucket, id, key),
        None => Ok(None),
    }
}

/// The tables of settings, in a transaction.
#[derive(Debug)]
pub(super) struct Tables<'c>(&'c Connection);

impl Tables<'_> {
    pub(super) fn bucket(&self, name: &BucketName) -> Result<Option<BucketFacts>, CatalogError> {
        rows::find_bucket(self.0, name)
    }

    pub(super) fn put_bucket(&self, facts: &BucketFacts) -> Result<(), CatalogError> {
        rows::put_bucket(self.0, facts)
    }

    /// # Errors
    /// [`CatalogError::NoSuchBucket`], [`CatalogError::BucketNotEmpty`].
    pub(super) fn delete_bucket(&self, name: &BucketName) -> Result<(), CatalogError> {
        let id = rows::bucket_id(self.0, name)?.ok_or(CatalogError::NoSuchBucket)?;
        if rows::bucket_has_objects(self.0, id)? || owed::bucket_holds(self.0, name)? {
            return Err(CatalogError::BucketNotEmpty);
        }
        rows::delete_bucket(self.0, id)
    }

    pub(super) fn put_access_key(&self, facts: &AccessKeyFacts) -> Result<(), CatalogError> {
        rows::put_access_key(self.0, facts)
    }

    /// Whether there was one.
    pub(super) fn delete_access_key(
        &self,
        id: &upcall::name::AccessKeyId,
    ) -> Result<bool, CatalogError> {
        rows::delete_access_key(self.0, id)
    }
}
