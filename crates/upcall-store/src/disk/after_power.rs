//! What a folder looks like when the power is back: behind what was flushed, anything.

#![expect(
    clippy::disallowed_methods,
    reason = "a disk that plays power cuts stands on real files"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::catalog_image;
use super::power::{Inode, Removed, Renamed};
use crate::contract::Random;

/// A folder that is built from another.
pub(super) struct Image<'s> {
    pub(super) folder: &'s Path,
    pub(super) target: &'s Path,
    pub(super) files: &'s HashMap<PathBuf, Arc<Inode>>,
    pub(super) removed: &'s [Removed],
    pub(super) renamed: &'s [Renamed],
    pub(super) new_folders: &'s BTreeSet<PathBuf>,
    /// Whether the catalog's files are files like others.
    pub(super) has_catalog: bool,
}

/// What is lost of what was not flushed.
pub(super) enum Lost {
    Nothing,
    /// What this seed says.
    At(u64),
}

/// What a name leads to: where the bytes lie, and what is known of them.
struct Content {
    path: PathBuf,
    inode: Option<Arc<Inode>>,
    /// Whether the name is there for certain.
    is_named: bool,
}

impl Content {
    /// A file that was not made on this disk is durable.
    fn of(path: PathBuf, inode: Option<&Arc<Inode>>) -> Self {
        Self {
            path,
            inode: inode.cloned(),
            is_named: inode.is_none_or(|inode| inode.is_named.load(Ordering::SeqCst)),
        }
    }
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
        let mut lost_folders = Vec::new();
        if let Some(random) = &mut random {
            // A folder whose name was not flushed may be missing, with all that is in it.
            let new = self.new_folders.iter().cloned();
            lost_folders.extend(new.filter(|_| random.below(2) == 0));
        }
        let is_lost = |name: &Path| lost_folders.iter().any(|folder| name.starts_with(folder));
        self.collect(self.folder, &is_lost, &mut found)?;
        if let Some(random) = &mut random {
            self.undo_renames(&mut found, &is_lost, random);
        }
        found.retain(|name, _| !is_lost(name));
        for (name, content) in found {
            self.copy(&content, &name, random.as_mut())?;
        }
        if let Some(random) = &mut random {
            for removed in self.removed {
                let place = self.place_of(&removed.path);
                let is_free = !place.exists() && place.parent().is_some_and(Path::is_dir);
                if is_free && random.below(2) == 0 {
                    let content = Content::of(removed.kept.clone(), Some(&removed.inode));
                    self.copy(&content, &removed.path, Some(random))?;
                }
            }
        }
        Ok(())
    }

    /// Makes the folders, and notes the files.
    fn collect(
        &self,
        folder: &Path,
        is_lost: &dyn Fn(&Path) -> bool,
        found: &mut BTreeMap<PathBuf, Content>,
    ) -> io::Result<()> {
        if !is_lost(folder) {
            fs::create_dir_all(self.place_of(folder))?;
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                self.collect(&path, is_lost, found)?;
            } else if self.has_catalog || !catalog_image::is_of_catalog(&path) {
                let content = Content::of(path.clone(), self.files.get(&path));
                found.insert(path, content);
            }
        }
        Ok(())
    }

    /// Of the renames in a folder that are not durable, the first so many have happened, and the others
    /// have not; nor have those into a folder that is lost.
    fn undo_renames(
        &self,
        found: &mut BTreeMap<PathBuf, Content>,
        is_lost: &dyn Fn(&Path) -> bool,
        random: &mut Random,
    ) {
        let mut folders: BTreeMap<_, Vec<&Renamed>> = BTreeMap::new();
        for renamed in self.renamed {
            folders
                .entry(renamed.to.parent())
                .or_default()
                .push(renamed);
        }
        for (folder, renames) in folders {
            let count = match folder {
                Some(folder) if is_lost(folder) => 0,
                Some(_) | None => random.below(renames.len() + 1),
            };
            let (done, undone) = renames.split_at(count);
            for renamed in undone.iter().rev() {
                // If it was removed since, that has its own fate.
                let Some(content) = found.remove(&renamed.to) else {
                    continue;
                };
                let content = Content::of(content.path, content.inode.as_ref());
                found.insert(renamed.from.clone(), content);
                if let Some((kept, inode)) = &renamed.replaced {
                    let before = Content::of(kept.clone(), Some(inode));
                    found.insert(renamed.to.clone(), before);
                }
            }
            for renamed in done {
                if let Some(content) = found.get_mut(&renamed.to) {
                    content.is_named = true;
                }
            }
        }
    }

    /// Copies a file, or what is left of it.
    fn copy(&self, from: &Content, name: &Path, random: Option<&mut Random>) -> io::Result<()> {
        let to = self.place_of(name);
        let (Some(inode), Some(random)) = (&from.inode, random) else {
            return fs::copy(&from.path, to).map(drop);
        };
        if !from.is_named && random.below(2) == 0 {
            return Ok(());
        }
        let mut bytes = fs::read(&from.path)?;
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
