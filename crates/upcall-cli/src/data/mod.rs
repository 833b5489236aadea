//! Secrets and addresses that lie in the data directory, beside the store.
//!
//! Each secret is a file of its own that only its owner may read, made once and then kept.

mod callback_keys;
pub(crate) mod env_file;
mod secret_file;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use upcall_server::AdminSecret;

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
            None => self.load_or_make(ADMIN_SECRET, || random_hex(32))?,
        };
        AdminSecret::new(text.trim()).map_err(Failure::from)
    }

    /// What a command sends to the admin interface.
    pub(crate) fn admin_secret_text(&self) -> Result<String, Failure> {
        if let Some(text) = environment_secret("UPCALL_ADMIN_SECRET")? {
            return Ok(text.trim().to_owned());
        }
        let path = self.0.join(ADMIN_SECRET);
        let text = fs::read_to_string(&path).map_err(|error| {
            Failure::new(format!(
                "cannot read the admin secret in `{}`: {error}",
                path.display()
            ))
            .hint("name the server's data directory with `--data`, or set `UPCALL_ADMIN_SECRET`")
        })?;
        Ok(text.trim().to_owned())
    }

    /// Where the secret of the admin interface lies; nowhere if it comes from the environment.
    pub(crate) fn admin_secret_file(&self) -> Result<Option<PathBuf>, Failure> {
        let is_given = environment_secret("UPCALL_ADMIN_SECRET")?.is_some();
        Ok((!is_given).then(|| self.0.join(ADMIN_SECRET)))
    }

    /// The access key of `dev`, as `ID SECRET`, the same at every start.
    pub(crate) fn dev_key(&self) -> Result<(String, String), Failure> {
        let text = self.load_or_make(DEV_KEY, || {
            Ok(format!("dev-{} {}", random_hex(6)?, random_hex(20)?))
        })?;
        let (id, secret) = text.trim().split_once(' ').ok_or_else(|| {
            Failure::new(format!(
                "`{}` is not an id and a secret",
                self.0.join(DEV_KEY).display()
            ))
            .hint("remove the file and a new key is made at the next start")
        })?;
        Ok((id.to_owned(), secret.to_owned()))
    }

    /// Where the admin interface of the running server is, for the commands.
    pub(crate) fn write_admin_address(&self, address: SocketAddr) -> io::Result<AdminAddressFile> {
        let path = self.0.join(ADMIN_ADDRESS);
        fs::write(&path, format!("{address}\n"))?;
        Ok(AdminAddressFile(path))
    }

    pub(crate) fn admin_address(&self) -> Result<String, Failure> {
        let path = self.0.join(ADMIN_ADDRESS);
        fs::read_to_string(&path)
            .map(|text| text.trim().to_owned())
            .map_err(|_| {
                Failure::new(format!(
                    "no running server is known in `{}`",
                    self.0.display()
                ))
                .hint("start one, or name its admin address with `--admin ADDR`")
            })
    }

    /// The text of a secret file; the first time it is made, and durable before it is used.
    fn load_or_make(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<String, Failure>,
    ) -> Result<String, Failure> {
        let path = self.0.join(name);
        let io =
            |error: io::Error| Failure::new(format!("cannot use `{}`: {error}", path.display()));
        match fs::read_to_string(&path) {
            Ok(text) => return Ok(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(error)),
        }
        let text = make()?;
        secret_file::write(&self.0, name, &text).map_err(io)?;
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

const ADMIN_ADDRESS: &str = "admin-address";
const ADMIN_SECRET: &str = "admin-secret";
const DEV_KEY: &str = "dev-key";
