//! Large blobs as files: one each, written once, never renamed, in 256 folders by the last byte of
//! the id.
//!
//! A blob's file holds the bytes, then checksums and facts ([`format`](self::format)). It is durable
//! when the file and its folder are flushed. Whoever drops a file that was not kept hands it to the
//! [`collector`](super::collector), in whatever thread that happens.

mod format;
mod garbage;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::format::Tail;
pub(super) use self::garbage::{Garbage, Work};
pub(super) use self::writer::FileWriter;
use super::block_reader::{OpenBlob, open_error};
use super::options::Saboteur;
use super::space::{Room, SpaceWatch};
use super::verified::Verified;
use crate::blobs::{BlobError, BlobFacts, BlobId};
use crate::catalog::ObjectFacts;
use crate::disk::{Disk, DiskFile};

/// The files of one store.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) disk: Arc<dyn Disk>,
    folder: PathBuf,
    pub(super) garbage: Garbage,
    space: Arc<SpaceWatch>,
    pub(super) verified: Verified,
    sabotage: Saboteur,
}

impl Files {
    /// Makes the folder and its 256 shards, durably: no upload has to flush a parent later.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        space: Arc<SpaceWatch>,
        sabotage: Saboteur,
    ) -> io::Result<Self> {
        for shard in 0..=u8::MAX {
            disk.make_folder(&folder.join(format!("{shard:02x}")))?;
        }
        disk.sync_folder(folder)?;
        if let Some(parent) = folder.parent() {
            disk.sync_folder(parent)?;
        }
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            garbage: Garbage::default(),
            space,
            verified: Verified::default(),
            sabotage,
        })
    }

    /// Whether there is any blob in the folder.
    pub(super) fn has_any(disk: &dyn Disk, folder: &Path) -> io::Result<bool> {
        for shard in 0..=u8::MAX {
            if !disk.list(&folder.join(format!("{shard:02x}")))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The blobs of a shard. Names that are no ids are somebody else's.
    pub(super) fn list(&self, shard: u8) -> io::Result<Vec<BlobId>> {
        let names = self.disk.list(&self.shard(shard))?;
        Ok(names
            .iter()
            .filter_map(|name| name.to_str().and_then(BlobId::parse))
            .collect())
    }

    /// Removes a blob's file; whether it was there.
    pub(super) fn remove(&self, id: BlobId) -> io::Result<bool> {
        match self.disk.remove(&self.path(id)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What a blob says of itself. Blocks.
    pub(super) fn facts(&self, id: BlobId) -> Result<BlobFacts, BlobError> {
        let file = self.open_file(id)?;
        Ok(Tail::read(file.as_ref(), id)?.facts)
    }

    /// What a blob says of itself, and whether its file is of format 1. Blocks.
    pub(super) fn facts_and_format(&self, id: BlobId) -> Result<(BlobFacts, bool), BlobError> {
        let file = self.open_file(id)?;
        let tail = Tail::read(file.as_ref(), id)?;
        Ok((tail.facts, tail.table.is_none()))
    }

    /// Opens the blob of an object. Blocks.
    pub(super) fn open_blob(self: &Arc<Self>, object: &ObjectFacts) -> Result<OpenBlob, BlobError> {
        let id = object.blob;
        let file = self.open_file(id)?;
        let Tail {
            length,
            table,
            facts,
        } = Tail::read(file.as_ref(), id)?;
        if length != object.length {
            let what = "it has not as many bytes as its object";
            return Err(BlobError::Damaged { id, what });
        }
        if (&facts.bucket, &facts.key, &facts.md5)
            != (&object.bucket, &object.key, object.etag.md5())
        {
            let what = "it is another object's";
            return Err(BlobError::Damaged { id, what });
        }
        let files = Arc::clone(self);
        Ok(OpenBlob {
            id,
            file,
            base: 0,
            length,
            is_verified: self.verified.has(id),
            on_verified: table
                .is_some()
                .then(|| Box::new(move |id| files.verified.add(id)) as Box<_>),
            table,
        })
    }

    fn open_file(&self, id: BlobId) -> Result<Arc<dyn DiskFile>, BlobError> {
        let file = self.disk.open(&self.path(id));
        file.map_err(|error| open_error(id, error))
    }

    fn room(&self, bytes: u64) -> Result<Room, BlobError> {
        self.space.take(bytes).map_err(|full| BlobError::NoSpace {
            free: full.free,
            reserved: full.reserved,
        })
    }

    fn shard(&self, shard: u8) -> PathBuf {
        self.folder.join(format!("{shard:02x}"))
    }

    pub(super) fn path(&self, id: BlobId) -> PathBuf {
        self.shard(shard_of(id)).join(id.to_string())
    }
}

/// The last byte of an id is random, so the shards grow alike.
const fn shard_of(id: BlobId) -> u8 {
    id.as_bytes()[15]
}

/// Runs what waits for the disk on a thread that may wait.
pub(super) async fn off_the_runtime<T: Send + 'static>(
    id: BlobId,
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(BlobError::Lost { id }))
}
