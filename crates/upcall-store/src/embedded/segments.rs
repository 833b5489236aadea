//! The segments that there are: open files to read from, and how much of each is used.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::log::record::Salt;
use super::log::segment::path;
use crate::disk::{Disk, DiskFile};

/// The segments of one store.
#[derive(Debug)]
pub(super) struct Segments {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) salt: Salt,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where each ends.
    ends: BTreeMap<u64, u64>,
    /// The one that is written to.
    active: Option<u64>,
    open: HashMap<u64, (u64, Arc<dyn DiskFile>)>,
    /// Counts looks, to know which open file was not used for longest.
    looks: u64,
}

impl Segments {
    pub(super) fn new(disk: Arc<dyn Disk>, folder: &Path, salt: Salt) -> Self {
        Self {
            disk,
            folder: folder.to_owned(),
            salt,
            state: Mutex::default(),
        }
    }

    /// The file of a segment, open to be read.
    pub(super) fn open(&self, number: u64) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = self.opened(number) {
            return Ok(file);
        }
        let file = self.disk.open(&path(&self.folder, number))?;
        let mut state = self.lock();
        // One that was removed meanwhile must not be kept.
        if state.ends.contains_key(&number) {
            state.keep_open(number, Arc::clone(&file));
        }
        Ok(file)
    }

    /// The file of a segment, if it is open already.
    pub(super) fn opened(&self, number: u64) -> Option<Arc<dyn DiskFile>> {
        let mut state = self.lock();
        state.looks += 1;
        let looks = state.looks;
        let (used, file) = state.open.get_mut(&number)?;
        *used = looks;
        Some(Arc::clone(file))
    }

    /// There is a segment, which ends here.
    pub(super) fn add(&self, number: u64, end: u64) {
        self.lock().ends.insert(number, end);
    }

    /// This one is written to from now on.
    pub(super) fn begin(&self, number: u64, end: u64, file: Arc<dyn DiskFile>) {
        let mut state = self.lock();
        state.ends.insert(number, end);
        state.active = Some(number);
        state.keep_open(number, file);
    }

    /// The one that was written to ends here, and nothing is written any more.
    pub(super) fn seal(&self) {
        self.lock().active = None;
    }

    /// The one that is written to ends here now.
    pub(super) fn grow(&self, number: u64, end: u64) {
        self.lock().ends.insert(number, end);
    }

    /// Removes a segment, durably. Until it succeeds the segment counts as there: what the log says of
    /// its records must not be dropped while a crash may bring it back.
    pub(super) fn remove(&self, number: u64) -> io::Result<()> {
        self.lock().open.remove(&number);
        match self.disk.remove(&path(&self.folder, number)) {
            // The attempt before could not flush the folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
        self.disk.sync_folder(&self.folder)?;
        let mut state = self.lock();
        state.ends.remove(&number);
        // A reader may have opened it just before.
        state.open.remove(&number);
        Ok(())
    }

    /// Where each segment ends, and which is written to.
    pub(super) fn ends(&self) -> (BTreeMap<u64, u64>, Option<u64>) {
        let state = self.lock();
        (state.ends.clone(), state.active)
    }

    /// How large a segment should be: small enough that the one that is written to, which gives no
    /// room back, is little beside the others.
    pub(super) fn best_size(&self) -> u64 {
        let total: u64 = self.lock().ends.values().sum();
        (total / SEGMENT_PART).clamp(LEAST_SEGMENT_BYTES, MOST_SEGMENT_BYTES)
    }

    /// Whether there is a segment of this number.
    pub(super) fn has(&self, number: u64) -> bool {
        self.lock().ends.contains_key(&number)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep_open(&mut self, number: u64, file: Arc<dyn DiskFile>) {
        if self.open.len() >= MOST_OPEN {
            let unused = self.open.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(number) = unused.map(|(number, _)| *number) {
                self.open.remove(&number);
            }
        }
        self.open.insert(number, (self.looks, file));
    }
}

/// Of the whole log, a segment has so much.
const SEGMENT_PART: u64 = 16;

/// Each costs a file and two flushes.
const LEAST_SEGMENT_BYTES: u64 = 1024 * 1024;

/// The collector reads one at a time into memory.
const MOST_SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

/// Segments that are kept open: 4 GiB of small objects, and few of the descriptors that a process has.
const MOST_OPEN: usize = 256;
