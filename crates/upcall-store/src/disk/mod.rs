//! The file layer beneath the embedded engine: what it asks of a disk, and nothing else.
//!
//! Log segments and blobs are appended to, read and removed; none is ever changed in place or renamed.
//! Small files beside them are replaced as a whole, by [`replace`]. It is a trait so that tests can put
//! a disk beneath the engine that forgets what was not synced, tears it, or fails. SQLite has its own
//! files and its own layer. `clippy.toml` of this crate keeps everything else from going past it.

#[cfg(feature = "contract")]
mod after_power;
#[cfg(feature = "contract")]
mod catalog_image;
#[cfg(feature = "contract")]
mod faulty;
#[cfg(feature = "contract")]
mod power;
mod system;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "contract")]
pub use faulty::{Call, Failure, Fault, FaultyDisk, Lie, Until};
#[cfg(feature = "contract")]
pub use power::{Cut, PowerDisk};
pub use system::SystemDisk;

/// What the engine asks of a disk.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Makes a file, which must not be there, to be appended to and read; its owner's alone (0600).
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file to be read.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Removes a file. Until [`sync_folder`](Self::sync_folder) a crash may bring it back.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name, in place of a file that has it. Until both folders are synced, by
    /// [`sync_folder`](Self::sync_folder), a crash may undo it; at no moment is the name nobody's that
    /// was somebody's before.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Copies a file, or its first bytes, into one that must not be there; its owner's alone (0600).
    /// The copy is not durable. Returns how many bytes it has.
    ///
    /// # Errors
    /// The system's; what there is of the copy stays.
    fn copy(&self, from: &Path, to: &Path, first: Option<u64>) -> io::Result<u64>;

    /// Cuts a file to this length, durably.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;

    /// The names in a folder; none if it is not there.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>>;

    /// Makes a folder and those above it, if they are not there; its owner's alone (0700).
    ///
    /// # Errors
    /// The system's.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// The system's. What was to be durable is then lost, whatever a later call says.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// How much room there is on the file system of this folder.
    ///
    /// # Errors
    /// The system's.
    fn space(&self, folder: &Path) -> io::Result<Space>;

    /// Told when everything that was written to the catalog's files (`catalog.sqlite` and its log)
    /// is on stable storage. Only a disk that plays power cuts has a use for it.
    fn catalog_is_durable(&self, _catalog: &Path) {}
}

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Space {
    /// What an unprivileged process may still use.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// One open file.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// Writes all of the slices at this place, which is the file's end.
    ///
    /// # Errors
    /// The system's; how much was written is then not known.
    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()>;

    /// Fills the buffer from this place.
    ///
    /// # Errors
    /// The system's; `UnexpectedEof` if the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// As [`read_exact_at`](Self::read_exact_at), but only if no disk has to be waited for; whether
    /// it did.
    ///
    /// # Errors
    /// The system's.
    fn read_exact_at_now(&self, _buffer: &mut [u8], _offset: u64) -> io::Result<bool> {
        Ok(false)
    }

    /// Makes bytes and length durable.
    ///
    /// # Errors
    /// The system's. What was to be durable is then lost, whatever a later call says.
    fn sync(&self) -> io::Result<()>;

    /// How many bytes it has.
    ///
    /// # Errors
    /// The system's.
    fn length(&self) -> io::Result<u64>;

    /// The file itself, for whoever can send it without reading it.
    fn as_file(&self) -> Option<Arc<File>> {
        None
    }
}

/// Replaces a small file as a whole, durably: whatever happens, there is the old one or the new one.
/// The new one is written beside it first, under the name `half`.
///
/// # Errors
/// The disk's. The old file is there then, or the new one; and `half` may be there, which does not
/// stand in the way of a later attempt.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, half: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = match disk.create(half) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(half)?;
            disk.create(half)?
        }
        created => created?,
    };
    file.write_at(&mut [IoSlice::new(bytes)], 0)
        .map_err(at(half))?;
    file.sync().map_err(at(half))?;
    disk.rename(half, path)?;
    match path.parent() {
        Some(folder) => disk.sync_folder(folder),
        None => Ok(()),
    }
}

/// All bytes of a small file; `None` if it is not there.
///
/// # Errors
/// The disk's, and `InvalidData` if it is longer than small files are.
pub(crate) fn read_small(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let read = || {
        let length = file.length()?;
        if length > MAX_SMALL_BYTES {
            let what = "it is longer than any that this program writes";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    };
    read().map(Some).map_err(at(path))
}

/// Makes a folder and those above it, durably, if it is not there. One that is there keeps its mode.
///
/// # Errors
/// The disk's.
pub(crate) fn make_folder_durably(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    let above = |folder: &Path| match folder.parent() {
        Some(parent) if parent == Path::new("") => Some(PathBuf::from(".")),
        parent => parent.map(Path::to_owned),
    };
    let mut made = Vec::new();
    let mut next = Some(folder.to_owned());
    while let Some(missing) = next.filter(|folder| !folder.is_dir()) {
        next = above(&missing);
        made.extend(next.clone());
    }
    if !made.is_empty() {
        disk.make_folder(folder)?;
    }
    // From the top: a name counts once the folder that it leads to can be reached.
    made.iter()
        .rev()
        .try_for_each(|folder| disk.sync_folder(folder))
}

/// Names the file that the system's error is about, which the system itself does not.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |cause| {
        let path = path.to_owned();
        io::Error::new(cause.kind(), AtFile { path, cause })
    }
}

/// The system's own error, for a sentence that names the file itself.
pub(crate) fn without_path(error: io::Error) -> io::Error {
    match error.downcast::<AtFile>() {
        Ok(at_file) => at_file.cause,
        Err(error) => error,
    }
}

/// The cause is part of the sentence: it must not be lost where only the sentence is logged.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {cause}", path.display())]
struct AtFile {
    path: PathBuf,
    cause: io::Error,
}

/// Writes every byte of every slice with a system call that may write fewer.
pub(crate) fn write_all_at(
    slices: &mut [IoSlice<'_>],
    mut offset: u64,
    mut write: impl FnMut(&[IoSlice<'_>], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut rest = slices;
    // Empty slices in front would be taken for a write that got nowhere.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match write(&rest[..rest.len().min(SLICES_AT_ONCE)], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                offset += count as u64;
                IoSlice::advance_slices(&mut rest, count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Settings of a hundred thousand buckets, each with a dozen CORS rules.
const MAX_SMALL_BYTES: u64 = 256 * 1024 * 1024;

/// Slices of one system call: `IOV_MAX` on Linux and macOS.
const SLICES_AT_ONCE: usize = 1024;
