//! What the embedded engine does about owed calls, apart from writing them.

use std::sync::Arc;

use jiff::Timestamp;

use super::index::owed;
use super::log_reader::{LogBytes, Wait, open_bytes, open_owed};
use super::owed::OwedRecord;
use super::ports::EmbeddedPorts;
use super::recent_owed::KnownUpload;
use super::staging::Staged;
use super::{Engine, stored};
use crate::blobs::{BlobError, BlobId};
use crate::catalog::{
    CatalogError, EngineFault, HeldObject, KeptAnswer, ObjectFacts, OwedFacts, OwedQuery, RecallBy,
    Recalled, Writer,
};

/// An owed call as its record says it.
pub(super) struct ReadCall {
    pub(super) record: OwedRecord,
    pub(super) held: Option<HeldObject>,
    /// The bytes of what is held, if they are in the log.
    staged: Option<Arc<Staged>>,
}

impl EmbeddedPorts {
    pub(super) async fn publish(
        &self,
        id: BlobId,
        writer: Writer,
        kept: Option<KeptAnswer>,
    ) -> Result<(ObjectFacts, Option<ObjectFacts>), CatalogError> {
        let read = self.read_call(id).await?.ok_or(CatalogError::NotOwed)?;
        let held = read.held.ok_or(CatalogError::NotOwed)?;
        let object = held.object.clone();
        let committer = &self.0.committer;
        let replaced = committer.publish(held, writer, read.staged, kept).await?;
        Ok((object, replaced))
    }

    pub(super) async fn settle(
        &self,
        id: BlobId,
        kept: Option<KeptAnswer>,
    ) -> Result<bool, CatalogError> {
        let was_owed = self.0.committer.settle(id, kept).await?;
        if was_owed {
            // If it was held, and has a file, nobody wants that any more; the catalog is asked.
            self.0.files.garbage.give_up(id);
        }
        Ok(was_owed)
    }

    pub(super) async fn list_owed(&self, query: OwedQuery) -> Result<Vec<OwedFacts>, CatalogError> {
        let engine = Arc::clone(&self.0);
        let listing = tokio::task::spawn_blocking(move || {
            engine.recent.drain()?;
            let rows = engine
                .index
                .read(|connection| owed::list(connection, &query))?;
            Ok(rows.into_iter().map(|row| row.facts).collect())
        });
        listing.await.unwrap_or(Err(CatalogError::Closed))
    }

    pub(super) async fn recall_upload(
        &self,
        by: RecallBy<'_>,
    ) -> Result<Option<Recalled>, CatalogError> {
        // This first and the index second: what is forgotten here in between is there.
        match self.0.recent.recall(by) {
            KnownUpload::Nothing => {}
            KnownUpload::NotKept => return Ok(None),
            KnownUpload::Kept(recalled) => return Ok(Some(recalled)),
        }
        let (is_idempotency, name) = match by {
            RecallBy::Idempotency(name) => (true, name.to_owned()),
            RecallBy::RequestId(name) => (false, name.to_owned()),
        };
        let read = self.0.index.read_off_the_runtime(move |connection| {
            let by = if is_idempotency {
                RecallBy::Idempotency(&name)
            } else {
                RecallBy::RequestId(&name)
            };
            owed::recall(connection, by, Timestamp::now())
        });
        read.await
    }

    pub(super) async fn read_call(&self, id: BlobId) -> Result<Option<ReadCall>, CatalogError> {
        let engine = Arc::clone(&self.0);
        let reading = tokio::task::spawn_blocking(move || engine.read_call_blocking(id));
        reading.await.unwrap_or(Err(CatalogError::Closed))
    }
}

impl Engine {
    fn read_call_blocking(&self, id: BlobId) -> Result<Option<ReadCall>, CatalogError> {
        let mut moved = None;
        for _ in 0..LOOKS {
            let Some(row) = self.find_call_blocking(id)? else {
                return Ok(None);
            };
            let open = match open_owed(&self.segments, &row) {
                Ok(open) => open,
                // It is written again elsewhere, and its segment is gone.
                Err(error @ BlobError::Missing { .. }) => {
                    moved = Some(error);
                    continue;
                }
                Err(error) => return Err(unreadable(error)),
            };
            let record = OwedRecord::decode(id, open.meta());
            let record = record.ok_or_else(|| {
                CatalogError::Corrupt(format!("the record of the owed call {id}"))
            })?;
            let held = record.held_object(&row);
            let staged = match &held {
                Some(held) => match self.staged_again(&held.object, open.table()) {
                    Ok(staged) => staged,
                    Err(error @ BlobError::Missing { .. }) => {
                        moved = Some(error);
                        continue;
                    }
                    Err(error) => return Err(unreadable(error)),
                },
                None => None,
            };
            return Ok(Some(ReadCall {
                record,
                held,
                staged: staged.map(Arc::new),
            }));
        }
        Err(unreadable(moved.unwrap_or(BlobError::Lost { id })))
    }

    /// The bytes of a held object, if they are in the log, to be written with its commit. Blocks.
    fn staged_again(
        &self,
        object: &ObjectFacts,
        table: Vec<u64>,
    ) -> Result<Option<Staged>, BlobError> {
        let Some(place) = object.place.0.filter(|place| !place.in_file) else {
            return Ok(None);
        };
        let opened = open_bytes(&self.segments, object, place, 0..object.length, Wait::Yes)?;
        let pieces = match opened.ok_or(BlobError::Lost { id: object.blob })? {
            LogBytes::Whole(bytes) => vec![bytes],
            LogBytes::Blocks(mut reader) => {
                let mut pieces = Vec::new();
                while let Some(piece) = reader.next_blocking() {
                    pieces.push(piece?);
                }
                pieces
            }
        };
        Ok(Some(Staged {
            pieces,
            table,
            facts: stored::facts_of(object),
            _room: None,
        }))
    }
}

/// What is damaged or gone stays so; anything else may go better another time.
fn unreadable(error: BlobError) -> CatalogError {
    match error {
        BlobError::Damaged { .. } | BlobError::Missing { .. } | BlobError::Lost { .. } => {
            CatalogError::Corrupt(format!("an owed call: {error}"))
        }
        other @ (BlobError::Closed
        | BlobError::Io { .. }
        | BlobError::Length { .. }
        | BlobError::NoSpace { .. }) => CatalogError::Engine(EngineFault::new(other, false)),
    }
}

/// How often a record is looked for that is moved each time.
const LOOKS: usize = 5;
