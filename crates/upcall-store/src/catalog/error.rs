//! What a catalog can refuse, and what can go wrong in one.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a catalog did not do what was asked. Unless a variant says otherwise, nothing has changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CatalogError {
    /// The bucket's ACL does not let this client do it.
    #[error("the bucket's ACL does not allow it")]
    BucketDenied,
    /// There is a bucket of this name.
    #[error("there is a bucket of this name already")]
    BucketExists,
    /// The bucket has objects.
    #[error("the bucket still has objects")]
    BucketNotEmpty,
    /// The catalog is being closed.
    #[error("the catalog is closed")]
    Closed,
    /// What was read makes no sense.
    #[error("the catalog holds a row that cannot be read: {0}")]
    Corrupt(String),
    /// The engine failed. A change may then have happened or not; whoever must know asks.
    #[error("the catalog's engine failed")]
    Engine(#[source] EngineFault),
    /// The access key that signed it does not exist any more.
    #[error("the access key was deleted")]
    KeyDeleted,
    /// There is no bucket of this name.
    #[error("there is no bucket of this name")]
    NoSuchBucket,
    /// No call is owed under this id, or no object is held for it.
    #[error("no call is owed under this id")]
    NotOwed,
    /// The ACL of the object under this key does not let this client replace or delete it.
    #[error("the object's ACL does not allow it")]
    ObjectDenied,
    /// There is an object under this key, and it may not be overwritten.
    #[error("there is an object under this key already")]
    ObjectExists,
    /// The bucket asks something else of uploads than when this one was admitted. Judged by what it
    /// asks now, the upload may still be committed.
    #[error("the bucket's settings have changed")]
    SettingsChanged,
}

impl CatalogError {
    /// Whether the disk, or a quota, is full.
    pub fn is_out_of_space(&self) -> bool {
        matches!(self, Self::Engine(fault) if fault.is_out_of_space)
    }

    /// Whether what is stored is not what was written; making it anew helps then.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Corrupt(_)) || matches!(self, Self::Engine(fault) if fault.is_broken)
    }
}

/// A failure of an engine; shared, since one failed flush fails everything that waited for it.
#[derive(Clone, Debug)]
pub struct EngineFault {
    is_out_of_space: bool,
    is_broken: bool,
    cause: Arc<dyn Error + Send + Sync>,
}

impl EngineFault {
    /// Wraps an engine's own error.
    pub fn new(cause: impl Error + Send + Sync + 'static, is_out_of_space: bool) -> Self {
        Self {
            is_out_of_space,
            is_broken: false,
            cause: Arc::new(cause),
        }
    }

    /// The same, of data that are not what was written.
    #[must_use]
    pub fn of_broken_data(mut self, is_broken: bool) -> Self {
        self.is_broken = is_broken;
        self
    }
}

impl fmt::Display for EngineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for EngineFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}
