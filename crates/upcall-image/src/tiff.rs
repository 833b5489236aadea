//! TIFF: the first directory, wherever it lies.
//!
//! It is never before the place that names it, so the file is only passed over until it comes. Files
//! of 64-bit offsets (`BigTIFF`) are read alike.
//!
//! Camera raw files are TIFF outside and no picture inside: OSS names them as unsupported, and what
//! their first directory describes is mostly a preview. They are told apart by what only they have,
//! the constants at the end. Since the directory decides that, a file has no format before it was read. Source:
//! "TIFF, revision 6.0", section 2; DNG specification; TIFF/EP (ISO 12234-2).

use crate::facts::ImageFormat;
use crate::number::{be16, be32, be64, bytes, le16, le32};
use crate::reader::Step;

#[derive(Debug, Default)]
pub(crate) struct Tiff {
    next: Next,
    order: Order,
    width: Offsets,
    /// Where the directory is, before it is reached.
    directory: u64,
    entries_left: u64,
    found: Found,
    is_sure: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Order {
    #[default]
    LittleEndian,
    BigEndian,
}

/// How long offsets and counts are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Offsets {
    #[default]
    Bits32,
    Bits64,
}

/// What is read next.
#[derive(Debug, Default)]
enum Next {
    #[default]
    Header,
    /// The rest of the longer header.
    LongHeader,
    /// What some makers of cameras put behind the header.
    Mark,
    Count,
    Entry,
}

/// What the directory has said.
#[derive(Debug, Default)]
struct Found {
    width: u32,
    height: u32,
    is_reduced: bool,
    has_subdirectories: bool,
    is_raw: bool,
}

impl Tiff {
    pub(crate) const BEGIN: Step = Step::Next { skip: 0, read: 8 };

    /// TIFF, once the directory was seen to be one.
    pub(crate) const fn format(&self) -> Option<ImageFormat> {
        if self.is_sure {
            Some(ImageFormat::Tiff)
        } else {
            None
        }
    }

    pub(crate) fn read(&mut self, bytes: &[u8]) -> Step {
        match self.next {
            Next::Header => self.header(bytes),
            Next::LongHeader => self.long_header(bytes),
            Next::Mark => self.mark(bytes),
            Next::Count => self.count(bytes),
            Next::Entry => self.entry(bytes),
        }
    }

    fn header(&mut self, bytes: &[u8]) -> Step {
        if bytes[0] == b'M' {
            self.order = Order::BigEndian;
        }
        if self.u16(bytes, 2) == 42 {
            self.directory = self.u32(bytes, 4).into();
            return match self.directory.checked_sub(8) {
                None => Step::NotAnImage,
                Some(skip @ 0..4) => self.then(Next::Count, skip, 2),
                Some(4..) => self.then(Next::Mark, 0, 4),
            };
        }
        self.width = Offsets::Bits64;
        // The bytes of an offset, and a constant.
        if (self.u16(bytes, 4), self.u16(bytes, 6)) != (8, 0) {
            return Step::NotAnImage;
        }
        self.then(Next::LongHeader, 0, 8)
    }

    fn long_header(&mut self, bytes: &[u8]) -> Step {
        self.directory = self.u64(bytes, 0);
        match self.directory.checked_sub(16) {
            Some(skip) => self.then(Next::Count, skip, 8),
            None => Step::NotAnImage,
        }
    }

    /// Canon's raw files have `CR` here, Phase One's `IIII`.
    fn mark(&mut self, mark: &[u8]) -> Step {
        if mark[..2] == *b"CR" || mark == b"IIII" || mark == b"MMMM" {
            return Step::NotAnImage;
        }
        self.then(Next::Count, self.directory - 12, 2)
    }

    fn count(&mut self, bytes: &[u8]) -> Step {
        self.entries_left = match self.width {
            Offsets::Bits32 => self.u16(bytes, 0).into(),
            Offsets::Bits64 => self.u64(bytes, 0),
        };
        // There are 65,536 tags, each of them once.
        if !(1..=1 << 16).contains(&self.entries_left) {
            return Step::NotAnImage;
        }
        self.next_entry()
    }

    fn next_entry(&mut self) -> Step {
        match self.width {
            Offsets::Bits32 => self.then(Next::Entry, 0, 12),
            Offsets::Bits64 => self.then(Next::Entry, 0, 20),
        }
    }

    fn entry(&mut self, entry: &[u8]) -> Step {
        if !self.note(entry) {
            return Step::NotAnImage;
        }
        self.entries_left -= 1;
        if self.entries_left > 0 {
            return self.next_entry();
        }
        self.over()
    }

    fn over(&mut self) -> Step {
        let found = &self.found;
        if found.is_raw || (found.is_reduced && found.has_subdirectories) {
            return Step::NotAnImage;
        }
        if found.width == 0 || found.height == 0 {
            return Step::NotAnImage;
        }
        if found.is_reduced {
            // A preview of another picture, which is further behind.
            self.is_sure = true;
            return Step::Unsized;
        }
        Step::known(ImageFormat::Tiff, found.width, found.height)
    }

    /// Reads an entry of the directory; whether it is within the rules.
    fn note(&mut self, entry: &[u8]) -> bool {
        let value = self.value(entry);
        let found = &mut self.found;
        match (u16_of(self.order, entry, 0), value) {
            (TAG_WIDTH, Some(width)) if found.width == 0 => found.width = width,
            (TAG_HEIGHT, Some(height)) if found.height == 0 => found.height = height,
            // No number, or a second one.
            (TAG_WIDTH | TAG_HEIGHT, _) => return false,
            (TAG_SUBFILE_TYPE, Some(kind)) => found.is_reduced = kind & 1 == 1,
            (TAG_SUBDIRECTORIES, _) => found.has_subdirectories = true,
            (TAG_COMPRESSION, Some(value)) => found.is_raw |= RAW_COMPRESSIONS.contains(&value),
            (TAG_PHOTOMETRIC, Some(value)) => found.is_raw |= RAW_PHOTOMETRICS.contains(&value),
            (tag, _) => found.is_raw |= RAW_TAGS.contains(&tag),
        }
        true
    }

    /// The value of an entry that is one whole number; it stands in the entry itself.
    fn value(&self, entry: &[u8]) -> Option<u32> {
        let (count, value) = match self.width {
            Offsets::Bits32 => (self.u32(entry, 4).into(), &entry[8..]),
            Offsets::Bits64 => (self.u64(entry, 4), &entry[12..]),
        };
        if count != 1 {
            return None;
        }
        match (self.u16(entry, 2), self.width) {
            (TYPE_BYTE, _) => Some(value[0].into()),
            (TYPE_SHORT, _) => Some(self.u16(value, 0).into()),
            (TYPE_LONG, _) => Some(self.u32(value, 0)),
            (TYPE_LONG8, Offsets::Bits64) => self.u64(value, 0).try_into().ok(),
            _ => None,
        }
    }

    fn then(&mut self, next: Next, skip: u64, read: usize) -> Step {
        self.next = next;
        Step::Next { skip, read }
    }

    fn u16(&self, structure: &[u8], offset: usize) -> u16 {
        u16_of(self.order, structure, offset)
    }

    fn u32(&self, structure: &[u8], offset: usize) -> u32 {
        match self.order {
            Order::LittleEndian => le32(structure, offset),
            Order::BigEndian => be32(structure, offset),
        }
    }

    fn u64(&self, structure: &[u8], offset: usize) -> u64 {
        match self.order {
            Order::LittleEndian => u64::from_le_bytes(bytes(structure, offset)),
            Order::BigEndian => be64(structure, offset),
        }
    }
}

fn u16_of(order: Order, structure: &[u8], offset: usize) -> u16 {
    match order {
        Order::LittleEndian => le16(structure, offset),
        Order::BigEndian => be16(structure, offset),
    }
}

const TAG_SUBFILE_TYPE: u16 = 254;
const TAG_WIDTH: u16 = 256;
const TAG_HEIGHT: u16 = 257;
const TAG_COMPRESSION: u16 = 259;
const TAG_PHOTOMETRIC: u16 = 262;
const TAG_SUBDIRECTORIES: u16 = 330;

const TYPE_BYTE: u16 = 1;
const TYPE_SHORT: u16 = 3;
const TYPE_LONG: u16 = 4;
const TYPE_LONG8: u16 = 16;

/// Tags that only camera raw files have in their first directory: the pattern of a sensor's colours
/// (dimensions, pattern), the version of DNG, what a DNG or a Sony file keeps for its maker.
const RAW_TAGS: [u16; 4] = [33421, 33422, 50706, 50740];

/// Compressions of Sony, Samsung (two), Nikon, Kodak, Pentax; and the lossy one of DNG.
const RAW_COMPRESSIONS: [u32; 7] = [32767, 32769, 32770, 34713, 65000, 65535, 34892];

/// Values of a sensor's pixels: through colour filters, or linear.
const RAW_PHOTOMETRICS: [u32; 2] = [32803, 34892];
