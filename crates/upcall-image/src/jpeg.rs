//! JPEG: the frame header, behind as many segments as there are.
//!
//! Marker codes may be preceded by any number of bytes 0xFF; other bytes between segments are passed
//! over, as every decoder does. The size is the coded one; Exif's orientation does not change it.
//! Source: ITU-T T.81, B.1 and B.2.

use crate::facts::ImageFormat;
use crate::number::be16;
use crate::reader::Step;

#[derive(Debug, Default)]
pub(crate) enum Jpeg {
    /// A byte outside of segments: the first of a marker, or a stray one.
    #[default]
    Outside,
    /// The byte behind 0xFF.
    MarkerCode,
    /// The length of a segment without interest.
    SegmentLength,
    Frame,
}

impl Jpeg {
    /// Behind the start of the image.
    pub(crate) const BEGIN: Step = Step::Next { skip: 2, read: 1 };

    pub(crate) fn read(&mut self, bytes: &[u8]) -> Step {
        match self {
            Self::Outside if bytes[0] == 0xff => self.then(Self::MarkerCode, 0, 1),
            Self::Outside => Step::read(1),
            Self::MarkerCode => self.marker(bytes[0]),
            Self::SegmentLength => match be16(bytes, 0).checked_sub(LENGTH_BYTES) {
                Some(rest) => self.then(Self::Outside, rest.into(), 1),
                None => Step::Unsized,
            },
            Self::Frame => frame(bytes),
        }
    }

    fn marker(&mut self, code: u8) -> Step {
        match code {
            0xff => Step::read(1),
            // No marker, TEM, restarts, the start of an image: nothing belongs to them.
            0x00 | 0x01 | 0xd0..=0xd8 => self.then(Self::Outside, 0, 1),
            // The frame; in between are the codes of tables.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => self.then(Self::Frame, 0, 8),
            // The end, or a scan, without a frame.
            0xd9 | 0xda => Step::Unsized,
            _ => self.then(Self::SegmentLength, 0, 2),
        }
    }

    fn then(&mut self, next: Self, skip: u64, read: usize) -> Step {
        *self = next;
        Step::Next { skip, read }
    }
}

/// Reads a frame header. A height of 0 means that it follows the first scan, which no decoder in use
/// takes.
fn frame(bytes: &[u8]) -> Step {
    let (length, precision, components) = (be16(bytes, 0), bytes[2], bytes[7]);
    let (height, width) = (be16(bytes, 3), be16(bytes, 5));
    let is_valid = length == 8 + 3 * u16::from(components)
        && (2..=16).contains(&precision)
        && (1..=4).contains(&components);
    if !is_valid {
        return Step::Unsized;
    }
    Step::known(ImageFormat::Jpg, width.into(), height.into())
}

/// Bytes of the length itself, which it counts.
const LENGTH_BYTES: u16 = 2;
