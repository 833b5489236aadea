//! The embedded store: both ports in one data directory of one process.
//!
//! `lock` (who has it open), `format` (version of what lies here), `catalog.sqlite` (facts) and
//! `blobs/` (bytes). `docs/formats` is the reference.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blobs::Blobs;
use crate::blobs::disk::DiskBlobs;
use crate::catalog::sqlite::SqliteCatalog;
use crate::catalog::{Catalog, CatalogError};
use crate::lock::{DirectoryLock, LockError};

/// An open data directory.
#[derive(Debug)]
pub struct EmbeddedStore {
    catalog: Arc<SqliteCatalog>,
    blobs: Arc<DiskBlobs>,
    sweep: Option<std::thread::JoinHandle<()>>,
    _lock: DirectoryLock,
}

impl EmbeddedStore {
    /// Opens a data directory, which is made if it is not there; only its owner may look inside.
    ///
    /// What a crash left is removed in the background.
    ///
    /// # Errors
    /// [`OpenError`], each with the path and what to do.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io {
            folder: folder.to_owned(),
            source,
        };
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(folder)
            .map_err(io)?;
        let lock = DirectoryLock::take(folder).map_err(|error| match error {
            LockError::Held(process) => OpenError::Held {
                folder: folder.to_owned(),
                process,
            },
            LockError::Io(source) => io(source),
        })?;
        check_format(folder)?;
        let blobs = Arc::new(DiskBlobs::open(&folder.join("blobs")).map_err(io)?);
        let catalog = SqliteCatalog::open(&folder.join("catalog.sqlite")).map_err(|source| {
            OpenError::Catalog {
                folder: folder.to_owned(),
                source,
            }
        })?;
        let catalog = Arc::new(catalog);
        let sweep = start_sweep(Arc::clone(&blobs), Arc::clone(&catalog)).map_err(io)?;
        Ok(Self {
            catalog,
            blobs,
            sweep: Some(sweep),
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

    /// Waits until what a crash left, and everything that was given up so far, is gone. Blocks.
    pub fn settle(&mut self) {
        if let Some(sweep) = self.sweep.take()
            && sweep.join().is_err()
        {
            tracing::error!("the sweep did not end well");
        }
        self.blobs.settle();
    }

    /// Closes the store: changes under way end, garbage is removed. Blocks.
    pub fn close(mut self) {
        self.settle();
        self.catalog.close();
        self.blobs.close();
    }
}

fn start_sweep(
    blobs: Arc<DiskBlobs>,
    catalog: Arc<SqliteCatalog>,
) -> io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new()
        .name("sweep".to_owned())
        .spawn(move || {
            // A blob whose facts cannot be read is kept: it may be an object's, and damage is not
            // decided here. A catalog that does not answer keeps everything.
            let swept = blobs.sweep(
                |id, facts| {
                    catalog
                        .points_at(&facts.bucket, &facts.key, id)
                        .unwrap_or(true)
                },
                |unknown| catalog.pointed_at(&unknown).ok(),
            );
            match swept {
                Ok(swept) if swept.removed > 0 => {
                    tracing::info!(
                        removed = swept.removed,
                        kept = swept.kept,
                        "swept blobs that no object points at"
                    );
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the sweep could not read the blobs' folder"),
            }
        })
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
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .map_err(io)?;
            writeln!(file, "{FORMAT_NAME} {FORMAT_VERSION}").map_err(io)?;
            file.sync_all().map_err(io)?;
            fs::File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(io)
        }
        Err(error) => Err(io(error)),
    }
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
