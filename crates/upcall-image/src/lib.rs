//! Format and size in pixels of an image, read from its bytes as they pass.
//!
//! In: a file's bytes, in pieces of any size, once and in order. Out: [`ImageFacts`], or nothing if it
//! is no image. No pixel is decoded, nothing is read twice, and nothing is kept but a format's few
//! fields: what lies between them is passed over by its length, however long it is. So a size that
//! stands behind the pixels, or behind megabytes of profiles, is found as well.
//!
//! How the file is cut into pieces makes no difference: a format's reader asks for a number of bytes
//! at a distance and gets exactly those, see `reader`.
//!
//! *Unknown* is said rather than a guess: a file that begins like an image and then breaks the rules
//! of its format has a format and no size, or neither if its magic number is short. What no format
//! allows is never a size. A file can still lie within the rules; nothing here proves that there are
//! pixels.
//!
//! Which size is said of a picture that is shown turned: the coded one for JPEG, PNG, WebP and TIFF,
//! whose readers turn it by Exif; for HEIC, AVIF and JPEG XL, whose decoders turn and crop by
//! themselves, the one that comes out of them.

mod bmp;
mod facts;
mod gif;
mod heif;
mod ico;
mod jpeg;
mod jxl;
mod limits;
mod magic;
mod number;
mod png;
mod reader;
mod tiff;
mod webp;

pub use facts::{ImageFacts, ImageFormat, ImageSize};
pub use reader::ImageReader;
