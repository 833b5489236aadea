//! Windows icons: the largest of their pictures.
//!
//! The directory is read to its end, since the largest picture may stand anywhere in it; then the
//! picture itself, which says its size again. A picture of 256 pixels or more has a 0 in the
//! directory. Source: Microsoft, "Icons" (ICONDIR, ICONDIRENTRY).

use crate::bmp;
use crate::facts::ImageFormat;
use crate::number::{le16, le32};
use crate::png;
use crate::reader::Step;

#[derive(Debug, Default)]
pub(crate) struct Ico {
    next: Next,
    /// Entries of the directory.
    count: u16,
    /// Entries that were read.
    read: u16,
    largest: Entry,
}

#[derive(Debug, Default)]
enum Next {
    #[default]
    Head,
    Entry,
    Picture,
}

/// One picture.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    width: u32,
    height: u32,
    offset: u32,
}

impl Ico {
    pub(crate) const BEGIN: Step = Step::Next {
        skip: 0,
        read: HEAD_BYTES,
    };

    pub(crate) fn read(&mut self, bytes: &[u8]) -> Step {
        match self.next {
            Next::Head => {
                self.count = le16(bytes, 4);
                self.next = Next::Entry;
                if self.count == 0 {
                    return Step::NotAnImage;
                }
                Step::read(ENTRY_BYTES)
            }
            Next::Entry => self.entry(bytes),
            Next::Picture => self.picture(bytes),
        }
    }

    fn entry(&mut self, bytes: &[u8]) -> Step {
        let side = |index: usize| {
            if bytes[index] == 0 {
                256
            } else {
                bytes[index].into()
            }
        };
        let entry = Entry {
            width: side(0),
            height: side(1),
            offset: le32(bytes, 12),
        };
        let (planes, depth, length) = (le16(bytes, 4), le16(bytes, 6), le32(bytes, 8));
        let directory_bytes = HEAD_BYTES + usize::from(self.count) * ENTRY_BYTES;
        let from_here = u64::from(entry.offset).checked_sub(directory_bytes as u64);
        let is_valid = planes <= 1
            && matches!(depth, 0 | 1 | 2 | 4 | 8 | 16 | 24 | 32)
            && length as usize > PICTURE_BYTES
            && from_here.is_some();
        if !is_valid {
            return Step::NotAnImage;
        }
        if entry.width * entry.height > self.largest.width * self.largest.height {
            self.largest = entry;
        }
        self.read += 1;
        if self.read < self.count {
            return Step::read(ENTRY_BYTES);
        }
        self.next = Next::Picture;
        Step::Next {
            skip: u64::from(self.largest.offset) - directory_bytes as u64,
            read: PICTURE_BYTES,
        }
    }

    fn picture(&self, head: &[u8]) -> Step {
        let size = if head[..8] == *b"\x89PNG\r\n\x1a\n" {
            png::header(&head[8..])
        } else {
            bitmap(head)
        };
        match size {
            Some((width, height)) if self.largest.can_be(width, height) => {
                Step::known(ImageFormat::Ico, width, height)
            }
            _ => Step::NotAnImage,
        }
    }
}

impl Entry {
    /// Whether the picture can have that size. Where it has another one than the directory says, as
    /// happens, the picture is right; but only one of 256 pixels or more is that large.
    const fn can_be(self, width: u32, height: u32) -> bool {
        width > 0
            && height > 0
            && (width < 256 || self.width == 256)
            && (height < 256 || self.height == 256)
    }
}

/// Reads a bitmap's header. Its height counts the mask, too, which is as high.
fn bitmap(head: &[u8]) -> Option<(u32, u32)> {
    if le32(head, 0) != BITMAP_HEADER_BYTES {
        return None;
    }
    let (width, height) = bmp::info(&head[4..], BITMAP_HEADER_BYTES)?;
    Some((width, height / 2))
}

/// Bytes of the directory's head.
const HEAD_BYTES: usize = 6;

/// Bytes of an entry of the directory.
const ENTRY_BYTES: usize = 16;

/// Bytes of a picture that are looked at: a PNG's magic number and header.
const PICTURE_BYTES: usize = 29;

/// Bytes of a bitmap's header in an icon.
const BITMAP_HEADER_BYTES: u32 = 40;
