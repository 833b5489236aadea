//! A folder for one run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A folder under the system's temporary one that goes when it goes, unless it is kept.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    pub(crate) fn make(name: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("upcall-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self {
            path,
            is_kept: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it there, for a person to look into.
    pub(crate) fn keep(&mut self) -> &Path {
        self.is_kept = true;
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept {
            fs::remove_dir_all(&self.path).ok();
        }
    }
}
