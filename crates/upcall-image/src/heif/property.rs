//! The properties that items share.

use crate::limits;
use crate::number::{be32, bytes};

/// Those that bear on a size, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Properties {
    kept: Vec<(u16, Property)>,
    /// How many have begun; the first one's number is 1.
    begun: u16,
    codecs: Codecs,
}

/// Which codecs have a configuration among the properties.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Codecs {
    pub(super) has_hevc: bool,
    pub(super) has_av1: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Property {
    /// `ispe`: width and height before any transformation.
    Extents(u32, u32),
    /// `clap`.
    Aperture(Aperture),
    /// `irot`: quarters of a turn.
    Turn(u8),
}

/// What is read of a property.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Extents,
    Aperture,
    Turn,
}

impl Properties {
    /// The next property begins; its kind, if it is to be read.
    pub(super) fn begin(&mut self, kind: [u8; 4]) -> Option<Kind> {
        // No number is that high.
        self.begun = self.begun.saturating_add(1);
        match &kind {
            b"ispe" => return Some(Kind::Extents),
            b"clap" => return Some(Kind::Aperture),
            b"irot" => return Some(Kind::Turn),
            b"hvcC" => self.codecs.has_hevc = true,
            b"av1C" => self.codecs.has_av1 = true,
            _ => {}
        }
        None
    }

    /// Keeps the property that has begun; `None` if they are too many.
    pub(super) fn note(&mut self, property: Property) -> Option<()> {
        if self.kept.len() >= limits::HEIF_PROPERTIES {
            return None;
        }
        self.kept.push((self.begun, property));
        Some(())
    }

    pub(super) fn get(&self, number: u16) -> Option<Property> {
        let found = self
            .kept
            .binary_search_by_key(&number, |(number, _)| *number);
        found.ok().map(|place| self.kept[place].1)
    }

    pub(super) const fn codecs(&self) -> Codecs {
        self.codecs
    }
}

impl Kind {
    /// Bytes of it that are read.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Extents => 12,
            Self::Aperture => 32,
            Self::Turn => 1,
        }
    }
}

impl Property {
    pub(super) fn read(kind: Kind, content: &[u8]) -> Self {
        match kind {
            Kind::Extents => Self::Extents(be32(content, 4), be32(content, 8)),
            Kind::Aperture => Self::Aperture(Aperture::read(content)),
            Kind::Turn => Self::Turn(content[0] & 3),
        }
    }
}

/// A part of the picture, around its middle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aperture {
    width: Fraction,
    height: Fraction,
    /// How far its middle is from the picture's.
    right: Fraction,
    down: Fraction,
}

#[derive(Clone, Copy, Debug)]
struct Fraction {
    over: i32,
    under: i32,
}

impl Aperture {
    fn read(content: &[u8]) -> Self {
        let fraction = |offset| Fraction {
            over: i32::from_be_bytes(bytes(content, offset)),
            under: i32::from_be_bytes(bytes(content, offset + 4)),
        };
        Self {
            width: fraction(0),
            height: fraction(8),
            right: fraction(16),
            down: fraction(24),
        }
    }

    /// What is left of a picture of this size; `None` if the part is not within it.
    pub(super) fn crop(self, (width, height): (u32, u32)) -> Option<(u32, u32)> {
        Some((
            cut(width, self.width, self.right)?,
            cut(height, self.height, self.down)?,
        ))
    }
}

/// The whole pixels of a part of a side.
fn cut(side: u32, part: Fraction, offset: Fraction) -> Option<u32> {
    if part.under <= 0 || part.over <= 0 || offset.under <= 0 {
        return None;
    }
    let [side, over, under] = [i128::from(side), part.over.into(), part.under.into()];
    let (off_over, off_under) = (i128::from(offset.over), i128::from(offset.under));
    // |offset| is at most half of what is cut off.
    if 2 * off_over.abs() * under > (side * under - over) * off_under {
        return None;
    }
    u32::try_from((2 * over + under) / (2 * under)).ok()
}
