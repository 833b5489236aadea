//! Where an engine has put a blob.

/// Where an engine has put the bytes of an object: its own business. It is found again with the
/// object and changes when bytes are moved; it is no part of what the object is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BlobPlace(pub(crate) Option<LogPlace>);

/// A record in the log of the embedded engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LogPlace {
    /// Number of the segment.
    pub(crate) segment: u64,
    /// Where the record begins in it.
    pub(crate) offset: u32,
    /// Bytes of the record's head; the object's bytes follow it, unless they are in a file.
    pub(crate) head_bytes: u32,
    /// Whether the object's bytes are in a file of their own.
    pub(crate) in_file: bool,
}
