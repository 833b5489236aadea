//! One data directory, one process.

#![expect(
    clippy::disallowed_methods,
    reason = "a lock is held on an open file, and means nothing once the power is gone"
)]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::disk::at;

/// Held as long as the store is open; the system gives it back when the process ends, however.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

/// Why the lock cannot be had.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another process holds it; its id, if it could be read.
    Held(Option<u32>),
    Io(io::Error),
}

impl DirectoryLock {
    pub(crate) fn take(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(at(&path))
            .map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Without the id the sentence is only shorter.
                let _ = file.read_to_string(&mut text);
                return Err(LockError::Held(text.trim().parse().ok()));
            }
            Err(TryLockError::Error(error)) => return Err(LockError::Io(at(&path)(error))),
        }
        let write = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        write.map_err(at(&path)).map_err(LockError::Io)?;
        Ok(Self { _file: file })
    }
}
