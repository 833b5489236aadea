//! A disk that fails, or lies, when it is told to: for the tests of what must be survived, and for the
//! tests of these tests.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Disk, DiskFile, Space};

/// The disk, on another one.
#[derive(Clone, Debug)]
pub struct FaultyDisk(Arc<Shared>);

/// What a fault hits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Call {
    /// A file is made.
    Create,
    /// A file is opened to be read.
    Open,
    /// A file is removed.
    Remove,
    /// A file is renamed.
    Rename,
    /// A file is flushed, or cut off.
    Sync,
    /// A folder is flushed.
    SyncFolder,
    /// A file is written to.
    Write,
}

/// How it fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The device reports an error.
    Device,
    /// There is no room.
    Full,
    /// Half is written, and then there is no room; other calls fail as with [`Self::Full`].
    Short,
}

/// For how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Until {
    /// Only that call.
    Once,
    /// Every call from there on, until the fault is mended: also those of other kinds that write.
    Mended,
    /// Every call of that kind from there on, until the fault is mended.
    MendedOfItsKind,
}

/// One fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault {
    /// What it hits.
    pub call: Call,
    /// At which call of that kind; the first is 1.
    pub number: u64,
    /// How.
    pub failure: Failure,
    /// For how long.
    pub until: Until,
}

/// What is not done, though it is said to be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Lie {
    /// Nothing.
    #[default]
    None,
    /// Files are not flushed.
    NoFileSync,
    /// Folders are not flushed.
    NoFolderSync,
    /// The disk fails to flush a file now and then, and nobody is told.
    SwallowedError,
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    lie: Lie,
    state: Mutex<State>,
    syncs: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    /// Calls of the fault's kind since it was set.
    calls: u64,
    /// Whether it has happened, and whether it goes on.
    has_failed: bool,
    is_failing: bool,
}

impl FaultyDisk {
    /// A disk that does as it says, until it is told otherwise.
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self::lying(disk, Lie::None)
    }

    /// A disk that lies.
    pub fn lying(disk: Arc<dyn Disk>, lie: Lie) -> Self {
        Self(Arc::new(Shared {
            disk,
            lie,
            state: Mutex::default(),
            syncs: AtomicU64::new(0),
        }))
    }

    /// Sets a fault; calls are counted from here.
    pub fn break_with(&self, fault: Fault) {
        *self.state() = State {
            fault: Some(fault),
            ..State::default()
        };
    }

    /// The disk works again. Returns whether the fault has happened at all.
    pub fn mend(&self) -> bool {
        std::mem::take(&mut *self.state()).has_failed
    }

    /// Whether the fault has happened.
    pub fn has_failed(&self) -> bool {
        self.state().has_failed
    }

    /// How this call fails, if it does.
    fn failure(&self, call: Call) -> Option<Failure> {
        let mut state = self.state();
        let fault = state.fault?;
        if state.is_failing && fault.until == Until::MendedOfItsKind {
            return (call == fault.call).then_some(fault.failure);
        }
        if state.is_failing {
            return (call != Call::Open || fault.call == Call::Open).then_some(fault.failure);
        }
        if call != fault.call {
            return None;
        }
        state.calls += 1;
        if state.calls != fault.number {
            return None;
        }
        state.has_failed = true;
        state.is_failing = fault.until != Until::Once;
        Some(fault.failure)
    }

    fn check(&self, call: Call) -> io::Result<()> {
        self.failure(call).map_or(Ok(()), |how| Err(error(how)))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(failure: Failure) -> io::Error {
    let errno = match failure {
        Failure::Device => rustix::io::Errno::IO,
        Failure::Full | Failure::Short => rustix::io::Errno::NOSPC,
    };
    errno.into()
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.check(Call::Create)?;
        let file = self.0.disk.create(path)?;
        Ok(Arc::new(FaultyFile {
            disk: self.clone(),
            file,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.check(Call::Open)?;
        let file = self.0.disk.open(path)?;
        Ok(Arc::new(FaultyFile {
            disk: self.clone(),
            file,
        }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check(Call::Remove)?;
        self.0.disk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(Call::Rename)?;
        self.0.disk.rename(from, to)
    }

    fn copy(&self, from: &Path, to: &Path, first: Option<u64>) -> io::Result<u64> {
        self.check(Call::Open)?;
        self.check(Call::Create)?;
        let failure = self.failure(Call::Write);
        match failure {
            None => self.0.disk.copy(from, to, first),
            Some(how @ Failure::Short) => {
                let whole = self.0.disk.open(from)?.length()?;
                let half = whole.min(first.unwrap_or(u64::MAX)) / 2;
                self.0.disk.copy(from, to, Some(half))?;
                Err(error(how))
            }
            Some(how) => Err(error(how)),
        }
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.check(Call::Sync)?;
        self.0.disk.truncate(path, length)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        self.0.disk.list(folder)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        self.0.disk.make_folder(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.check(Call::SyncFolder)?;
        if self.0.lie == Lie::NoFolderSync {
            return Ok(());
        }
        self.0.disk.sync_folder(folder)
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        self.0.disk.space(folder)
    }

    fn catalog_is_durable(&self, catalog: &Path) {
        self.0.disk.catalog_is_durable(catalog);
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    file: Arc<dyn DiskFile>,
}

impl DiskFile for FaultyFile {
    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let Some(failure) = self.disk.failure(Call::Write) else {
            return self.file.write_at(slices, offset);
        };
        if failure == Failure::Short {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let half = &all[..all.len() / 2];
            self.file.write_at(&mut [IoSlice::new(half)], offset)?;
        }
        Err(error(failure))
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn read_exact_at_now(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        self.file.read_exact_at_now(buffer, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.check(Call::Sync)?;
        let number = self.disk.0.syncs.fetch_add(1, Ordering::SeqCst);
        match self.disk.0.lie {
            Lie::NoFileSync => Ok(()),
            Lie::SwallowedError if number % SWALLOWED == SWALLOWED - 1 => Ok(()),
            Lie::SwallowedError | Lie::NoFolderSync | Lie::None => self.file.sync(),
        }
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn as_file(&self) -> Option<Arc<File>> {
        self.file.as_file()
    }
}

/// Every so many-th flush fails, if that is what the lie is about.
const SWALLOWED: u64 = 4;
