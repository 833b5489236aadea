//! A blob's file: the bytes, the facts as JSON, a trailer of 24 bytes.
//!
//! Trailer, little-endian: length of the facts (u32), zero (u32), CRC-64/XZ of the facts (u64), magic
//! `UPCBLOB1`. `docs/formats/blob.md` is the reference; a change is a new magic.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upcall::name::{BucketName, ETag, ObjectKey};

use crate::blobs::{BlobError, BlobFacts, BlobId};
use crate::catalog::{ObjectAcl, StoredHeaders};

/// What stands in the file; names are part of the format.
#[derive(Deserialize, Serialize)]
struct Stored {
    bucket: String,
    key: String,
    length: u64,
    md5: String,
    crc64: u64,
    content_type: String,
    #[serde(default)]
    headers: StoredHeaders,
    #[serde(default)]
    metadata: Vec<(String, String)>,
    acl: String,
    storage_class: String,
    modified_ms: i64,
}

/// The facts and the trailer, as they follow the bytes.
pub(super) fn write_facts(facts: &BlobFacts) -> Vec<u8> {
    let stored = Stored {
        bucket: facts.bucket.to_string(),
        key: facts.key.to_string(),
        length: facts.length,
        md5: ETag::from_md5(facts.md5).to_string(),
        crc64: facts.crc64,
        content_type: facts.content_type.clone(),
        headers: facts.headers.clone(),
        metadata: facts.metadata.clone(),
        acl: facts.acl.as_str().to_owned(),
        storage_class: facts.storage_class.clone(),
        modified_ms: facts.modified.as_millisecond(),
    };
    let mut bytes = serde_json::to_vec(&stored).expect("strings and numbers are always JSON");
    let length = u32::try_from(bytes.len()).expect("facts are bounded by the protocol's limits");
    let digest = crc64(&bytes);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    bytes.extend_from_slice(&digest.to_le_bytes());
    bytes.extend_from_slice(MAGIC);
    bytes
}

/// The end of a blob's file.
#[derive(Debug)]
pub(super) struct Trailer {
    /// How many bytes the blob has; the facts follow them.
    pub(super) length: u64,
    facts_bytes: u32,
    facts_crc64: u64,
}

impl Trailer {
    /// Reads it, which also finds a file that was cut short.
    pub(super) fn read(file: &File, id: BlobId) -> Result<Self, BlobError> {
        let file_bytes = file.metadata().map_err(|error| fault(id, error))?.len();
        let start = file_bytes
            .checked_sub(TRAILER_BYTES as u64)
            .ok_or_else(|| damaged(id, "it is too short for a trailer"))?;
        let mut trailer = [0; TRAILER_BYTES];
        file.read_exact_at(&mut trailer, start)
            .map_err(|error| fault(id, error))?;
        let [a, b, c, d, _, _, _, _, rest @ ..] = trailer;
        let (digest, magic) = rest.split_at(8);
        if magic != MAGIC {
            return Err(damaged(id, "its trailer has another magic"));
        }
        let facts_bytes = u32::from_le_bytes([a, b, c, d]);
        if facts_bytes > MOST_FACTS_BYTES {
            return Err(damaged(id, "its facts are longer than facts can be"));
        }
        let length = start
            .checked_sub(u64::from(facts_bytes))
            .ok_or_else(|| damaged(id, "its facts are longer than it is"))?;
        Ok(Self {
            length,
            facts_bytes,
            facts_crc64: u64::from_le_bytes(digest.try_into().expect("eight of sixteen bytes")),
        })
    }

    /// Reads the facts that stand before it.
    pub(super) fn read_facts(&self, file: &File, id: BlobId) -> Result<BlobFacts, BlobError> {
        let mut facts = vec![0; self.facts_bytes as usize];
        file.read_exact_at(&mut facts, self.length)
            .map_err(|error| fault(id, error))?;
        if crc64(&facts) != self.facts_crc64 {
            return Err(damaged(id, "its facts have another checksum"));
        }
        let stored: Stored =
            serde_json::from_slice(&facts).map_err(|_| damaged(id, "its facts are not JSON"))?;
        if stored.length != self.length {
            return Err(damaged(id, "it has not as many bytes as its facts say"));
        }
        parse(stored).ok_or_else(|| damaged(id, "its facts hold a value that cannot be"))
    }
}

fn damaged(id: BlobId, what: &'static str) -> BlobError {
    BlobError::Damaged { id, what }
}

fn fault(id: BlobId, source: io::Error) -> BlobError {
    let what = "read";
    BlobError::Io { id, what, source }
}

fn parse(stored: Stored) -> Option<BlobFacts> {
    Some(BlobFacts {
        bucket: BucketName::parse(&stored.bucket).ok()?,
        key: ObjectKey::parse(&stored.key).ok()?,
        length: stored.length,
        md5: *ETag::parse(&stored.md5).ok()?.md5(),
        crc64: stored.crc64,
        content_type: stored.content_type,
        headers: stored.headers,
        metadata: stored.metadata,
        acl: ObjectAcl::parse(&stored.acl)?,
        storage_class: stored.storage_class,
        modified: Timestamp::from_millisecond(stored.modified_ms).ok()?,
    })
}

fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, bytes)
}

/// Ends every blob's file.
const MAGIC: &[u8; 8] = b"UPCBLOB1";

/// Bytes of the trailer.
const TRAILER_BYTES: usize = 24;

/// The protocol bounds every fact; a larger number is damage and must not become an allocation.
const MOST_FACTS_BYTES: u32 = 16 * 1024 * 1024;
