//! What the application has written down.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The journal, read as far as it goes.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    path: PathBuf,
    read: u64,
    /// Behind the last whole line.
    torn: String,
    decided: HashMap<String, Vec<Entry>>,
}

/// A call that has arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) is_yes: bool,
}

impl Journal {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            read: 0,
            torn: String::new(),
            decided: HashMap::new(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what has come.
    pub(super) fn refresh(&mut self) -> Result<()> {
        let mut file = File::open(&self.path).context("the journal is there")?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut more = String::new();
        self.read += file.read_to_string(&mut more)? as u64;
        let text = std::mem::take(&mut self.torn) + &more;
        let mut lines = text.split('\n');
        lines
            .next_back()
            .unwrap_or_default()
            .clone_into(&mut self.torn);
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            if let [id, key, verdict] = words.as_slice() {
                let entry = Entry {
                    id: (*id).to_owned(),
                    is_yes: *verdict == "Yes",
                };
                self.decided
                    .entry((*key).to_owned())
                    .or_default()
                    .push(entry);
            }
        }
        Ok(())
    }

    /// The calls for `bucket/key`, in the order in which they came.
    pub(super) fn of(&self, key: &str) -> &[Entry] {
        self.decided.get(key).map_or(&[], Vec::as_slice)
    }
}
