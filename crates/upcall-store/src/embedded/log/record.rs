//! A record of the log: a head with a checksum over all of it, and the bytes of a small object.
//!
//! The head's checksum also covers where the record stands, so that a copy elsewhere is no record, and
//! the store's salt, which nobody outside knows: bytes that an uploader has made up never are one.
//! `docs/formats/log.md` is the reference; a change is a new magic.

use serde::{Deserialize, Serialize};

use crate::blobs::BlobId;
use crate::embedded::blocks::{self, blocks_of};

/// What a record says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// An object, whose bytes follow the head.
    Object,
    /// An object, whose bytes are in a file of their own.
    ObjectInFile,
    /// There is no object under this key any more.
    Delete,
    /// Records elsewhere in the log that count no more; told again, since the record that told it
    /// first was removed.
    Dead,
    /// A call that is owed; an object that is held for it has its bytes behind it, or in a file.
    Owed,
    /// A call is no longer owed.
    Settled,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Object => 1,
            Self::ObjectInFile => 2,
            Self::Delete => 3,
            Self::Dead => 4,
            Self::Owed => 5,
            Self::Settled => 6,
        }
    }

    fn of(code: u8) -> Option<Self> {
        [
            Self::Object,
            Self::ObjectInFile,
            Self::Delete,
            Self::Dead,
            Self::Owed,
            Self::Settled,
        ]
        .into_iter()
        .find(|kind| kind.code() == code)
    }
}

/// Where a record begins.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct At {
    pub(crate) segment: u64,
    pub(crate) offset: u32,
}

/// A number of this store's own that goes into every checksum of a head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Salt(pub(crate) u64);

/// The fixed part of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::struct_field_names,
    reason = "these are the names in `docs/formats/log.md`"
)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    /// Bytes of head, table and facts, to the object's first byte.
    pub(crate) head_bytes: u32,
    /// Bytes of the facts.
    pub(crate) meta_bytes: u32,
    /// Bytes of the object that follow.
    pub(crate) data_bytes: u64,
    /// Counts every record of a store.
    pub(crate) sequence: u64,
    /// Up to where this segment was on stable storage when the record was written. What is broken
    /// before that place was not torn by a crash.
    pub(crate) durable: u64,
    /// The record that counts no more because of this one.
    pub(crate) replaces: Option<At>,
    /// The id of the object's blob; zero if there is none.
    pub(crate) blob: BlobId,
}

/// What a record is made of, before it is known where it will stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft<'d> {
    pub(crate) kind: Kind,
    pub(crate) blob: BlobId,
    pub(crate) sequence: u64,
    pub(crate) replaces: Option<At>,
    pub(crate) table: &'d [u64],
    pub(crate) meta: &'d [u8],
    pub(crate) data_bytes: u64,
}

impl Head {
    /// Bytes of the whole record, with what fills it up to a multiple of eight.
    pub(crate) const fn record_bytes(&self) -> u64 {
        self.head_bytes as u64 + self.data_bytes.next_multiple_of(ALIGN)
    }

    /// Where the table and the facts stand, from the record's begin.
    pub(crate) const fn meta(&self) -> std::ops::Range<usize> {
        let table = table_bytes(self.data_bytes);
        let start = HEADER_BYTES + table;
        start..start + self.meta_bytes as usize
    }

    /// The table of checksums.
    pub(crate) fn table(&self, head: &[u8]) -> Vec<u64> {
        blocks::read_table(&head[HEADER_BYTES..HEADER_BYTES + table_bytes(self.data_bytes)])
    }

    /// Writes a head, from the first byte to the object's first.
    pub(crate) fn write(draft: Draft<'_>, salt: Salt, at: At, durable: u64) -> Vec<u8> {
        let table = table_bytes(draft.data_bytes);
        debug_assert_eq!(table, draft.table.len() * 8, "a checksum for each block");
        let head_bytes = head_bytes(draft.data_bytes, draft.meta.len());
        let mut head = Vec::with_capacity(head_bytes);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&[draft.kind.code(), 0, 0, 0]);
        head.extend_from_slice(&length(head_bytes).to_le_bytes());
        head.extend_from_slice(&length(draft.meta.len()).to_le_bytes());
        head.extend_from_slice(&draft.data_bytes.to_le_bytes());
        head.extend_from_slice(&draft.sequence.to_le_bytes());
        head.extend_from_slice(&durable.to_le_bytes());
        let (segment, offset) = draft.replaces.map_or((0, 0), |at| (at.segment, at.offset));
        head.extend_from_slice(&segment.to_le_bytes());
        head.extend_from_slice(&u64::from(offset).to_le_bytes());
        head.extend_from_slice(draft.blob.as_bytes());
        head.extend_from_slice(&[0; 8]);
        for crc in draft.table {
            head.extend_from_slice(&crc.to_le_bytes());
        }
        head.extend_from_slice(draft.meta);
        head.resize(head_bytes, 0);
        let crc = checksum(&head, salt, at);
        head[CRC_AT..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        head
    }

    /// Reads the head that begins these bytes; `None` if there is none that is right.
    pub(crate) fn read(bytes: &[u8], salt: Salt, at: At) -> Option<Self> {
        let head = Self::glance(bytes)?;
        let whole = bytes.get(..head.head_bytes as usize)?;
        let crc = u64::from_le_bytes(whole[CRC_AT..HEADER_BYTES].try_into().ok()?);
        (checksum(whole, salt, at) == crc).then_some(head)
    }

    /// What the fixed part says, unchecked but possible.
    pub(crate) fn glance(bytes: &[u8]) -> Option<Self> {
        let fixed = bytes.get(..HEADER_BYTES)?;
        if &fixed[..4] != MAGIC || fixed[5..8] != [0; 3] {
            return None;
        }
        let four = |at: usize| u32::from_le_bytes(fixed[at..at + 4].try_into().expect("four"));
        let eight = |at: usize| u64::from_le_bytes(fixed[at..at + 8].try_into().expect("eight"));
        let head = Self {
            kind: Kind::of(fixed[4])?,
            head_bytes: four(8),
            meta_bytes: four(12),
            data_bytes: eight(16),
            sequence: eight(24),
            durable: eight(32),
            replaces: match eight(40) {
                0 => None,
                segment => Some(At {
                    segment,
                    offset: u32::try_from(eight(48)).ok()?,
                }),
            },
            blob: BlobId::from_bytes(fixed[56..72].try_into().expect("sixteen")),
        };
        let is_possible = head.data_bytes <= MOST_DATA_BYTES
            && head.meta_bytes <= MOST_META_BYTES
            && head.head_bytes as usize == head_bytes(head.data_bytes, head.meta_bytes as usize);
        is_possible.then_some(head)
    }
}

/// Bytes from a record's begin to the object's first byte.
pub(crate) const fn head_bytes(data_bytes: u64, meta_bytes: usize) -> usize {
    (HEADER_BYTES + table_bytes(data_bytes) + meta_bytes).next_multiple_of(8)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a record's bytes are bounded by MOST_DATA_BYTES, far below 2^32 blocks"
)]
const fn table_bytes(data_bytes: u64) -> usize {
    blocks_of(data_bytes) as usize * 8
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("heads are bounded by the protocol's limits")
}

/// Over the whole head but its own place, and over where it stands.
fn checksum(head: &[u8], salt: Salt, at: At) -> u64 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Xz);
    digest.update(&salt.0.to_le_bytes());
    digest.update(&at.segment.to_le_bytes());
    digest.update(&u64::from(at.offset).to_le_bytes());
    digest.update(&head[..CRC_AT]);
    digest.update(&head[HEADER_BYTES..]);
    digest.finalize()
}

/// Begins every record.
pub(crate) const MAGIC: &[u8; 4] = b"UPR2";
/// Records begin at multiples of this.
pub(crate) const ALIGN: u64 = 8;
/// Bytes of the fixed part.
pub(crate) const HEADER_BYTES: usize = 80;
/// Where in it the checksum stands.
const CRC_AT: usize = 72;
/// No record has more bytes of an object: a larger number is damage, and must not become a read.
const MOST_DATA_BYTES: u64 = 64 * 1024 * 1024;
/// The protocol bounds every fact.
const MOST_META_BYTES: u32 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const AT: At = At {
        segment: 7,
        offset: 40,
    };

    const SALT: Salt = Salt(5);

    fn written() -> Vec<u8> {
        let draft = Draft {
            kind: Kind::Object,
            blob: BlobId::new(),
            sequence: 9,
            replaces: Some(At {
                segment: 3,
                offset: 80,
            }),
            table: &[1, 2],
            meta: b"{\"key\":\"a\"}",
            data_bytes: blocks::BLOCK_BYTES + 1,
        };
        Head::write(draft, SALT, AT, 40)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = written();
        let head = Head::read(&bytes, SALT, AT).expect("a head");
        assert_eq!(head.head_bytes as usize, bytes.len());
        assert_eq!(head.table(&bytes), [1, 2]);
        assert_eq!(&bytes[head.meta()], b"{\"key\":\"a\"}");
        assert_eq!((head.sequence, head.durable), (9, 40));
        assert_eq!(head.replaces.map(|at| at.segment), Some(3));
    }

    #[test]
    fn no_flipped_bit_and_no_other_place_is_a_head() {
        let bytes = written();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::read(&flipped, SALT, AT), None, "bit {bit}");
        }
        for at in [At { segment: 8, ..AT }, At { offset: 48, ..AT }] {
            assert_eq!(Head::read(&bytes, SALT, at), None);
        }
        assert_eq!(Head::read(&bytes, Salt(6), AT), None);
        for length in 0..bytes.len() {
            assert_eq!(Head::read(&bytes[..length], SALT, AT), None);
        }
    }
}
