//! A segment of the log: a file with a number, a header that tells where the one before it ended, and
//! records.
//!
//! It is appended to by one thread until it is full or a write to it fails, and then never again. A
//! process begins a segment of its own; what a crash left is not written to.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::Salt;
use crate::disk::{Disk, DiskFile};
use crate::embedded::blocks::crc64;

/// The file of a segment.
pub(crate) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016x}.log"))
}

/// The numbers of the segments that there are, in order.
pub(crate) fn list(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = disk
        .list(folder)?
        .iter()
        .filter_map(|name| {
            let digits = name.to_str()?.strip_suffix(".log")?;
            (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok())?
        })
        .collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SegmentHeader {
    pub(crate) number: u64,
    /// The segment before; 0 if there was none.
    pub(crate) previous: u64,
    /// Where it ended: what stands behind that place counts for nothing.
    pub(crate) previous_end: u64,
    /// The store's.
    pub(crate) salt: Salt,
}

impl SegmentHeader {
    /// How long it is.
    pub(crate) const BYTES: usize = HEADER;

    fn write(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.previous.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.previous_end.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.salt.0.to_le_bytes());
        let crc = crc64(&bytes[..40]);
        bytes[40..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads it; `None` if it is not right.
    pub(crate) fn read(bytes: &[u8], number: u64) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        let eight = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight"));
        let header = Self {
            number: eight(8),
            previous: eight(16),
            previous_end: eight(24),
            salt: Salt(eight(32)),
        };
        let is_right =
            &bytes[..8] == MAGIC && eight(40) == crc64(&bytes[..40]) && header.number == number;
        is_right.then_some(header)
    }
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    pub(crate) number: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Where the next record begins; all before it is on stable storage.
    pub(crate) end: u64,
}

impl ActiveSegment {
    /// Makes a segment, durably.
    pub(crate) fn create(
        disk: &dyn Disk,
        folder: &Path,
        header: SegmentHeader,
    ) -> io::Result<Self> {
        let path = path(folder, header.number);
        let file = match disk.create(&path) {
            // What an attempt left that failed and could not be removed either; it has no records.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                disk.remove(&path)?;
                disk.create(&path)?
            }
            created => created?,
        };
        let made = write_header(file.as_ref(), header).and_then(|()| disk.sync_folder(folder));
        if let Err(error) = made {
            // An empty segment would do no harm, but its number would be taken.
            let _ = disk.remove(&path);
            return Err(error);
        }
        Ok(Self {
            number: header.number,
            file,
            end: SEGMENT_HEADER_BYTES,
        })
    }
}

fn write_header(file: &dyn DiskFile, header: SegmentHeader) -> io::Result<()> {
    file.write_at(&mut [IoSlice::new(&header.write())], 0)?;
    file.sync()
}

/// All of a segment's bytes.
pub(crate) fn read_whole(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let length = file.length()?;
    if length > MOST_SEGMENT_BYTES {
        return Err(io::Error::other("the segment is longer than segments are"));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Begins every segment.
const MAGIC: &[u8; 8] = b"UPCLOG02";
const HEADER: usize = 48;
/// Where the first record begins.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = HEADER as u64;
/// No segment is longer: one that is was not written by this program.
const MOST_SEGMENT_BYTES: u64 = 512 * 1024 * 1024;
