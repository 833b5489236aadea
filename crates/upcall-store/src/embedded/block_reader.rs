//! An open blob as it is read: block by block, each held against its checksum, one block ahead of
//! nobody. What is in memory already is read at once; what a disk has to be asked for, on threads that
//! may wait.

use std::fmt;
use std::future::Future as _;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::blocks::{self, BLOCK_BYTES};
use crate::blobs::{BlobError, BlobId, FileRange, PollPieces};
use crate::disk::DiskFile;

/// Where a blob's bytes are, and what they must be.
pub(super) struct OpenBlob {
    pub(super) id: BlobId,
    /// Stays open, so the bytes stay readable when the blob is given up.
    pub(super) file: Arc<dyn DiskFile>,
    /// Where in the file the first byte is.
    pub(super) base: u64,
    pub(super) length: u64,
    /// The checksums; `None` in a file of format 1, which has none.
    pub(super) table: Option<Vec<u64>>,
    /// Whether all of it was read and right, not long ago, so that it may be sent unread.
    pub(super) is_verified: bool,
    /// Told when every block was read and right.
    pub(super) on_verified: Option<Box<dyn Fn(BlobId) + Send + Sync>>,
}

impl fmt::Debug for OpenBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenBlob")
            .field("id", &self.id)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Reads a range of one blob.
#[derive(Debug)]
pub(super) struct BlockReader {
    blob: Arc<OpenBlob>,
    range: Range<u64>,
    /// The range is all of it.
    is_whole: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    Reading(JoinHandle<Result<Bytes, BlobError>>),
    Done,
}

impl BlockReader {
    /// The range must be in the blob.
    pub(super) fn new(blob: OpenBlob, range: Range<u64>) -> Self {
        Self {
            is_whole: range == (0..blob.length),
            blob: Arc::new(blob),
            range,
            state: State::Idle,
        }
    }

    /// The next piece, on a thread that may wait; `None` after the last.
    pub(super) fn next_blocking(&mut self) -> Option<Result<Bytes, BlobError>> {
        if self.range.is_empty() || matches!(self.state, State::Done) {
            return None;
        }
        let piece = self.next_piece();
        let read = self.blob.read(&piece, Wait::Yes);
        if read.is_err() {
            self.state = State::Done;
        }
        read.transpose()
    }

    /// The next piece, to the end of its block at most, so that blocks are read whole.
    fn next_piece(&mut self) -> Range<u64> {
        let start = self.range.start;
        let end = (start / BLOCK_BYTES + 1) * BLOCK_BYTES;
        let piece = start..end.min(self.range.end);
        self.range.start = piece.end;
        piece
    }

    fn came(&mut self, result: Result<Bytes, BlobError>) -> Poll<Option<Result<Bytes, BlobError>>> {
        if result.is_ok() {
            self.state = State::Idle;
            if self.range.is_empty()
                && self.is_whole
                && let Some(tell) = &self.blob.on_verified
            {
                tell(self.blob.id);
            }
        }
        Poll::Ready(Some(result))
    }
}

impl OpenBlob {
    /// Bytes of one block. `None` if the disk would have to be waited for and may not be.
    fn read(&self, piece: &Range<u64>, wait: Wait) -> Result<Option<Bytes>, BlobError> {
        let first = piece.start / BLOCK_BYTES;
        let block = match &self.table {
            Some(_) => first * BLOCK_BYTES..((first + 1) * BLOCK_BYTES).min(self.length),
            None => piece.clone(),
        };
        let length = usize::try_from(block.end - block.start).expect("a block is small");
        let mut bytes = BytesMut::zeroed(length);
        let offset = self.base + block.start;
        let read = match wait {
            Wait::No => self.file.read_exact_at_now(&mut bytes, offset),
            Wait::Yes => self.file.read_exact_at(&mut bytes, offset).map(|()| true),
        };
        if !read.map_err(|source| read_error(self.id, source))? {
            return Ok(None);
        }
        if let Some(table) = &self.table
            && !blocks::are_right(table, first, &bytes)
        {
            return Err(BlobError::Damaged {
                id: self.id,
                what: NOT_WHAT_WAS_WRITTEN,
            });
        }
        let at = |place: u64| usize::try_from(place - block.start).expect("in the block");
        Ok(Some(bytes.freeze().slice(at(piece.start)..at(piece.end))))
    }
}

#[derive(Clone, Copy)]
enum Wait {
    No,
    Yes,
}

impl PollPieces for BlockReader {
    /// What was verified a while ago is sent as it is: from memory, where the disk's damage does not
    /// come any more, or from a disk whose damage is found within minutes.
    fn as_file(&mut self) -> Option<FileRange> {
        let is_worth_it = self.range.end - self.range.start >= BLOCK_BYTES;
        if !self.blob.is_verified || !is_worth_it || !matches!(self.state, State::Idle) {
            return None;
        }
        let file = self.blob.file.as_file()?;
        self.state = State::Done;
        let base = self.blob.base;
        Some(FileRange {
            file,
            range: base + self.range.start..base + self.range.end,
        })
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BlobError>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Poll::Ready(None),
                State::Idle if self.range.is_empty() => return Poll::Ready(None),
                State::Idle => {
                    let piece = self.next_piece();
                    match self.blob.read(&piece, Wait::No) {
                        Ok(Some(bytes)) => return self.came(Ok(bytes)),
                        Err(error) => return self.came(Err(error)),
                        Ok(None) => {}
                    }
                    let blob = Arc::clone(&self.blob);
                    self.state = State::Reading(tokio::task::spawn_blocking(move || {
                        let bytes = blob.read(&piece, Wait::Yes)?;
                        bytes.ok_or(BlobError::Lost { id: blob.id })
                    }));
                }
                State::Reading(mut piece) => {
                    let Poll::Ready(joined) = Pin::new(&mut piece).poll(cx) else {
                        self.state = State::Reading(piece);
                        return Poll::Pending;
                    };
                    let id = self.blob.id;
                    return self.came(joined.unwrap_or(Err(BlobError::Lost { id })));
                }
            }
        }
    }
}

/// What an error of the disk says of a blob.
pub(super) fn read_error(id: BlobId, source: io::Error) -> BlobError {
    if source.kind() == io::ErrorKind::UnexpectedEof {
        let what = "it is shorter than what was written";
        return BlobError::Damaged { id, what };
    }
    let what = "read";
    BlobError::Io { id, what, source }
}

/// What an error of the disk says when a blob is opened.
pub(super) fn open_error(id: BlobId, source: io::Error) -> BlobError {
    if source.kind() == io::ErrorKind::NotFound {
        return BlobError::Missing { id };
    }
    let what = "opened";
    BlobError::Io { id, what, source }
}

/// The sentence for bytes that are not those of their checksum.
pub(super) const NOT_WHAT_WAS_WRITTEN: &str = "its bytes are not what was written";
