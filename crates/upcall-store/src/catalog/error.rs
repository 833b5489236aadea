//! What a catalog can refuse, and what can go wrong in one.

use std::sync::Arc;

/// Why a catalog did not do what was asked. Nothing has changed then.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CatalogError {
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
    /// The engine failed.
    #[error("the catalog's engine failed")]
    Engine(#[source] EngineFault),
    /// There is no bucket of this name.
    #[error("there is no bucket of this name")]
    NoSuchBucket,
    /// There is an object under this key, and it may not be overwritten.
    #[error("there is an object under this key already")]
    ObjectExists,
}

impl CatalogError {
    /// Whether the disk, or a quota, is full.
    pub fn is_out_of_space(&self) -> bool {
        matches!(self, Self::Engine(fault) if fault.is_out_of_space)
    }
}

/// A failure of an engine; shared, since one failed flush fails everything that waited for it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{source}")]
pub struct EngineFault {
    is_out_of_space: bool,
    source: Arc<dyn std::error::Error + Send + Sync>,
}

impl EngineFault {
    /// Wraps an engine's own error.
    pub fn new(
        source: impl std::error::Error + Send + Sync + 'static,
        is_out_of_space: bool,
    ) -> Self {
        Self {
            is_out_of_space,
            source: Arc::new(source),
        }
    }
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        let is_full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
        Self::Engine(EngineFault::new(error, is_full))
    }
}
