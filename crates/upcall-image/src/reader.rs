//! The reader of a file that comes in pieces.
//!
//! A format's reader never sees the pieces. It says how many bytes to pass over and how many to give
//! it then ([`Step::Next`]), and gets exactly those. That is why the result cannot depend on how a
//! file is cut.

use crate::bmp::Bmp;
use crate::facts::{ImageFacts, ImageFormat, ImageSize};
use crate::gif::Gif;
use crate::heif::Heif;
use crate::ico::Ico;
use crate::jpeg::Jpeg;
use crate::jxl::{Codestream, Container};
use crate::limits;
use crate::magic::{self, MAGIC_BYTES};
use crate::number;
use crate::png::Png;
use crate::tiff::Tiff;
use crate::webp::Webp;

/// Reads format and size of an image from its bytes.
///
/// ```
/// use upcall_image::{ImageFormat, ImageReader, ImageSize};
///
/// let mut reader = ImageReader::default();
/// reader.feed(b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0");
/// reader.feed(b"\0\0\x06\0\0\x04\0\0");
/// let facts = reader.finish().unwrap();
/// assert_eq!(facts.format, ImageFormat::Webp);
/// assert_eq!(facts.size, Some(ImageSize { width: 7, height: 5 }));
/// ```
#[derive(Debug)]
pub struct ImageReader {
    state: State,
    /// Bytes to pass over before the next ones are read.
    skip: u64,
    /// Bytes to read then.
    read: usize,
    /// The first of those, if they did not come in one piece.
    held: [u8; limits::READ_BYTES],
    held_bytes: usize,
    reads_left: u32,
}

#[derive(Debug)]
enum State {
    /// The first bytes have not come.
    Beginning,
    Reading(Parser),
    Over(Option<ImageFacts>),
}

impl Default for ImageReader {
    fn default() -> Self {
        Self {
            state: State::Beginning,
            skip: 0,
            read: MAGIC_BYTES,
            held: [0; limits::READ_BYTES],
            held_bytes: 0,
            reads_left: limits::READS,
        }
    }
}

impl ImageReader {
    /// Looks at the next bytes of the file. Nothing is allocated for them, and nothing copied but a
    /// structure that was cut in two.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !self.is_over() {
            let skipped =
                usize::try_from(self.skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
            self.skip -= skipped as u64;
            bytes = &bytes[skipped..];
            let missing = self.read - self.held_bytes;
            if bytes.len() < missing {
                self.hold(bytes);
                return;
            }
            let (read, rest) = bytes.split_at(missing);
            bytes = rest;
            if self.held_bytes == 0 {
                self.give(read);
            } else {
                self.hold(read);
                let held = self.held;
                let held_bytes = std::mem::take(&mut self.held_bytes);
                self.give(&held[..held_bytes]);
            }
        }
    }

    /// Whether more bytes would change nothing.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    /// What was found, when the file is over. `None` if it is no image.
    pub fn finish(self) -> Option<ImageFacts> {
        match self.state {
            State::Over(facts) => facts,
            State::Reading(parser) => parser.without_size(),
            State::Beginning => None,
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        let end = self.held_bytes + bytes.len();
        self.held[self.held_bytes..end].copy_from_slice(bytes);
        self.held_bytes = end;
    }

    /// Gives the format's reader what it asked for.
    fn give(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Beginning => self.begin(bytes),
            State::Reading(parser) => {
                let step = parser.read(bytes);
                self.take(step);
            }
            State::Over(_) => {}
        }
    }

    fn begin(&mut self, bytes: &[u8]) {
        let first = number::bytes(bytes, 0);
        let Some(parser) = magic::parser(first) else {
            self.state = State::Over(None);
            return;
        };
        let step = parser.begin();
        self.state = State::Reading(parser);
        self.take(step);
        // A format's reader counts from the file's beginning.
        self.feed(&first);
    }

    fn take(&mut self, step: Step) {
        let State::Reading(parser) = &self.state else {
            return;
        };
        let facts = match step {
            Step::Next { skip, read } => {
                debug_assert!((1..=limits::READ_BYTES).contains(&read));
                if let Some(left) = self.reads_left.checked_sub(1) {
                    (self.skip, self.read, self.reads_left) = (skip, read, left);
                    return;
                }
                parser.without_size()
            }
            Step::Known(format, size) => Some(ImageFacts {
                format,
                size: Some(size),
            }),
            Step::Unsized => parser.without_size(),
            Step::NotAnImage => None,
        };
        self.state = State::Over(facts);
    }
}

/// What a format's reader wants next, or what it found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// So many bytes are passed over; the next ones come as one piece.
    Next {
        /// Bytes to pass over.
        skip: u64,
        /// Bytes to read, 1 to [`limits::READ_BYTES`].
        read: usize,
    },
    /// The size is known.
    Known(ImageFormat, ImageSize),
    /// No size will be known; the format is, if what has come shows it for sure.
    Unsized,
    /// It only began like an image, or it is one of a kind that is not announced.
    NotAnImage,
}

impl Step {
    /// Reads what comes next.
    pub(crate) const fn read(read: usize) -> Self {
        Self::Next { skip: 0, read }
    }

    /// The size, if neither side is 0.
    pub(crate) const fn known(format: ImageFormat, width: u32, height: u32) -> Self {
        match ImageSize::new(width, height) {
            Some(size) => Self::Known(format, size),
            None => Self::Unsized,
        }
    }
}

/// The reader of one format.
#[derive(Debug)]
pub(crate) enum Parser {
    Bmp(Bmp),
    Gif(Gif),
    Heif(Heif),
    Ico(Ico),
    Jpeg(Jpeg),
    Jxl(Codestream),
    JxlContainer(Container),
    Png(Png),
    Tiff(Tiff),
    Webp(Webp),
}

impl Parser {
    /// What to read first, counted from the file's beginning.
    const fn begin(&self) -> Step {
        match self {
            Self::Bmp(_) => Bmp::BEGIN,
            Self::Gif(_) => Gif::BEGIN,
            Self::Heif(_) => Heif::BEGIN,
            Self::Ico(_) => Ico::BEGIN,
            Self::Jpeg(_) => Jpeg::BEGIN,
            Self::Jxl(_) => Codestream::BEGIN,
            Self::JxlContainer(_) => Container::BEGIN,
            Self::Png(_) => Png::BEGIN,
            Self::Tiff(_) => Tiff::BEGIN,
            Self::Webp(_) => Webp::BEGIN,
        }
    }

    /// The format, if enough has come to show it for sure: two to four bytes are not enough.
    const fn format(&self) -> Option<ImageFormat> {
        match self {
            Self::Bmp(_) | Self::Ico(_) | Self::Jxl(_) => None,
            Self::Gif(_) => Some(ImageFormat::Gif),
            Self::Heif(heif) => heif.format(),
            Self::Jpeg(_) => Some(ImageFormat::Jpg),
            Self::JxlContainer(_) => Some(ImageFormat::Jxl),
            Self::Png(_) => Some(ImageFormat::Png),
            Self::Tiff(tiff) => tiff.format(),
            Self::Webp(_) => Some(ImageFormat::Webp),
        }
    }

    fn without_size(&self) -> Option<ImageFacts> {
        let format = self.format()?;
        Some(ImageFacts { format, size: None })
    }

    fn read(&mut self, bytes: &[u8]) -> Step {
        match self {
            Self::Bmp(parser) => parser.read(bytes),
            Self::Gif(parser) => parser.read(bytes),
            Self::Heif(parser) => parser.read(bytes),
            Self::Ico(parser) => parser.read(bytes),
            Self::Jpeg(parser) => parser.read(bytes),
            Self::Jxl(parser) => parser.read(bytes),
            Self::JxlContainer(parser) => parser.read(bytes),
            Self::Png(parser) => parser.read(bytes),
            Self::Tiff(parser) => parser.read(bytes),
            Self::Webp(parser) => parser.read(bytes),
        }
    }
}
