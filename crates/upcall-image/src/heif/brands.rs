//! What a file says it is: its brands, and the codecs of its items.
//!
//! Source: ISO/IEC 23008-12, 10 and annex B; AV1 Image File Format, 8.

use super::property::Codecs;
use crate::facts::ImageFormat;

#[derive(Debug, Default)]
pub(super) struct Brands {
    major: Option<Family>,
    has_heic: bool,
    has_avif: bool,
    /// A brand that says that there are pictures, and not of which codec.
    has_any: bool,
}

#[derive(Clone, Copy, Debug)]
enum Family {
    Heic,
    Avif,
    Any,
}

impl Brands {
    pub(super) fn note_major(&mut self, brand: [u8; 4]) {
        self.major = family(brand);
        self.note(brand);
    }

    pub(super) fn note(&mut self, brand: [u8; 4]) {
        match family(brand) {
            Some(Family::Heic) => self.has_heic = true,
            Some(Family::Avif) => self.has_avif = true,
            Some(Family::Any) => self.has_any = true,
            None => {}
        }
    }

    /// Videos, Canon's raw files and much else begin alike.
    pub(super) const fn are_of_an_image(&self) -> bool {
        self.has_heic || self.has_avif || self.has_any
    }

    /// The format by the major brand, by the only family among all, or by the only codec.
    pub(super) const fn format(&self, codecs: Codecs) -> Option<ImageFormat> {
        match (self.major, self.has_heic, self.has_avif) {
            (Some(Family::Heic), _, _) | (_, true, false) => Some(ImageFormat::Heic),
            (Some(Family::Avif), _, _) | (_, false, true) => Some(ImageFormat::Avif),
            _ if !self.are_of_an_image() => None,
            _ => match (codecs.has_hevc, codecs.has_av1) {
                (true, false) => Some(ImageFormat::Heic),
                (false, true) => Some(ImageFormat::Avif),
                _ => None,
            },
        }
    }
}

fn family(brand: [u8; 4]) -> Option<Family> {
    match &brand {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => {
            Some(Family::Heic)
        }
        b"avif" | b"avis" | b"avio" => Some(Family::Avif),
        b"mif1" | b"mif2" | b"msf1" | b"miaf" => Some(Family::Any),
        _ => None,
    }
}
