//! How full the disk is, and how full uploads may make it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::disk::{Disk, Space};

/// Looks at the disk now and then, and counts what is written in between.
#[derive(Debug)]
pub(super) struct SpaceWatch {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    reserved: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<(Instant, Space)>,
    /// Bytes that were written since then.
    written: u64,
    /// Bytes that may be written, and perhaps are.
    under_way: u64,
}

/// Leave to write so many bytes. Dropped when they are written, or will not be.
#[derive(Debug)]
pub(super) struct Room {
    space: Arc<SpaceWatch>,
    bytes: u64,
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
            state: Mutex::default(),
        }
    }

    /// How much room there is, as of a moment ago.
    pub(super) fn space(&self) -> Option<Space> {
        let mut state = self.lock();
        match state.last {
            Some((when, space)) if when.elapsed() < LOOK => Some(space),
            Some(_) | None => self.look(&mut state),
        }
    }

    /// Bytes that uploads leave free.
    pub(super) const fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Leave to write so many bytes of an upload.
    ///
    /// # Errors
    /// [`Full`].
    pub(super) fn take(self: &Arc<Self>, bytes: u64) -> Result<Room, Full> {
        let mut state = self.lock();
        let reserved = self.reserved;
        let is_enough = |state: &State, space: Space| {
            let promised = state.written + state.under_way + bytes;
            space.free >= reserved.saturating_add(promised)
        };
        let seen = state.last.filter(|(when, _)| when.elapsed() < LOOK);
        if !seen.is_some_and(|(_, space)| is_enough(&state, space))
            // A disk that does not say how full it is will say when it is full.
            && let Some(space) = self.look(&mut state)
            && !is_enough(&state, space)
        {
            let free = space.free.saturating_sub(state.under_way);
            return Err(Full { free, reserved });
        }
        state.under_way += bytes;
        drop(state);
        Ok(Room {
            space: Arc::clone(self),
            bytes,
        })
    }

    fn look(&self, state: &mut State) -> Option<Space> {
        let space = self.disk.space(&self.folder).ok()?;
        state.last = Some((Instant::now(), space));
        // The disk counts them now; of what is under way it may count some, which are counted twice.
        state.written = 0;
        Some(space)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut state = self.space.lock();
        state.under_way -= self.bytes;
        state.written += self.bytes;
    }
}

/// Room for deletions, and for the index to follow them, on a disk that uploads have filled.
const USUAL_RESERVE: u64 = 64 * 1024 * 1024;

/// How old an answer of the disk may be: others write to it, too.
const LOOK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::disk::DiskFile;

    /// A look that was a moment old let uploads write what deletions need: on a disk of 16 MiB six
    /// clients filled the reserve, and deletions were refused.
    #[test]
    fn what_is_written_between_two_looks_counts() {
        let disk = Arc::new(Scales(AtomicU64::new(1000)));
        let watch = SpaceWatch::new(Arc::clone(&disk) as _, Path::new("/"), Some(100));
        let watch = Arc::new(watch);

        let first = watch.take(600).unwrap();
        let full = watch.take(301).unwrap_err();
        assert_eq!((full.free, full.reserved), (400, 100));
        let second = watch.take(300).unwrap();
        assert!(watch.take(1).is_err());
        disk.0.store(100, Ordering::Relaxed);
        drop((first, second));
        // What was written and what the disk says of it do not add up.
        assert!(watch.take(1).is_err());
        watch.take(0).unwrap();
        disk.0.store(99, Ordering::Relaxed);
        std::thread::sleep(LOOK);
        assert!(watch.take(0).is_err());
        disk.0.store(700, Ordering::Relaxed);
        assert!(watch.take(601).is_err());
        watch.take(600).unwrap();
    }

    /// A disk that only says how full it is.
    #[derive(Debug)]
    struct Scales(AtomicU64);

    impl Disk for Scales {
        fn space(&self, _: &Path) -> io::Result<Space> {
            Ok(Space {
                free: self.0.load(Ordering::Relaxed),
                total: 2000,
            })
        }

        fn create(&self, _: &Path) -> io::Result<Arc<dyn DiskFile>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn open(&self, _: &Path) -> io::Result<Arc<dyn DiskFile>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn remove(&self, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn copy(&self, _: &Path, _: &Path, _: Option<u64>) -> io::Result<u64> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn truncate(&self, _: &Path, _: u64) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn list(&self, _: &Path) -> io::Result<Vec<OsString>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn make_folder(&self, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn sync_folder(&self, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}
