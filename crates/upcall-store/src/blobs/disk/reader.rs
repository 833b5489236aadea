//! An open blob as it is read: piece by piece, on threads that may wait, one piece ahead of nobody.

use std::fs::File;
use std::future::Future as _;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::format::Trailer;
use crate::blobs::{BlobError, BlobId, PollPieces};

/// Reads a range of one blob. The file stays open, so the bytes stay readable when the blob is
/// given up.
#[derive(Debug)]
pub(super) struct DiskReader {
    id: BlobId,
    range: Range<u64>,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle(File),
    Reading(JoinHandle<(File, io::Result<Bytes>)>),
    Done,
}

impl DiskReader {
    pub(super) fn open(path: &Path, id: BlobId, range: Range<u64>) -> Result<Self, BlobError> {
        let file = open(path, id)?;
        if Trailer::read(&file, id)?.length < range.end {
            let what = "it is shorter than its object";
            return Err(BlobError::Damaged { id, what });
        }
        Ok(Self {
            id,
            range,
            state: State::Idle(file),
        })
    }

    fn begin_piece(&mut self, file: File) -> JoinHandle<(File, io::Result<Bytes>)> {
        let start = self.range.start;
        let length = (self.range.end - start).min(PIECE_BYTES);
        self.range.start += length;
        tokio::task::spawn_blocking(move || {
            let length = usize::try_from(length).expect("a piece is small");
            let mut piece = BytesMut::zeroed(length);
            let result = file
                .read_exact_at(&mut piece, start)
                .map(|()| piece.freeze());
            (file, result)
        })
    }
}

impl PollPieces for DiskReader {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BlobError>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Poll::Ready(None),
                State::Idle(_) if self.range.is_empty() => return Poll::Ready(None),
                State::Idle(file) => self.state = State::Reading(self.begin_piece(file)),
                State::Reading(mut piece) => {
                    let Poll::Ready(joined) = Pin::new(&mut piece).poll(cx) else {
                        self.state = State::Reading(piece);
                        return Poll::Pending;
                    };
                    let id = self.id;
                    let result = match joined {
                        Ok((file, Ok(bytes))) => {
                            self.state = State::Idle(file);
                            Ok(bytes)
                        }
                        Ok((_, Err(source))) if source.kind() == io::ErrorKind::UnexpectedEof => {
                            let what = "it became shorter while it was read";
                            Err(BlobError::Damaged { id, what })
                        }
                        Ok((_, Err(source))) => Err(BlobError::Io {
                            id,
                            what: "read",
                            source,
                        }),
                        Err(_) => Err(BlobError::Lost { id }),
                    };
                    return Poll::Ready(Some(result));
                }
            }
        }
    }
}

pub(super) fn open(path: &Path, id: BlobId) -> Result<File, BlobError> {
    File::open(path).map_err(|source| {
        if source.kind() == io::ErrorKind::NotFound {
            BlobError::Missing { id }
        } else {
            BlobError::Io {
                id,
                what: "opened",
                source,
            }
        }
    })
}

/// Bytes of one piece: large enough that a thread hop per piece is little, small enough that
/// thousands of slow readers fit into memory.
const PIECE_BYTES: u64 = 256 * 1024;
