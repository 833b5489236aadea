//! An upload on its way in: in memory while it is small, then in a file of its own.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::OwnedSemaphorePermit;

use super::Engine;
use super::blocks::BlockTable;
use super::files::FileWriter;
use super::staging::Staged;
use crate::BoxFuture;
use crate::blobs::{BlobError, BlobFacts, BlobId, BlobWriter};

/// Writes one blob.
pub(super) struct EmbeddedWriter {
    id: BlobId,
    engine: Arc<Engine>,
    state: State,
}

enum State {
    /// Small so far.
    Memory(Buffer),
    /// In a file of its own.
    File(Box<FileWriter>),
    /// Finished, and small: the commit writes it.
    Staged,
    /// Something went wrong.
    Lost,
}

/// Bytes in memory, with the room that they take.
#[derive(Default)]
struct Buffer {
    pieces: Vec<Bytes>,
    bytes: u64,
    room: Option<OwnedSemaphorePermit>,
}

impl EmbeddedWriter {
    /// One that is known to become large is a file from the start, and is never held in memory.
    pub(super) fn new(id: BlobId, engine: Arc<Engine>, at_least: u64) -> Result<Self, BlobError> {
        let state = if at_least > engine.small_bytes {
            State::File(Box::new(FileWriter::new(id, Arc::clone(&engine.files))?))
        } else {
            State::Memory(Buffer::default())
        };
        Ok(Self { id, engine, state })
    }

    async fn take(&mut self, pieces: Vec<Bytes>) -> Result<(), BlobError> {
        let buffer = match &mut self.state {
            State::File(file) => return file.write(pieces).await,
            State::Memory(buffer) => buffer,
            State::Staged | State::Lost => return Err(BlobError::Lost { id: self.id }),
        };
        if buffer.take(&self.engine, &pieces) {
            return Ok(());
        }
        // What is held goes first; a future that is dropped here loses the draft.
        let State::Memory(Buffer {
            pieces: mut held, ..
        }) = std::mem::replace(&mut self.state, State::Lost)
        else {
            return Err(BlobError::Lost { id: self.id });
        };
        let mut file = FileWriter::new(self.id, Arc::clone(&self.engine.files))?;
        held.extend(pieces);
        file.write(held).await?;
        self.state = State::File(Box::new(file));
        Ok(())
    }
}

impl Buffer {
    /// Takes more bytes, if it may hold them.
    fn take(&mut self, engine: &Engine, pieces: &[Bytes]) -> bool {
        let more: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        if self.bytes + more > engine.small_bytes {
            return false;
        }
        let Some(room) = usize::try_from(more)
            .ok()
            .and_then(|more| engine.staging.room(more))
        else {
            return false;
        };
        match &mut self.room {
            Some(held) => held.merge(room),
            None => self.room = Some(room),
        }
        self.bytes += more;
        if more <= COPIED_BYTES {
            // A slice keeps all of the read buffer that it was cut from.
            let mut copy = BytesMut::with_capacity(usize::try_from(more).unwrap_or_default());
            for piece in pieces {
                copy.extend_from_slice(piece);
            }
            self.pieces.push(copy.freeze());
        } else {
            self.pieces.extend(pieces.iter().cloned());
        }
        true
    }
}

impl BlobWriter for EmbeddedWriter {
    fn write(&mut self, pieces: Vec<Bytes>) -> BoxFuture<'_, Result<(), BlobError>> {
        Box::pin(self.take(pieces))
    }

    fn finish(
        &mut self,
        pieces: Vec<Bytes>,
        facts: BlobFacts,
    ) -> BoxFuture<'_, Result<(), BlobError>> {
        Box::pin(async move {
            if let State::File(file) = &mut self.state {
                return file.finish(pieces, facts).await;
            }
            self.take(pieces).await?;
            if let State::File(file) = &mut self.state {
                return file.finish(Vec::new(), facts).await;
            }
            let State::Memory(buffer) = std::mem::replace(&mut self.state, State::Lost) else {
                return Err(BlobError::Lost { id: self.id });
            };
            if buffer.bytes != facts.length {
                return Err(BlobError::Length {
                    id: self.id,
                    written: buffer.bytes,
                    stated: facts.length,
                });
            }
            let mut table = BlockTable::default();
            table.add(&buffer.pieces);
            let staged = Staged {
                table: table.finish(),
                pieces: buffer.pieces,
                facts,
                _room: buffer.room,
            };
            self.engine.staging.put(self.id, staged);
            self.state = State::Staged;
            Ok(())
        })
    }

    fn keep(&mut self) {
        if let State::File(file) = &mut self.state {
            file.keep();
        }
    }
}

impl Drop for EmbeddedWriter {
    fn drop(&mut self) {
        // A commit that is under way has its own hold on the bytes.
        if matches!(self.state, State::Staged) {
            self.engine.staging.remove(self.id);
        }
    }
}

/// Batches up to this size are copied: it is cheaper than what their slices would keep in memory.
const COPIED_BYTES: u64 = 16 * 1024;
