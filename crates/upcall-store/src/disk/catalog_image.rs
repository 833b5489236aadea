//! The catalog's files at a moment, and what the power may leave of them.
//!
//! SQLite writes to its log (`-wal`), and copies that into the main file later, the log flushed before.
//! So three things may be found: the files as they were when they were last durable; the files as they
//! are; or, as long as nothing was copied into the main file since, any part of what the log got since.

#![expect(
    clippy::disallowed_methods,
    reason = "a disk that plays power cuts stands on real files"
)]

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::after_power::tear;
use crate::contract::Random;

/// Main file and log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct CatalogImage {
    main: Vec<u8>,
    log: Vec<u8>,
}

impl CatalogImage {
    /// Reads them, while nobody writes.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let read = |name| match fs::read(folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        };
        Ok(Self {
            main: read(MAIN)?,
            log: read(LOG)?,
        })
    }

    /// Reads them while somebody may write: twice, until both times give the same. `None` if there was
    /// no such moment.
    pub(super) fn read_when_still(folder: &Path) -> Option<Self> {
        let mut last = Self::read(folder).ok()?;
        for _ in 0..TRIES {
            std::thread::sleep(PAUSE);
            let now = Self::read(folder).ok()?;
            if now == last {
                return Some(now);
            }
            last = now;
        }
        None
    }

    /// What may be left when this is what was durable, and `last` what was there at the end.
    pub(super) fn torn(&self, last: Option<&Self>, seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5ea1);
        let Some(last) = last else {
            return self.clone();
        };
        match random.below(3) {
            0 => self.clone(),
            1 if last.main == self.main && last.log.starts_with(&self.log) => {
                let mut torn = last.clone();
                tear(&mut torn.log, self.log.len(), &mut random);
                torn
            }
            _ => last.clone(),
        }
    }

    /// Puts them into a folder.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join(MAIN), &self.main)?;
        if self.log.is_empty() {
            return Ok(());
        }
        fs::write(folder.join(LOG), &self.log)
    }
}

/// Whether this is one of its files; also the one that is shared memory, which no crash leaves.
pub(super) fn is_of_catalog(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| [MAIN, LOG, INDEX].contains(&name))
}

const MAIN: &str = "catalog.sqlite";
const LOG: &str = "catalog.sqlite-wal";
const INDEX: &str = "catalog.sqlite-shm";

/// Whoever writes is through with a batch in this time.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(1);
