//! The two ports, as the embedded engine serves them.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName, ObjectKey};

use super::Engine;
use super::block_reader::BlockReader;
use super::draft::EmbeddedWriter;
use super::files::off_the_runtime;
use super::index::{Index, SettingsChange};
use super::log_reader::{LogBytes, Wait, open_bytes, open_record};
use super::recent::Known;
use super::stored;
use crate::BoxFuture;
use crate::blobs::{BlobError, BlobFacts, BlobId, BlobReader, Blobs, Draft, PollPieces};
use crate::catalog::{
    AccessKeyFacts, BucketAcl, BucketFacts, BucketSignatures, CallProgress, CallbackSettings,
    Catalog, CatalogError, Cors, FormRules, KeptAnswer, ListObjects, ObjectFacts, ObjectPage,
    OwedCall, OwedFacts, OwedQuery, OwedRecord, Precondition, RecallBy, Recalled, Writer,
};

/// Both ports.
#[derive(Debug)]
pub(super) struct EmbeddedPorts(pub(super) Arc<Engine>);

impl EmbeddedPorts {
    async fn change_bucket(
        &self,
        name: &BucketName,
        writer: &Writer,
        change: impl FnOnce(&mut BucketFacts) + Send + 'static,
    ) -> Result<(), CatalogError> {
        let name = name.clone();
        self.0
            .committer
            .change_settings(writer.clone(), move |tables| {
                let mut facts = tables.bucket(&name)?.ok_or(CatalogError::NoSuchBucket)?;
                change(&mut facts);
                tables.put_bucket(&facts)?;
                Ok((SettingsChange::Bucket(facts), ()))
            })
            .await
    }
}

impl Catalog for EmbeddedPorts {
    fn create_bucket<'a>(
        &'a self,
        bucket: &'a BucketFacts,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let facts = bucket.clone();
        let committer = &self.0.committer;
        Box::pin(committer.change_settings(writer.clone(), move |tables| {
            if tables.bucket(&facts.name)?.is_some() {
                return Err(CatalogError::BucketExists);
            }
            tables.put_bucket(&facts)?;
            Ok((SettingsChange::Bucket(facts), ()))
        }))
    }

    fn bucket<'a>(
        &'a self,
        name: &'a BucketName,
    ) -> BoxFuture<'a, Result<Option<Arc<BucketFacts>>, CatalogError>> {
        Box::pin(async { Ok(self.0.index.settings().bucket(name)) })
    }

    fn buckets(&self) -> BoxFuture<'_, Result<Vec<Arc<BucketFacts>>, CatalogError>> {
        Box::pin(async { Ok(self.0.index.settings().buckets()) })
    }

    fn set_bucket_acl<'a>(
        &'a self,
        name: &'a BucketName,
        acl: BucketAcl,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        Box::pin(self.change_bucket(name, writer, move |facts| facts.acl = acl))
    }

    fn set_bucket_cors<'a>(
        &'a self,
        name: &'a BucketName,
        cors: Option<&'a Cors>,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let cors = cors.cloned();
        Box::pin(self.change_bucket(name, writer, move |facts| facts.cors = cors))
    }

    fn set_bucket_callback<'a>(
        &'a self,
        name: &'a BucketName,
        callback: &'a CallbackSettings,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let callback = callback.clone();
        Box::pin(self.change_bucket(name, writer, move |facts| {
            facts.callback = CallbackSettings {
                signatures: facts.callback.signatures,
                ..callback
            };
        }))
    }

    fn set_bucket_signatures<'a>(
        &'a self,
        name: &'a BucketName,
        signatures: Option<BucketSignatures>,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        Box::pin(self.change_bucket(name, writer, move |facts| {
            facts.callback.signatures = signatures;
        }))
    }

    fn set_bucket_forms<'a>(
        &'a self,
        name: &'a BucketName,
        forms: &'a FormRules,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let forms = forms.clone();
        Box::pin(self.change_bucket(name, writer, move |facts| facts.forms = forms))
    }

    fn delete_bucket<'a>(
        &'a self,
        name: &'a BucketName,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let name = name.clone();
        let committer = &self.0.committer;
        Box::pin(committer.change_settings(writer.clone(), move |tables| {
            tables.delete_bucket(&name)?;
            Ok((SettingsChange::NoBucket(name), ()))
        }))
    }

    fn commit_object<'a>(
        &'a self,
        object: &'a ObjectFacts,
        precondition: &'a Precondition,
        owed: Option<&'a OwedCall>,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, CatalogError>> {
        Box::pin(async move {
            let staged = self.0.staging.find(object.blob);
            self.0
                .committer
                .commit(object.clone(), precondition.clone(), staged, owed.cloned())
                .await
        })
    }

    fn hold_object<'a>(
        &'a self,
        object: &'a ObjectFacts,
        precondition: &'a Precondition,
        owed: &'a OwedCall,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        Box::pin(async move {
            let staged = self.0.staging.find(object.blob);
            self.0
                .committer
                .hold(object.clone(), precondition.clone(), staged, owed.clone())
                .await
        })
    }

    fn publish_object<'a>(
        &'a self,
        id: BlobId,
        writer: &'a Writer,
        kept: Option<KeptAnswer>,
    ) -> BoxFuture<'a, Result<(ObjectFacts, Option<ObjectFacts>), CatalogError>> {
        Box::pin(self.publish(id, writer.clone(), kept))
    }

    fn settle_call(
        &self,
        id: BlobId,
        kept: Option<KeptAnswer>,
    ) -> BoxFuture<'_, Result<bool, CatalogError>> {
        Box::pin(self.settle(id, kept))
    }

    fn owed_calls(&self, query: OwedQuery) -> BoxFuture<'_, Result<Vec<OwedFacts>, CatalogError>> {
        Box::pin(self.list_owed(query))
    }

    fn owed_call(&self, id: BlobId) -> BoxFuture<'_, Result<Option<OwedRecord>, CatalogError>> {
        Box::pin(async move {
            let read = self.read_call(id).await?;
            Ok(read.map(|read| OwedRecord {
                call: read.record.call,
                held: read.held,
            }))
        })
    }

    fn note_calls(
        &self,
        progress: Vec<(BlobId, CallProgress)>,
    ) -> BoxFuture<'_, Result<(), CatalogError>> {
        let work = move |index: &Index| index.note_calls(&progress);
        Box::pin(self.0.committer.alone(work))
    }

    fn recall<'a>(
        &'a self,
        by: RecallBy<'a>,
    ) -> BoxFuture<'a, Result<Option<Recalled>, CatalogError>> {
        Box::pin(self.recall_upload(by))
    }

    fn object<'a>(
        &'a self,
        bucket: &'a BucketName,
        key: &'a ObjectKey,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, CatalogError>> {
        Box::pin(async move {
            let recent = &self.0.recent;
            // Before the look: a change that comes after it is noticed then.
            let last = recent.last();
            match recent.look(bucket, key) {
                Known::Object(object) => Ok(Some(object.as_ref().clone())),
                Known::Absent => Ok(None),
                Known::Nothing => {
                    let found = self.0.index.find(bucket.clone(), key.clone()).await?;
                    if let Some(object) = &found {
                        recent.remember(Arc::new(object.clone()), last);
                    }
                    Ok(found)
                }
            }
        })
    }

    fn delete_object<'a>(
        &'a self,
        bucket: &'a BucketName,
        key: &'a ObjectKey,
        writer: &'a Writer,
    ) -> BoxFuture<'a, Result<Option<ObjectFacts>, CatalogError>> {
        let (bucket, key, writer) = (bucket.clone(), key.clone(), writer.clone());
        Box::pin(self.0.committer.delete(bucket, key, writer))
    }

    fn list_objects<'a>(
        &'a self,
        request: &'a ListObjects,
    ) -> BoxFuture<'a, Result<ObjectPage, CatalogError>> {
        Box::pin(async move {
            // This first and the index second: what is forgotten here in between is there.
            let recent = &self.0.recent;
            let overlay = recent.overlay(&request.bucket, &request.marker, &request.prefix);
            self.0.index.list(request.clone(), overlay).await
        })
    }

    fn put_access_key<'a>(
        &'a self,
        key: &'a AccessKeyFacts,
    ) -> BoxFuture<'a, Result<(), CatalogError>> {
        let facts = AccessKeyFacts {
            id: key.id.clone(),
            secret: AccessKeySecret::new(key.secret.expose()),
            created: key.created,
            description: key.description.clone(),
        };
        let committer = &self.0.committer;
        Box::pin(committer.change_settings(Writer::Operator, move |tables| {
            tables.put_access_key(&facts)?;
            Ok((SettingsChange::Key(facts), ()))
        }))
    }

    fn access_key<'a>(
        &'a self,
        id: &'a AccessKeyId,
    ) -> BoxFuture<'a, Result<Option<Arc<AccessKeyFacts>>, CatalogError>> {
        Box::pin(async { Ok(self.0.index.settings().access_key(id)) })
    }

    fn access_keys(&self) -> BoxFuture<'_, Result<Vec<Arc<AccessKeyFacts>>, CatalogError>> {
        Box::pin(async { Ok(self.0.index.settings().access_keys()) })
    }

    fn delete_access_key<'a>(
        &'a self,
        id: &'a AccessKeyId,
    ) -> BoxFuture<'a, Result<bool, CatalogError>> {
        let id = id.clone();
        let committer = &self.0.committer;
        Box::pin(committer.change_settings(Writer::Operator, move |tables| {
            let was_there = tables.delete_access_key(&id)?;
            Ok((SettingsChange::NoKey(id), was_there))
        }))
    }

    fn referenced<'a>(
        &'a self,
        blobs: &'a [BlobId],
    ) -> BoxFuture<'a, Result<HashSet<BlobId>, CatalogError>> {
        let blobs = blobs.to_vec();
        Box::pin(
            self.0
                .committer
                .alone(move |index| index.references(&blobs)),
        )
    }
}

impl Blobs for EmbeddedPorts {
    fn begin(&self, at_least: u64) -> BoxFuture<'_, Result<Draft, BlobError>> {
        Box::pin(async move {
            self.0.space.take(0).map_err(|full| BlobError::NoSpace {
                free: full.free,
                reserved: full.reserved,
            })?;
            let id = BlobId::new();
            let writer = EmbeddedWriter::new(id, Arc::clone(&self.0), at_least)?;
            Ok(Draft::new(id, Box::new(writer)))
        })
    }

    fn read<'a>(
        &'a self,
        object: &'a ObjectFacts,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<BlobReader, BlobError>> {
        Box::pin(async move {
            if range.end > object.length || range.start > range.end {
                return Err(BlobError::Damaged {
                    id: object.blob,
                    what: "it is shorter than what is asked for",
                });
            }
            let in_log = object.place.0.filter(|place| !place.in_file);
            let Some(place) = in_log else {
                let (files, object) = (Arc::clone(&self.0.files), object.clone());
                return off_the_runtime(object.blob, move || {
                    let reader = BlockReader::new(files.open_blob(&object)?, range);
                    Ok(BlobReader::new(Box::new(reader)))
                })
                .await;
            };
            let segments = &self.0.segments;
            let now = open_bytes(segments, object, place, range.clone(), Wait::No)?;
            let opened = if let Some(opened) = now {
                opened
            } else {
                let (segments, object) = (Arc::clone(segments), object.clone());
                let id = object.blob;
                off_the_runtime(id, move || {
                    let opened = open_bytes(&segments, &object, place, range, Wait::Yes)?;
                    opened.ok_or(BlobError::Lost { id })
                })
                .await?
            };
            Ok(match opened {
                LogBytes::Whole(bytes) => BlobReader::new(Box::new(OnePiece(bytes))),
                LogBytes::Blocks(reader) => BlobReader::new(Box::new(reader)),
            })
        })
    }

    fn facts<'a>(&'a self, object: &'a ObjectFacts) -> BoxFuture<'a, Result<BlobFacts, BlobError>> {
        let (engine, object) = (Arc::clone(&self.0), object.clone());
        Box::pin(off_the_runtime(object.blob, move || {
            engine.facts_blocking(&object)
        }))
    }

    fn give_up(&self, object: &ObjectFacts) {
        // What is in the log is counted where it was replaced.
        if object.place.0.is_none_or(|place| place.in_file) {
            self.0.files.garbage.give_up(object.blob);
        }
    }
}

impl Engine {
    /// What the blob of an object says of itself. Blocks.
    pub(super) fn facts_blocking(&self, object: &ObjectFacts) -> Result<BlobFacts, BlobError> {
        let id = object.blob;
        match object.place.0.filter(|place| !place.in_file) {
            Some(place) => {
                let record = open_record(&self.segments, object, place, Wait::Yes)?;
                let record = record.ok_or(BlobError::Lost { id })?;
                stored::decode(record.meta()).map_err(|why| BlobError::Damaged {
                    id,
                    what: why.what(),
                })
            }
            None => self.files.facts(id),
        }
    }
}

/// Bytes that were read with their record.
#[derive(Debug)]
struct OnePiece(Bytes);

impl PollPieces for OnePiece {
    fn poll_next(&mut self, _cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BlobError>>> {
        let piece = std::mem::take(&mut self.0);
        Poll::Ready((!piece.is_empty()).then_some(Ok(piece)))
    }
}
