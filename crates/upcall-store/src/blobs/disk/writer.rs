//! A blob as it is written: batches on threads that may wait, one at a time, the next one filling
//! meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::format::write_facts;
use super::{Shared, off_the_runtime, shard_of};
use crate::BoxFuture;
use crate::blobs::{BlobError, BlobFacts, BlobId, BlobWriter};

/// Writes one blob.
#[derive(Debug)]
pub(crate) struct DiskWriter {
    id: BlobId,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nobody writes; the file is here.
    Idle(DraftFile),
    /// A batch is being written; the file comes back with it.
    Writing(JoinHandle<Result<DraftFile, BlobError>>),
    /// A batch failed, or its future was dropped; the file has given itself up.
    Lost,
}

impl DiskWriter {
    /// # Errors
    /// [`BlobError::Closed`].
    pub(super) fn new(id: BlobId, shared: Arc<Shared>) -> Result<Self, BlobError> {
        shared.garbage.hold(id)?;
        Ok(Self {
            id,
            state: State::Idle(DraftFile {
                id,
                shared,
                file: None,
                written: 0,
                stage: Stage::Unfinished,
            }),
        })
    }

    /// The file, when the batch before has been written.
    async fn take(&mut self) -> Result<DraftFile, BlobError> {
        // A future that is dropped here loses the draft, which is then given up.
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Idle(file) => Ok(file),
            State::Writing(batch) => batch.await.unwrap_or(Err(BlobError::Lost { id: self.id })),
            State::Lost => Err(BlobError::Lost { id: self.id }),
        }
    }
}

impl BlobWriter for DiskWriter {
    fn write(&mut self, pieces: Vec<Bytes>) -> BoxFuture<'_, Result<(), BlobError>> {
        Box::pin(async move {
            let mut file = self.take().await?;
            self.state = State::Writing(tokio::task::spawn_blocking(move || {
                file.append(&pieces)?;
                Ok(file)
            }));
            Ok(())
        })
    }

    fn finish(
        &mut self,
        mut pieces: Vec<Bytes>,
        facts: BlobFacts,
    ) -> BoxFuture<'_, Result<(), BlobError>> {
        Box::pin(async move {
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
                pieces.push(write_facts(&facts).into());
                file.append(&pieces)?;
                file.flush()?;
                file.stage = Stage::Finished;
                Ok(file)
            })
            .await?;
            self.state = State::Idle(file);
            Ok(())
        })
    }

    fn keep(&mut self) {
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
    shared: Arc<Shared>,
    file: Option<File>,
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
    fn append(&mut self, pieces: &[Bytes]) -> Result<(), BlobError> {
        let id = self.id;
        let file = match &mut self.file {
            Some(file) => file,
            missing => {
                let file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(self.shared.path(id))
                    .map_err(|source| BlobError::Io {
                        id,
                        what: "created",
                        source,
                    })?;
                missing.insert(file)
            }
        };
        write_all(file, pieces).map_err(|source| BlobError::Io {
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
        file.sync_data().map_err(fault)?;
        File::open(self.shared.shard(shard_of(id)))
            .and_then(|folder| folder.sync_all())
            .map_err(fault)
    }
}

impl Drop for DraftFile {
    fn drop(&mut self) {
        let garbage = &self.shared.garbage;
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

/// Every byte of every piece, in as few calls as the system allows.
fn write_all(file: &mut File, pieces: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = pieces
        .iter()
        .filter(|piece| !piece.is_empty())
        .map(|piece| IoSlice::new(piece))
        .collect();
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut rest, count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
