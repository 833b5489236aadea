//! Every bound of the image reader, one constant each: unit, reason, and what happens beyond.

/// Bytes that a format's reader may ask for at once, and so what is copied of a file at most.
///
/// 64: the longest structure of fixed size is HEIF's clean aperture (32 bytes). What is longer is
/// read in pieces or passed over.
pub(crate) const READ_BYTES: usize = 64;

/// Reads of one file, each of at most [`READ_BYTES`].
///
/// 1,048,576: a TIFF directory with every possible tag takes 65,536, a metadata block of 64 MiB in
/// a GIF 262,144; a hostile file costs some milliseconds. Beyond it the size is unknown.
pub(crate) const READS: u32 = 1 << 20;

/// Properties of a HEIF file that can matter for a size: extents, apertures, turns.
///
/// 1,024 (of 40 bytes): one extent for each tile of a picture of 32 by 32 tiles, though writers let
/// tiles share one. Beyond it the size is unknown.
pub(crate) const HEIF_PROPERTIES: usize = 1024;

/// Sizes of a HEIF file's items that are kept until the file says which item is the primary one.
///
/// 4,096 (of 12 bytes): writers name the primary item first, and then nothing is kept. Beyond it
/// the size is unknown.
pub(crate) const HEIF_ITEMS: usize = 4096;

/// Transformations of one item of a HEIF file.
///
/// 8: the format knows three kinds, each once. Beyond it the size is unknown.
pub(crate) const HEIF_TRANSFORMATIONS: usize = 8;
