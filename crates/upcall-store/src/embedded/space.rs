//! How full the disk is, and how full uploads may make it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::disk::{Disk, Space};

/// Looks at the disk now and then.
#[derive(Debug)]
pub(super) struct SpaceWatch {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    reserved: u64,
    last: Mutex<Option<(Instant, Space)>>,
}

/// What is left is reserved.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the disk has {free} bytes left, and {reserved} are kept free")]
pub(super) struct Full {
    pub(super) free: u64,
    pub(super) reserved: u64,
}

impl SpaceWatch {
    /// `reserved` bytes are kept free; by default a sixteenth of the disk, and 64 MiB at most.
    pub(super) fn new(disk: Arc<dyn Disk>, folder: &Path, reserved: Option<u64>) -> Self {
        let default = || {
            disk.space(folder)
                .map_or(USUAL_RESERVE, |space| (space.total / 16).min(USUAL_RESERVE))
        };
        let reserved = reserved.unwrap_or_else(default);
        Self {
            disk,
            folder: folder.to_owned(),
            reserved,
            last: Mutex::default(),
        }
    }

    /// How much room there is, as of a moment ago.
    pub(super) fn space(&self) -> Option<Space> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, space)) = *last
            && when.elapsed() < LOOK
        {
            return Some(space);
        }
        // A disk that does not say how full it is will say when it is full.
        let space = self.disk.space(&self.folder).ok()?;
        *last = Some((Instant::now(), space));
        Some(space)
    }

    /// Bytes that uploads leave free.
    pub(super) const fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Whether uploads may go on.
    ///
    /// # Errors
    /// [`Full`].
    pub(super) fn check(&self) -> Result<(), Full> {
        match self.space() {
            Some(space) if space.free < self.reserved => Err(Full {
                free: space.free,
                reserved: self.reserved,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

/// Room for deletions, and for the index to follow them, on a disk that uploads have filled.
const USUAL_RESERVE: u64 = 64 * 1024 * 1024;

/// How old an answer of the disk may be: so much can be written meanwhile that the reserve still
/// has most of what it had.
const LOOK: Duration = Duration::from_millis(100);
