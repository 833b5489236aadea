//! Staging, for calls: what is owed, what is held back for it, and its end.

use std::sync::Arc;

use super::MovedCall;
use super::stage::Group;
use super::worker::Worker;
use crate::blobs::BlobId;
use crate::catalog::{
    CatalogError, EngineFault, HeldObject, KeptAnswer, ObjectFacts, OwedCall, Precondition, Writer,
};
use crate::embedded::change::Effect;
use crate::embedded::log::record::{At, Draft, Kind};
use crate::embedded::owed::{HeldRecord, OwedRecord, OwedRow, encode_answer};
use crate::embedded::staging::Staged;
use crate::embedded::stored;

impl Worker {
    /// The record of a call; its object's must come next, unless it is held.
    pub(super) fn stage_owed(
        &mut self,
        call: OwedCall,
        held: Option<HeldRecord>,
        staged: Option<&Staged>,
        group: &mut Group,
    ) {
        let record = OwedRecord {
            call,
            held,
            is_moved: false,
        };
        let (table, pieces, data_bytes) = match staged {
            Some(staged) => (
                staged.table.as_slice(),
                staged.pieces.as_slice(),
                staged.facts.length,
            ),
            None => ([].as_slice(), [].as_slice(), 0),
        };
        let meta = record.encode();
        let draft = Draft {
            blob: record.call.id,
            table,
            data_bytes,
            ..self.draft(Kind::Owed, &meta)
        };
        let appended = self.append(draft, pieces, group);
        self.note_call(&record, data_bytes, appended, None, group);
    }

    fn note_call(
        &self,
        record: &OwedRecord,
        data_bytes: u64,
        (at, head_bytes, next): (At, u32, At),
        old: Option<Arc<OwedRow>>,
        group: &mut Group,
    ) {
        let mut row = record.row(at, head_bytes, data_bytes);
        if let Some(old) = &old {
            row.facts.progress = old.facts.progress.clone();
        }
        let new = Arc::new(row);
        group.calls.insert(new.id(), Arc::clone(&new));
        self.change(Effect::Owes { new, old }, next, group);
    }

    pub(super) fn stage_hold(
        &mut self,
        object: &ObjectFacts,
        precondition: &Precondition,
        staged: Option<&Staged>,
        owed: OwedCall,
        group: &mut Group,
    ) -> Result<(), CatalogError> {
        let replaced = group.known(&object.bucket, &object.key).replaced();
        self.judge(precondition, &object.bucket, replaced)?;
        let room = self
            .parts
            .space
            .take(staged.map_or(0, |staged| staged.facts.length));
        let room = room.map_err(|error| CatalogError::Engine(EngineFault::new(error, true)))?;
        group.rooms.push(room);
        let record = HeldRecord {
            facts: stored::facts_of(object),
            overwrite: precondition.overwrite,
            in_file: staged.is_none(),
        };
        self.stage_owed(owed, Some(record), staged, group);
        Ok(())
    }

    pub(super) fn stage_publish(
        &mut self,
        held: HeldObject,
        writer: Writer,
        staged: Option<&Staged>,
        kept: Option<KeptAnswer>,
        group: &mut Group,
    ) -> Result<Option<ObjectFacts>, CatalogError> {
        let id = held.object.blob;
        if !group.calls.get(&id).is_some_and(|row| row.facts.is_held) {
            return Err(CatalogError::NotOwed);
        }
        // What the bucket asks of uploads was answered by the call.
        let precondition = Precondition {
            overwrite: held.overwrite,
            writer,
            admitted: None,
        };
        let replaced = self.stage_commit(held.object, &precondition, staged, None, group)?;
        // After a crash the object's record alone settles it; this one is for the day on which that
        // record is gone, and the call's is not.
        self.stage_settle(id, kept, group);
        Ok(replaced)
    }

    /// Whether it was owed.
    pub(super) fn stage_settle(
        &mut self,
        id: BlobId,
        kept: Option<KeptAnswer>,
        group: &mut Group,
    ) -> bool {
        let Some(old) = group.calls.remove(&id) else {
            return false;
        };
        let meta = encode_answer(kept.as_ref());
        let draft = Draft {
            blob: id,
            replaces: Some(old.at),
            ..self.draft(Kind::Settled, &meta)
        };
        let (_, _, next) = self.append(draft, &[], group);
        let kept = kept.map(Arc::new);
        self.change(Effect::Settles { old, kept }, next, group);
        true
    }

    /// Whether the call was still owed, by the record that was moved.
    pub(super) fn stage_move_call(&mut self, moved: MovedCall, group: &mut Group) -> bool {
        let MovedCall {
            id,
            at,
            mut record,
            table,
            data,
        } = moved;
        let Some(old) = group.calls.get(&id).filter(|row| row.at == at).cloned() else {
            return false;
        };
        record.is_moved = true;
        let meta = record.encode();
        let data_bytes = data.len() as u64;
        let draft = Draft {
            blob: id,
            replaces: Some(old.at),
            table: &table,
            data_bytes,
            ..self.draft(Kind::Owed, &meta)
        };
        let appended = self.append(draft, &[data], group);
        self.note_call(&record, data_bytes, appended, Some(old), group);
        true
    }
}
