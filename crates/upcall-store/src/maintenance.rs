//! Looking after a store: the port of what an operator asks for, beside what uploads need.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use upcall::name::{BucketName, ObjectKey};

use crate::BoxFuture;
use crate::catalog::CatalogError;
use crate::embedded::OpenError;

/// What an operator may ask of a store that is being served.
pub trait Maintenance: Send + Sync + 'static {
    /// Reads every object and compares; changes nothing. The store is served meanwhile.
    ///
    /// # Errors
    /// [`MaintenanceError`], if it could not be done; damage is no error but what it reports.
    fn check(&self, limit: RateLimit) -> BoxFuture<'_, Result<CheckReport, MaintenanceError>>;

    /// Copies the store, as it is at one moment during the call, into a folder that is made. The
    /// store is served meanwhile.
    ///
    /// # Errors
    /// [`MaintenanceError`]; what was copied so far stays there.
    fn backup<'a>(
        &'a self,
        target: &'a Path,
    ) -> BoxFuture<'a, Result<BackupReport, MaintenanceError>>;

    /// What the background scrub has found so far.
    fn scrub(&self) -> ScrubState;

    /// How much room the store takes, and how much there is.
    fn usage(&self) -> BoxFuture<'_, Result<Usage, MaintenanceError>>;
}

/// Bytes that a check reads in a second; zero is as fast as it can be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RateLimit {
    /// How many.
    pub bytes_per_second: u64,
}

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CheckReport {
    /// Objects that were read.
    pub objects: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What is wrong, in the order in which it was found; [`MOST_DAMAGES`] at most.
    pub damages: Vec<Damage>,
    /// How much is wrong, listed or not.
    pub damaged: u64,
}

impl CheckReport {
    /// Whether all is as it should be.
    pub const fn is_clean(&self) -> bool {
        self.damaged == 0
    }

    pub(crate) fn add(&mut self, damage: Damage) {
        self.damaged += 1;
        if self.damages.len() < MOST_DAMAGES {
            self.damages.push(damage);
        }
    }
}

/// Something that is not as it was written.
#[derive(Clone, Debug, Serialize)]
pub struct Damage {
    /// In which bucket, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Under which key, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is wrong, in a sentence.
    pub what: String,
}

impl Damage {
    pub(crate) fn of(bucket: &BucketName, key: &ObjectKey, what: impl Into<String>) -> Self {
        Self {
            bucket: Some(bucket.to_string()),
            key: Some(key.to_string()),
            what: what.into(),
        }
    }

    pub(crate) fn somewhere(what: impl Into<String>) -> Self {
        Self {
            bucket: None,
            key: None,
            what: what.into(),
        }
    }
}

/// What a backup holds.
#[derive(Clone, Debug, Serialize)]
pub struct BackupReport {
    /// Where it is.
    pub folder: PathBuf,
    /// Files that were copied.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// How far the background scrub is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ScrubState {
    /// Times that it has read everything since the start.
    pub passes: u64,
    /// What the last pass found, the running one if it was the first.
    pub last: CheckReport,
}

/// How much room a store takes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Usage {
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Bytes of it that objects point to.
    pub log_live_bytes: u64,
    /// Bytes that are free on the disk.
    pub free_bytes: u64,
    /// Bytes that uploads leave free.
    pub reserved_bytes: u64,
}

/// Why it could not be done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// A backup is none that this program can open.
    #[error(transparent)]
    Backup(Arc<OpenError>),
    /// The catalog failed.
    #[error("the catalog failed")]
    Catalog(#[from] CatalogError),
    /// The store is being closed.
    #[error("the store is being closed")]
    Closed,
    /// The system said no.
    #[error("`{}` could not be {what}", path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// What the system says.
        source: Arc<std::io::Error>,
    },
    /// There is something where a backup is to go.
    #[error("`{}` is there already and not empty", folder.display())]
    NotEmpty {
        /// Where.
        folder: PathBuf,
    },
}

/// Damages that a report lists; beyond it they are counted.
pub const MOST_DAMAGES: usize = 10_000;
