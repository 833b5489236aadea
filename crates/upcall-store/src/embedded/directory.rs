//! The data directory: who may open it, and what must lie in it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::files::Files;
use super::lock::{DirectoryLock, LockError};
use super::log::segment;
use crate::catalog::CatalogError;
use crate::disk::Disk;

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
        .create(folder)?;
    match folder.parent() {
        Some(parent) if parent != Path::new("") => sync_folder(parent),
        Some(_) | None => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// The version of everything in the directory. A newer one is not touched.
fn check_format(folder: &Path) -> Result<(), OpenError> {
    let path = folder.join("format");
    let io = |source| OpenError::Io {
        folder: folder.to_owned(),
        source,
    };
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().strip_prefix(FORMAT_NAME).map(str::trim) {
            Some(FORMAT_VERSION) => Ok(()),
            // What it has is read; what is new is written beside it. An older program must not open
            // it then.
            Some(FORMAT_BEFORE) => write_format(folder).map_err(io),
            Some(version) => Err(OpenError::Format {
                folder: folder.to_owned(),
                found: version.chars().take(20).collect(),
            }),
            None => Err(OpenError::NotOurs {
                folder: folder.to_owned(),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => write_format(folder).map_err(io),
        Err(error) => Err(io(error)),
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
        .open(&half)?;
    writeln!(file, "{FORMAT_NAME} {FORMAT_VERSION}")?;
    file.sync_all()?;
    fs::rename(&half, folder.join("format"))?;
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

const FORMAT_NAME: &str = "upcall-data";
const FORMAT_VERSION: &str = "2";
const FORMAT_BEFORE: &str = "1";
