//! A blob's file as it is written: batches on threads that may wait, one at a time, the next one
//! filling meanwhile.

use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::format::write_tail;
use super::{Files, off_the_runtime, shard_of};
use crate::blobs::{BlobError, BlobFacts, BlobId};
use crate::disk::DiskFile;
use crate::embedded::blocks::BlockTable;

/// Writes one blob's file.
#[derive(Debug)]
pub(in crate::embedded) struct FileWriter {
    id: BlobId,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nobody writes; the file is here.
    Idle(Box<DraftFile>),
    /// A batch is being written; the file comes back with it.
    Writing(JoinHandle<Result<Box<DraftFile>, BlobError>>),
    /// A batch failed, or its future was dropped; the file has given itself up.
    Lost,
}

impl FileWriter {
    /// # Errors
    /// [`BlobError::Closed`].
    pub(in crate::embedded) fn new(id: BlobId, files: Arc<Files>) -> Result<Self, BlobError> {
        files.garbage.hold(id)?;
        Ok(Self {
            id,
            state: State::Idle(Box::new(DraftFile {
                id,
                files,
                file: None,
                table: BlockTable::default(),
                written: 0,
                stage: Stage::Unfinished,
            })),
        })
    }

    /// The file, when the batch before has been written.
    async fn take(&mut self) -> Result<Box<DraftFile>, BlobError> {
        // A future that is dropped here loses the draft, which is then given up.
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Idle(file) => Ok(file),
            State::Writing(batch) => batch.await.unwrap_or(Err(BlobError::Lost { id: self.id })),
            State::Lost => Err(BlobError::Lost { id: self.id }),
        }
    }

    /// Takes the next bytes; they are written while the caller gets more.
    pub(in crate::embedded) async fn write(&mut self, pieces: Vec<Bytes>) -> Result<(), BlobError> {
        let mut file = self.take().await?;
        self.state = State::Writing(tokio::task::spawn_blocking(move || {
            file.append_data(&pieces)?;
            Ok(file)
        }));
        Ok(())
    }

    /// Takes the last bytes and puts all of them on stable storage.
    pub(in crate::embedded) async fn finish(
        &mut self,
        pieces: Vec<Bytes>,
        facts: BlobFacts,
    ) -> Result<(), BlobError> {
        let mut file = self.take().await?;
        let file = off_the_runtime(self.id, move || {
            let length = file.written + total(&pieces);
            if length != facts.length {
                return Err(BlobError::Length {
                    id: file.id,
                    written: length,
                    stated: facts.length,
                });
            }
            file.append_data(&pieces)?;
            let table = std::mem::take(&mut file.table).finish();
            file.append(&[write_tail(&facts, &table).into()])?;
            if !file.files.sabotage.leaves_blobs_unflushed() {
                file.flush()?;
            }
            file.stage = Stage::Finished;
            Ok(file)
        })
        .await?;
        self.state = State::Idle(file);
        Ok(())
    }

    /// The catalog answers for the file.
    pub(in crate::embedded) fn keep(&mut self) {
        // What was not finished is nothing that could be kept.
        if let State::Idle(file) = &mut self.state
            && file.stage == Stage::Finished
        {
            file.stage = Stage::Kept;
        }
    }
}

/// A blob's file. Unless it is kept, dropping it hands it to the collector: in the thread that wrote
/// last, if that is where its end came.
#[derive(Debug)]
struct DraftFile {
    id: BlobId,
    files: Arc<Files>,
    file: Option<Arc<dyn DiskFile>>,
    table: BlockTable,
    written: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// Bytes are missing, or are not durable.
    Unfinished,
    /// Durable; an object may point to it soon.
    Finished,
    /// The catalog answers for it.
    Kept,
}

impl DraftFile {
    fn append_data(&mut self, pieces: &[Bytes]) -> Result<(), BlobError> {
        let _room = self.files.room(total(pieces))?;
        self.table.add(pieces);
        self.append(pieces)
    }

    fn append(&mut self, pieces: &[Bytes]) -> Result<(), BlobError> {
        let id = self.id;
        let file = match &mut self.file {
            Some(file) => file,
            missing => {
                let made = self.files.disk.create(&self.files.path(id));
                missing.insert(made.map_err(|source| BlobError::Io {
                    id,
                    what: "created",
                    source,
                })?)
            }
        };
        let mut slices: Vec<IoSlice<'_>> = pieces
            .iter()
            .filter(|piece| !piece.is_empty())
            .map(|piece| IoSlice::new(piece))
            .collect();
        file.write_at(&mut slices, self.written)
            .map_err(|source| BlobError::Io {
                id,
                what: "written",
                source,
            })?;
        self.written += total(pieces);
        Ok(())
    }

    /// Bytes and length of the file, then its name in the folder.
    fn flush(&mut self) -> Result<(), BlobError> {
        let id = self.id;
        let fault = |source| BlobError::Io {
            id,
            what: "flushed",
            source,
        };
        let file = self.file.as_ref().ok_or(BlobError::Lost { id })?;
        file.sync().map_err(fault)?;
        let shard = self.files.shard(shard_of(id));
        self.files.disk.sync_folder(&shard).map_err(fault)
    }
}

impl Drop for DraftFile {
    fn drop(&mut self) {
        let garbage = &self.files.garbage;
        match self.stage {
            Stage::Finished => garbage.give_up(self.id),
            Stage::Unfinished if self.file.is_some() => garbage.add_unfinished(self.id),
            Stage::Kept | Stage::Unfinished => garbage.release(self.id),
        }
    }
}

fn total(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}
