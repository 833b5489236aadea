//! A secret as a file of its own: whole or not there, and nobody else's to read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::terminal::message::Failure;

/// Writes `text` in place of what the file `name` in `folder` has, durably: a crash at any moment
/// leaves the one or the other. The folder is made if it is missing.
pub(super) fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    write_by(&format!("{name}.part"), folder, name, text)
}

/// The same, written as `part` first: a name of one's own where several may write at once.
pub(super) fn write_by(part: &str, folder: &Path, name: &str, text: &str) -> io::Result<()> {
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
        .mode(0o600)
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

/// The text of a file that nobody but its owner can read; nothing if there is none.
///
/// # Errors
/// It cannot be read, or others can read it, too.
pub(super) fn read(path: &Path) -> Result<Option<String>, Failure> {
    let io = |error: io::Error| Failure::new(format!("cannot use `{}`: {error}", path.display()));
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let shown = path.display();
        return Err(Failure::new(format!(
            "the private keys in `{shown}` are not private: its mode is {mode:04o}"
        ))
        .hint(format!(
            "`chmod 600 {shown}`; if somebody may have read it, `upcall key rotate-callback \
             --overlap 0` afterwards"
        )));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(io)?;
    Ok(Some(text))
}

/// Removes a file, durably, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
