//! The server that tests share.

use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::os::unix::fs::DirBuilderExt as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bucket::Bucket;
use crate::error::Error;
use crate::http::{self, Answer};
use crate::process::{Patience, Process};

/// A server that takes orders for faults: `upcall dev`.
#[derive(Debug)]
pub struct Upcall {
    pub(crate) storage: String,
    admin: String,
    admin_secret: String,
    pub(crate) key: (String, String),
    public_key_urls: String,
    /// If it was started here.
    _process: Option<Process>,
}

impl Upcall {
    /// The server of [`Self::from_env`]; or else one of its own: the program that `UPCALL` names, or
    /// `upcall` in the PATH.
    ///
    /// # Errors
    /// [`Error::Missing`] if a part of the environment is missing, [`Error::Start`] if there is no such
    /// program, or it does not start.
    pub fn find_or_start() -> Result<Self, Error> {
        if let Some(found) = Self::from_env()? {
            return Ok(found);
        }
        let program = std::env::var_os("UPCALL").filter(|name| !name.is_empty());
        Self::start(program.unwrap_or_else(|| OsString::from("upcall")))
    }

    /// The running server that the environment tells of, as `upcall dev --env-file` writes it; `None` if
    /// `UPCALL_ADMIN_URL` is not set.
    ///
    /// # Errors
    /// [`Error::Missing`] if another of the settings is not.
    pub fn from_env() -> Result<Option<Self>, Error> {
        let Some(admin) = variable("UPCALL_ADMIN_URL") else {
            return Ok(None);
        };
        let needed = |name| variable(name).ok_or(Error::Missing(name));
        Ok(Some(Self {
            admin,
            storage: needed("UPCALL_STORAGE_URL")?,
            admin_secret: needed("UPCALL_ADMIN_SECRET")?,
            key: (
                needed("OSS_ACCESS_KEY_ID")?,
                needed("OSS_ACCESS_KEY_SECRET")?,
            ),
            public_key_urls: needed("CALLBACK_KEY_URLS")?,
            _process: None,
        }))
    }

    /// Starts `program dev` on free ports, with data that go when it does: when this is dropped, and at
    /// the latest when the test's process ends.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn start(program: impl AsRef<OsStr>) -> Result<Self, Error> {
        let program = program.as_ref();
        let failed = |source| Error::Start {
            program: program.to_string_lossy().into_owned(),
            source,
        };
        let folder = std::env::temp_dir().join(format!("upcall-test-{}", random()));
        let mut make = std::fs::DirBuilder::new();
        make.mode(0o700).create(&folder).map_err(failed)?;
        let (process, line) =
            Process::start(program, &folder, Patience::default()).map_err(failed)?;
        let ready: Value = serde_json::from_str(&line).map_err(|why| failed(why.into()))?;
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        let secret = std::fs::read_to_string(text("adminSecretFile")).map_err(failed)?;
        Ok(Self {
            storage: text("storage"),
            admin: text("admin"),
            admin_secret: secret.trim().to_owned(),
            key: (text("accessKeyId"), text("accessKeySecret")),
            public_key_urls: text("publicKeyUrls"),
            _process: Some(process),
        })
    }

    /// A new bucket with a name of its own. When it is dropped it is emptied and deleted.
    ///
    /// # Errors
    /// [`Error::Refused`]: a server has at most 100 buckets.
    pub fn bucket(&self) -> Result<Bucket<'_>, Error> {
        let name = format!("test-{}", random());
        self.ask("PUT", &format!("/v1/buckets/{name}"), Some(&json!({})))?;
        Ok(Bucket::new(self, name))
    }

    /// Where the server serves objects, such as `http://127.0.0.1:8700`.
    pub fn storage_url(&self) -> &str {
        &self.storage
    }

    /// What an application's `CALLBACK_KEY_URLS` is.
    pub fn public_key_urls(&self) -> &str {
        &self.public_key_urls
    }

    /// Id and secret of a key that may do everything.
    pub fn access_key(&self) -> (&str, &str) {
        (&self.key.0, &self.key.1)
    }

    /// Asks the admin interface; `null` if the answer has no body. `GET /v1/openapi.json` says what there
    /// is.
    ///
    /// # Errors
    /// [`Error::Refused`] if the status is no success, [`Error::Exchange`] if there is none.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let answer = self.asked(method, path, body)?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if (200..300).contains(&answer.status) {
            return Ok(value);
        }
        let message = value["error"]["message"].as_str().map(str::to_owned);
        Err(Error::Refused {
            asked: format!("{method} {path}"),
            status: answer.status,
            message: message.unwrap_or_else(|| answer.text()),
        })
    }

    fn asked(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Error> {
        let secret = format!("Bearer {}", self.admin_secret);
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = [
            ("Authorization", secret.as_str()),
            ("Content-Type", "application/json"),
        ];
        let line = format!("{method} {path}");
        http::exchange(&self.admin, &line, &headers, body.as_bytes(), PATIENCE)
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// 16 hex digits that nobody else has: the standard library's hasher begins with random bytes.
pub(crate) fn random() -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:016x}", hasher.finish())
}

/// Longer than the longest wait that a server grants.
const PATIENCE: Duration = Duration::from_secs(90);
