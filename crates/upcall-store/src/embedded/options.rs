//! How a store is opened.

use std::sync::Arc;
use std::time::Duration;

use crate::disk::{Disk, SystemDisk};
use crate::maintenance::RateLimit;

/// What may be set; the default is right for a server.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Bytes that uploads leave free on the disk. `None`: a sixteenth of it, and 64 MiB at most.
    pub min_free: Option<u64>,
    /// Objects up to so many bytes go into the log with their commit; larger ones are files of their
    /// own. 512 KiB: at 256 KiB the log takes 1.7 times as much in a second as files do, at 1 MiB
    /// nine tenths of it (example `threshold`). 16 MiB at most.
    pub small_bytes: u64,
    /// Bytes of small uploads that may be in memory, all together. Beyond it they become files.
    pub staging_bytes: usize,
    /// How often the collector looks whether the log has room to give back.
    pub collector_interval: Duration,
    /// How fast the background scrub reads; zero is not at all. 4 MiB in a second.
    pub scrub: RateLimit,
    /// The disk beneath the engine.
    pub disk: Arc<dyn Disk>,
    /// What is broken on purpose; nothing, outside of the tests of the tests.
    #[doc(hidden)]
    pub sabotage: Saboteur,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            min_free: None,
            small_bytes: 512 * 1024,
            staging_bytes: 48 * 1024 * 1024,
            collector_interval: Duration::from_secs(1),
            scrub: RateLimit {
                bytes_per_second: 4 * 1024 * 1024,
            },
            disk: Arc::new(SystemDisk),
            sabotage: Saboteur::default(),
        }
    }
}

/// A promise that a build breaks on purpose, so that it can be seen that the tests notice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[doc(hidden)]
pub enum Sabotage {
    /// Answers go out before anything is written.
    AnswerBeforeCommit,
    /// The catalog has an object before its blob is flushed.
    CatalogBeforeBlob,
    /// The collector does not ask who holds what it removes.
    CollectorUnguarded,
}

/// Who breaks it; without the feature `contract`, nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saboteur(Option<Sabotage>);

#[cfg(feature = "contract")]
impl From<Sabotage> for Saboteur {
    fn from(what: Sabotage) -> Self {
        Self(Some(what))
    }
}

impl Saboteur {
    pub(super) fn answers_before_commit(self) -> bool {
        self.0 == Some(Sabotage::AnswerBeforeCommit)
    }

    pub(super) fn leaves_blobs_unflushed(self) -> bool {
        self.0 == Some(Sabotage::CatalogBeforeBlob)
    }

    pub(super) fn is_collector_unguarded(self) -> bool {
        self.0 == Some(Sabotage::CollectorUnguarded)
    }
}
