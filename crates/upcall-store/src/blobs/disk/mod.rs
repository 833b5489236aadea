//! Blobs as files: one each, written once, never renamed, in 256 folders by the last byte of the id.
//!
//! A blob's file holds the bytes, then its facts, then a trailer ([`format`](self::format)). It is
//! durable when the file and its folder are flushed. Whoever drops a file that was not kept hands it
//! to the [`collector`](self::collector), in whatever thread that happens.

mod collector;
mod format;
mod reader;
mod writer;

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use self::collector::Judge;
use self::collector::{Collector, Garbage};
use self::format::Trailer;
use self::reader::DiskReader;
use self::writer::DiskWriter;
use super::{BlobError, BlobFacts, BlobId, BlobReader, Blobs, Draft};
use crate::BoxFuture;

/// The disk engine.
#[derive(Debug)]
pub(crate) struct DiskBlobs {
    shared: Arc<Shared>,
    collector: Collector,
}

/// What every file of the engine needs.
#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    garbage: Garbage,
}

impl Shared {
    fn shard(&self, shard: u8) -> PathBuf {
        self.folder.join(format!("{shard:02x}"))
    }

    fn path(&self, id: BlobId) -> PathBuf {
        self.shard(shard_of(id)).join(id.to_string())
    }
}

/// The last byte of an id is random, so the shards grow alike.
const fn shard_of(id: BlobId) -> u8 {
    id.as_bytes()[15]
}

impl DiskBlobs {
    /// Opens the folder, which is made if it is not there, and begins to remove what a crash left.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open(folder: &Path, judge: Arc<dyn Judge>) -> io::Result<Self> {
        make_shards(folder)?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            garbage: Garbage::default(),
        });
        let collector = Collector::start(Arc::clone(&shared), judge)?;
        Ok(Self { shared, collector })
    }

    /// Whether there is any blob in the folder.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn has_any(folder: &Path) -> io::Result<bool> {
        let shards = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            shards => shards?,
        };
        for shard in shards {
            let shard = shard?;
            if shard.file_type()?.is_dir() && fs::read_dir(shard.path())?.next().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Has every file looked at again.
    pub(crate) fn sweep(&self) {
        self.shared.garbage.sweep();
    }

    /// Waits until everything that was given up so far is gone. Returns how many files were removed
    /// since the start. Blocks.
    pub(crate) fn settle(&self) -> u64 {
        self.shared.garbage.settle()
    }

    /// Removes what was given up and ends the collector. Blocks.
    pub(crate) fn close(&self) {
        self.collector.stop();
    }
}

impl Blobs for DiskBlobs {
    fn begin(&self) -> BoxFuture<'_, Result<Draft, BlobError>> {
        Box::pin(async {
            let id = BlobId::new();
            let writer = DiskWriter::new(id, Arc::clone(&self.shared))?;
            Ok(Draft::new(id, Box::new(writer)))
        })
    }

    fn read(&self, id: BlobId, range: Range<u64>) -> BoxFuture<'_, Result<BlobReader, BlobError>> {
        let path = self.shared.path(id);
        Box::pin(async move {
            let reader = off_the_runtime(id, move || DiskReader::open(&path, id, range)).await?;
            Ok(BlobReader::new(Box::new(reader)))
        })
    }

    fn facts(&self, id: BlobId) -> BoxFuture<'_, Result<BlobFacts, BlobError>> {
        let path = self.shared.path(id);
        Box::pin(off_the_runtime(id, move || {
            let file = reader::open(&path, id)?;
            Trailer::read(&file, id)?.read_facts(&file, id)
        }))
    }

    fn give_up(&self, id: BlobId) {
        self.shared.garbage.give_up(id);
    }
}

/// Runs what waits for the disk on a thread that may wait.
async fn off_the_runtime<T: Send + 'static>(
    id: BlobId,
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(BlobError::Lost { id }))
}

/// Makes the folder and its 256 shards, durably: no upload has to flush a parent later.
fn make_shards(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700).recursive(true);
    for shard in 0..=u8::MAX {
        builder.create(folder.join(format!("{shard:02x}")))?;
    }
    File::open(folder)?.sync_all()?;
    match folder.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
