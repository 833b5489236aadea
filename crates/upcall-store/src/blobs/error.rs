//! What can go wrong with bytes.

use std::io;

use super::BlobId;

/// Why bytes could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
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
    /// The draft failed before; what it held is lost.
    #[error("the draft of blob {id} has failed before")]
    Lost {
        /// Which one.
        id: BlobId,
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
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge
            ),
            Self::Damaged { .. } | Self::Lost { .. } | Self::Missing { .. } => false,
        }
    }
}
