//! The catalog on SQLite: one writer thread with group commit, a few readers, small settings in
//! memory.
//!
//! Buckets and access keys are few and asked for by every request; they are kept in memory, which is
//! right because the data directory belongs to this process alone, and changed only after the flush.

mod connection;
mod listing;
mod readers;
mod rows;
mod schema;
mod settings;
mod writer;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use upcall::name::{AccessKeyId, AccessKeySecret, BucketName, ObjectKey};

use self::readers::Readers;
use self::settings::{Settings, SettingsChange};
use self::writer::Writer;
use super::{
    AccessKeyFacts, BucketAcl, BucketFacts, Catalog, CatalogError, Cors, ListObjects, ObjectFacts,
    ObjectPage, Overwrite,
};
use crate::BoxFuture;
use crate::blobs::BlobId;

/// The embedded catalog.
#[derive(Debug)]
pub(crate) struct SqliteCatalog {
    writer: Writer,
    readers: Readers,
    settings: Arc<Settings>,
}

impl SqliteCatalog {
    /// Opens the file, which is made or brought up to date first. Blocks.
    pub(crate) fn open(path: &Path) -> Result<Self, CatalogError> {
        let mut connection = connection::open_to_write(path)?;
        schema::migrate(&mut connection)?;
        let settings = Settings::read(&connection)?;
        Ok(Self {
            writer: Writer::start(path)?,
            readers: Readers::new(path),
            settings: Arc::new(settings),
        })
    }

    /// As [`Catalog::referenced`], for a thread that may wait.
    pub(crate) fn referenced_blocking(
        &self,
        blobs: &[BlobId],
    ) -> Result<HashSet<BlobId>, CatalogError> {
        // Readers see what is committed. Most blobs are somebody's, and the writer is not asked.
        let mut found = self
            .readers
            .run(|connection| references(connection, blobs))?;
        let rest: Vec<BlobId> = missing(blobs, &found);
        if !rest.is_empty() {
            let late = self
                .writer
                .ask_blocking(move |connection| references(connection, &rest))?;
            found.extend(late);
        }
        Ok(found)
    }

    /// Ends when every queued change is durable. Blocks.
    pub(crate) fn close(&self) {
        self.readers.close();
        self.writer.close();
    }

    /// Changes a bucket's settings, on disk and then in memory.
    async fn change_bucket(
        &self,
        name: &BucketName,
        change: impl FnOnce(&mut BucketFacts) + Send + 'static,
    ) -> Result<(), CatalogError> {
        let name = name.clone();
        self.change_settings(move |connection| {
            // From the table, not from memory: an earlier change of the same group is there already.
            let found = rows::find_bucket(connection, &name)?;
            let mut facts = found.ok_or(CatalogError::NoSuchBucket)?;
            change(&mut facts);
            rows::put_bucket(connection, &facts)?;
            Ok(SettingsChange::Bucket(facts))
        })
        .await
    }

    /// Changes settings on disk and, in the same order, in memory.
    async fn change_settings<F>(&self, apply: F) -> Result<(), CatalogError>
    where
        F: FnOnce(&rusqlite::Connection) -> Result<SettingsChange, CatalogError> + Send + 'static,
    {
        let settings = Arc::clone(&self.settings);
        self.writer
            .change_then(apply, move |change| settings.apply(change))
            .await
    }
}

fn references(
    connection: &rusqlite::Connection,
    blobs: &[BlobId],
) -> Result<HashSet<BlobId>, CatalogError> {
    let mut found = HashSet::new();
    for blob in blobs {
        if rows::is_referenced(connection, *blob)? {
            found.insert(*blob);
        }
    }
    Ok(found)
}

fn missing(blobs: &[BlobId], found: &HashSet<BlobId>) -> Vec<BlobId> {
    let rest = blobs.iter().filter(|blob| !found.contains(blob));
    rest.copied().collect()
}

impl Catalog for SqliteCatalog {
    fn create_bucket<'a>(
        &'a self,
        bucket: &'a BucketFacts,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let facts = bucket.clone();
        Box::pin(self.change_settings(move |connection| {
            if rows::bucket_id(connection, &facts.name)?.is_some() {
                return Err(CatalogError::BucketExists);
            }
            rows::put_bucket(connection, &facts)?;
            Ok(SettingsChange::Bucket(facts))
        }))
    }

    fn bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<Arc<BucketFacts>>, CatalogError>> {
        Box::pin(async { Ok(self.settings.bucket(name)) })
    }

    fn buckets(&self) -> BoxFuture<'_, Result<Vec<Arc<BucketFacts>>, CatalogError>> {
        Box::pin(async { Ok(self.settings.buckets()) })
    }

    fn set_bucket_acl<'a>(
        &'a self,
        name: &'a BucketName,
        acl: BucketAcl,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        Box::pin(self.change_bucket(name, move |facts| facts.acl = acl))
    }

    fn set_bucket_cors<'a>(
        &'a self,
        name: &'a BucketName,
        cors: Option<&'a Cors>,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let cors = cors.cloned();
        Box::pin(self.change_bucket(name, move |facts| facts.cors = cors))
    }

    fn delete_bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let name = name.clone();
        Box::pin(self.change_settings(move |connection| {
            let id = rows::bucket_id(connection, &name)?.ok_or(CatalogError::NoSuchBucket)?;
            if rows::bucket_has_objects(connection, id)? {
                return Err(CatalogError::BucketNotEmpty);
            }
            rows::delete_bucket(connection, id)?;
            Ok(SettingsChange::NoBucket(name))
        }))
    }

    fn commit_object<'a>(
        &'a self,
        object: &'a ObjectFacts,
        overwrite: Overwrite,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, CatalogError>> {
        let facts = object.clone();
        Box::pin(self.writer.change(move |connection| {
            let bucket =
                rows::bucket_id(connection, &facts.bucket)?.ok_or(CatalogError::NoSuchBucket)?;
            let replaced = rows::find_object(connection, &facts.bucket, &facts.key)?;
            match &replaced {
                Some(object) if object.blob == facts.blob => return Ok(None),
                Some(_) if overwrite == Overwrite::Forbid => {
                    return Err(CatalogError::ObjectExists);
                }
                Some(_) | None => rows::put_object(connection, bucket, &facts)?,
            }
            Ok(replaced)
        }))
    }

    fn object<'a>(
        &'a self,
        bucket: &'a BucketName,
        key: &'a ObjectKey,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, CatalogError>> {
        let (bucket, key) = (bucket.clone(), key.clone());
        Box::pin(
            self.readers.run_off_the_runtime(move |connection| {
                rows::find_object(connection, &bucket, &key)
            }),
        )
    }

    fn delete_object<'a>(
        &'a self,
        bucket: &'a BucketName,
        key: &'a ObjectKey,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, CatalogError>> {
        let (bucket, key) = (bucket.clone(), key.clone());
        Box::pin(
            self.writer
                .change(move |connection| rows::delete_object(connection, &bucket, &key)),
        )
    }

    fn list_objects<'a>(
        &'a self,
        request: &'a ListObjects,
    ) -> BoxFuture<'a, Result<ObjectPage, CatalogError>> {
        let request = request.clone();
        Box::pin(
            self.readers
                .run_off_the_runtime(move |connection| listing::list(connection, &request)),
        )
    }

    fn put_access_key<'a>(
        &'a self,
        key: &'a AccessKeyFacts,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let facts = AccessKeyFacts {
            id: key.id.clone(),
            secret: AccessKeySecret::new(key.secret.expose()),
            created: key.created,
            description: key.description.clone(),
        };
        Box::pin(self.change_settings(move |connection| {
            rows::put_access_key(connection, &facts)?;
            Ok(SettingsChange::Key(facts))
        }))
    }

    fn access_key<'a>(
        &'a self,
        id: &'a AccessKeyId,
    ) -> BoxFuture<'a, Result<Option<Arc<AccessKeyFacts>>, CatalogError>> {
        Box::pin(async { Ok(self.settings.access_key(id)) })
    }

    fn access_keys(&self) -> BoxFuture<'_, Result<Vec<Arc<AccessKeyFacts>>, CatalogError>> {
        Box::pin(async { Ok(self.settings.access_keys()) })
    }

    fn delete_access_key<'a>(
        &'a self,
        id: &'a AccessKeyId,
    ) -> BoxFuture<'a, Result<bool, CatalogError>> {
        let (id, gone) = (id.clone(), id.clone());
        let settings = Arc::clone(&self.settings);
        Box::pin(self.writer.change_then(
            move |connection| rows::delete_access_key(connection, &id),
            move |was_there| {
                settings.apply(SettingsChange::NoKey(gone));
                was_there
            },
        ))
    }

    fn referenced<'a>(
        &'a self,
        blobs: &'a [BlobId],
    ) -> BoxFuture<'a, Result<HashSet<BlobId>, CatalogError>> {
        let blobs = blobs.to_vec();
        Box::pin(
            self.writer
                .change(move |connection| references(connection, &blobs)),
        )
    }
}
