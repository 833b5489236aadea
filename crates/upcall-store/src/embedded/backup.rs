//! A copy of the store while it is served.
//!
//! First the catalog, in one read transaction; then the log as it is right after that, which has
//! everything that the catalog's copy lacks; then the blobs. Nothing is removed meanwhile, and no
//! settings change until it is known how far the log is copied. The copy is a data directory as a crash
//! could have left it at the moment at which the log was copied: opening it takes the rest of the log
//! in, and sweeps blobs that came later.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::log::segment;
use super::{Engine, directory};
use crate::catalog::CatalogError;
use crate::disk::{Disk, SystemDisk, make_folder_durably, read_small, replace, without_path};
use crate::maintenance::{BackupReport, MaintenanceError};

impl Engine {
    /// Copies everything. Blocks.
    pub(super) fn backup(&self, target: &Path) -> Result<BackupReport, MaintenanceError> {
        let mut copy = Copy::begin(self.segments.disk.as_ref(), target)?;
        let _held = Held::hold(self);
        let catalog = target.join("catalog.sqlite");
        let into = catalog.to_str().ok_or_else(|| MaintenanceError::Io {
            path: catalog.clone(),
            what: "named to the catalog: its path is not UTF-8",
            source: io::Error::from(io::ErrorKind::InvalidInput).into(),
        })?;
        copy.create_privately(&catalog)?;
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
        copy.format(&self.folder, target)?;
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

struct Copy<'d> {
    disk: &'d dyn Disk,
    report: BackupReport,
}

impl<'d> Copy<'d> {
    /// Into a folder that is made if it is not there, and must be empty.
    fn begin(disk: &'d dyn Disk, folder: &Path) -> Result<Self, MaintenanceError> {
        make_folder_durably(disk, folder).map_err(error(folder, "made"))?;
        let names = disk.list(folder).map_err(error(folder, "listed"))?;
        if !names.is_empty() {
            return Err(MaintenanceError::NotEmpty {
                folder: folder.to_owned(),
            });
        }
        let report = BackupReport {
            folder: folder.to_owned(),
            files: 0,
            bytes: 0,
        };
        Ok(Self { disk, report })
    }

    fn log(
        &mut self,
        engine: &Engine,
        ends: &BTreeMap<u64, u64>,
        target: &Path,
    ) -> Result<(), MaintenanceError> {
        let folder = target.join("log");
        self.make_folder(&folder)?;
        for (number, end) in ends {
            let from = segment::path(&engine.segments.folder, *number);
            self.file(&from, &segment::path(&folder, *number), Some(*end))?;
        }
        self.sync(&folder)
    }

    fn blobs(&mut self, engine: &Engine, target: &Path) -> Result<(), MaintenanceError> {
        let folder = target.join("blobs");
        self.make_folder(&folder)?;
        for shard in 0..=u8::MAX {
            let ids = engine.files.list(shard);
            let ids = ids.map_err(error(&folder, "listed"))?;
            let shard_folder = folder.join(format!("{shard:02x}"));
            self.make_folder(&shard_folder)?;
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
            self.sync(&shard_folder)?;
        }
        self.sync(&folder)
    }

    /// Keys and secrets that lie beside the store; not what belongs to the running process.
    fn other_files(&mut self, folder: &Path, target: &Path) -> Result<(), MaintenanceError> {
        for (name, kind) in self.entries(folder)? {
            let is_ours = name
                .to_str()
                .is_some_and(|name| NOT_COPIED.contains(&name) || name.starts_with("catalog."));
            if kind.is_file() && !is_ours {
                self.file(&folder.join(&name), &target.join(&name), None)?;
            }
        }
        Ok(())
    }

    fn folder(&mut self, from: &Path, to: &Path, without: &[&str]) -> Result<(), MaintenanceError> {
        for (name, kind) in self.entries(from)? {
            if name.to_str().is_some_and(|name| without.contains(&name)) {
                continue;
            }
            let (from, to) = (from.join(&name), to.join(&name));
            if kind.is_dir() {
                self.make_folder(&to)?;
                self.folder(&from, &to, &[])?;
            } else if kind.is_file() {
                self.file(&from, &to, None)?;
            }
        }
        self.sync(to)
    }

    /// What a folder holds; a symbolic link is neither file nor folder.
    fn entries(&self, folder: &Path) -> Result<Vec<(OsString, FileType)>, MaintenanceError> {
        let mut names = self.disk.list(folder).map_err(error(folder, "listed"))?;
        names.sort();
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            let path = folder.join(&name);
            match path.symlink_metadata() {
                Ok(found) => entries.push((name, found.file_type())),
                // Gone since it was listed.
                Err(gone) if gone.kind() == io::ErrorKind::NotFound => {}
                Err(other) => return Err(error(&path, "looked at")(other)),
            }
        }
        Ok(entries)
    }

    /// Copies a file, or its first bytes, durably.
    fn file(&mut self, from: &Path, to: &Path, first: Option<u64>) -> Result<(), MaintenanceError> {
        let copied = self.disk.copy(from, to, first);
        // The source says which of the two files it is about.
        let bytes = copied.map_err(|source| MaintenanceError::Io {
            path: from.to_owned(),
            what: "copied",
            source: source.into(),
        })?;
        let copy = self.disk.open(to).and_then(|copy| copy.sync());
        copy.map_err(error(to, "written"))?;
        self.report.files += 1;
        self.report.bytes += bytes;
        Ok(())
    }

    /// Says that the copy is whole, durably, when all that it says it of is durable.
    fn format(&mut self, from: &Path, to: &Path) -> Result<(), MaintenanceError> {
        let (from, half, to) = (
            from.join("format"),
            to.join("format.new"),
            to.join("format"),
        );
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let read = read_small(self.disk, &from).and_then(|read| read.ok_or_else(missing));
        let line = read.map_err(error(&from, "read"))?;
        replace(self.disk, &to, &half, &line).map_err(error(&to, "written"))?;
        self.report.files += 1;
        self.report.bytes += line.len() as u64;
        Ok(())
    }

    /// Makes a file for SQLite, which writes into one that is empty, and leaves its mode.
    fn create_privately(&self, path: &Path) -> Result<(), MaintenanceError> {
        let made = self.disk.create(path).map(drop);
        made.map_err(error(path, "made"))
    }

    /// Counts a file that is there, and makes it durable.
    fn adopt(&mut self, path: &Path) -> Result<(), MaintenanceError> {
        let flushed = self.disk.open(path).and_then(|file| {
            file.sync()?;
            file.length()
        });
        self.report.bytes += flushed.map_err(error(path, "flushed"))?;
        self.report.files += 1;
        Ok(())
    }

    fn make_folder(&self, folder: &Path) -> Result<(), MaintenanceError> {
        let made = self.disk.make_folder(folder);
        made.map_err(error(folder, "made"))
    }

    fn sync(&self, folder: &Path) -> Result<(), MaintenanceError> {
        let flushed = self.disk.sync_folder(folder);
        flushed.map_err(error(folder, "flushed"))
    }
}

/// Copies a backup into a data directory that is not there yet. Blocks.
///
/// # Errors
/// [`MaintenanceError`]. A backup of a newer program is refused before anything is made; otherwise what
/// was copied so far stays there, and is no whole backup or data directory: `format` comes last.
pub fn restore(backup: &Path, folder: &Path) -> Result<BackupReport, MaintenanceError> {
    restore_on(&SystemDisk, backup, folder)
}

/// As [`restore`], on another disk.
///
/// # Errors
/// As of [`restore`].
pub fn restore_on(
    disk: &dyn Disk,
    backup: &Path,
    folder: &Path,
) -> Result<BackupReport, MaintenanceError> {
    // Without it, it is no backup, or only a part of one.
    let format = backup.join("format");
    let found = disk.open(&format).map(drop);
    found.map_err(error(&format, "found: this is no whole backup"))?;
    let checked = directory::check_backup(backup, disk);
    checked.map_err(|error| MaintenanceError::Backup(Arc::new(error)))?;
    let mut copy = Copy::begin(disk, folder)?;
    copy.folder(backup, folder, &["format"])?;
    copy.format(backup, folder)?;
    Ok(copy.report)
}

fn error(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> MaintenanceError {
    let path: PathBuf = path.to_owned();
    move |source| MaintenanceError::Io {
        path,
        what,
        source: without_path(source).into(),
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
