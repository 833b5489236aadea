//! Blobs: large immutable bytes under ids that we choose. The port.

mod error;
mod facts;
mod place;

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use uuid::Uuid;

pub use error::BlobError;
pub(crate) use error::is_out_of_space;
pub use facts::BlobFacts;
pub use place::BlobPlace;
pub(crate) use place::LogPlace;

use crate::BoxFuture;
use crate::catalog::ObjectFacts;

/// Where bytes live. A blob is written once, never changed, and read by range.
///
/// Every engine promises, and the contract suite checks:
///
/// - **Durable.** When [`Catalog::commit_object`](crate::catalog::Catalog::commit_object) returns `Ok`
///   for a finished draft, no crash of process or machine loses its bytes.
/// - **Nothing half.** A blob that was not finished, or not kept, is given up and its space comes back.
/// - **Right or not at all.** What is read is what was written for this very object, or an error.
/// - **Readers finish.** A reader that was opened reads the blob to its end, whoever gives it up.
/// - **Bounded.** Neither writing nor reading holds more than a few pieces in memory.
pub trait Blobs: Send + Sync + 'static {
    /// Begins a blob that will have at least so many bytes, as far as it is known; 0 if it is not.
    ///
    /// # Errors
    /// [`BlobError::NoSpace`] if the disk is as full as it may be.
    fn begin(&self, at_least: u64) -> BoxFuture<'_, Result<Draft, BlobError>>;

    /// Opens the blob of an object, as the catalog gave it, for reading these of its bytes.
    ///
    /// # Errors
    /// [`BlobError::Missing`] if it is not there (an object that was overwritten, or whose bytes were
    /// moved, since it was looked up: look it up again); [`BlobError::Damaged`] if it is not what was
    /// written, as far as that can be seen before its bytes are read, or `range` asks for more.
    fn read<'a>(
        &'a self,
        object: &'a ObjectFacts,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<BlobReader, BlobError>>;

    /// What the blob of an object says of itself.
    ///
    /// # Errors
    /// [`BlobError::Missing`] if it is not there, [`BlobError::Damaged`] if its record is broken.
    fn facts<'a>(&'a self, object: &'a ObjectFacts) -> BoxFuture<'a, Result<BlobFacts, BlobError>>;

    /// Tells that this object was replaced or deleted; never waits. Its blob is removed, after the
    /// catalog was asked: one that an object points to stays.
    fn give_up(&self, object: &ObjectFacts);
}

/// The id of a blob, chosen by us: ordered by time.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BlobId(Uuid);

impl BlobId {
    /// A new id.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id that these bytes are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Reads 32 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text)
            .ok()
            .filter(|_| text.len() == 32)
            .map(Self)
    }

    /// As bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl Default for BlobId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// What an engine does for a [`Draft`]. Dropping it without [`keep`](Self::keep) gives the bytes up.
pub trait BlobWriter: Send + Sync {
    /// Takes the next bytes; may return before they are written.
    fn write(&mut self, pieces: Vec<Bytes>) -> BoxFuture<'_, Result<(), BlobError>>;

    /// Takes the last bytes; all of them, with their facts, are durable when the object is committed.
    fn finish(
        &mut self,
        pieces: Vec<Bytes>,
        facts: BlobFacts,
    ) -> BoxFuture<'_, Result<(), BlobError>>;

    /// The catalog answers for the bytes from now on.
    fn keep(&mut self);
}

/// Bytes on their way into the store. Unless [`keep`](Self::keep) is reached, they are given up.
pub struct Draft {
    id: BlobId,
    writer: Box<dyn BlobWriter>,
}

impl Draft {
    /// A draft of an engine.
    pub fn new(id: BlobId, writer: Box<dyn BlobWriter>) -> Self {
        Self { id, writer }
    }

    /// The id that the blob will have.
    pub const fn id(&self) -> BlobId {
        self.id
    }

    /// Takes the next bytes, in one batch. Waits for the batch before it, so that two are held at
    /// most.
    ///
    /// # Errors
    /// The disk's; the draft is lost then.
    pub async fn write(&mut self, pieces: Vec<Bytes>) -> Result<(), BlobError> {
        self.writer.write(pieces).await
    }

    /// Takes the last bytes. They are durable at the latest when the object that points to them is
    /// committed; until then nobody may count on them.
    ///
    /// # Errors
    /// The disk's; the draft is lost then.
    pub async fn finish(&mut self, pieces: Vec<Bytes>, facts: BlobFacts) -> Result<(), BlobError> {
        self.writer.finish(pieces, facts).await
    }

    /// The draft becomes a blob; from here on the catalog answers for it.
    pub fn keep(mut self) {
        self.writer.keep();
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What an engine does for a [`BlobReader`].
pub trait PollPieces: Send + Sync {
    /// The next piece; `None` after the last.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BlobError>>>;

    /// All bytes that are still to come, as a range of a file that the engine has checked as far as
    /// it checks at all; after it there are no more pieces. `None` if they come as pieces only.
    ///
    /// Whoever asks has the system send them, which looks at the file's pages again when it sends
    /// them a second time. So these bytes of the file are never written again, not even when the
    /// blob is given up and nobody holds the file any more.
    fn as_file(&mut self) -> Option<FileRange> {
        None
    }
}

/// Bytes of an open file.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The file; it stays readable when it is removed.
    pub file: Arc<File>,
    /// Which of its bytes.
    pub range: Range<u64>,
}

/// An open blob, as its bytes come.
pub struct BlobReader(Box<dyn PollPieces>);

impl BlobReader {
    /// A reader of an engine.
    pub fn new(pieces: Box<dyn PollPieces>) -> Self {
        Self(pieces)
    }

    /// The next piece; `None` after the last. After an error there is nothing more.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BlobError>>> {
        self.0.poll_next(cx)
    }

    /// All bytes that are still to come, if they are a range of a file that the system may send by
    /// itself; after it there are no more pieces.
    pub fn as_file(&mut self) -> Option<FileRange> {
        self.0.as_file()
    }

    /// The next piece, for whoever can wait.
    pub async fn next(&mut self) -> Option<Result<Bytes, BlobError>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobReader")
    }
}
