//! The buckets' settings once more, as JSON beside the catalog, for the day on which it is lost.
//!
//! `buckets.json` is written after every change, and at every start that finds it different; the catalog
//! is right where both exist. Access keys are not in it: secrets are kept in one place.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upcall::name::BucketName;

use super::index::Index;
use crate::catalog::{BucketAcl, BucketFacts, CallbackSettings, Cors, FormRules};
use crate::disk::{Disk, read_small, replace};

#[derive(Deserialize, Serialize)]
struct StoredBucket {
    name: String,
    acl: String,
    cors: Option<Cors>,
    owner: String,
    created_ms: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    callback: CallbackSettings,
    #[serde(default, skip_serializing_if = "is_default")]
    forms: FormRules,
}

fn is_default<T: Default + PartialEq>(settings: &T) -> bool {
    *settings == T::default()
}

/// Keeps the file what the catalog is.
#[derive(Debug)]
pub(super) struct BucketBackup {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    index: Arc<Index>,
    /// Whether the file may differ from the catalog. Held by the thread that writes the file.
    is_stale: Mutex<bool>,
}

impl BucketBackup {
    /// Brings the file up to date: a crash may have come between a change of the catalog and the file.
    /// Blocks.
    pub(super) fn open(disk: Arc<dyn Disk>, folder: &Path, index: Arc<Index>) -> Self {
        let backup = Self {
            disk,
            folder: folder.to_owned(),
            index,
            is_stale: Mutex::new(false),
        };
        backup.update(&mut backup.is_stale());
        backup
    }

    /// The settings have changed. If the file cannot be written, it is tried again with
    /// [`retry`](Self::retry): the change itself is durable. Blocks.
    pub(super) fn settings_changed(&self) {
        self.update(&mut self.is_stale());
    }

    /// Writes the file if the attempt before failed. Blocks.
    pub(super) fn retry(&self) {
        let mut is_stale = self.is_stale();
        if *is_stale {
            self.update(&mut is_stale);
        }
    }

    /// What is read is the catalog's latest, as the lock is held: of two threads, the one that writes
    /// last does not write what is older.
    fn update(&self, is_stale: &mut bool) {
        let was_stale = std::mem::replace(is_stale, true);
        match self.write_if_different() {
            Ok(()) => {
                *is_stale = false;
                if was_stale {
                    tracing::info!("`buckets.json` is up to date again");
                }
            }
            Err(error) if was_stale => {
                tracing::debug!(%error, "`buckets.json` can still not be written");
            }
            Err(error) => {
                tracing::error!(%error, "`buckets.json` could not be written; this is tried again");
            }
        }
    }

    fn write_if_different(&self) -> io::Result<()> {
        let buckets = self.index.settings().buckets();
        let stored: Vec<StoredBucket> = buckets.iter().map(|facts| store(facts)).collect();
        let json = serde_json::to_vec_pretty(&stored)?;
        let path = self.folder.join(NAME);
        // One that cannot be read is replaced: the catalog is right.
        if matches!(read_small(self.disk.as_ref(), &path), Ok(Some(found)) if found == json) {
            return Ok(());
        }
        replace(self.disk.as_ref(), &path, &self.folder.join(HALF), &json)
    }

    fn is_stale(&self) -> MutexGuard<'_, bool> {
        self.is_stale.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is in the file; nothing, if there is none.
///
/// # Errors
/// The system's, and `InvalidData` for one that cannot be understood.
pub(super) fn read(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<BucketFacts>> {
    let Some(json) = read_small(disk, &folder.join(NAME))? else {
        return Ok(Vec::new());
    };
    let stored: Vec<StoredBucket> = serde_json::from_slice(&json)?;
    let buckets: Option<Vec<BucketFacts>> = stored.into_iter().map(parse).collect();
    buckets.ok_or_else(|| {
        let what = "`buckets.json` holds a value that cannot be; move it away to go on without it";
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

fn store(bucket: &BucketFacts) -> StoredBucket {
    StoredBucket {
        name: bucket.name.to_string(),
        acl: bucket.acl.as_str().to_owned(),
        cors: bucket.cors.clone(),
        owner: bucket.owner.clone(),
        created_ms: bucket.created.as_millisecond(),
        callback: bucket.callback.clone(),
        forms: bucket.forms.clone(),
    }
}

fn parse(stored: StoredBucket) -> Option<BucketFacts> {
    Some(BucketFacts {
        name: BucketName::parse(&stored.name).ok()?,
        acl: BucketAcl::parse(&stored.acl)?,
        cors: stored.cors,
        owner: stored.owner,
        created: Timestamp::from_millisecond(stored.created_ms).ok()?,
        callback: stored.callback,
        forms: stored.forms,
    })
}

const NAME: &str = "buckets.json";

/// What is written and not yet renamed; a crash may leave it.
const HALF: &str = "buckets.json.new";
