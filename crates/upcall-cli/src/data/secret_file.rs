//! Writing a file whole or not at all, readable for those alone that its mode names.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::state_file::sync;

/// Writes `text` in place of what the file `name` in `folder` has, durably: a crash at any moment
/// leaves the one or the other. The folder is made if it is missing.
///
/// It is written as `part` first: a name of one's own where several may write at once.
pub(super) fn write_by(
    part: &str,
    folder: &Path,
    name: &str,
    text: &str,
    mode: u32,
) -> io::Result<()> {
    fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(folder)?;
    let part = folder.join(part);
    // What a crash left may have another mode.
    remove(&part)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&part)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&part, folder.join(name)));
    if let Err(error) = written {
        // There is a secret in it, and nobody would look for it there.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    sync(folder)
}

/// Removes a file, durably, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
