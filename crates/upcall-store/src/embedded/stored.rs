//! What a blob says of itself, as JSON: the same in the log and in a file of its own.
//!
//! `docs/formats/blob.md` is the reference; names are part of the format.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upcall::name::{BucketName, ETag, ObjectKey};

use crate::blobs::BlobFacts;
use crate::catalog::{ObjectAcl, ObjectFacts, StoredHeaders};

/// What stands there.
#[derive(Deserialize, Serialize)]
pub(super) struct Stored<'s> {
    bucket: &'s str,
    #[serde(borrow)]
    key: Cow<'s, str>,
    length: u64,
    md5: Cow<'s, str>,
    crc64: u64,
    content_type: Cow<'s, str>,
    #[serde(default, skip_serializing_if = "is_default")]
    headers: Cow<'s, StoredHeaders>,
    #[serde(default, skip_serializing_if = "is_empty")]
    metadata: Cow<'s, [(String, String)]>,
    acl: Cow<'s, str>,
    storage_class: Cow<'s, str>,
    modified_ms: i64,
}

fn is_default(headers: &StoredHeaders) -> bool {
    *headers == StoredHeaders::default()
}

fn is_empty(metadata: &[(String, String)]) -> bool {
    metadata.is_empty()
}

/// The facts as they are written.
pub(super) fn encode(facts: &BlobFacts) -> Vec<u8> {
    serde_json::to_vec(&stored(facts)).expect("strings and numbers are always JSON")
}

pub(super) fn stored(facts: &BlobFacts) -> Stored<'_> {
    Stored {
        bucket: facts.bucket.as_str(),
        key: facts.key.as_str().into(),
        length: facts.length,
        md5: ETag::from_md5(facts.md5).to_string().into(),
        crc64: facts.crc64,
        content_type: facts.content_type.as_str().into(),
        headers: Cow::Borrowed(&facts.headers),
        metadata: facts.metadata.as_slice().into(),
        acl: facts.acl.as_str().into(),
        storage_class: facts.storage_class.as_str().into(),
        modified_ms: facts.modified.as_millisecond(),
    }
}

/// Why facts cannot be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unreadable {
    NotJson,
    Value,
}

impl Unreadable {
    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::NotJson => "its facts are not JSON",
            Self::Value => "its facts hold a value that cannot be",
        }
    }
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(json: &[u8]) -> Result<BlobFacts, Unreadable> {
    let stored: Stored<'_> = serde_json::from_slice(json).map_err(|_| Unreadable::NotJson)?;
    parse(stored).ok_or(Unreadable::Value)
}

pub(super) fn parse(stored: Stored<'_>) -> Option<BlobFacts> {
    Some(BlobFacts {
        bucket: BucketName::parse(stored.bucket).ok()?,
        key: ObjectKey::parse(&stored.key).ok()?,
        length: stored.length,
        md5: *ETag::parse(&stored.md5).ok()?.md5(),
        crc64: stored.crc64,
        content_type: stored.content_type.into_owned(),
        headers: stored.headers.into_owned(),
        metadata: stored.metadata.into_owned(),
        acl: ObjectAcl::parse(&stored.acl)?,
        storage_class: stored.storage_class.into_owned(),
        modified: Timestamp::from_millisecond(stored.modified_ms).ok()?,
    })
}

/// What the blob of this object says of itself.
pub(super) fn facts_of(object: &ObjectFacts) -> BlobFacts {
    BlobFacts {
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        length: object.length,
        md5: *object.etag.md5(),
        crc64: object.crc64,
        content_type: object.content_type.clone(),
        headers: object.headers.clone(),
        metadata: object.metadata.clone(),
        acl: object.acl,
        storage_class: object.storage_class.clone(),
        modified: object.modified,
    }
}
