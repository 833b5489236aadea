//! PNG: the first chunk is the header, and says it.
//!
//! Apple's `CgBI` files, which begin with another chunk, are no PNG that others can show; their size
//! is unknown. Source: W3C, "Portable Network Graphics (PNG) Specification", 5.6 and 11.2.1.

use crate::facts::ImageFormat;
use crate::number::{be32, bytes};
use crate::reader::Step;

#[derive(Debug)]
pub(crate) struct Png;

impl Png {
    /// Length, type and content of the first chunk.
    pub(crate) const BEGIN: Step = Step::Next { skip: 8, read: 21 };

    #[expect(clippy::unused_self, reason = "every format's reader is called alike")]
    pub(crate) fn read(&self, chunk: &[u8]) -> Step {
        header(chunk).map_or(Step::Unsized, |(width, height)| {
            Step::known(ImageFormat::Png, width, height)
        })
    }
}

/// Reads a chunk as the header; `None` if it is none, or not within the rules.
pub(crate) fn header(chunk: &[u8]) -> Option<(u32, u32)> {
    if be32(chunk, 0) != HEADER_BYTES || bytes(chunk, 4) != *b"IHDR" {
        return None;
    }
    let (width, height) = (be32(chunk, 8), be32(chunk, 12));
    let [depth, color, compression, filter, interlace] = bytes(chunk, 16);
    let depths: &[u8] = match color {
        0 => &[1, 2, 4, 8, 16],
        3 => &[1, 2, 4, 8],
        2 | 4 | 6 => &[8, 16],
        _ => &[],
    };
    let is_valid = depths.contains(&depth)
        && (compression, filter) == (0, 0)
        && interlace <= 1
        && width.max(height) <= MAX_SIDE;
    is_valid.then_some((width, height))
}

/// Bytes of the header's content.
const HEADER_BYTES: u32 = 13;

/// Pixels of one side at most. Source: PNG, 11.2.1 ("PNG four-byte unsigned integer").
const MAX_SIDE: u32 = 0x7fff_ffff;
