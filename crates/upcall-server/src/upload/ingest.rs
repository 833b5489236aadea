//! Ingest: one pass over the file's bytes, to the blob store.
//!
//! In: an [`Admitted`] and its file. Out: [`Ingested`]: a durable draft, and what was learnt of its
//! bytes. On any error the draft is dropped, which gives its bytes up; nothing was visible.
//!
//! Each batch goes to the hasher and to the disk at the same time, while the next one fills. Memory
//! per upload: [`limits::MOST_BATCH_BYTES`] says; none of it depends on the file's size.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use upcall::callback::ImageInfo;
use upcall::error::{Refusal, WireError};
use upcall::form::FormError;
use upcall::policy::PolicyError;
use upcall_image::ImageReader;
use upcall_store::blobs::{BlobError, Draft};

use super::admit::Admitted;
use super::form::CallFacts;
use super::hasher::HasherGone;
use super::image::image_info;
use crate::http::framing::RETRY_AFTER_SECONDS;
use crate::http::peers::Peer;
use crate::limits;
use crate::memory::Charge;
use crate::node::Server;

/// Where a file's bytes come from.
pub(crate) trait FileSource: Send {
    /// The next bytes; `None` after the last, when everything that belongs to the file has come.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, IngestError>> + Send;
}

/// A file whose bytes are durable, not yet an object.
#[derive(Debug)]
pub(crate) struct Ingested {
    pub(crate) draft: Draft,
    pub(crate) length: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) crc64: u64,
    pub(crate) image: Option<ImageInfo>,
}

/// Reads the whole file.
pub(crate) async fn ingest(
    server: &Server,
    admitted: &Admitted,
    mut file: impl FileSource,
) -> Result<Ingested, Refusal> {
    let id = admitted.call.id;
    let fault = |error: BlobError| crate::fault::of_blobs(&error, id);
    let gone = |error: HasherGone| crate::fault::of_hasher(&error, id);
    let mut draft = server.blobs.begin(admitted.at_least).await.map_err(fault)?;
    let mut hashing = server.hasher.begin();
    let share = server.ingests.begin();
    let mut memory = BatchMemory::new(server, &admitted.call);
    let mut image = ImageReader::default();
    let mut length = 0;
    let mut batch = Batch::default();
    let mut is_long = false;
    while let Some(bytes) = file.next().await.map_err(|error| error.refusal())? {
        length += bytes.len() as u64;
        admitted
            .check_not_too_long(length)
            .map_err(|error| error.refusal())?;
        image.feed(&bytes);
        if let Some(full) = batch.push(bytes, memory.batch_bytes(length, share.batch_bytes(length)))
        {
            is_long = true;
            hashing.add(full.clone()).await.map_err(gone)?;
            draft.write(full).await.map_err(fault)?;
        }
    }
    let mut last = batch.pieces;
    let digests = if is_long {
        // Written while it is hashed; a short file saves itself the way to the disk's thread.
        draft.write(last.clone()).await.map_err(fault)?;
        hashing.finish(&std::mem::take(&mut last)).await
    } else {
        hashing.finish(&last).await
    };
    let (md5, crc64) = digests.map_err(gone)?.finish();
    admitted
        .check_complete(length, &md5, server.clock.now())
        .map_err(|error| error.refusal())?;
    let facts = admitted.blob_facts(length, md5, crc64, server.clock.now());
    draft.finish(last, facts).await.map_err(fault)?;
    Ok(Ingested {
        draft,
        length,
        md5,
        crc64,
        image: image
            .finish()
            .and_then(|facts| image_info(facts, server.limits.form.strictness)),
    })
}

/// Counts the uploads whose files are coming in.
#[derive(Debug, Default)]
pub(crate) struct Ingests(AtomicUsize);

impl Ingests {
    fn begin(&self) -> Share<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Share(&self.0)
    }
}

/// One of them.
struct Share<'i>(&'i AtomicUsize);

impl Share<'_> {
    /// How large its batches may be now, when so many bytes of its file have come: small at first, so
    /// that hashing and writing begin early, for what may not be long.
    fn batch_bytes(&self, came: u64) -> usize {
        let uploads = self.0.load(Ordering::Relaxed).max(1);
        let share = limits::ALL_BATCHES_BYTES / uploads;
        let share = share.clamp(limits::LEAST_BATCH_BYTES, limits::MOST_BATCH_BYTES);
        let quarter = usize::try_from(came / 4).unwrap_or(usize::MAX);
        share.min(quarter.max(limits::LEAST_BATCH_BYTES))
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the batches of one upload take of the memory of all requests.
struct BatchMemory<'c> {
    charge: Charge,
    call: &'c CallFacts,
    /// How large a batch may be.
    counted: usize,
    /// How much of the file has to have come before more is asked for.
    asks_from: u64,
}

impl<'c> BatchMemory<'c> {
    fn new(server: &Server, call: &'c CallFacts) -> Self {
        Self {
            charge: server.memory.open(Peer::of(call.peer.ip())),
            call,
            counted: limits::LEAN_BATCH_BYTES,
            asks_from: limits::LEAN_BATCH_BYTES as u64,
        }
    }

    /// How large a batch may be now, when so many bytes have come, if it should be so large. Three of
    /// them are held at a time, each up to a read buffer longer. Without memory for that it stays
    /// small, and the upload goes on.
    fn batch_bytes(&mut self, came: u64, wanted: usize) -> usize {
        if wanted <= self.counted || came < self.asks_from {
            return wanted.min(self.counted);
        }
        let held = 3 * (wanted + limits::READ_BUFFER_BYTES);
        if self.charge.grow_to(held).is_ok() {
            self.counted = wanted;
            self.call.exchange.widen();
        } else {
            self.asks_from = came + limits::MOST_BATCH_BYTES as u64;
        }
        self.counted
    }
}

/// Pieces on their way to the disk.
#[derive(Default)]
struct Batch {
    pieces: Vec<Bytes>,
    bytes: usize,
}

impl Batch {
    /// Takes a piece; gives all of them back when there are enough for a write.
    fn push(&mut self, bytes: Bytes, enough: usize) -> Option<Vec<Bytes>> {
        self.bytes += bytes.len();
        self.pieces.push(bytes);
        if self.bytes < enough && self.pieces.len() < limits::WRITE_BATCH_PIECES {
            return None;
        }
        self.bytes = 0;
        Some(std::mem::take(&mut self.pieces))
    }
}

/// Why a file did not become durable, as far as it is the client's doing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    #[error("the forms that are under way take all the memory that forms may take")]
    Busy,
    #[error("the digest of the body is not the one that was announced")]
    DigestMismatch,
    #[error("the form is broken")]
    Form(#[source] FormError),
    #[error("the client went away or was too slow")]
    Gone(#[source] hyper::Error),
    #[error("the policy does not hold for what came")]
    Policy(#[source] PolicyError),
    #[error("the file has more than {most} bytes")]
    TooLarge { most: u64 },
}

impl IngestError {
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::Busy => Refusal::new(WireError::SERVICE_UNAVAILABLE)
                .extra("RetryAfterSeconds", RETRY_AFTER_SECONDS)
                .hint("many forms with very long fields are on their way; try again in a moment"),
            Self::DigestMismatch => Refusal::new(WireError::INVALID_DIGEST).hint(
                "the bytes that arrived have another MD5 than `Content-MD5` says; send them again",
            ),
            Self::Form(error) => error.refusal(),
            Self::Gone(_) => Refusal::new(WireError::REQUEST_TIMEOUT)
                .hint("the body broke off, or came too slowly; send it again"),
            Self::Policy(error) => error.refusal(),
            Self::TooLarge { most } => Refusal::new(WireError::ENTITY_TOO_LARGE)
                .hint(format!("one upload has at most {most} bytes")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_uploads_there_are_the_smaller_is_a_batch() {
        let ingests = Ingests::default();
        let first = ingests.begin();
        assert_eq!(first.batch_bytes(0), limits::LEAST_BATCH_BYTES);
        assert_eq!(first.batch_bytes(1024 * 1024), 256 * 1024);
        let long = 1024 * 1024 * 1024;
        assert_eq!(first.batch_bytes(long), limits::MOST_BATCH_BYTES);
        let others: Vec<_> = (1..16).map(|_| ingests.begin()).collect();
        assert_eq!(first.batch_bytes(long), 512 * 1024);
        let more: Vec<_> = (16..1000).map(|_| ingests.begin()).collect();
        assert_eq!(first.batch_bytes(long), limits::LEAST_BATCH_BYTES);
        drop((others, more));
        assert_eq!(first.batch_bytes(long), limits::MOST_BATCH_BYTES);
    }

    #[test]
    fn a_batch_of_tiny_pieces_does_not_grow_without_bound() {
        let mut batch = Batch::default();
        let pieces = (0..10_000)
            .filter_map(|_| batch.push(Bytes::from_static(b"x"), limits::LEAST_BATCH_BYTES));
        let sizes: Vec<usize> = pieces.map(|full| full.len()).collect();
        assert_eq!(sizes, [limits::WRITE_BATCH_PIECES; 9]);
        assert!(batch.pieces.len() < limits::WRITE_BATCH_PIECES);
    }
}
