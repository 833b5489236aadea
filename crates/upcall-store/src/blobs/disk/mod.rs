//! Blobs as files: one each, written once, never renamed, in 256 folders by the last byte of the id.
//!
//! A blob's file holds the bytes, then its facts, then a trailer ([`format`](self::format)). It is
//! durable when the file and its folder are flushed. Whoever drops a file that was not kept hands it
//! to the [`collector`](self::collector), in whatever thread that happens.

mod collector;
pub(crate) mod format;
mod reader;
mod writer;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::collector::Collector;
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
pub(crate) struct Shared {
    folder: PathBuf,
    garbage: collector::Garbage,
}

impl Shared {
    fn shard(&self, id: BlobId) -> PathBuf {
        self.folder.join(format!("{:02x}", id.as_bytes()[15]))
    }

    fn path(&self, id: BlobId) -> PathBuf {
        self.shard(id).join(id.to_string())
    }
}

impl DiskBlobs {
    /// Opens the folder, which is made if it is not there.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        make_shards(folder)?;
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            garbage: collector::Garbage::default(),
        });
        let collector = Collector::start(Arc::clone(&shared))?;
        Ok(Self { shared, collector })
    }

    /// Removes what a crash left: blobs that no object points at. `is_wanted` is asked for each blob
    /// that no running upload holds; those whose facts cannot be read are judged together at the end
    /// by `wanted_of`, since without facts only a walk through all objects can tell.
    ///
    /// # Errors
    /// The system's, when a folder cannot be read.
    pub(crate) fn sweep(
        &self,
        is_wanted: impl Fn(BlobId, &BlobFacts) -> bool,
        wanted_of: impl FnOnce(HashSet<BlobId>) -> Option<HashSet<BlobId>>,
    ) -> io::Result<Swept> {
        let mut swept = Swept::default();
        let mut unknown = HashSet::new();
        for shard in 0..=u8::MAX {
            for entry in fs::read_dir(self.shared.folder.join(format!("{shard:02x}")))? {
                let Some(id) = entry?.file_name().to_str().and_then(BlobId::parse) else {
                    continue;
                };
                if self.shared.garbage.is_live(id) {
                    continue;
                }
                match self.facts(id) {
                    Ok(facts) if is_wanted(id, &facts) => swept.kept += 1,
                    Ok(_) => swept.remove(&self.shared, id),
                    Err(BlobError::Missing { .. }) => {}
                    Err(_) => {
                        unknown.insert(id);
                    }
                }
            }
        }
        if unknown.is_empty() {
            return Ok(swept);
        }
        let Some(wanted) = wanted_of(unknown.clone()) else {
            return Ok(swept);
        };
        for id in unknown.difference(&wanted) {
            swept.remove(&self.shared, *id);
        }
        Ok(swept)
    }

    /// Reads what a blob says of itself.
    pub(crate) fn facts(&self, id: BlobId) -> Result<BlobFacts, BlobError> {
        let file = reader::open(&self.shared.path(id), id)?;
        let length = file
            .metadata()
            .map_err(|source| BlobError::Io {
                id,
                what: "opened",
                source,
            })?
            .len();
        format::read_facts(length, |buffer, at| file.read_exact_at(buffer, at))
            .map_err(|what| BlobError::Damaged { id, what })
    }

    /// Waits until everything that was given up so far is gone.
    pub(crate) fn settle(&self) {
        self.shared.garbage.settle();
    }

    /// Removes what was given up and ends the collector.
    pub(crate) fn close(&self) {
        self.collector.stop();
    }
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Swept {
    pub(crate) kept: u64,
    pub(crate) removed: u64,
}

impl Swept {
    fn remove(&mut self, shared: &Shared, id: BlobId) {
        shared.garbage.add(id);
        self.removed += 1;
    }
}

impl Blobs for DiskBlobs {
    fn begin(&self) -> BoxFuture<'_, Result<Draft, BlobError>> {
        let id = BlobId::new();
        let writer = writer::DiskWriter::new(id, Arc::clone(&self.shared));
        Box::pin(std::future::ready(Ok(Draft::new(id, Box::new(writer)))))
    }

    fn read(&self, id: BlobId, range: Range<u64>) -> BoxFuture<'_, Result<BlobReader, BlobError>> {
        let path = self.shared.path(id);
        Box::pin(async move {
            let reader =
                off_the_runtime(id, move || reader::DiskReader::open(&path, id, range)).await?;
            Ok(BlobReader::new(Box::new(reader)))
        })
    }

    fn give_up(&self, id: BlobId) {
        self.shared.garbage.add(id);
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
