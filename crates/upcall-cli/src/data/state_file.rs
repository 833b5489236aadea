//! The files that the program keeps in the data directory beside the store, and what each must be.
//!
//! A data directory may have been prepared by another account: a planted secret is one that its
//! planter knows, and a link leads a write elsewhere. So every file is opened through here, as what
//! it is, without following a link, and a file that is not what it should be is refused with the
//! command that mends it.

use std::borrow::Cow;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use upcall_server::callback::KeyScope;

use super::secret_file;
use crate::terminal::message::{Failure, note};

/// A file of the data directory that is the program's own, not the store's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum StateFile {
    /// Where the admin interface of the running server is.
    AdminAddress,
    /// What opens the admin interface.
    AdminSecret,
    /// The RSA key of a directory from before keys could be rotated.
    CallbackKey,
    /// The keys that sign callbacks: the server's, a bucket's, or those of a class of calls.
    CallbackKeys(KeyScope),
    /// The access key of `dev`.
    DevKey,
    /// The first access key of a server that was given none.
    RootKey,
}

impl StateFile {
    /// All of them: what the tests go through.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        let bucket = upcall::name::BucketName::parse("photos").expect("it is one");
        vec![
            Self::AdminAddress,
            Self::AdminSecret,
            Self::CallbackKey,
            Self::CallbackKeys(KeyScope::Server),
            Self::CallbackKeys(KeyScope::Anonymous),
            Self::CallbackKeys(KeyScope::Unpinned),
            Self::CallbackKeys(KeyScope::Bucket(bucket)),
            Self::DevKey,
            Self::RootKey,
        ]
    }

    pub(super) fn name(&self) -> Cow<'static, str> {
        let name = match self {
            Self::AdminAddress => "admin-address",
            Self::AdminSecret => "admin-secret",
            Self::CallbackKey => "callback-key.pem",
            Self::CallbackKeys(scope) => return scope.file_name().into(),
            Self::DevKey => "dev-key",
            Self::RootKey => "root-key",
        };
        name.into()
    }

    /// Whether others may read it. Nobody else may write any of them.
    const fn is_secret(&self) -> bool {
        match self {
            Self::AdminAddress => false,
            Self::AdminSecret
            | Self::CallbackKey
            | Self::CallbackKeys(_)
            | Self::DevKey
            | Self::RootKey => true,
        }
    }

    const fn content(&self) -> &'static str {
        match self {
            Self::AdminAddress => "the admin address",
            Self::AdminSecret => "the admin secret",
            Self::CallbackKey | Self::CallbackKeys(_) => "the private keys",
            Self::DevKey | Self::RootKey => "the access key",
        }
    }

    const fn is_plural(&self) -> bool {
        matches!(self, Self::CallbackKey | Self::CallbackKeys(_))
    }

    /// What to do when others may have read or written it.
    const fn after_exposure(&self) -> &'static str {
        match self {
            Self::AdminAddress => "remove the file: the running server writes it at its next start",
            Self::AdminSecret => {
                "if others may have read or written it, remove the file instead: the next start \
                 makes a new secret"
            }
            Self::CallbackKey | Self::CallbackKeys(_) => {
                "if others may have read it, run `upcall key rotate-callback --overlap 0` afterwards"
            }
            Self::DevKey => {
                "if others may have read or written it, remove the file instead: the next start \
                 makes a new key"
            }
            Self::RootKey => {
                "if others may have read it, make another key with `upcall key create` and delete \
                 this one"
            }
        }
    }

    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&*self.name())
    }

    /// Its text; nothing if there is no such file.
    ///
    /// # Errors
    /// It cannot be read, is not a regular file, belongs to another account, or others may write it
    /// or, if it is a secret, read it.
    pub(super) fn read(&self, folder: &Path) -> Result<Option<String>, Failure> {
        let path = self.path(folder);
        let io = |error| Failure::new(format!("cannot read `{}`: {error}", path.display()));
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(i32::from_ne_bytes(
                // A pipe would keep the open waiting for a writer.
                (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().to_ne_bytes(),
            ))
            .open(&path);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) if is_link(&path) => return Err(Self::link(&path)),
            Err(error) => return Err(io(error)),
        };
        self.judge(folder, &path, &file.metadata().map_err(io)?)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io)?;
        Ok(Some(text))
    }

    /// Puts `text` in its place, durably: a crash leaves the former file or the new one, and a link
    /// under its name is replaced, not followed.
    pub(super) fn write(&self, folder: &Path, text: &str) -> io::Result<()> {
        let mode = if self.is_secret() { 0o600 } else { 0o644 };
        secret_file::write_by(
            &format!("{}.part", self.name()),
            folder,
            &self.name(),
            text,
            mode,
        )
    }

    /// Removes it, durably, if it is there.
    pub(super) fn remove(&self, folder: &Path) -> io::Result<()> {
        secret_file::remove(&self.path(folder))
    }

    fn judge(&self, folder: &Path, path: &Path, file: &Metadata) -> Result<(), Failure> {
        let shown = path.display();
        if !file.is_file() {
            return Err(Failure::new(format!("`{shown}` is not a regular file"))
                .hint("move it away; the next start makes the file that belongs there"));
        }
        let owner = file.uid();
        let is_ours = owner == effective_user() || owner == 0;
        if !is_ours && fs::metadata(folder).is_ok_and(|folder| folder.uid() != owner) {
            return Err(Failure::new(format!(
                "`{shown}` belongs to user {owner}, who is neither this process's user nor the owner \
                 of the data directory"
            ))
            .hint(format!("`chown` it; {}", self.after_exposure())));
        }
        let mode = file.mode() & 0o777;
        let (forbidden, wanted) = if self.is_secret() {
            (0o077, 0o600)
        } else {
            (0o022, 0o644)
        };
        if mode & forbidden != 0 {
            return Err(Failure::new(format!(
                "{} in `{shown}` {} not private: its mode is {mode:04o}",
                self.content(),
                if self.is_plural() { "are" } else { "is" },
            ))
            .hint(format!(
                "`chmod {wanted:03o} {shown}`; {}",
                self.after_exposure()
            )));
        }
        Ok(())
    }

    fn link(path: &Path) -> Failure {
        Failure::new(format!("`{}` is a symbolic link", path.display())).hint(
            "put the file itself there; a secret that lies elsewhere is named by an environment \
             variable, such as `UPCALL_ADMIN_SECRET_FILE`",
        )
    }
}

/// Refuses a data directory in which other accounts can put files of their own. One that does not
/// exist yet passes: it is made for its owner alone.
///
/// # Errors
/// Every account may write to it, or it belongs to another account.
pub(super) fn judge_folder(folder: &Path) -> Result<(), Failure> {
    let Ok(found) = fs::metadata(folder) else {
        return Ok(());
    };
    let (shown, mode, user) = (folder.display(), found.mode() & 0o777, effective_user());
    if !found.is_dir() {
        return Err(Failure::new(format!("`{shown}` is a file"))
            .hint("`--data` names a folder; one that does not exist yet is made"));
    }
    if mode & 0o002 != 0 {
        return Err(Failure::new(format!(
            "every account may write to the data directory `{shown}`: its mode is {mode:04o}"
        ))
        .hint(format!(
            "`chmod 700 {shown}`; if others use this machine, check what lies in it first"
        )));
    }
    if mode & 0o020 != 0 {
        note(format!(
            "warning: the group of the data directory `{shown}` may write to it, and so replace its \
             secrets; `chmod 700 {shown}` keeps it out"
        ));
    }
    // Root looks after the directories of others; nobody else does.
    if user != 0 && found.uid() != user && found.uid() != 0 {
        return Err(Failure::new(format!(
            "the data directory `{shown}` belongs to user {}, and this process runs as user {user}",
            found.uid()
        ))
        .hint("run as the owner of the directory, or name another one with `--data`"));
    }
    Ok(())
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Makes a file durable in its folder.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// What may be wrong with a file, and whether it is refused for a secret and for the others.
    type Row = (&'static str, fn(&Path), bool, bool);

    const ROWS: [Row; 7] = [
        ("its owner's alone", |path| plant(path, 0o600), false, false),
        ("readable for all", |path| plant(path, 0o644), true, false),
        (
            "readable for the group",
            |path| plant(path, 0o640),
            true,
            false,
        ),
        ("writable for all", |path| plant(path, 0o602), true, true),
        ("a link to a good file", link_to_good_file, true, true),
        (
            "a link to nothing",
            |path| symlink("/nonexistent", path).unwrap(),
            true,
            true,
        ),
        ("a folder", |path| fs::create_dir(path).unwrap(), true, true),
    ];

    fn plant(path: &Path, mode: u32) {
        fs::write(path, "planted").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn link_to_good_file(path: &Path) {
        let good = path.with_extension("elsewhere");
        plant(&good, 0o600);
        symlink(good, path).unwrap();
    }

    #[test]
    fn each_file_is_refused_unless_it_is_what_it_should_be() {
        for file in StateFile::all() {
            for (what, make, secret_refused, other_refused) in ROWS {
                let folder = tempfile::tempdir().unwrap();
                make(&file.path(folder.path()));
                let is_refused = if file.is_secret() {
                    secret_refused
                } else {
                    other_refused
                };
                let read = file.read(folder.path());
                assert_eq!(read.is_err(), is_refused, "{file:?}, {what}: {read:?}");
            }
        }
    }

    #[test]
    fn each_file_of_another_account_is_refused() {
        if effective_user() != 0 {
            return; // Only root can make such a file; CI runs as root.
        }
        for file in StateFile::all() {
            let folder = tempfile::tempdir().unwrap();
            let path = file.path(folder.path());
            plant(&path, 0o600);
            std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
            let refused = file.read(folder.path()).unwrap_err().to_string();
            assert!(refused.contains("belongs to user 12345"), "{refused}");
            // The owner of the directory may be looked after by root.
            std::os::unix::fs::chown(folder.path(), Some(12_345), None).unwrap();
            assert_eq!(
                file.read(folder.path()).unwrap().as_deref(),
                Some("planted")
            );
        }
    }

    #[test]
    fn writing_replaces_a_link_and_leaves_what_it_led_to() {
        for file in StateFile::all() {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("precious");
            plant(&target, 0o600);
            symlink(&target, file.path(folder.path())).unwrap();

            file.write(folder.path(), "new").unwrap();

            assert_eq!(fs::read_to_string(&target).unwrap(), "planted", "{file:?}");
            assert_eq!(file.read(folder.path()).unwrap().as_deref(), Some("new"));
        }
    }

    #[test]
    fn a_directory_that_every_account_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, is_refused) in [
            (0o700, false),
            (0o755, false),
            (0o770, false),
            (0o777, true),
            (0o1777, true),
            (0o702, true),
        ] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(judge_folder(folder.path()).is_err(), is_refused, "{mode:o}");
        }
        judge_folder(&folder.path().join("not-there-yet")).unwrap();
        let file = folder.path().join("file");
        plant(&file, 0o600);
        let refused = judge_folder(&file).unwrap_err().to_string();
        assert!(refused.ends_with("is a file"), "{refused}");
    }
}
