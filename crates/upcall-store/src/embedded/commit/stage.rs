//! Staging: what each job of a group does, judged at its turn, and the records that say so.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use upcall::name::{BucketName, ObjectKey};

use super::worker::Worker;
use super::{Answer, Job, Moved};
use crate::blobs::{BlobId, BlobPlace, LogPlace};
use crate::catalog::{
    CatalogError, EngineFault, ObjectFacts, OwedCall, Precondition, Replaced, WriteFacts, Writer,
};
use crate::embedded::change::{Change, Effect, KeyEffect, record_of};
use crate::embedded::log::record::{ALIGN, At, Draft, Head, Kind, head_bytes};
use crate::embedded::owed::OwedRow;
use crate::embedded::space::Room;
use crate::embedded::staging::Staged;
use crate::embedded::stored;

/// An answer that is known, but not yet given.
pub(super) enum Verdict {
    Object(
        Answer<Option<ObjectFacts>>,
        Box<Result<Option<ObjectFacts>, CatalogError>>,
    ),
    Done(Answer<bool>, bool),
}

impl Verdict {
    pub(super) fn give(self, flushed: Result<(), CatalogError>) {
        // The callers may have gone.
        match self {
            Self::Object(answer, result) => {
                let _ = answer.send(flushed.and(*result));
            }
            Self::Done(answer, done) => {
                let _ = answer.send(flushed.map(|()| done));
            }
        }
    }
}

/// A group on its way to the disk.
#[derive(Default)]
pub(super) struct Group {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) changes: Vec<Change>,
    /// What every key of it points to, at this place of the group.
    pub(super) keys: HashMap<(BucketName, ObjectKey), Pointed>,
    /// Calls that are owed, of those that it is about.
    pub(super) calls: HashMap<BlobId, Arc<OwedRow>>,
    pub(super) pieces: Vec<Bytes>,
    pub(super) bytes: u64,
    /// Leave to write them, until they are.
    pub(super) rooms: Vec<Room>,
}

/// What a key points to.
#[derive(Clone)]
pub(super) enum Pointed {
    Nothing,
    Object(Arc<ObjectFacts>),
    /// To something that cannot be read. It may be replaced and deleted: that mends it.
    Broken,
}

impl From<Option<Arc<ObjectFacts>>> for Pointed {
    fn from(object: Option<Arc<ObjectFacts>>) -> Self {
        object.map_or(Self::Nothing, Self::Object)
    }
}

impl Pointed {
    pub(super) fn object(&self) -> Option<&Arc<ObjectFacts>> {
        match self {
            Self::Object(object) => Some(object),
            Self::Nothing | Self::Broken => None,
        }
    }

    pub(super) fn replaced(&self) -> Replaced {
        match self {
            Self::Nothing => Replaced::Nothing,
            Self::Object(object) => Replaced::Object(object.acl),
            Self::Broken => Replaced::Unknown,
        }
    }
}

impl Group {
    fn tell(
        &mut self,
        answer: Answer<Option<ObjectFacts>>,
        result: Result<Option<ObjectFacts>, CatalogError>,
    ) {
        self.verdicts
            .push(Verdict::Object(answer, Box::new(result)));
    }

    pub(super) fn known(&self, bucket: &BucketName, key: &ObjectKey) -> Pointed {
        let place = (bucket.clone(), key.clone());
        self.keys.get(&place).cloned().unwrap_or(Pointed::Nothing)
    }
}

impl Worker {
    pub(super) fn stage(&mut self, job: Job, group: &mut Group) {
        match job {
            Job::Commit {
                object,
                precondition,
                staged,
                owed,
                answer,
            } => {
                let staged = staged.as_deref();
                let result = self.stage_commit(*object, &precondition, staged, owed, group);
                group.tell(answer, result);
            }
            Job::Hold {
                object,
                precondition,
                staged,
                owed,
                answer,
            } => {
                let staged = staged.as_deref();
                let result = self.stage_hold(&object, &precondition, staged, *owed, group);
                let result = result.map(|()| None);
                group.tell(answer, result);
            }
            Job::Publish {
                held,
                writer,
                staged,
                kept,
                answer,
            } => {
                let staged = staged.as_deref();
                let result = self.stage_publish(*held, writer, staged, kept, group);
                group.tell(answer, result);
            }
            Job::Settle { id, kept, answer } => {
                let was_owed = self.stage_settle(id, kept, group);
                group.verdicts.push(Verdict::Done(answer, was_owed));
            }
            Job::MoveCall { moved, answer } => {
                let is_moved = self.stage_move_call(*moved, group);
                group.verdicts.push(Verdict::Done(answer, is_moved));
            }
            Job::Delete {
                bucket,
                key,
                writer,
                answer,
            } => {
                let result = self.stage_delete(bucket, key, &writer, group);
                group.tell(answer, result);
            }
            Job::Move { moved, answer } => {
                let is_moved = self.stage_move(*moved, group);
                group.verdicts.push(Verdict::Done(answer, is_moved));
            }
            Job::Dead { records, answer } => {
                let meta = serde_json::to_vec(&records).expect("numbers are always JSON");
                let draft = self.draft(Kind::Dead, &meta);
                self.append(draft, &[], group);
                group.verdicts.push(Verdict::Done(answer, true));
            }
            Job::Alone(_) => {}
        }
    }

    pub(super) fn stage_commit(
        &mut self,
        mut object: ObjectFacts,
        precondition: &Precondition,
        staged: Option<&Staged>,
        owed: Option<Box<OwedCall>>,
        group: &mut Group,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        let old = group.known(&object.bucket, &object.key);
        let replaced = old.replaced();
        let old = old.object();
        if old.is_some_and(|old| old.blob == object.blob) {
            return Ok(None);
        }
        self.judge(precondition, &object.bucket, replaced)?;
        let data_bytes = staged.map_or(0, |staged| staged.facts.length);
        let room = self.parts.space.take(data_bytes);
        let room = room.map_err(|error| CatalogError::Engine(EngineFault::new(error, true)))?;
        group.rooms.push(room);
        if let Some(owed) = owed {
            self.stage_owed(*owed, None, None, group);
        }
        let meta = stored::encode(&stored::facts_of(&object));
        let (kind, table, pieces) = match staged {
            Some(staged) => (
                Kind::Object,
                staged.table.as_slice(),
                staged.pieces.as_slice(),
            ),
            None => (Kind::ObjectInFile, [].as_slice(), [].as_slice()),
        };
        let draft = Draft {
            blob: object.blob,
            replaces: old.and_then(|old| record_of(old)),
            table,
            data_bytes,
            ..self.draft(kind, &meta)
        };
        let (at, head_bytes, next) = self.append(draft, pieces, group);
        object.place = BlobPlace(Some(LogPlace {
            segment: at.segment,
            offset: at.offset,
            head_bytes,
            in_file: kind == Kind::ObjectInFile,
        }));
        self.note(object, old.cloned(), next, group);
        Ok(old.map(|old| old.as_ref().clone()))
    }

    /// Whether a write that rests on this may replace this, by the settings at its turn: they change
    /// between two groups only, on this thread.
    pub(super) fn judge(
        &self,
        precondition: &Precondition,
        bucket: &BucketName,
        replaced: Replaced,
    ) -> Result<(), CatalogError> {
        let settings = self.parts.index.settings();
        settings.judge(bucket, precondition.writer.key(), |bucket, key| {
            precondition.judge(&WriteFacts {
                bucket,
                key,
                replaced,
            })
        })
    }

    fn stage_delete(
        &mut self,
        bucket: BucketName,
        key: ObjectKey,
        writer: &Writer,
        group: &mut Group,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        let old = group.known(&bucket, &key);
        let replaced = old.replaced();
        let settings = self.parts.index.settings();
        settings.judge(&bucket, writer.key(), |bucket, key| {
            let facts = WriteFacts {
                bucket,
                key,
                replaced,
            };
            match writer.judge(&facts) {
                // A bucket that is not there has no objects, and nobody is kept from them.
                Err(CatalogError::NoSuchBucket) => Ok(()),
                judged => judged,
            }
        })?;
        if matches!(old, Pointed::Nothing) {
            return Ok(None);
        }
        let old = old.object();
        let meta =
            serde_json::to_vec(&[bucket.as_str(), key.as_str()]).expect("strings are always JSON");
        let draft = Draft {
            replaces: old.and_then(|old| record_of(old)),
            ..self.draft(Kind::Delete, &meta)
        };
        let (_, _, next) = self.append(draft, &[], group);
        group
            .keys
            .insert((bucket.clone(), key.clone()), Pointed::Nothing);
        let effect = KeyEffect {
            bucket,
            key,
            new: None,
            old: old.cloned(),
        };
        self.change(Effect::Key(effect), next, group);
        Ok(old.map(|old| old.as_ref().clone()))
    }

    /// Whether the record was still its object's.
    fn stage_move(&mut self, moved: Moved, group: &mut Group) -> bool {
        let Moved {
            object,
            kind,
            table,
            meta,
            data,
        } = moved;
        let old = group.known(&object.bucket, &object.key);
        let Some(old) = old.object().filter(|old| old.place == object.place) else {
            return false;
        };
        let draft = Draft {
            blob: object.blob,
            replaces: record_of(old),
            table: &table,
            data_bytes: data.len() as u64,
            ..self.draft(kind, &meta)
        };
        let (at, head_bytes, next) = self.append(draft, &[data], group);
        let mut object = old.as_ref().clone();
        object.place = BlobPlace(Some(LogPlace {
            segment: at.segment,
            offset: at.offset,
            head_bytes,
            in_file: kind == Kind::ObjectInFile,
        }));
        self.note(object, Some(Arc::clone(old)), next, group);
        true
    }

    /// A record with the next number.
    pub(super) const fn draft<'d>(&self, kind: Kind, meta: &'d [u8]) -> Draft<'d> {
        Draft {
            kind,
            blob: BlobId::from_bytes([0; 16]),
            sequence: self.next_sequence,
            replaces: None,
            table: &[],
            meta,
            data_bytes: 0,
        }
    }

    /// Puts a record behind the others of the group; where it stands, and what comes behind it.
    pub(super) fn append(
        &mut self,
        draft: Draft<'_>,
        data: &[Bytes],
        group: &mut Group,
    ) -> (At, u32, At) {
        let active = self.active.as_ref().expect("a group has a segment");
        let place = |offset: u64| At {
            segment: active.number,
            offset: u32::try_from(offset).expect("a segment and a group are far below 4 GiB"),
        };
        let at = place(active.end + group.bytes);
        let head = Head::write(draft, self.parts.segments.salt, at, active.end);
        let head_length = head_bytes(draft.data_bytes, draft.meta.len());
        group.bytes += head_length as u64 + draft.data_bytes;
        group.pieces.push(head.into());
        group.pieces.extend(data.iter().cloned());
        let aligned = group.bytes.next_multiple_of(ALIGN);
        let fill = usize::try_from(aligned - group.bytes).expect("less than eight");
        if fill > 0 {
            group.pieces.push(Bytes::from_static(&[0; 8][..fill]));
        }
        group.bytes = aligned;
        self.next_sequence += 1;
        let head_length = u32::try_from(head_length).expect("heads are bounded");
        (at, head_length, place(active.end + group.bytes))
    }

    fn note(
        &self,
        object: ObjectFacts,
        old: Option<Arc<ObjectFacts>>,
        next: At,
        group: &mut Group,
    ) {
        let (bucket, key) = (object.bucket.clone(), object.key.clone());
        let new = Arc::new(object);
        group.keys.insert(
            (bucket.clone(), key.clone()),
            Pointed::Object(Arc::clone(&new)),
        );
        let effect = KeyEffect {
            bucket,
            key,
            new: Some(new),
            old,
        };
        self.change(Effect::Key(effect), next, group);
    }

    /// The record that was appended last does this.
    pub(super) fn change(&self, effect: Effect, next: At, group: &mut Group) {
        group.changes.push(Change {
            sequence: self.next_sequence - 1,
            next,
            effect,
        });
    }
}
