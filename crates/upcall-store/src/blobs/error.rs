//! What can go wrong with bytes.

use std::io;

use super::BlobId;

/// Why bytes could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The store is being closed.
    #[error("the store is closed")]
    Closed,
    /// The blob is not what it was: shorter, or its facts are broken.
    #[error("blob {id} is damaged: {what}")]
    Damaged {
        /// Which one.
        id: BlobId,
        /// What is wrong.
        what: &'static str,
    },
    /// The disk said no.
    #[error("blob {id} could not be {what}")]
    Io {
        /// Which one.
        id: BlobId,
        /// What was being done.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The facts of a draft do not fit its bytes.
    #[error("blob {id} has {written} bytes, its facts say {stated}")]
    Length {
        /// Which one.
        id: BlobId,
        /// How many were written.
        written: u64,
        /// How many the facts say.
        stated: u64,
    },
    /// The draft failed before, or a call to it was abandoned; what it held is lost.
    #[error("the draft of blob {id} has failed before")]
    Lost {
        /// Which one.
        id: BlobId,
    },
    /// The disk is as full as it may be: what is left is reserved.
    #[error("the disk has {free} bytes left, and {reserved} are kept free")]
    NoSpace {
        /// Bytes that are left.
        free: u64,
        /// Bytes that are kept free.
        reserved: u64,
    },
    /// There is no such blob.
    #[error("there is no blob {id}")]
    Missing {
        /// Which one.
        id: BlobId,
    },
}

impl BlobError {
    /// Whether the disk, or a quota, is full.
    pub fn is_out_of_space(&self) -> bool {
        match self {
            Self::Io { source, .. } => is_out_of_space(source),
            Self::NoSpace { .. } => true,
            Self::Closed
            | Self::Damaged { .. }
            | Self::Length { .. }
            | Self::Lost { .. }
            | Self::Missing { .. } => false,
        }
    }
}

/// Whether the disk, or a quota, is full.
pub(crate) fn is_out_of_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
