//! Which format a file claims to be, by its first bytes.
//!
//! A claim of two to four bytes is not believed before the fields behind them were held against the
//! rules of the format; that is the format's reader's part.

use crate::bmp::Bmp;
use crate::gif::Gif;
use crate::heif::Heif;
use crate::ico::Ico;
use crate::jpeg::Jpeg;
use crate::jxl::{Codestream, Container};
use crate::png::Png;
use crate::reader::Parser;
use crate::tiff::Tiff;
use crate::webp::Webp;

/// Bytes that show every format.
///
/// 12: HEIF and WebP show theirs from the ninth byte on. No picture is shorter.
pub(crate) const MAGIC_BYTES: usize = 12;

/// The reader for what begins so, or `None` for what is no image.
pub(crate) fn parser(first: [u8; MAGIC_BYTES]) -> Option<Parser> {
    Some(match first {
        // What follows the start of the image is a table, a segment or a frame; or bytes that fill.
        [0xff, 0xd8, 0xff, 0xc0..=0xcf | 0xdb..=0xff, ..] => Parser::Jpeg(Jpeg::default()),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Parser::Png(Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Parser::Gif(Gif::default()),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => {
            Parser::Webp(Webp::default())
        }
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => Parser::Heif(Heif::default()),
        [
            0,
            0,
            0,
            12,
            b'J',
            b'X',
            b'L',
            b' ',
            b'\r',
            b'\n',
            0x87,
            b'\n',
        ] => Parser::JxlContainer(Container::default()),
        [0xff, 0x0a, ..] => Parser::Jxl(Codestream),
        [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => {
            Parser::Tiff(Tiff::default())
        }
        [b'B', b'M', ..] => Parser::Bmp(Bmp::default()),
        [0, 0, 1, 0, ..] => Parser::Ico(Ico::default()),
        _ => return None,
    })
}
