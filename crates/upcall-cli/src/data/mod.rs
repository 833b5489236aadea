//! Secrets and addresses that lie in the data directory, beside the store.
//!
//! Each secret is a file of its own that only its owner may read, made once and then kept.

mod callback_keys;
pub(crate) mod env_file;
mod secret_file;
mod state_file;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use upcall_server::AdminSecret;

use self::state_file::StateFile::{self, AdminAddress, DevKey, RootKey};
use crate::terminal::message::Failure;

/// A data directory.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The secret of the admin interface: from the environment, or the file's.
    pub(crate) fn admin_secret(&self) -> Result<AdminSecret, Failure> {
        let text = match environment_secret("UPCALL_ADMIN_SECRET")? {
            Some(text) => text,
            None => self.load_or_make(&StateFile::AdminSecret, || random_hex(32))?,
        };
        AdminSecret::new(text.trim()).map_err(Failure::from)
    }

    /// What a command sends to the admin interface.
    pub(crate) fn admin_secret_text(&self) -> Result<String, Failure> {
        if let Some(text) = environment_secret("UPCALL_ADMIN_SECRET")? {
            return Ok(text.trim().to_owned());
        }
        let text = StateFile::AdminSecret.read(&self.0)?.ok_or_else(|| {
            let path = StateFile::AdminSecret.path(&self.0);
            Failure::new(format!(
                "cannot read the admin secret in `{}`: there is no such file",
                path.display()
            ))
            .hint("name the server's data directory with `--data`, or set `UPCALL_ADMIN_SECRET`")
        })?;
        Ok(text.trim().to_owned())
    }

    /// Where the secret of the admin interface lies; nowhere if it comes from the environment.
    pub(crate) fn admin_secret_file(&self) -> Result<Option<PathBuf>, Failure> {
        let is_given = environment_secret("UPCALL_ADMIN_SECRET")?.is_some();
        Ok((!is_given).then(|| StateFile::AdminSecret.path(&self.0)))
    }

    /// The access key of `dev`, as `ID SECRET`, the same at every start.
    pub(crate) fn dev_key(&self) -> Result<(String, String), Failure> {
        let text = self.load_or_make(&DevKey, || {
            Ok(format!("dev-{} {}", random_hex(6)?, random_hex(20)?))
        })?;
        self.split_dev_key(&text)
    }

    /// The same, if `dev` was started with this folder.
    pub(crate) fn known_dev_key(&self) -> Result<Option<(String, String)>, Failure> {
        let text = DevKey.read(&self.0)?;
        text.map(|text| self.split_dev_key(&text)).transpose()
    }

    fn split_dev_key(&self, text: &str) -> Result<(String, String), Failure> {
        let (id, secret) = text.trim().split_once(' ').ok_or_else(|| {
            Failure::new(format!(
                "`{}` is not an id and a secret",
                DevKey.path(&self.0).display()
            ))
            .hint("remove the file and a new key is made at the next start")
        })?;
        Ok((id.to_owned(), secret.to_owned()))
    }

    /// Where the admin interface of the running server is, for the commands.
    pub(crate) fn write_admin_address(&self, address: SocketAddr) -> io::Result<AdminAddressFile> {
        AdminAddress.write(&self.0, &format!("{address}\n"))?;
        Ok(AdminAddressFile(AdminAddress.path(&self.0)))
    }

    pub(crate) fn admin_address(&self) -> Result<String, Failure> {
        let text = AdminAddress.read(&self.0)?.ok_or_else(|| {
            Failure::new(format!(
                "no running server is known in `{}`",
                self.0.display()
            ))
            .hint("start one, or name its admin address with `--admin ADDR`")
        })?;
        Ok(text.trim().to_owned())
    }

    /// Keeps the first access key where its owner alone can read it, as lines that a shell and
    /// readers of `.env` files take; returns where.
    pub(crate) fn write_root_key(&self, id: &str, secret: &str) -> io::Result<PathBuf> {
        let text = format!("UPCALL_ACCESS_KEY_ID='{id}'\nUPCALL_ACCESS_KEY_SECRET='{secret}'\n");
        RootKey.write(&self.0, &text)?;
        Ok(RootKey.path(&self.0))
    }

    /// Refuses a directory in which other accounts could plant files.
    pub(crate) fn check_owner(&self) -> Result<(), Failure> {
        state_file::judge_folder(&self.0)
    }

    /// The text of a secret file; the first time it is made, and durable before it is used.
    fn load_or_make(
        &self,
        file: &StateFile,
        make: impl FnOnce() -> Result<String, Failure>,
    ) -> Result<String, Failure> {
        if let Some(text) = file.read(&self.0)? {
            return Ok(text);
        }
        let text = make()?;
        file.write(&self.0, &text).map_err(|error| {
            let path = file.path(&self.0);
            Failure::new(format!("cannot write `{}`: {error}", path.display()))
        })?;
        Ok(text)
    }
}

/// Says where the admin interface is, as long as the server runs.
#[derive(Debug)]
pub(crate) struct AdminAddressFile(PathBuf);

impl Drop for AdminAddressFile {
    fn drop(&mut self) {
        // It is only a convenience; a stale one leads to "connection refused".
        let _ = fs::remove_file(&self.0);
    }
}

/// A secret from the environment: `NAME`, or the file that `NAME_FILE` names.
///
/// # Errors
/// If both are set, or the file cannot be read.
pub(crate) fn environment_secret(name: &str) -> Result<Option<String>, Failure> {
    let file_name = format!("{name}_FILE");
    let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (text(name), text(&file_name)) {
        (Some(_), Some(_)) => Err(
            Failure::new(format!("`{name}` and `{file_name}` are both set"))
                .hint("set one of them"),
        ),
        (Some(value), None) => Ok(Some(value)),
        (None, Some(path)) => match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(error) => Err(Failure::new(format!(
                "cannot read `{path}` ({file_name}): {error}"
            ))),
        },
        (None, None) => Ok(None),
    }
}

/// So many random bytes in hex.
pub(crate) fn random_hex(bytes: usize) -> Result<String, Failure> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::new(format!("the system gives no random bytes: {error}")))?;
    let mut text = String::with_capacity(bytes * 2);
    for byte in random {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
