//! Stamps: what was installed from which list, so that it need not be done again.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The stamp of one installation.
#[derive(Debug)]
pub(super) struct Stamp {
    file: PathBuf,
    wanted: String,
}

impl Stamp {
    /// The stamp in `file` that installing from `list` would leave.
    pub(super) fn of(file: PathBuf, list: &Path) -> Result<Self> {
        let text = fs::read(list).with_context(|| format!("cannot read `{}`", list.display()))?;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let wanted = format!("{:016x}\n", hasher.finish());
        Ok(Self { file, wanted })
    }

    /// Was it installed from this very list?
    pub(super) fn is_current(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|found| found == self.wanted)
    }

    /// Says that it was.
    pub(super) fn set(&self) -> Result<()> {
        let written = fs::write(&self.file, &self.wanted);
        written.with_context(|| format!("cannot write `{}`", self.file.display()))
    }
}
