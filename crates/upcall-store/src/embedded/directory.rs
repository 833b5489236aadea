//! The data directory: who may open it, and what must lie in it.

use std::io;
use std::path::{Path, PathBuf};

use super::files::Files;
use super::index;
use super::lock::{DirectoryLock, LockError};
use super::log::segment;
use crate::catalog::CatalogError;
use crate::disk::{Disk, at, make_folder_durably, read_small, replace};

/// Makes the directory if it is not there, and takes it; its format is one that is known then.
pub(super) fn take(folder: &Path, disk: &dyn Disk) -> Result<DirectoryLock, OpenError> {
    let io = |source| OpenError::Io {
        folder: folder.to_owned(),
        source,
    };
    // One that is there keeps its mode: it may be a mount point, or hold more than ours.
    make_folder_durably(disk, folder).map_err(io)?;
    let lock = DirectoryLock::take(folder).map_err(|error| match error {
        LockError::Held(process) => OpenError::Held {
            folder: folder.to_owned(),
            process,
        },
        LockError::Io(source) => io(source),
    })?;
    check_format(folder, disk)?;
    Ok(lock)
}

/// With an empty catalog, every blob would be garbage.
pub(super) fn check_catalog(
    folder: &Path,
    disk: &dyn Disk,
    catalog: &Path,
    log: &Path,
    blobs: &Path,
) -> Result<(), OpenError> {
    let io = |source| OpenError::Io {
        folder: folder.to_owned(),
        source,
    };
    match disk.open(catalog).and_then(|file| file.length()) {
        Ok(1..) => return Ok(()),
        Ok(0) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    let has_log = !segment::list(disk, log).map_err(io)?.is_empty();
    if has_log || Files::has_any(disk, blobs).map_err(io)? {
        return Err(OpenError::CatalogMissing {
            folder: folder.to_owned(),
        });
    }
    Ok(())
}

/// Whether this program knows what a backup was written by. Nothing is written, and what is missing is
/// no error.
pub(super) fn check_backup(folder: &Path, disk: &dyn Disk) -> Result<(), OpenError> {
    read_format(folder, disk)?;
    let checked = index::check_version(disk, &folder.join("catalog.sqlite"));
    checked.map_err(|source| OpenError::Catalog {
        folder: folder.to_owned(),
        source,
    })
}

/// The version of everything in the directory. A newer one is not touched.
fn check_format(folder: &Path, disk: &dyn Disk) -> Result<(), OpenError> {
    match read_format(folder, disk)? {
        Some(Format::Current) => Ok(()),
        None if has_objects(folder, disk)? => Err(OpenError::Unfinished {
            folder: folder.to_owned(),
        }),
        // What it has is read; what is new is written beside it. An older program must not open it
        // then.
        Some(Format::Before) | None => write_format(folder, disk).map_err(|source| OpenError::Io {
            folder: folder.to_owned(),
            source,
        }),
    }
}

/// Whether there is a catalog, a log or a blob. A first start writes the format before any of them, and
/// a copy writes it after all of them.
fn has_objects(folder: &Path, disk: &dyn Disk) -> Result<bool, OpenError> {
    let look = || {
        Ok(has_catalog(folder, disk)?
            || !segment::list(disk, &folder.join("log"))?.is_empty()
            || Files::has_any(disk, &folder.join("blobs"))?)
    };
    look().map_err(|source| OpenError::Io {
        folder: folder.to_owned(),
        source,
    })
}

/// SQLite makes the file, and then writes into it.
fn has_catalog(folder: &Path, disk: &dyn Disk) -> io::Result<bool> {
    let path = folder.join("catalog.sqlite");
    let file = match disk.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    match file.read_exact_at(&mut [0], 0) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(at(&path)(error)),
    }
}

/// A version that this program knows.
enum Format {
    Before,
    Current,
}

/// `None` if there is none yet.
fn read_format(folder: &Path, disk: &dyn Disk) -> Result<Option<Format>, OpenError> {
    let found = read_small(disk, &folder.join("format")).map_err(|source| OpenError::Io {
        folder: folder.to_owned(),
        source,
    })?;
    let Some(found) = found else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&found);
    match text.trim().strip_prefix(FORMAT_NAME).map(str::trim) {
        Some(FORMAT_VERSION) => Ok(Some(Format::Current)),
        Some(FORMAT_BEFORE) => Ok(Some(Format::Before)),
        Some(version) => Err(OpenError::Format {
            folder: folder.to_owned(),
            found: version.chars().take(20).collect(),
        }),
        None => Err(OpenError::NotOurs {
            folder: folder.to_owned(),
        }),
    }
}

/// Under another name first: a crash must not leave half a line that nobody can read.
fn write_format(folder: &Path, disk: &dyn Disk) -> io::Result<()> {
    let line = format!("{FORMAT_NAME} {FORMAT_VERSION}\n");
    let (path, half) = (folder.join("format"), folder.join("format.new"));
    replace(disk, &path, &half, line.as_bytes())
}

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The catalog cannot be opened.
    #[error("cannot open the catalog in `{}`", folder.display())]
    Catalog {
        /// The directory.
        folder: PathBuf,
        /// Why.
        source: CatalogError,
    },
    /// There are blobs, and no catalog that knows them. Nothing was touched.
    #[error("cannot open the store in `{}`: its file `catalog.sqlite` is missing, but there are objects; `upcall fsck --rebuild` makes it anew from them", folder.display())]
    CatalogMissing {
        /// The directory.
        folder: PathBuf,
    },
    /// The directory was written by a version that this one does not know.
    #[error("cannot open the store in `{}`: it has format {found}, this program knows {FORMAT_VERSION}", folder.display())]
    Format {
        /// The directory.
        folder: PathBuf,
        /// Its version.
        found: String,
    },
    /// Another process has it open.
    #[error("cannot open the store in `{}`: {} has it open", folder.display(), process.map_or("another process".to_owned(), |id| format!("process {id}")))]
    Held {
        /// The directory.
        folder: PathBuf,
        /// The process, if it is known.
        process: Option<u32>,
    },
    /// The system said no.
    #[error("cannot open the store in `{}`", folder.display())]
    Io {
        /// The directory.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The directory holds something else.
    #[error("cannot open the store in `{}`: its file `format` is not one of upcall's", folder.display())]
    NotOurs {
        /// The directory.
        folder: PathBuf,
    },
    /// A backup, or what is restored from one, was not copied to the end. Nothing was touched.
    #[error("cannot open the store in `{}`: its file `format` is missing, so it was not copied to the end; remove it, and restore the backup again", folder.display())]
    Unfinished {
        /// The directory.
        folder: PathBuf,
    },
}

impl OpenError {
    /// Whether the catalog's file is not what was written, so that
    /// [`rebuild`](crate::EmbeddedStore::rebuild) helps.
    pub fn is_broken_catalog(&self) -> bool {
        matches!(self, Self::Catalog { source, .. } if source.is_broken())
    }

    /// Whether this process may not write what it must, or not read.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(
            source.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        ))
    }
}

const FORMAT_NAME: &str = "upcall-data";
const FORMAT_VERSION: &str = "2";
const FORMAT_BEFORE: &str = "1";
