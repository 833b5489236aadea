//! WebP: the canvas, or the only frame.
//!
//! Source: RFC 9649, 2.5 to 2.7 and 3.4; RFC 6386, 9.1.

use crate::facts::ImageFormat;
use crate::number::{bytes, le16, le24, le32};
use crate::reader::Step;

#[derive(Debug, Default)]
pub(crate) enum Webp {
    #[default]
    ChunkHeader,
    Lossy,
    Lossless,
    Extended,
}

impl Webp {
    /// The file's header and the first chunk's.
    pub(crate) const BEGIN: Step = Step::Next { skip: 0, read: 20 };

    pub(crate) fn read(&mut self, bytes: &[u8]) -> Step {
        let size = match self {
            Self::ChunkHeader => return self.chunk_header(bytes),
            Self::Lossy => lossy(bytes),
            Self::Lossless => lossless(bytes),
            Self::Extended => extended(bytes),
        };
        size.map_or(Step::Unsized, |(width, height)| {
            Step::known(ImageFormat::Webp, width, height)
        })
    }

    fn chunk_header(&mut self, header: &[u8]) -> Step {
        let (next, read): (_, u8) = match &bytes(header, 12) {
            b"VP8 " => (Self::Lossy, 10),
            b"VP8L" => (Self::Lossless, 5),
            b"VP8X" => (Self::Extended, 10),
            _ => return Step::Unsized,
        };
        *self = next;
        // The chunk must have what is read of it.
        if le32(header, 16) < u32::from(read) {
            return Step::Unsized;
        }
        Step::read(read.into())
    }
}

/// A key frame that is shown.
fn lossy(bytes: &[u8]) -> Option<(u32, u32)> {
    let tag = le24(bytes, 0);
    let (is_key_frame, version, is_shown) = (tag & 1 == 0, tag >> 1 & 7, tag >> 4 & 1 == 1);
    let is_valid = is_key_frame && version <= 3 && is_shown && bytes[3..6] == [0x9d, 0x01, 0x2a];
    // The upper two bits only say how large it is to be shown.
    let side = |offset| u32::from(le16(bytes, offset) & 0x3fff);
    is_valid.then(|| (side(6), side(8)))
}

fn lossless(bytes: &[u8]) -> Option<(u32, u32)> {
    let packed = le32(bytes, 1);
    let is_valid = bytes[0] == 0x2f && packed >> 29 == 0;
    is_valid.then_some(((packed & 0x3fff) + 1, (packed >> 14 & 0x3fff) + 1))
}

fn extended(bytes: &[u8]) -> Option<(u32, u32)> {
    let (width, height) = (le24(bytes, 4) + 1, le24(bytes, 7) + 1);
    // Source: RFC 9649, 2.7: the product is at most 2^32 - 1.
    width.checked_mul(height)?;
    Some((width, height))
}
