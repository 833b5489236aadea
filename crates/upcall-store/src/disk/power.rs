//! A disk that loses its power: for the tests of everything that must survive it.
//!
//! It works on real files, and notes what was flushed: of each file, up to where; of each folder, which
//! names were made or removed since. A *cut* freezes it: whatever comes later fails. What the folder may
//! look like when the power is back is [`after_cut`](PowerDisk::after_cut), differently for each seed;
//! what it looks like when only the process died, [`after_crash`](PowerDisk::after_crash).
//!
//! It flushes nothing itself, so histories on it are as fast as memory. One call at a time changes the
//! disk, and a cut lies between two calls.

#![expect(
    clippy::disallowed_methods,
    reason = "a disk that plays power cuts stands on real files"
)]

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::after_power::{Image, Lost};
use super::catalog_image::{CatalogImage, is_of_catalog};
use super::{Disk, DiskFile, Space, SystemDisk};

/// The disk.
#[derive(Clone, Debug)]
pub struct PowerDisk(Arc<Shared>);

/// When the power goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// In place of this flush (of a file or a folder); the first is 1.
    Before(u64),
    /// When this flush is done.
    After(u64),
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    /// Where removed files lie until their removal is durable.
    aside: PathBuf,
    is_cut: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<PathBuf, Arc<Inode>>,
    removed: Vec<Removed>,
    /// Renames that are not durable, in their order.
    renamed: Vec<Renamed>,
    /// Folders that were made, and whose names are not durable.
    new_folders: BTreeSet<PathBuf>,
    /// Removed and replaced files so far, to name those that are kept.
    removals: u64,
    syncs: u64,
    cut: Option<Cut>,
    /// The catalog when it was last durable, and when the power went.
    durable_catalog: Option<CatalogImage>,
    last_catalog: Option<CatalogImage>,
    /// Whether the catalog's file was renamed: it is a file like any other then.
    is_catalog_plain: bool,
}

/// What is known of a file.
#[derive(Debug)]
pub(super) struct Inode {
    /// Bytes that were flushed.
    pub(super) synced: AtomicU64,
    /// Whether its name was flushed with its folder.
    pub(super) is_named: AtomicBool,
}

/// A file whose removal is not durable.
#[derive(Debug)]
pub(super) struct Removed {
    pub(super) path: PathBuf,
    pub(super) kept: PathBuf,
    pub(super) inode: Arc<Inode>,
}

/// A rename that is not durable.
#[derive(Debug)]
pub(super) struct Renamed {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
    /// What had the name before: where it lies now.
    pub(super) replaced: Option<(PathBuf, Arc<Inode>)>,
    /// Whether the folder of the old name, or of the new one, was flushed since.
    is_from_synced: bool,
    is_to_synced: bool,
}

impl PowerDisk {
    /// A disk under this data directory; what lies there is durable. Files that were removed go into
    /// `aside`, which must be on the same file system.
    pub fn new(folder: &Path, aside: &Path) -> Self {
        Self(Arc::new(Shared {
            folder: folder.to_owned(),
            aside: aside.to_owned(),
            is_cut: AtomicBool::new(false),
            state: Mutex::default(),
        }))
    }

    /// Sets when the power goes by itself.
    pub fn cut_at(&self, cut: Cut) {
        self.state().cut = Some(cut);
    }

    /// The power goes now, between two calls.
    pub fn cut(&self) {
        self.freeze(&mut self.state());
    }

    /// Whether the power is gone. What was answered while it was not, was promised.
    pub fn is_cut(&self) -> bool {
        self.0.is_cut.load(Ordering::SeqCst)
    }

    /// How many flushes there were so far.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Builds in `target` what the power may have left: behind what was flushed, each file is torn, and
    /// names that were not flushed may be missing, or back.
    ///
    /// # Errors
    /// The system's.
    pub fn after_cut(&self, target: &Path, seed: u64) -> io::Result<()> {
        let state = self.state();
        let image = self.image(&state, target);
        image.write(&Lost::At(seed))?;
        if state.is_catalog_plain {
            return Ok(());
        }
        let catalog = match (&state.durable_catalog, &state.last_catalog) {
            (Some(durable), last) => durable.torn(last.as_ref(), seed),
            (None, Some(last)) => last.clone(),
            (None, None) => return Ok(()),
        };
        catalog.write(target)
    }

    /// Builds in `target` what the process leaves when it dies alone: everything that was written. What
    /// was not flushed is not flushed there either, as the disk that is returned knows.
    ///
    /// # Errors
    /// The system's.
    pub fn after_crash(&self, target: &Path, aside: &Path) -> io::Result<Self> {
        let state = self.state();
        self.image(&state, target).write(&Lost::Nothing)?;
        let last = state.last_catalog.as_ref();
        if let Some(catalog) = last.or(state.durable_catalog.as_ref())
            && !state.is_catalog_plain
        {
            catalog.write(target)?;
        }
        let next = Self::new(target, aside);
        fs::create_dir_all(aside)?;
        let moved = |path: &Path| {
            let inside = path.strip_prefix(&self.0.folder);
            inside.map_or_else(|_| path.to_owned(), |inside| target.join(inside))
        };
        let mut there = next.state();
        for (path, inode) in &state.files {
            there.files.insert(moved(path), Arc::new(inode.copy()));
        }
        let keep = |kept: &Path| {
            let to = aside.join(kept.file_name().unwrap_or_default());
            fs::copy(kept, &to).map(|_| to)
        };
        for removed in &state.removed {
            there.removed.push(Removed {
                path: moved(&removed.path),
                kept: keep(&removed.kept)?,
                inode: Arc::new(removed.inode.copy()),
            });
        }
        for renamed in &state.renamed {
            let replaced = match &renamed.replaced {
                Some((kept, inode)) => Some((keep(kept)?, Arc::new(inode.copy()))),
                None => None,
            };
            there.renamed.push(Renamed {
                from: moved(&renamed.from),
                to: moved(&renamed.to),
                replaced,
                ..*renamed
            });
        }
        there.new_folders = state.new_folders.iter().map(|path| moved(path)).collect();
        there.is_catalog_plain = state.is_catalog_plain;
        there.removals = state.removals;
        there.durable_catalog.clone_from(&state.durable_catalog);
        drop(there);
        Ok(next)
    }

    fn image<'s>(&'s self, state: &'s State, target: &'s Path) -> Image<'s> {
        Image {
            folder: &self.0.folder,
            target,
            files: &state.files,
            removed: &state.removed,
            renamed: &state.renamed,
            new_folders: &state.new_folders,
            has_catalog: state.is_catalog_plain,
        }
    }

    /// Moves a file to where it lies until it is durably gone.
    fn put_aside(&self, state: &mut State, path: &Path) -> io::Result<PathBuf> {
        state.removals += 1;
        fs::create_dir_all(&self.0.aside)?;
        let kept = self.0.aside.join(state.removals.to_string());
        fs::rename(path, &kept)?;
        Ok(kept)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for a call that needs power.
    fn powered(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        self.check()?;
        Ok(state)
    }

    fn check(&self) -> io::Result<()> {
        if self.is_cut() {
            return Err(io::Error::other("the power is gone"));
        }
        Ok(())
    }

    fn freeze(&self, state: &mut State) {
        if !self.0.is_cut.swap(true, Ordering::SeqCst) {
            state.last_catalog = CatalogImage::read_when_still(&self.0.folder);
        }
    }

    /// One flush, around which the power may go.
    fn flush(&self, flush: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let mut state = self.powered()?;
        state.syncs += 1;
        if state.cut == Some(Cut::Before(state.syncs)) {
            self.freeze(&mut state);
            return self.check();
        }
        flush(&mut state)?;
        if state.cut == Some(Cut::After(state.syncs)) {
            self.freeze(&mut state);
            return self.check();
        }
        Ok(())
    }
}

impl Inode {
    fn copy(&self) -> Self {
        Self {
            synced: AtomicU64::new(self.synced.load(Ordering::SeqCst)),
            is_named: AtomicBool::new(self.is_named.load(Ordering::SeqCst)),
        }
    }
}

impl Disk for PowerDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.powered()?;
        let file = SystemDisk.create(path)?;
        let inode = Arc::new(Inode {
            synced: AtomicU64::new(0),
            is_named: AtomicBool::new(false),
        });
        state.files.insert(path.to_owned(), Arc::clone(&inode));
        Ok(Arc::new(PowerFile {
            disk: self.clone(),
            file,
            inode,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.powered()?;
        let file = SystemDisk.open(path)?;
        let inode = match state.files.get(path) {
            Some(inode) => Arc::clone(inode),
            None => state.find(path)?,
        };
        Ok(Arc::new(PowerFile {
            disk: self.clone(),
            file,
            inode,
        }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.powered()?;
        let inode = state.find(path)?;
        let kept = self.put_aside(&mut state, path)?;
        state.files.remove(path);
        state.removed.push(Removed {
            path: path.to_owned(),
            kept,
            inode,
        });
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.powered()?;
        let inode = state.find(from)?;
        let replaced = match state.find(to) {
            Ok(inode) => Some((self.put_aside(&mut state, to)?, inode)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        fs::rename(from, to)?;
        state.files.remove(from);
        state.files.insert(to.to_owned(), inode);
        state.is_catalog_plain |= is_of_catalog(from) || is_of_catalog(to);
        state.renamed.push(Renamed {
            from: from.to_owned(),
            to: to.to_owned(),
            replaced,
            is_from_synced: false,
            is_to_synced: false,
        });
        Ok(())
    }

    fn copy(&self, from: &Path, to: &Path, first: Option<u64>) -> io::Result<u64> {
        let mut state = self.powered()?;
        let inode = Arc::new(Inode {
            synced: AtomicU64::new(0),
            is_named: AtomicBool::new(false),
        });
        let copied = SystemDisk.copy(from, to, first)?;
        state.files.insert(to.to_owned(), inode);
        Ok(copied)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.flush(|state| {
            let inode = state.find(path)?;
            fs::OpenOptions::new()
                .write(true)
                .open(path)?
                .set_len(length)?;
            inode.synced.store(length, Ordering::SeqCst);
            Ok(())
        })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        self.check()?;
        SystemDisk.list(folder)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.powered()?;
        let new: Vec<PathBuf> = folder
            .ancestors()
            .take_while(|above| *above != self.0.folder && !above.is_dir())
            .map(Path::to_owned)
            .collect();
        SystemDisk.make_folder(folder)?;
        state.new_folders.extend(new);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.flush(|state| {
            for (path, inode) in &state.files {
                if path.parent() == Some(folder) {
                    inode.is_named.store(true, Ordering::SeqCst);
                }
            }
            state.removed.retain(|removed| {
                let is_there = removed.path.parent() != Some(folder);
                if !is_there {
                    // Only room is lost if this fails.
                    let _ = fs::remove_file(&removed.kept);
                }
                is_there
            });
            state.renamed.retain_mut(|renamed| {
                renamed.is_from_synced |= renamed.from.parent() == Some(folder);
                renamed.is_to_synced |= renamed.to.parent() == Some(folder);
                let is_durable = renamed.is_from_synced && renamed.is_to_synced;
                if is_durable && let Some((kept, _)) = &renamed.replaced {
                    let _ = fs::remove_file(kept);
                }
                !is_durable
            });
            state
                .new_folders
                .retain(|made| made.parent() != Some(folder));
            Ok(())
        })
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        SystemDisk.space(folder)
    }

    fn catalog_is_durable(&self, catalog: &Path) {
        let mut state = self.state();
        if !self.is_cut()
            && is_of_catalog(catalog)
            && let Ok(image) = CatalogImage::read(&self.0.folder)
        {
            state.durable_catalog = Some(image);
        }
    }
}

impl State {
    /// What is known of the file; one that was not made here was there before, and is durable.
    fn find(&mut self, path: &Path) -> io::Result<Arc<Inode>> {
        if let Some(inode) = self.files.get(path) {
            return Ok(Arc::clone(inode));
        }
        let inode = Arc::new(Inode {
            synced: AtomicU64::new(fs::metadata(path)?.len()),
            is_named: AtomicBool::new(true),
        });
        self.files.insert(path.to_owned(), Arc::clone(&inode));
        Ok(inode)
    }
}

#[derive(Debug)]
struct PowerFile {
    disk: PowerDisk,
    file: Arc<dyn DiskFile>,
    inode: Arc<Inode>,
}

impl DiskFile for PowerFile {
    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let _state = self.disk.powered()?;
        self.file.write_at(slices, offset)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.check()?;
        self.file.read_exact_at(buffer, offset)
    }

    fn read_exact_at_now(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        self.disk.check()?;
        self.file.read_exact_at_now(buffer, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.flush(|_| {
            let length = self.file.length()?;
            self.inode.synced.store(length, Ordering::SeqCst);
            Ok(())
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.check()?;
        self.file.length()
    }

    fn as_file(&self) -> Option<Arc<File>> {
        self.file.as_file()
    }
}
