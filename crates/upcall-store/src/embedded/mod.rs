//! The embedded store: both ports in one data directory of one process.
//!
//! `lock` (who has it open), `format` (version of what lies here), `log/` (every commit, and the bytes
//! of small objects), `blobs/` (large ones, a file each) and `catalog.sqlite` (the index, which follows
//! the log). `docs/formats` is the reference.
//!
//! An upload is held in memory while it is small and written to a file when it is not
//! ([`draft`]); its commit appends one record to the log, with its bytes if they are small, and one
//! flush makes all that wait durable ([`commit`]). It is visible then ([`recent`]), and the index takes
//! it in later ([`index`]). After a crash the log is read again from where the index was ([`recover`]).
//! What is replaced is given back by the [`collector`].

mod backup;
mod block_reader;
mod blocks;
mod bucket_backup;
mod change;
mod check;
mod collector;
mod commit;
mod directory;
mod draft;
mod files;
mod index;
mod lock;
mod log;
mod log_reader;
mod maintenance;
mod options;
mod owed;
mod ports;
mod ports_owed;
mod rebuild;
mod recent;
mod recent_owed;
mod recover;
mod scrub;
mod segments;
mod space;
mod staging;
mod stored;
mod verified;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use upcall::name::{BucketName, ObjectKey};

pub use self::backup::{restore, restore_on};
use self::bucket_backup::BucketBackup;
use self::collector::Collector;
use self::commit::{CommitParts, Committer};
pub use self::directory::OpenError;
use self::files::Files;
use self::index::Index;
use self::lock::DirectoryLock;
use self::maintenance::EmbeddedMaintenance;
pub use self::options::{Sabotage, StoreOptions};
use self::owed::OwedRow;
use self::ports::EmbeddedPorts;
pub use self::rebuild::Rebuilt;
use self::recent::{Follower, Known, Recent};
use self::recent_owed::KnownCall;
use self::recover::{RecoverError, Recovered, recover};
use self::scrub::{Scrub, Scrubber};
use self::segments::Segments;
use self::space::SpaceWatch;
use self::staging::Staging;
use crate::blobs::{BlobId, Blobs};
use crate::catalog::{Catalog, CatalogError, ObjectFacts};
use crate::maintenance::Maintenance;

/// An open data directory. Dropping it closes it.
#[derive(Debug)]
pub struct EmbeddedStore {
    engine: Arc<Engine>,
    collector: Collector,
    follower: Follower,
    scrub: Arc<Scrub>,
    scrubber: Scrubber,
    /// Given back last, after [`Drop`] has closed the rest.
    _lock: DirectoryLock,
}

/// What the parts of the engine share.
#[derive(Debug)]
struct Engine {
    folder: PathBuf,
    index: Arc<Index>,
    buckets: Arc<BucketBackup>,
    recent: Arc<Recent>,
    segments: Arc<Segments>,
    files: Arc<Files>,
    staging: Staging,
    space: Arc<SpaceWatch>,
    committer: Committer,
    /// Objects up to this size go into the log.
    small_bytes: u64,
    sabotage: options::Saboteur,
}

impl EmbeddedStore {
    /// Opens a data directory as it is usually opened. See [`open_with`](Self::open_with).
    ///
    /// # Errors
    /// [`OpenError`], each with the path and what is wrong.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_with(folder, StoreOptions::default())
    }

    /// Opens a data directory, which is made if it is not there; only its owner may look inside.
    /// Blocks.
    ///
    /// What a crash left is removed in the background.
    ///
    /// # Errors
    /// [`OpenError`], each with the path and what is wrong.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever opens a store has no more use for them, and the store may keep them"
    )]
    pub fn open_with(folder: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io {
            folder: folder.to_owned(),
            source,
        };
        let lock = directory::take(folder, options.disk.as_ref())?;
        let disk = Arc::clone(&options.disk);
        let (catalog_file, log_folder, blobs_folder) = (
            folder.join("catalog.sqlite"),
            folder.join("log"),
            folder.join("blobs"),
        );
        directory::check_catalog(
            folder,
            disk.as_ref(),
            &catalog_file,
            &log_folder,
            &blobs_folder,
        )?;
        disk.make_folder(&log_folder).map_err(io)?;
        let catalog = |source| OpenError::Catalog {
            folder: folder.to_owned(),
            source,
        };
        let index = Arc::new(Index::open(&catalog_file, Arc::clone(&disk)).map_err(catalog)?);
        disk.sync_folder(folder).map_err(io)?;
        let state = index.log_state().map_err(catalog)?;
        let segments = Arc::new(Segments::new(Arc::clone(&disk), &log_folder, state.salt));
        let recent = Arc::new(Recent::default());
        recent.begin(state.sequence);
        let follower = Follower::start(Arc::clone(&recent), Arc::clone(&index)).map_err(io)?;
        let recovered = recover(&segments, &index, &recent, state).map_err(|error| {
            follower.stop();
            match error {
                RecoverError::Catalog(source) => catalog(source),
                RecoverError::Io(source) => io(source),
            }
        })?;
        let engine = Engine::start(folder, &options, index, recent, segments, &recovered);
        let engine = Arc::new(engine.map_err(io)?);
        if !recovered.dead_calls.is_empty() {
            let told = engine.committer.tell_dead(recovered.dead_calls);
            told.map_err(catalog)?;
        }
        let scrub = Arc::new(Scrub::default());
        Ok(Self {
            scrubber: Scrubber::start(Arc::clone(&engine), Arc::clone(&scrub), options.scrub)
                .map_err(io)?,
            scrub,
            collector: Collector::start(Arc::clone(&engine), options.collector_interval)
                .map_err(io)?,
            follower,
            engine,
            _lock: lock,
        })
    }

    /// Where the facts are.
    pub fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::new(EmbeddedPorts(Arc::clone(&self.engine)))
    }

    /// Where the bytes are.
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::new(EmbeddedPorts(Arc::clone(&self.engine)))
    }

    /// For whoever looks after the store.
    pub fn maintenance(&self) -> Arc<dyn Maintenance> {
        Arc::new(EmbeddedMaintenance {
            engine: Arc::clone(&self.engine),
            scrub: Arc::clone(&self.scrub),
        })
    }

    /// Has every file looked at again, in the background: what no object points to, and no running
    /// upload holds, is removed. It happens by itself at every start.
    pub fn sweep(&self) {
        self.engine.files.garbage.sweep();
    }

    /// Waits until what a crash left, and everything that was given up so far, is gone, and the log has
    /// given back what room it can. Returns how many files were removed since the store was opened.
    /// Blocks.
    pub fn settle(&self) -> u64 {
        self.engine.files.garbage.reclaim();
        self.engine.files.garbage.settle()
    }

    /// Closes the store: changes under way end, what was given up is removed. Whoever still holds a
    /// port gets errors from it. Blocks.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        // The collector asks for commits and the catalog, so it ends first; what was committed goes
        // into the index before that is closed.
        self.scrubber.stop();
        self.collector.stop();
        self.engine.committer.close();
        self.follower.stop();
        self.engine.index.close();
    }
}

impl Engine {
    /// Begins to take commits, behind what was recovered.
    fn start(
        folder: &Path,
        options: &StoreOptions,
        index: Arc<Index>,
        recent: Arc<Recent>,
        segments: Arc<Segments>,
        recovered: &Recovered,
    ) -> io::Result<Self> {
        let (disk, sabotage) = (Arc::clone(&options.disk), options.sabotage);
        let space = Arc::new(SpaceWatch::new(Arc::clone(&disk), folder, options.min_free));
        let buckets = BucketBackup::open(Arc::clone(&disk), folder, Arc::clone(&index));
        let buckets = Arc::new(buckets);
        let committer = Committer::start(
            Arc::clone(&buckets),
            CommitParts {
                index: Arc::clone(&index),
                recent: Arc::clone(&recent),
                segments: Arc::clone(&segments),
                space: Arc::clone(&space),
                sequence: recovered.sequence,
                last_segment: recovered.last_segment,
                sabotage,
            },
        )?;
        let files = Files::open(disk, &folder.join("blobs"), Arc::clone(&space), sabotage)?;
        Ok(Self {
            folder: folder.to_owned(),
            index,
            buckets,
            recent,
            segments,
            files: Arc::new(files),
            staging: Staging::new(options.staging_bytes),
            space,
            committer,
            small_bytes: options.small_bytes,
            sabotage,
        })
    }

    /// The object under this key. Blocks.
    fn find_blocking(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        match self.recent.look(bucket, key) {
            Known::Object(object) => Ok(Some(object.as_ref().clone())),
            Known::Absent => Ok(None),
            Known::Nothing => self.index.find_blocking(bucket, key),
        }
    }

    /// The owed call of this id. Blocks.
    fn find_call_blocking(&self, id: BlobId) -> Result<Option<Arc<OwedRow>>, CatalogError> {
        match self.recent.look_call(id) {
            KnownCall::Owed(row) => Ok(Some(row)),
            KnownCall::NotOwed => Ok(None),
            KnownCall::Nothing => {
                let mut found = self.index.find_owed(&[id])?;
                Ok(found.pop().flatten().map(Arc::new))
            }
        }
    }

    /// As [`Catalog::referenced`], for a thread that may wait.
    fn referenced_blocking(&self, blobs: &[BlobId]) -> Result<HashSet<BlobId>, CatalogError> {
        let blobs = blobs.to_vec();
        self.committer
            .alone_blocking(move |index| index.references(&blobs))
    }
}
