//! The keys that sign callbacks: a file for each ring, which is replaced as a whole at every rotation.

use std::io;

use jiff::Timestamp;
use upcall_crypto::RsaPrivateKey;
use upcall_server::callback::{KeyKeeper, KeyRing, KeyScope};

use super::DataFolder;
use super::state_file::StateFile::{CallbackKey, CallbackKeys};
use crate::terminal::message::Failure;

impl DataFolder {
    /// Whether there are keys already.
    pub(crate) fn has_callback_keys(&self) -> bool {
        [CallbackKeys(KeyScope::Server), CallbackKey]
            .iter()
            .any(|file| file.path(&self.0).exists())
    }

    /// The keys that callbacks are signed with, made at first start with an RSA key of `bits`.
    pub(crate) fn callback_keys(&self, bits: u32) -> Result<KeyRing, Failure> {
        let path = CallbackKeys(KeyScope::Server).path(&self.0);
        if let Some(keys) = self.ring(KeyScope::Server)? {
            self.forget_single_key(&keys)?;
            return Ok(keys);
        }
        let keys = match self.single_key()? {
            Some(key) => KeyRing::with_key(key, Timestamp::now())?,
            None => KeyRing::first(bits, Timestamp::now())?,
        };
        self.keep(&KeyScope::Server, &keys)
            .map_err(|error| Failure::new(format!("cannot write `{}`: {error}", path.display())))?;
        self.forget_single_key(&keys)?;
        Ok(keys)
    }

    /// The rings of other scopes than the server's. A file that cannot be used stops the start: the
    /// server's own key must not sign in the place of another.
    pub(crate) fn other_callback_keys(&self) -> Result<Vec<(KeyScope, KeyRing)>, Failure> {
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut rings = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let scope = name.to_str().and_then(KeyScope::of_file);
            let Some(scope) = scope.filter(|scope| *scope != KeyScope::Server) else {
                continue;
            };
            let ring = self.ring(scope.clone())?;
            rings.extend(ring.map(|ring| (scope, ring)));
        }
        Ok(rings)
    }

    fn ring(&self, scope: KeyScope) -> Result<Option<KeyRing>, Failure> {
        let file = CallbackKeys(scope);
        let Some(text) = file.read(&self.0)? else {
            return Ok(None);
        };
        let ring = KeyRing::parse(&text).map_err(|error| {
            let path = file.path(&self.0);
            Failure::new(format!("`{}` cannot be used: {error}", path.display())).hint(
                "take it from a backup; without it new keys are made, which receivers that know \
                 the old ones do not accept",
            )
        })?;
        Ok(Some(ring))
    }

    /// The one RSA key that a directory had before keys could be rotated.
    fn single_key(&self) -> Result<Option<RsaPrivateKey>, Failure> {
        let path = CallbackKey.path(&self.0);
        let Some(text) = CallbackKey.read(&self.0)? else {
            return Ok(None);
        };
        let key = RsaPrivateKey::from_pkcs8_pem(text.as_bytes()).map_err(|error| {
            Failure::new(format!(
                "`{}` is not a private key: {error}",
                path.display()
            ))
            .hint("move the file away and a new key is made at the next start")
        })?;
        Ok(Some(key))
    }

    /// Takes the single key away once it is in the ring; a crash may have come in between. Another
    /// key under that name is somebody else's.
    fn forget_single_key(&self, keys: &KeyRing) -> Result<(), Failure> {
        let is_kept = match self.single_key()? {
            Some(key) => key.public_key_pem()? == keys.signing_key().public_key_pem()?,
            None => false,
        };
        if is_kept {
            CallbackKey.remove(&self.0)?;
        }
        Ok(())
    }
}

impl KeyKeeper for DataFolder {
    fn keep(&self, scope: &KeyScope, ring: &KeyRing) -> io::Result<()> {
        let text = ring.to_text().map_err(io::Error::other)?;
        CallbackKeys(scope.clone()).write(&self.0, &text)
    }

    fn remove(&self, scope: &KeyScope) -> io::Result<()> {
        CallbackKeys(scope.clone()).remove(&self.0)
    }
}
