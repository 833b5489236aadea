//! A copy of the store while it is served.
//!
//! First the catalog, in one read transaction; then the log as it is right after that, which has
//! everything that the catalog's copy lacks; then the blobs. Nothing is removed meanwhile, and no
//! settings change until it is known how far the log is copied. The copy is a data directory as a crash
//! could have left it at the moment at which the log was copied: opening it takes the rest of the log
//! in, and sweeps blobs that came later.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::log::segment;
use super::{Engine, directory};
use crate::catalog::CatalogError;
use crate::maintenance::{BackupReport, MaintenanceError};

impl Engine {
    /// Copies everything. Blocks.
    pub(super) fn backup(&self, target: &Path) -> Result<BackupReport, MaintenanceError> {
        make_empty(target)?;
        let mut copy = Copy {
            report: BackupReport {
                folder: target.to_owned(),
                files: 0,
                bytes: 0,
            },
        };
        let _held = Held::hold(self);
        let catalog = target.join("catalog.sqlite");
        let into = catalog.to_str().ok_or_else(|| MaintenanceError::Io {
            path: catalog.clone(),
            what: "named to the catalog: its path is not UTF-8",
            source: io::Error::from(io::ErrorKind::InvalidInput).into(),
        })?;
        // A bucket that is made after the catalog was copied must have no objects in the log's copy.
        let frozen = self.committer.freeze_settings();
        self.index.read(|connection| {
            // It writes, though not into what is read from.
            connection.pragma_update(None, "query_only", false)?;
            let copied = connection.execute("VACUUM INTO ?", [into]);
            connection.pragma_update(None, "query_only", true)?;
            copied.map_err(CatalogError::from)
        })?;
        let (ends, _) = self.segments.ends();
        drop(frozen);
        copy.adopt(&catalog)?;
        copy.log(self, &ends, target)?;
        copy.blobs(self, target)?;
        copy.other_files(&self.folder, target)?;
        // Last: a copy without it is not one.
        copy.file(&self.folder.join("format"), &target.join("format"), None)?;
        sync(target)?;
        Ok(copy.report)
    }
}

/// Nothing is removed while it lives.
pub(super) struct Held<'e>(&'e Engine);

impl<'e> Held<'e> {
    pub(super) fn hold(engine: &'e Engine) -> Self {
        engine.files.garbage.hold_all();
        Self(engine)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.files.garbage.let_go();
    }
}

struct Copy {
    report: BackupReport,
}

impl Copy {
    fn log(
        &mut self,
        engine: &Engine,
        ends: &BTreeMap<u64, u64>,
        target: &Path,
    ) -> Result<(), MaintenanceError> {
        let folder = target.join("log");
        make_folder(&folder)?;
        for (number, end) in ends {
            let from = segment::path(&engine.segments.folder, *number);
            self.file(&from, &segment::path(&folder, *number), Some(*end))?;
        }
        sync(&folder)
    }

    fn blobs(&mut self, engine: &Engine, target: &Path) -> Result<(), MaintenanceError> {
        let folder = target.join("blobs");
        make_folder(&folder)?;
        for shard in 0..=u8::MAX {
            let ids = engine.files.list(shard);
            let ids = ids.map_err(error(&folder, "listed"))?;
            let shard_folder = folder.join(format!("{shard:02x}"));
            make_folder(&shard_folder)?;
            for id in ids {
                // An upload that is not finished is nobody's: what it has so far does no harm.
                let copied = self.file(
                    &engine.files.path(id),
                    &shard_folder.join(id.to_string()),
                    None,
                );
                match copied {
                    // Given up by the upload itself, which removes nothing that was committed.
                    Err(MaintenanceError::Io { source, .. })
                        if source.kind() == io::ErrorKind::NotFound => {}
                    other => other?,
                }
            }
            sync(&shard_folder)?;
        }
        sync(&folder)
    }

    /// Keys and secrets that lie beside the store; not what belongs to the running process.
    fn other_files(&mut self, folder: &Path, target: &Path) -> Result<(), MaintenanceError> {
        let listed = fs::read_dir(folder).map_err(error(folder, "listed"))?;
        for entry in listed {
            let entry = entry.map_err(error(folder, "listed"))?;
            let name = entry.file_name();
            let is_ours = name
                .to_str()
                .is_some_and(|name| NOT_COPIED.contains(&name) || name.starts_with("catalog."));
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && !is_ours {
                self.file(&entry.path(), &target.join(&name), None)?;
            }
        }
        Ok(())
    }

    /// Copies a file, or its first bytes, durably.
    fn file(&mut self, from: &Path, to: &Path, first: Option<u64>) -> Result<(), MaintenanceError> {
        let source = fs::File::open(from).map_err(error(from, "opened"))?;
        let mut made = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)
            .map_err(error(to, "made"))?;
        let bytes = io::copy(&mut source.take(first.unwrap_or(u64::MAX)), &mut made)
            .and_then(|bytes| made.sync_all().map(|()| bytes))
            .map_err(error(to, "written"))?;
        self.report.files += 1;
        self.report.bytes += bytes;
        Ok(())
    }

    /// Counts a file that is there, and makes it durable and private.
    fn adopt(&mut self, path: &Path) -> Result<(), MaintenanceError> {
        use std::os::unix::fs::PermissionsExt as _;
        let file = fs::File::open(path).map_err(error(path, "opened"))?;
        file.set_permissions(fs::Permissions::from_mode(0o600))
            .and_then(|()| file.sync_all())
            .map_err(error(path, "flushed"))?;
        self.report.files += 1;
        self.report.bytes += file.metadata().map_err(error(path, "looked at"))?.len();
        Ok(())
    }
}

/// Copies a backup into a data directory that is not there yet. Blocks.
///
/// # Errors
/// [`MaintenanceError`]. A backup of a newer program is refused before anything is made; otherwise what
/// was copied so far stays there.
pub fn restore(backup: &Path, folder: &Path) -> Result<BackupReport, MaintenanceError> {
    // Without it, it is no backup, or only a part of one.
    let format = backup.join("format");
    fs::metadata(&format).map_err(error(&format, "found: this is no whole backup"))?;
    directory::check_backup(backup).map_err(|error| MaintenanceError::Backup(Arc::new(error)))?;
    make_empty(folder)?;
    let mut copy = Copy {
        report: BackupReport {
            folder: folder.to_owned(),
            files: 0,
            bytes: 0,
        },
    };
    copy_folder(&mut copy, backup, folder, &["format"])?;
    copy.file(&format, &folder.join("format"), None)?;
    sync(folder)?;
    Ok(copy.report)
}

fn copy_folder(
    copy: &mut Copy,
    from: &Path,
    to: &Path,
    without: &[&str],
) -> Result<(), MaintenanceError> {
    for entry in fs::read_dir(from).map_err(error(from, "listed"))? {
        let entry = entry.map_err(error(from, "listed"))?;
        let (name, path) = (entry.file_name(), entry.path());
        if name.to_str().is_some_and(|name| without.contains(&name)) {
            continue;
        }
        let kind = entry.file_type().map_err(error(&path, "looked at"))?;
        if kind.is_dir() {
            make_folder(&to.join(&name))?;
            copy_folder(copy, &path, &to.join(&name), &[])?;
        } else if kind.is_file() {
            copy.file(&path, &to.join(&name), None)?;
        }
    }
    sync(to)
}

fn make_empty(folder: &Path) -> Result<(), MaintenanceError> {
    make_folder(folder)?;
    let mut entries = fs::read_dir(folder).map_err(error(folder, "listed"))?;
    if entries.next().is_some() {
        return Err(MaintenanceError::NotEmpty {
            folder: folder.to_owned(),
        });
    }
    Ok(())
}

fn make_folder(folder: &Path) -> Result<(), MaintenanceError> {
    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(folder)
        .map_err(error(folder, "made"))
}

fn sync(folder: &Path) -> Result<(), MaintenanceError> {
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(error(folder, "flushed"))
}

fn error(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> MaintenanceError {
    let path: PathBuf = path.to_owned();
    move |source| MaintenanceError::Io {
        path,
        what,
        source: source.into(),
    }
}

/// What is copied otherwise, or belongs to the process that runs.
const NOT_COPIED: [&str; 5] = [
    "admin-address",
    "buckets.json.new",
    "format",
    "format.new",
    "lock",
];
