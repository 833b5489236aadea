//! What a folder looks like when the power is back: behind what was flushed, anything.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::catalog_image;
use super::power::{Inode, Removed};
use crate::contract::Random;

/// A folder that is built from another.
pub(super) struct Image<'s> {
    pub(super) folder: &'s Path,
    pub(super) target: &'s Path,
    pub(super) files: &'s HashMap<PathBuf, Arc<Inode>>,
    pub(super) removed: &'s [Removed],
}

/// What is lost of what was not flushed.
pub(super) enum Lost {
    Nothing,
    /// What this seed says.
    At(u64),
}

impl Image<'_> {
    /// Everything but the catalog.
    pub(super) fn write(&self, lost: &Lost) -> io::Result<()> {
        let mut random = match lost {
            Lost::Nothing => None,
            Lost::At(seed) => Some(Random::new(*seed)),
        };
        // In the order of their names, so that the same seed loses the same.
        let mut found = BTreeMap::new();
        self.collect(self.folder, &mut found)?;
        for path in found.into_values() {
            let inode = self.files.get(&path);
            self.copy(&path, &path, inode, random.as_mut())?;
        }
        if let Some(random) = &mut random {
            for removed in self.removed {
                let is_free = !self.place_of(&removed.path).exists();
                if is_free && random.below(2) == 0 {
                    let inode = Some(&removed.inode);
                    self.copy(&removed.kept, &removed.path, inode, Some(random))?;
                }
            }
        }
        Ok(())
    }

    /// Makes the folders, and notes the files.
    fn collect(&self, folder: &Path, found: &mut BTreeMap<PathBuf, PathBuf>) -> io::Result<()> {
        fs::create_dir_all(self.place_of(folder))?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                self.collect(&path, found)?;
            } else if !catalog_image::is_of_catalog(&path) {
                found.insert(path.clone(), path);
            }
        }
        Ok(())
    }

    /// Copies a file, or what is left of it.
    fn copy(
        &self,
        from: &Path,
        name: &Path,
        inode: Option<&Arc<Inode>>,
        random: Option<&mut Random>,
    ) -> io::Result<()> {
        let to = self.place_of(name);
        let (Some(inode), Some(random)) = (inode, random) else {
            return fs::copy(from, to).map(drop);
        };
        if !inode.is_named.load(Ordering::SeqCst) && random.below(2) == 0 {
            return Ok(());
        }
        let mut bytes = fs::read(from)?;
        let synced = inode.synced.load(Ordering::SeqCst);
        let synced = usize::try_from(synced).unwrap_or(usize::MAX);
        tear(&mut bytes, synced, random);
        fs::write(to, bytes)
    }

    fn place_of(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(self.folder) {
            Ok(inside) => self.target.join(inside),
            Err(_) => path.to_owned(),
        }
    }
}

/// Keeps, forgets or spoils the blocks behind `synced`, each by chance.
pub(super) fn tear(bytes: &mut Vec<u8>, synced: usize, random: &mut Random) {
    if bytes.len() <= synced {
        return;
    }
    match random.below(6) {
        // The length never reached the disk.
        0 => return bytes.truncate(synced),
        1 => return,
        // In order, but cut.
        2 => return bytes.truncate(synced + random.below(bytes.len() - synced + 1)),
        _ => {}
    }
    let block = *random.pick(&[512, 4096]);
    let mut at = synced;
    while at < bytes.len() {
        let end = ((at / block + 1) * block).min(bytes.len());
        match random.below(4) {
            0 => bytes[at..end].fill(0),
            1 => {
                for byte in &mut bytes[at..end] {
                    *byte = random.byte();
                }
            }
            _ => {}
        }
        at = end;
    }
    if random.below(3) == 0 {
        bytes.truncate(synced + random.below(bytes.len() - synced + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_flushed_stays_and_the_rest_is_torn_in_many_ways() {
        let whole: Vec<u8> = (0..20_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..100 {
            let mut torn = whole.clone();
            tear(&mut torn, 7_000, &mut Random::new(seed));
            assert_eq!(torn[..7_000], whole[..7_000]);
            assert!(torn.len() <= whole.len());
            seen.insert(torn);
        }
        assert!(seen.len() > 50, "only {} ways", seen.len());
    }
}
