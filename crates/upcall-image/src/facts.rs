//! What is read of an image.

use std::fmt;

/// Format and size of an image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImageFacts {
    /// The format, as the first bytes show it.
    pub format: ImageFormat,
    /// The size in pixels; `None` if the file does not say, or says what its format does not allow.
    pub size: Option<ImageSize>,
}

/// Width and height in pixels, neither of them 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImageSize {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

impl ImageSize {
    /// A size, unless one of the two is 0.
    pub(crate) const fn new(width: u32, height: u32) -> Option<Self> {
        if width == 0 || height == 0 {
            return None;
        }
        Some(Self { width, height })
    }
}

/// A format that is known.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ImageFormat {
    /// AVIF: HEIF with AV1.
    Avif,
    /// Windows bitmap, OS/2's too.
    Bmp,
    /// GIF.
    Gif,
    /// HEIC: HEIF with HEVC.
    Heic,
    /// Windows icon.
    Ico,
    /// JPEG.
    Jpg,
    /// JPEG XL.
    Jxl,
    /// PNG.
    Png,
    /// TIFF, with 32-bit or 64-bit offsets.
    Tiff,
    /// WebP.
    Webp,
}

impl ImageFormat {
    /// The value of `imageInfo.format`. Source: OSS, "Callback"; `jpg` and `png` are printed there,
    /// the others are the names of OSS's image processing.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avif => "avif",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
            Self::Heic => "heic",
            Self::Ico => "ico",
            Self::Jpg => "jpg",
            Self::Jxl => "jxl",
            Self::Png => "png",
            Self::Tiff => "tiff",
            Self::Webp => "webp",
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
