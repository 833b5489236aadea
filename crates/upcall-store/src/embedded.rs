//! The embedded store: both ports in one data directory of one process.
//!
//! `lock` (who has it open), `format` (version of what lies here), `catalog.sqlite` (facts) and
//! `blobs/` (bytes). `docs/formats` is the reference.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blobs::disk::{DiskBlobs, Judge};
use crate::blobs::{BlobId, Blobs};
use crate::catalog::sqlite::SqliteCatalog;
use crate::catalog::{Catalog, CatalogError};
use crate::lock::{DirectoryLock, LockError};

/// An open data directory. Dropping it closes it.
#[derive(Debug)]
pub struct EmbeddedStore {
    catalog: Arc<SqliteCatalog>,
    blobs: Arc<DiskBlobs>,
    /// Given back last, after [`Drop`] has closed the rest.
    _lock: DirectoryLock,
}

impl EmbeddedStore {
    /// Opens a data directory, which is made if it is not there; only its owner may look inside.
    /// Blocks.
    ///
    /// What a crash left is removed in the background.
    ///
    /// # Errors
    /// [`OpenError`], each with the path and what is wrong.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
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
        let (catalog_file, blobs_folder) = (folder.join("catalog.sqlite"), folder.join("blobs"));
        // With an empty catalog, every blob would be garbage.
        let has_catalog = fs::metadata(&catalog_file).is_ok_and(|file| file.len() > 0);
        if !has_catalog && DiskBlobs::has_any(&blobs_folder).map_err(io)? {
            return Err(OpenError::CatalogMissing {
                folder: folder.to_owned(),
            });
        }
        let catalog = SqliteCatalog::open(&catalog_file).map_err(|source| OpenError::Catalog {
            folder: folder.to_owned(),
            source,
        })?;
        sync_folder(folder).map_err(io)?;
        let catalog = Arc::new(catalog);
        let judge = Arc::clone(&catalog) as Arc<dyn Judge>;
        Ok(Self {
            blobs: Arc::new(DiskBlobs::open(&blobs_folder, judge).map_err(io)?),
            catalog,
            _lock: lock,
        })
    }

    /// Where the facts are.
    pub fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::clone(&self.catalog) as Arc<dyn Catalog>
    }

    /// Where the bytes are.
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::clone(&self.blobs) as Arc<dyn Blobs>
    }

    /// Has every blob looked at again, in the background: what no object points to, and no running
    /// upload holds, is removed. It happens by itself at every start.
    pub fn sweep(&self) {
        self.blobs.sweep();
    }

    /// Waits until what a crash left, and everything that was given up so far, is gone. Returns how
    /// many blobs were removed since the store was opened. Blocks.
    pub fn settle(&self) -> u64 {
        self.blobs.settle()
    }

    /// Closes the store: changes under way end, what was given up is removed. Whoever still holds a
    /// port gets errors from it. Blocks.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        // The collector asks the catalog, so it ends first.
        self.blobs.close();
        self.catalog.close();
    }
}

impl Judge for SqliteCatalog {
    fn referenced(&self, blobs: &[BlobId]) -> Result<HashSet<BlobId>, CatalogError> {
        self.referenced_blocking(blobs)
    }
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
    #[error("cannot open the store in `{}`: its file `catalog.sqlite` is missing, but there are blobs", folder.display())]
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
const FORMAT_VERSION: &str = "1";
