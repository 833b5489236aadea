//! The checksums of a blob: one CRC-64/XZ for each block of its bytes, so that a range can be read
//! and checked without the rest.

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

/// Bytes of a block; the last one has what is left.
///
/// 256 KiB: what a reader reads at a time anyway. The table of a file of 5 GiB has 160 KiB.
pub(super) const BLOCK_BYTES: u64 = 256 * 1024;

/// CRC-64/XZ of these bytes.
pub(super) fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Xz, bytes)
}

/// How many blocks so many bytes have.
pub(super) const fn blocks_of(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK_BYTES)
}

/// The table as its blocks come.
#[derive(Debug)]
pub(super) struct BlockTable {
    done: Vec<u64>,
    open: Digest,
    open_bytes: u64,
}

impl Default for BlockTable {
    fn default() -> Self {
        Self {
            done: Vec::new(),
            open: Digest::new(CrcAlgorithm::Crc64Xz),
            open_bytes: 0,
        }
    }
}

impl BlockTable {
    /// Takes the next bytes.
    pub(super) fn add(&mut self, pieces: &[Bytes]) {
        for piece in pieces {
            let mut rest: &[u8] = piece;
            while !rest.is_empty() {
                let room = usize::try_from(BLOCK_BYTES - self.open_bytes).unwrap_or(usize::MAX);
                let (now, later) = rest.split_at(rest.len().min(room));
                self.open.update(now);
                self.open_bytes += now.len() as u64;
                rest = later;
                if self.open_bytes == BLOCK_BYTES {
                    self.close();
                }
            }
        }
    }

    /// The whole table.
    pub(super) fn finish(mut self) -> Vec<u64> {
        if self.open_bytes > 0 {
            self.close();
        }
        self.done
    }

    fn close(&mut self) {
        self.done.push(self.open.finalize());
        self.open.reset();
        self.open_bytes = 0;
    }
}

/// Whether these bytes, which begin with a block, are what the table says of them from its entry
/// `first` on.
pub(super) fn are_right(table: &[u64], first: u64, bytes: &[u8]) -> bool {
    let Some(expected) = usize::try_from(first)
        .ok()
        .and_then(|first| table.get(first..))
    else {
        return false;
    };
    let blocks = bytes.chunks(usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX));
    blocks.len() <= expected.len()
        && blocks
            .zip(expected)
            .all(|(block, crc)| crc64(block) == *crc)
}

/// The table as it is written, little-endian.
pub(super) fn write_table(table: &[u64]) -> Vec<u8> {
    table.iter().flat_map(|crc| crc.to_le_bytes()).collect()
}

/// Reads what [`write_table`] wrote.
pub(super) fn read_table(bytes: &[u8]) -> Vec<u64> {
    bytes
        .chunks_exact(8)
        .map(|crc| u64::from_le_bytes(crc.try_into().expect("chunks of eight")))
        .collect()
}
