//! Windows bitmaps, and OS/2's.
//!
//! Two bytes are the whole magic number, so the fields behind them must be those of a bitmap: a known
//! header, one plane, a depth and a compression that exist. A negative height means that the first row
//! is the top one. Source: Microsoft, "Bitmap storage", BITMAPCOREHEADER, BITMAPV5HEADER; OS/2,
//! BITMAPINFOHEADER2.

use crate::facts::ImageFormat;
use crate::number::{bytes, le16, le32};
use crate::reader::Step;

#[derive(Debug, Default)]
pub(crate) enum Bmp {
    #[default]
    FileHeader,
    /// OS/2's first header, with sizes of two bytes.
    Core,
    /// Every later header, of so many bytes.
    Info(u32),
}

impl Bmp {
    /// The file's header, and the length of the bitmap's.
    pub(crate) const BEGIN: Step = Step::Next { skip: 0, read: 18 };

    pub(crate) fn read(&mut self, bytes: &[u8]) -> Step {
        let size = match self {
            Self::FileHeader => return self.file_header(bytes),
            Self::Core => core(bytes),
            Self::Info(length) => info(bytes, *length),
        };
        match size {
            Some((width, height)) if width > 0 && height > 0 => {
                Step::known(ImageFormat::Bmp, width, height)
            }
            _ => Step::NotAnImage,
        }
    }

    fn file_header(&mut self, bytes: &[u8]) -> Step {
        let (pixels_at, header_bytes) = (le32(bytes, 10), le32(bytes, 14));
        // Some writers leave it empty.
        let is_behind = pixels_at == 0 || pixels_at >= FILE_HEADER_BYTES + header_bytes.min(124);
        let (next, read) = match header_bytes {
            12 => (Self::Core, 8),
            // OS/2's second header may be cut short.
            16 => (Self::Info(16), 12),
            40 | 52 | 56 | 64 | 108 | 124 => (Self::Info(header_bytes), 16),
            _ => return Step::NotAnImage,
        };
        if !is_behind {
            return Step::NotAnImage;
        }
        *self = next;
        Step::read(read)
    }
}

fn core(bytes: &[u8]) -> Option<(u32, u32)> {
    let (planes, depth) = (le16(bytes, 4), le16(bytes, 6));
    let is_valid = planes == 1 && matches!(depth, 1 | 2 | 4 | 8 | 16 | 24 | 32);
    is_valid.then(|| (le16(bytes, 0).into(), le16(bytes, 2).into()))
}

/// Reads what all later headers have in common; the shortest ends before the compression.
pub(crate) fn info(header: &[u8], header_bytes: u32) -> Option<(u32, u32)> {
    let (width, height) = (
        i32::from_le_bytes(bytes(header, 0)),
        i32::from_le_bytes(bytes(header, 4)),
    );
    let (planes, depth) = (le16(header, 8), le16(header, 10));
    let compression = if header_bytes == 16 {
        0
    } else {
        le32(header, 12)
    };
    // Depth 0 stands for an embedded JPEG (4) or PNG (5); 11 to 13 are those of printers' colours.
    let is_valid = planes == 1
        && match depth {
            0 => matches!(compression, 4 | 5),
            1 | 2 | 4 | 8 | 16 | 24 | 32 | 64 => matches!(compression, 0..=6 | 11..=13),
            _ => false,
        };
    let width = u32::try_from(width).ok()?;
    // The most negative height has no counterpart.
    let height = u32::try_from(height.checked_abs()?).ok()?;
    is_valid.then_some((width, height))
}

/// Bytes of the file's header.
const FILE_HEADER_BYTES: u32 = 14;
