//! The one connection that writes.
//!
//! Changes of objects come in batches from the log, where they are durable already: they are written
//! without a flush, and the place in the log up to which they were taken in goes with them in the same
//! transaction. After a crash the log is read again from there. Settings are written with a flush,
//! since they are nowhere else.
//!
//! SQLite's own log is copied into the file between batches, when it has grown.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use rusqlite::{Connection, params};
use upcall::name::BucketName;

use super::rows::{self, BucketId};
use super::{LogState, connection, owed};
use crate::blobs::BlobId;
use crate::catalog::{CallProgress, CatalogError};
use crate::disk::Disk;
use crate::embedded::change::{Change, Effect, KeyEffect};
use crate::embedded::log::record::{At, Salt};

/// The writer.
#[derive(Debug)]
pub(super) struct IndexWriter {
    connection: Connection,
    path: PathBuf,
    disk: Arc<dyn Disk>,
    /// How many pages SQLite's log has; the connection counts.
    log_pages: Arc<AtomicI32>,
    /// What buckets are called in rows; forgotten whenever settings change.
    buckets: HashMap<BucketName, BucketId>,
}

impl IndexWriter {
    pub(super) fn open(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, CatalogError> {
        let mut connection = connection::open_to_write(path)?;
        let log_pages = Arc::new(AtomicI32::new(0));
        let counter = Arc::clone(&log_pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            counter.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            disk,
            log_pages,
            buckets: HashMap::new(),
        })
    }

    /// Takes changes in, in their order, with the place where the log goes on behind the last.
    ///
    /// # Errors
    /// The engine's; none of them was taken in then.
    pub(super) fn apply(&mut self, changes: &[Change]) -> Result<(), CatalogError> {
        let Some(last) = changes.last() else {
            return Ok(());
        };
        let mut live = BTreeMap::new();
        let (next, sequence) = (last.next, last.sequence);
        self.transaction(|writer| {
            for change in changes {
                writer.take_in(change, &mut live)?;
            }
            writer.add_live(&live)?;
            set_log_state(&writer.connection, next, sequence)
        })?;
        self.copy_log();
        Ok(())
    }

    /// Makes a change of settings, durably.
    ///
    /// # Errors
    /// Its own, and the engine's; nothing has changed then.
    pub(super) fn change_settings<T>(
        &mut self,
        change: impl FnOnce(&Connection) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        self.buckets.clear();
        let changed =
            self.durably(|writer| writer.transaction(|writer| change(&writer.connection)))?;
        self.disk.catalog_is_durable(&self.path);
        Ok(changed)
    }

    /// Puts everything that was written so far on stable storage.
    pub(super) fn sync(&mut self) -> Result<(), CatalogError> {
        self.durably(|writer| {
            writer.transaction(|writer| {
                // Writes a page even if nothing is new, so that there is something to flush.
                let sql = "UPDATE log SET sequence = sequence";
                writer.connection.execute(sql, [])?;
                Ok(())
            })
        })?;
        self.disk.catalog_is_durable(&self.path);
        Ok(())
    }

    /// Ends well: everything is in the file.
    pub(super) fn close(&mut self) {
        self.checkpoint("TRUNCATE");
    }

    /// Forgets a segment that was removed.
    pub(super) fn forget_segment(&mut self, number: u64) -> Result<(), CatalogError> {
        let sql = "DELETE FROM segments WHERE number = ?";
        self.connection.execute(sql, [number.cast_signed()])?;
        Ok(())
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn take_in(
        &mut self,
        change: &Change,
        live: &mut BTreeMap<u64, i64>,
    ) -> Result<(), CatalogError> {
        match &change.effect {
            Effect::Key(effect) => {
                let Some(bucket) = self.bucket(&effect.bucket)? else {
                    // The bucket went after the objects in it; so did this change, long ago.
                    return Ok(());
                };
                let KeyEffect { key, new, .. } = effect;
                match new {
                    Some(object) => rows::put_object(&self.connection, bucket, object)?,
                    None => rows::delete_object(&self.connection, bucket, key)?,
                }
            }
            Effect::Owes { new, .. } => owed::put(&self.connection, new)?,
            Effect::Settles { old, kept } => {
                owed::remove(&self.connection, old.id())?;
                if let Some(kept) = kept {
                    let idempotency = old.facts.idempotency.as_deref();
                    owed::keep_answer(&self.connection, idempotency, kept)?;
                }
            }
        }
        for (segment, bytes) in change.effect.live_bytes().into_iter().flatten() {
            *live.entry(segment).or_insert(0) += bytes;
        }
        Ok(())
    }

    /// Notes what was tried of owed calls, without a flush.
    pub(super) fn note_calls(
        &mut self,
        progress: &[(BlobId, CallProgress)],
    ) -> Result<(), CatalogError> {
        self.transaction(|writer| {
            for (id, progress) in progress {
                owed::note(&writer.connection, *id, progress)?;
            }
            Ok(())
        })
    }

    fn add_live(&self, live: &BTreeMap<u64, i64>) -> Result<(), CatalogError> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO segments (number, live) VALUES (?, ?) \
             ON CONFLICT (number) DO UPDATE SET live = live + excluded.live",
        )?;
        for (segment, bytes) in live {
            statement.execute(params![segment.cast_signed(), bytes])?;
        }
        Ok(())
    }

    fn bucket(&mut self, name: &BucketName) -> Result<Option<BucketId>, CatalogError> {
        if let Some(id) = self.buckets.get(name) {
            return Ok(Some(*id));
        }
        let id = rows::bucket_id(&self.connection, name)?;
        if let Some(id) = id {
            self.buckets.insert(name.clone(), id);
        }
        Ok(id)
    }

    fn durably<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        let done = work(self);
        self.connection
            .pragma_update(None, "synchronous", "NORMAL")?;
        done
    }

    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|value| {
            self.connection.execute_batch("COMMIT")?;
            Ok(value)
        });
        if done.is_err() && !self.connection.is_autocommit() {
            // If this fails too, the next BEGIN fails and says so.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        done
    }

    /// Copies SQLite's log into the file when it is long; by force when readers have kept it from
    /// being begun anew for long.
    fn copy_log(&self) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages >= LOG_PAGES_AT_MOST {
            self.checkpoint("RESTART");
        } else if pages >= LOG_PAGES {
            self.checkpoint("PASSIVE");
        }
    }

    fn checkpoint(&self, mode: &str) {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        // What is in SQLite's log stays there: a failure costs space, and is tried again.
        match self.connection.query_row(&sql, [], |_| Ok(())) {
            Ok(()) => {
                // A passive one may have left the newest pages, which only costs the disk's notes.
                self.log_pages.store(0, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::error!(%error, "the catalog's log could not be copied into its file");
            }
        }
    }
}

/// How far the log was taken in.
pub(super) fn log_state(connection: &Connection) -> Result<LogState, CatalogError> {
    let sql = "SELECT segment, offset, sequence, salt FROM log";
    let row = connection.query_row(sql, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    let (segment, offset, sequence, salt): (i64, i64, i64, i64) = row;
    Ok(LogState {
        next: At {
            segment: u64::try_from(segment)
                .map_err(|_| CatalogError::Corrupt(format!("a segment {segment} of the log")))?,
            offset: u32::try_from(offset)
                .map_err(|_| CatalogError::Corrupt(format!("a place of {offset} in the log")))?,
        },
        sequence: sequence.cast_unsigned(),
        salt: Salt(salt.cast_unsigned()),
    })
}

pub(super) fn set_log_state(
    connection: &Connection,
    next: At,
    sequence: u64,
) -> Result<(), CatalogError> {
    connection
        .prepare_cached("UPDATE log SET segment = ?, offset = ?, sequence = ?")?
        .execute(params![
            next.segment.cast_signed(),
            next.offset,
            sequence.cast_signed()
        ])?;
    Ok(())
}

pub(super) fn set_salt(connection: &Connection, salt: Salt) -> Result<(), CatalogError> {
    connection.execute("UPDATE log SET salt = ?", [salt.0.cast_signed()])?;
    Ok(())
}

/// Pages (4 KiB) of SQLite's log after which it is copied into the file: 4 MiB.
const LOG_PAGES: i32 = 1024;

/// Pages of it after which the writer waits for readers so that it can be begun anew: 64 MiB.
const LOG_PAGES_AT_MOST: i32 = 16 * LOG_PAGES;
