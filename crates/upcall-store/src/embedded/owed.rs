//! Owed calls: their records in the log, and what is known of them without reading those.
//!
//! A call that is owed for a visible object stands right before the object's record, in the same write:
//! after a crash it counts only if the object's record is there too. One whose object is held back
//! brings the object along. `docs/formats/log.md` is the reference.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upcall::name::{BucketName, ETag, ObjectKey};

use super::log::record::{ALIGN, At};
use super::stored::{self, Stored};
use crate::blobs::{BlobFacts, BlobId, BlobPlace, LogPlace};
use crate::catalog::{
    CallProgress, HeldObject, KeptAnswer, ObjectFacts, Overwrite, OwedCall, OwedFacts,
};

/// What is known of an owed call without reading its record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct OwedRow {
    pub(super) facts: OwedFacts,
    /// Where its record begins.
    pub(super) at: At,
    pub(super) head_bytes: u32,
    /// Bytes of a held object behind it.
    pub(super) data_bytes: u64,
}

impl OwedRow {
    /// In which segment the record is, and how many bytes it has there.
    pub(super) const fn log_bytes(&self) -> (u64, u64) {
        let data = self.data_bytes.next_multiple_of(ALIGN);
        (self.at.segment, self.head_bytes as u64 + data)
    }

    pub(super) const fn id(&self) -> BlobId {
        self.facts.id
    }
}

/// What the record says.
#[derive(Deserialize, Serialize)]
struct StoredCall<'s> {
    bucket: Cow<'s, str>,
    key: Cow<'s, str>,
    request_id: Cow<'s, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idempotency: Option<Cow<'s, str>>,
    created_ms: i64,
    call: Cow<'s, str>,
    /// It counts without an object's record behind it: it was written again elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_moved: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    held: Option<StoredHeld<'s>>,
}

#[derive(Deserialize, Serialize)]
struct StoredHeld<'s> {
    #[serde(borrow)]
    facts: Stored<'s>,
    may_overwrite: bool,
    in_file: bool,
}

/// What a record of a call says.
#[derive(Debug)]
pub(super) struct OwedRecord {
    pub(super) call: OwedCall,
    pub(super) held: Option<HeldRecord>,
    pub(super) is_moved: bool,
}

/// The object that is held for a call.
#[derive(Debug)]
pub(super) struct HeldRecord {
    pub(super) facts: BlobFacts,
    pub(super) overwrite: Overwrite,
    pub(super) in_file: bool,
}

impl OwedRecord {
    pub(super) fn encode(&self) -> Vec<u8> {
        let call = &self.call;
        let held = self.held.as_ref().map(|held| StoredHeld {
            facts: stored::stored(&held.facts),
            may_overwrite: held.overwrite == Overwrite::Allow,
            in_file: held.in_file,
        });
        let stored = StoredCall {
            bucket: call.bucket.as_str().into(),
            key: call.key.as_str().into(),
            request_id: call.request_id.as_str().into(),
            idempotency: call.idempotency.as_deref().map(Cow::from),
            created_ms: call.created.as_millisecond(),
            call: call.call.as_str().into(),
            is_moved: self.is_moved,
            held,
        };
        serde_json::to_vec(&stored).expect("strings and numbers are always JSON")
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` if it makes no sense.
    pub(super) fn decode(id: BlobId, json: &[u8]) -> Option<Self> {
        let stored: StoredCall<'_> = serde_json::from_slice(json).ok()?;
        let held = match stored.held {
            None => None,
            Some(held) => Some(HeldRecord {
                facts: stored::parse(held.facts)?,
                overwrite: if held.may_overwrite {
                    Overwrite::Allow
                } else {
                    Overwrite::Forbid
                },
                in_file: held.in_file,
            }),
        };
        Some(Self {
            call: OwedCall {
                id,
                bucket: BucketName::parse(&stored.bucket).ok()?,
                key: ObjectKey::parse(&stored.key).ok()?,
                request_id: stored.request_id.into_owned(),
                idempotency: stored.idempotency.map(Cow::into_owned),
                created: Timestamp::from_millisecond(stored.created_ms).ok()?,
                call: stored.call.into_owned(),
            },
            held,
            is_moved: stored.is_moved,
        })
    }

    /// What is known of it from now on.
    pub(super) fn row(&self, at: At, head_bytes: u32, data_bytes: u64) -> OwedRow {
        let call = &self.call;
        OwedRow {
            facts: OwedFacts {
                id: call.id,
                bucket: call.bucket.clone(),
                key: call.key.clone(),
                request_id: call.request_id.clone(),
                idempotency: call.idempotency.clone(),
                created: call.created,
                is_held: self.held.is_some(),
                progress: CallProgress::default(),
            },
            at,
            head_bytes,
            data_bytes,
        }
    }

    /// The object that is held, which stands where this record does.
    pub(super) fn held_object(&self, row: &OwedRow) -> Option<HeldObject> {
        let held = self.held.as_ref()?;
        let facts = &held.facts;
        Some(HeldObject {
            object: ObjectFacts {
                bucket: facts.bucket.clone(),
                key: facts.key.clone(),
                blob: self.call.id,
                place: BlobPlace(Some(LogPlace {
                    segment: row.at.segment,
                    offset: row.at.offset,
                    head_bytes: row.head_bytes,
                    in_file: held.in_file,
                })),
                length: facts.length,
                etag: ETag::from_md5(facts.md5),
                crc64: facts.crc64,
                content_type: facts.content_type.clone(),
                headers: facts.headers.clone(),
                metadata: facts.metadata.clone(),
                acl: facts.acl,
                storage_class: facts.storage_class.clone(),
                modified: facts.modified,
            },
            overwrite: held.overwrite,
        })
    }
}

/// What a record says that settles a call: the answer that is kept.
#[derive(Deserialize, Serialize)]
struct StoredAnswer<'s> {
    request_id: Cow<'s, str>,
    expires_ms: i64,
    answer: Cow<'s, str>,
}

/// The facts of a record that settles a call.
pub(super) fn encode_answer(kept: Option<&KeptAnswer>) -> Vec<u8> {
    let stored = kept.map(|kept| StoredAnswer {
        request_id: kept.request_id.as_str().into(),
        expires_ms: kept.expires.as_millisecond(),
        answer: kept.answer.as_str().into(),
    });
    serde_json::to_vec(&stored).expect("strings and numbers are always JSON")
}

/// Reads what [`encode_answer`] wrote.
pub(super) fn decode_answer(json: &[u8]) -> Option<KeptAnswer> {
    let stored: Option<StoredAnswer<'_>> = serde_json::from_slice(json).ok()?;
    let stored = stored?;
    Some(KeptAnswer {
        request_id: stored.request_id.into_owned(),
        expires: Timestamp::from_millisecond(stored.expires_ms).ok()?,
        answer: stored.answer.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let record = OwedRecord {
            call: OwedCall {
                id: BlobId::new(),
                bucket: BucketName::parse("photos").unwrap(),
                key: ObjectKey::parse("a\"ä.jpg").unwrap(),
                request_id: "0123".to_owned(),
                idempotency: Some("chosen".to_owned()),
                created: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
                call: "{\"url\":\"http://a/\"}".to_owned(),
            },
            held: None,
            is_moved: true,
        };
        let read = OwedRecord::decode(record.call.id, &record.encode()).unwrap();
        assert_eq!(read.call, record.call);
        assert!(read.is_moved && read.held.is_none());
        let kept = KeptAnswer {
            request_id: "0123".to_owned(),
            expires: record.call.created,
            answer: "{}".to_owned(),
        };
        assert_eq!(decode_answer(&encode_answer(Some(&kept))), Some(kept));
        assert_eq!(decode_answer(&encode_answer(None)), None);
    }
}
