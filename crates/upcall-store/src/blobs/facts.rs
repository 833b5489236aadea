//! What a blob says of itself, so that a catalog could be made anew from blobs.

use jiff::Timestamp;
use upcall::name::{BucketName, ObjectKey};

use crate::catalog::{ObjectAcl, StoredHeaders};

/// The facts that are stored behind a blob's bytes. The fields are those of
/// [`ObjectFacts`](crate::catalog::ObjectFacts).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlobFacts {
    /// For which bucket it was written.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// How many bytes.
    pub length: u64,
    /// MD5 of the bytes.
    pub md5: [u8; 16],
    /// CRC-64/XZ of the bytes.
    pub crc64: u64,
    /// Media type.
    pub content_type: String,
    /// Headers that are given back with it.
    pub headers: StoredHeaders,
    /// User metadata.
    pub metadata: Vec<(String, String)>,
    /// What anonymous requests may do.
    pub acl: ObjectAcl,
    /// Storage class.
    pub storage_class: String,
    /// When it was written.
    pub modified: Timestamp,
}
