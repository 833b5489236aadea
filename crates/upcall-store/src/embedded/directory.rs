//! The data directory: who may open it, and what must lie in it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::files::Files;
use super::index;
use super::lock::{DirectoryLock, LockError};
use super::log::segment;
use crate::catalog::CatalogError;
use crate::disk::{Disk, at};

/// Makes the directory if it is not there, and takes it; its format is one that is known then.
pub(super) fn take(folder: &Path) -> Result<DirectoryLock, OpenError> {
    let io = |source| OpenError::Io {
        folder: folder.to_owned(),
        source,
    };
    make_folder(folder).map_err(io)?;
    let lock = DirectoryLock::take(folder).map_err(|error| match error {
        LockError::Held(process) => OpenError::Held {
            folder: folder.to_owned(),
            process,
        },
        LockError::Io(source) => io(source),
    })?;
    check_format(folder)?;
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
    if fs::metadata(catalog).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let has_log = !segment::list(disk, log).map_err(io)?.is_empty();
    if has_log || Files::has_any(disk, blobs).map_err(io)? {
        return Err(OpenError::CatalogMissing {
            folder: folder.to_owned(),
        });
    }
    Ok(())
}

/// Makes the data directory, durably. One that is there keeps its mode: it may be a mount point, or
/// hold more than ours.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(folder)
        .map_err(at(folder))?;
    match folder.parent() {
        Some(parent) if parent != Path::new("") => sync_folder(parent),
        Some(_) | None => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(at(folder))
}

/// Whether this program knows what a backup was written by. Nothing is written, and what is missing is
/// no error.
pub(super) fn check_backup(folder: &Path) -> Result<(), OpenError> {
    read_format(folder)?;
    let checked = index::check_version(&folder.join("catalog.sqlite"));
    checked.map_err(|source| OpenError::Catalog {
        folder: folder.to_owned(),
        source,
    })
}

/// The version of everything in the directory. A newer one is not touched.
fn check_format(folder: &Path) -> Result<(), OpenError> {
    match read_format(folder)? {
        Some(Format::Current) => Ok(()),
        // What it has is read; what is new is written beside it. An older program must not open it
        // then.
        Some(Format::Before) | None => write_format(folder).map_err(|source| OpenError::Io {
            folder: folder.to_owned(),
            source,
        }),
    }
}

/// A version that this program knows.
enum Format {
    Before,
    Current,
}

/// `None` if there is none yet.
fn read_format(folder: &Path) -> Result<Option<Format>, OpenError> {
    let path = folder.join("format");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().strip_prefix(FORMAT_NAME).map(str::trim) {
            Some(FORMAT_VERSION) => Ok(Some(Format::Current)),
            Some(FORMAT_BEFORE) => Ok(Some(Format::Before)),
            Some(version) => Err(OpenError::Format {
                folder: folder.to_owned(),
                found: version.chars().take(20).collect(),
            }),
            None => Err(OpenError::NotOurs {
                folder: folder.to_owned(),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpenError::Io {
            folder: folder.to_owned(),
            source: at(&path)(error),
        }),
    }
}

/// Under another name first: a crash must not leave half a line that nobody can read.
fn write_format(folder: &Path) -> io::Result<()> {
    let half = folder.join("format.new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)
        .map_err(at(&half))?;
    writeln!(file, "{FORMAT_NAME} {FORMAT_VERSION}")
        .and_then(|()| file.sync_all())
        .map_err(at(&half))?;
    let path = folder.join("format");
    fs::rename(&half, &path).map_err(at(&path))?;
    sync_folder(folder)
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
