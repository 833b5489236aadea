//! JPEG XL: the size header of the codestream, bare or in a container.
//!
//! The codestream's own orientation is applied by its decoders, and so here. Source: ISO/IEC 18181-1,
//! annexes B and D (size header, image metadata); 18181-2 (container).

use crate::facts::ImageFormat;
use crate::number::{be32, be64, bytes};
use crate::reader::Step;

/// A codestream that is the whole file.
#[derive(Debug)]
pub(crate) struct Codestream;

impl Codestream {
    pub(crate) const BEGIN: Step = Step::Next {
        skip: 0,
        read: CODESTREAM_BYTES,
    };

    #[expect(clippy::unused_self, reason = "every format's reader is called alike")]
    pub(crate) fn read(&self, bytes: &[u8]) -> Step {
        size(number_of(bytes)).map_or(Step::NotAnImage, |(width, height)| {
            Step::known(ImageFormat::Jxl, width, height)
        })
    }
}

/// A codestream in boxes: one `jxlc`, or pieces in `jxlp`.
#[derive(Debug, Default)]
pub(crate) struct Container {
    next: Next,
    /// The codestream's beginning, as far as it has come.
    begun: [u8; CODESTREAM_BYTES],
    begun_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Next {
    #[default]
    BoxHeader,
    /// The length of a box that is too long for the usual one.
    LongBox { kind: [u8; 4] },
    /// The number of a piece, and how many bytes are in the piece.
    PieceNumber { bytes: u64 },
    /// Bytes of the codestream, and how many more are in the box.
    Codestream { rest: u64, is_last: bool },
}

impl Container {
    /// Behind the signature's box.
    pub(crate) const BEGIN: Step = Step::Next { skip: 12, read: 8 };

    pub(crate) fn read(&mut self, bytes: &[u8]) -> Step {
        match self.next {
            Next::BoxHeader => {
                let kind = self::bytes(bytes, 4);
                match be32(bytes, 0) {
                    0 => self.open(kind, u64::MAX),
                    1 => self.then(Next::LongBox { kind }, 0, 8),
                    length => match u64::from(length).checked_sub(8) {
                        Some(content) => self.open(kind, content),
                        None => Step::Unsized,
                    },
                }
            }
            Next::LongBox { kind } => match be64(bytes, 0).checked_sub(16) {
                Some(content) => self.open(kind, content),
                None => Step::Unsized,
            },
            Next::PieceNumber { bytes: content } => {
                // The upper bit says that it is the last.
                let is_last = bytes[0] & 0x80 != 0;
                self.collect(content, is_last)
            }
            Next::Codestream { rest, is_last } => {
                let end = self.begun_bytes + bytes.len();
                self.begun[self.begun_bytes..end].copy_from_slice(bytes);
                self.begun_bytes = end;
                self.collected(rest, is_last)
            }
        }
    }

    fn open(&mut self, kind: [u8; 4], content: u64) -> Step {
        match &kind {
            b"jxlc" => self.collect(content, true),
            b"jxlp" => match content.checked_sub(4) {
                Some(bytes) => self.then(Next::PieceNumber { bytes }, 0, 4),
                None => Step::Unsized,
            },
            _ => self.then(Next::BoxHeader, content, 8),
        }
    }

    fn collect(&mut self, content: u64, is_last: bool) -> Step {
        let room = CODESTREAM_BYTES - self.begun_bytes;
        let read = usize::try_from(content).map_or(room, |content| content.min(room));
        let rest = content - read as u64;
        if read == 0 {
            return self.collected(rest, is_last);
        }
        self.then(Next::Codestream { rest, is_last }, 0, read)
    }

    fn collected(&mut self, rest: u64, is_last: bool) -> Step {
        // A codestream that ends sooner ends with zeros that need not be read.
        if self.begun_bytes < CODESTREAM_BYTES && !is_last {
            return self.then(Next::BoxHeader, rest, 8);
        }
        match size(number_of(&self.begun)) {
            Some((width, height)) => Step::known(ImageFormat::Jxl, width, height),
            None => Step::Unsized,
        }
    }

    fn then(&mut self, next: Next, skip: u64, read: usize) -> Step {
        self.next = next;
        Step::Next { skip, read }
    }
}

/// The codestream's beginning as a number whose lowest bit comes first.
fn number_of(begun: &[u8]) -> u128 {
    let mut padded = [0; 16];
    padded[..CODESTREAM_BYTES].copy_from_slice(&begun[..CODESTREAM_BYTES]);
    u128::from_le_bytes(padded)
}

/// Reads signature, size header and orientation.
fn size(begun: u128) -> Option<(u32, u32)> {
    let mut bits = Bits(begun);
    if bits.take(16) != 0x0aff {
        return None;
    }
    let is_small = bits.take(1) == 1;
    let side = |bits: &mut Bits| {
        if is_small {
            return (bits.take(5) + 1) * 8;
        }
        let width = [9, 13, 18, 30][bits.take(2) as usize];
        bits.take(width) + 1
    };
    let height = side(&mut bits);
    let ratio = bits.take(3);
    let by_ratio = |over: u64, under: u64| u32::try_from(u64::from(height) * over / under).ok();
    let width = match ratio {
        0 => side(&mut bits),
        1 => height,
        2 => by_ratio(12, 10)?,
        3 => by_ratio(4, 3)?,
        4 => by_ratio(3, 2)?,
        5 => by_ratio(16, 9)?,
        6 => by_ratio(5, 4)?,
        _ => by_ratio(2, 1)?,
    };
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return None;
    }
    let is_all_default = bits.take(1) == 1;
    let has_orientation = !is_all_default && bits.take(1) == 1;
    // 1 to 4 keep the sides as they are, 5 to 8 swap them.
    let is_turned = has_orientation && bits.take(3) >= 4;
    Some(if is_turned {
        (height, width)
    } else {
        (width, height)
    })
}

/// Bits that come lowest first.
struct Bits(u128);

impl Bits {
    fn take(&mut self, count: u32) -> u32 {
        let mask = (1 << count) - 1;
        let taken = self.0 & mask;
        self.0 >>= count;
        u32::try_from(taken).expect("no field has more than 30 bits")
    }
}

/// Bytes from the signature to the orientation, at most: 16, 1, 32, 3, 32, 1, 1 and 3 bits.
const CODESTREAM_BYTES: usize = 12;

/// Pixels of one side at most. Source: ISO/IEC 18181-1, annex M, level 10.
const MAX_SIDE: u32 = 1 << 30;

/// Pixels at most; as above.
const MAX_PIXELS: u64 = 1 << 40;
