//! A blob's file: the bytes, a table of checksums, the facts as JSON, a trailer.
//!
//! Trailer, 40 bytes, little-endian: bytes of the blob (u64), length of the facts (u32), zero (u32),
//! CRC-64/XZ of the table (u64), CRC-64/XZ of the facts and of the trailer's first 24 bytes (u64),
//! magic `UPCBLOB2`. The older layout, `UPCBLOB1`, has 24 bytes and no table. `docs/formats/blob.md` is
//! the reference; a change is a new magic.

use std::io;

use crate::blobs::{BlobError, BlobFacts, BlobId};
use crate::disk::DiskFile;
use crate::embedded::block_reader::read_error;
use crate::embedded::blocks::{self, blocks_of, crc64};
use crate::embedded::stored;

/// Table, facts and trailer, as they follow the bytes.
pub(super) fn write_tail(facts: &BlobFacts, table: &[u64]) -> Vec<u8> {
    let mut tail = blocks::write_table(table);
    let table_crc64 = crc64(&tail);
    let facts_json = stored::encode(facts);
    let facts_bytes =
        u32::try_from(facts_json.len()).expect("facts are bounded by the protocol's limits");
    tail.extend_from_slice(&facts_json);
    let trailer = tail.len();
    tail.extend_from_slice(&facts.length.to_le_bytes());
    tail.extend_from_slice(&facts_bytes.to_le_bytes());
    tail.extend_from_slice(&0_u32.to_le_bytes());
    tail.extend_from_slice(&table_crc64.to_le_bytes());
    let check = facts_check(&facts_json, &tail[trailer..]);
    tail.extend_from_slice(&check.to_le_bytes());
    tail.extend_from_slice(MAGIC);
    tail
}

fn facts_check(facts: &[u8], trailer: &[u8]) -> u64 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Xz);
    digest.update(facts);
    digest.update(trailer);
    digest.finalize()
}

/// The end of a blob's file.
#[derive(Debug)]
pub(super) struct Tail {
    /// How many bytes the blob has; table and facts follow them.
    pub(super) length: u64,
    /// The checksums of its blocks; `None` in the older layout.
    pub(super) table: Option<Vec<u64>>,
    /// What it says of itself.
    pub(super) facts: BlobFacts,
}

impl Tail {
    /// Reads and checks all of it, which also finds a file that was cut short.
    pub(super) fn read(file: &dyn DiskFile, id: BlobId) -> Result<Self, BlobError> {
        let damaged = |what| BlobError::Damaged { id, what };
        let fault = |error| read_error(id, error);
        let file_bytes = file.length().map_err(fault)?;
        let mut magic = [0; 8];
        let magic_at = file_bytes
            .checked_sub(8)
            .ok_or_else(|| damaged("it is too short for a trailer"))?;
        file.read_exact_at(&mut magic, magic_at).map_err(fault)?;
        if &magic == OLD_MAGIC {
            return Self::read_old(file, id, file_bytes);
        }
        if &magic != MAGIC {
            return Err(damaged("its trailer has another magic"));
        }
        let start = file_bytes
            .checked_sub(TRAILER_BYTES)
            .ok_or_else(|| damaged("it is too short for a trailer"))?;
        let mut trailer = [0; 32];
        file.read_exact_at(&mut trailer, start).map_err(fault)?;
        let eight = |at: usize| u64::from_le_bytes(trailer[at..at + 8].try_into().expect("eight"));
        let length = eight(0);
        let facts_bytes = u32::from_le_bytes(trailer[8..12].try_into().expect("four"));
        if facts_bytes > MOST_FACTS_BYTES {
            return Err(damaged("its facts are longer than facts can be"));
        }
        let table_bytes = blocks_of(length).saturating_mul(8);
        let tail_bytes = table_bytes.saturating_add(u64::from(facts_bytes));
        if length.checked_add(tail_bytes) != Some(start) {
            return Err(damaged("its parts are not as long as its trailer says"));
        }
        let mut tail =
            vec![0; usize::try_from(tail_bytes).map_err(|error| fault(io::Error::other(error)))?];
        file.read_exact_at(&mut tail, length).map_err(fault)?;
        let (table, facts) = tail.split_at(tail.len() - facts_bytes as usize);
        if crc64(table) != eight(16) {
            return Err(damaged("its table of checksums has another checksum"));
        }
        if facts_check(facts, &trailer[..24]) != eight(24) {
            return Err(damaged("its facts have another checksum"));
        }
        let facts = stored::decode(facts).map_err(|why| damaged(why.what()))?;
        if facts.length != length {
            return Err(damaged("it has not as many bytes as its facts say"));
        }
        Ok(Self {
            length,
            table: Some(blocks::read_table(table)),
            facts,
        })
    }

    /// A file of format 1.
    fn read_old(file: &dyn DiskFile, id: BlobId, file_bytes: u64) -> Result<Self, BlobError> {
        let damaged = |what| BlobError::Damaged { id, what };
        let fault = |error| read_error(id, error);
        let start = file_bytes
            .checked_sub(OLD_TRAILER_BYTES)
            .ok_or_else(|| damaged("it is too short for a trailer"))?;
        let mut trailer = [0; 16];
        file.read_exact_at(&mut trailer, start).map_err(fault)?;
        let facts_bytes = u32::from_le_bytes(trailer[..4].try_into().expect("four"));
        let facts_crc64 = u64::from_le_bytes(trailer[8..].try_into().expect("eight"));
        if facts_bytes > MOST_FACTS_BYTES {
            return Err(damaged("its facts are longer than facts can be"));
        }
        let length = start
            .checked_sub(u64::from(facts_bytes))
            .ok_or_else(|| damaged("its facts are longer than it is"))?;
        let mut facts = vec![0; facts_bytes as usize];
        file.read_exact_at(&mut facts, length).map_err(fault)?;
        if crc64(&facts) != facts_crc64 {
            return Err(damaged("its facts have another checksum"));
        }
        let facts = stored::decode(&facts).map_err(|why| damaged(why.what()))?;
        if facts.length != length {
            return Err(damaged("it has not as many bytes as its facts say"));
        }
        Ok(Self {
            length,
            table: None,
            facts,
        })
    }
}

/// Ends every blob's file.
const MAGIC: &[u8; 8] = b"UPCBLOB2";
/// Ends those of format 1.
const OLD_MAGIC: &[u8; 8] = b"UPCBLOB1";

/// Bytes of the trailer.
const TRAILER_BYTES: u64 = 40;
const OLD_TRAILER_BYTES: u64 = 24;

/// The protocol bounds every fact; a larger number is damage and must not become an allocation.
const MOST_FACTS_BYTES: u32 = 16 * 1024 * 1024;
