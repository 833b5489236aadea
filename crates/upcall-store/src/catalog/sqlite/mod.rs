//! The catalog on SQLite: one writer thread with group commit, a few readers, small settings in
//! memory.
//!
//! Buckets and access keys are few and asked for by every request; they are kept in memory, which is
//! right because the data directory belongs to this process alone, and changed only after the flush.

mod listing;
mod rows;
mod schema;
mod writer;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName, ObjectKey};

use self::writer::Writer;
use super::{
    AccessKeyFacts, BucketAcl, BucketFacts, Catalog, CatalogError, Cors, EngineFault, ListObjects,
    ObjectFacts, ObjectPage, Overwrite,
};
use crate::BoxFuture;
use crate::blobs::BlobId;

/// The embedded catalog.
#[derive(Debug)]
pub(crate) struct SqliteCatalog {
    writer: Writer,
    readers: Readers,
    settings: Arc<RwLock<Settings>>,
}

/// What is kept in memory.
#[derive(Debug, Default)]
struct Settings {
    buckets: BTreeMap<BucketName, Arc<BucketFacts>>,
    keys: BTreeMap<AccessKeyId, Arc<AccessKeyFacts>>,
}

impl SqliteCatalog {
    /// Opens the file, which is made or brought up to date first.
    pub(crate) fn open(path: &Path) -> Result<Self, CatalogError> {
        let mut connection = open_connection(path)?;
        schema::migrate(&mut connection)?;
        let settings = Settings {
            buckets: rows::buckets(&connection)?
                .into_iter()
                .map(|facts| (facts.name.clone(), Arc::new(facts)))
                .collect(),
            keys: rows::access_keys(&connection)?
                .into_iter()
                .map(|facts| (facts.id.clone(), Arc::new(facts)))
                .collect(),
        };
        Ok(Self {
            writer: Writer::start(path)?,
            readers: Readers {
                path: path.to_owned(),
                idle: Arc::new(Mutex::new(vec![connection])),
            },
            settings: Arc::new(RwLock::new(settings)),
        })
    }

    /// Whether the object under this key points at this blob. Blocks.
    pub(crate) fn points_at(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        blob: BlobId,
    ) -> Result<bool, CatalogError> {
        self.readers.run(|connection| {
            let object = rows::find_object(connection, bucket, key)?;
            Ok(object.is_some_and(|object| object.blob == blob))
        })
    }

    /// Those of `blobs` that any object points at: a walk through all objects. Blocks.
    pub(crate) fn pointed_at(
        &self,
        blobs: &HashSet<BlobId>,
    ) -> Result<HashSet<BlobId>, CatalogError> {
        self.readers.run(|connection| {
            let mut statement = connection.prepare("SELECT blob FROM objects")?;
            let mut rows = statement.query([])?;
            let mut found = HashSet::new();
            while let Some(row) = rows.next()? {
                let id = BlobId::from_bytes(row.get(0)?);
                if blobs.contains(&id) {
                    found.insert(id);
                }
            }
            Ok(found)
        })
    }

    /// Ends when every queued change is durable. Blocks.
    pub(crate) fn close(&self) {
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
            let change: SettingsChange = Box::new(move |settings| {
                settings.buckets.insert(facts.name.clone(), Arc::new(facts));
            });
            Ok(change)
        })
        .await
    }

    /// Changes settings on disk and, in the same order, in memory.
    async fn change_settings<F>(&self, apply: F) -> Result<(), CatalogError>
    where
        F: FnOnce(&Connection) -> Result<SettingsChange, CatalogError> + Send + 'static,
    {
        let settings = Arc::clone(&self.settings);
        let then = move |change: SettingsChange| {
            change(&mut settings.write().unwrap_or_else(PoisonError::into_inner));
        };
        self.writer.change_then(apply, then).await
    }
}

type SettingsChange = Box<dyn FnOnce(&mut Settings) + Send>;

/// Connections that read, made when they are needed and kept.
#[derive(Clone, Debug)]
struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    fn run<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_connection(&self.path)?,
        };
        let result = read(&connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE_READERS {
            idle.push(connection);
        }
        result
    }

    /// Reads on a thread that may wait for the disk.
    async fn run_off_the_runtime<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let readers = self.clone();
        tokio::task::spawn_blocking(move || readers.run(read))
            .await
            .unwrap_or(Err(CatalogError::Closed))
    }
}

impl Catalog for SqliteCatalog {
    fn create_bucket<'a>(
        &'a self,
        bucket: &'a BucketFacts,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let facts = bucket.clone();
        Box::pin(self.change_settings(move |connection| {
            let sql = "SELECT 1 FROM buckets WHERE name = ?";
            if rows::exists(connection, sql, [facts.name.as_str()])? {
                return Err(CatalogError::BucketExists);
            }
            rows::put_bucket(connection, &facts)?;
            let change: SettingsChange = Box::new(move |settings| {
                settings.buckets.insert(facts.name.clone(), Arc::new(facts));
            });
            Ok(change)
        }))
    }

    fn bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<Arc<BucketFacts>>, CatalogError>> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        Box::pin(std::future::ready(Ok(settings.buckets.get(name).cloned())))
    }

    fn buckets(&self) -> BoxFuture<'_, Result<Vec<Arc<BucketFacts>>, CatalogError>> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        Box::pin(std::future::ready(Ok(settings
            .buckets
            .values()
            .cloned()
            .collect())))
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
            if !rows::exists(
                connection,
                "SELECT 1 FROM buckets WHERE name = ?",
                [name.as_str()],
            )? {
                return Err(CatalogError::NoSuchBucket);
            }
            let sql = "SELECT 1 FROM objects WHERE bucket = ? LIMIT 1";
            if rows::exists(connection, sql, [name.as_str()])? {
                return Err(CatalogError::BucketNotEmpty);
            }
            connection.execute("DELETE FROM buckets WHERE name = ?", [name.as_str()])?;
            let change: SettingsChange = Box::new(move |settings| {
                settings.buckets.remove(&name);
            });
            Ok(change)
        }))
    }

    fn commit_object<'a>(
        &'a self,
        object: &'a ObjectFacts,
        overwrite: Overwrite,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, CatalogError>> {
        let facts = object.clone();
        Box::pin(self.writer.change(move |connection| {
            let sql = "SELECT 1 FROM buckets WHERE name = ?";
            if !rows::exists(connection, sql, [facts.bucket.as_str()])? {
                return Err(CatalogError::NoSuchBucket);
            }
            let replaced = rows::find_object(connection, &facts.bucket, &facts.key)?;
            if replaced.is_some() && overwrite == Overwrite::Forbid {
                return Err(CatalogError::ObjectExists);
            }
            rows::put_object(connection, &facts)?;
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
        Box::pin(self.writer.change(move |connection| {
            let found = rows::find_object(connection, &bucket, &key)?;
            if found.is_some() {
                connection
                    .prepare_cached("DELETE FROM objects WHERE bucket = ? AND key = ?")?
                    .execute(params![bucket.as_str(), key.as_str()])?;
            }
            Ok(found)
        }))
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
            let change: SettingsChange = Box::new(move |settings| {
                settings.keys.insert(facts.id.clone(), Arc::new(facts));
            });
            Ok(change)
        }))
    }

    fn access_key<'a>(
        &'a self,
        id: &'a AccessKeyId,
    ) -> BoxFuture<'a, Result<Option<Arc<AccessKeyFacts>>, CatalogError>> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        Box::pin(std::future::ready(Ok(settings.keys.get(id).cloned())))
    }

    fn access_keys(&self) -> BoxFuture<'_, Result<Vec<Arc<AccessKeyFacts>>, CatalogError>> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        Box::pin(std::future::ready(Ok(settings
            .keys
            .values()
            .cloned()
            .collect())))
    }

    fn delete_access_key<'a>(
        &'a self,
        id: &'a AccessKeyId,
    ) -> BoxFuture<'a, Result<bool, CatalogError>> {
        let (id, gone) = (id.clone(), id.clone());
        let settings = Arc::clone(&self.settings);
        Box::pin(self.writer.change_then(
            move |connection| {
                let sql = "DELETE FROM access_keys WHERE id = ?";
                Ok(connection.execute(sql, [id.as_str()])? > 0)
            },
            move |removed| {
                settings
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .keys
                    .remove(&gone);
                removed
            },
        ))
    }
}

fn open_connection(path: &Path) -> Result<Connection, CatalogError> {
    create_privately(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A commit is on stable storage when it returns.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// The catalog holds secrets; SQLite gives its side files the mode of the file itself.
fn create_privately(path: &Path) -> Result<(), CatalogError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| CatalogError::Engine(EngineFault::new(error, false)))
}

/// How long a connection waits for another's lock; in WAL only a checkpoint's last step takes one.
const BUSY: Duration = Duration::from_secs(10);

/// Pages (4 KiB) of the log after which a commit copies them into the file: 16 MiB.
const WAL_PAGES: i64 = 4096;

/// Memory for pages, for each connection.
const CACHE_KIB: i64 = 8 * 1024;

/// Connections that are kept for the next reader.
const MOST_IDLE_READERS: usize = 8;
