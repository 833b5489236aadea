//! The keys that sign callbacks: one file, which is replaced as a whole at every rotation.

use std::io;

use jiff::Timestamp;
use upcall_crypto::RsaPrivateKey;
use upcall_server::callback::{KeyKeeper, KeyRing};

use super::DataFolder;
use super::state_file::StateFile::{self, CallbackKey, CallbackKeys};
use crate::terminal::message::Failure;

impl DataFolder {
    /// Whether there are keys already.
    pub(crate) fn has_callback_keys(&self) -> bool {
        [CallbackKeys, CallbackKey]
            .iter()
            .any(|file| file.path(&self.0).exists())
    }

    /// The keys that callbacks are signed with, made at first start with an RSA key of `bits`.
    pub(crate) fn callback_keys(&self, bits: u32) -> Result<KeyRing, Failure> {
        let path = CallbackKeys.path(&self.0);
        if let Some(text) = CallbackKeys.read(&self.0)? {
            let keys = KeyRing::parse(&text).map_err(|error| {
                Failure::new(format!("`{}` cannot be used: {error}", path.display())).hint(
                    "take it from a backup; without it new keys are made, which receivers that \
                     know the old ones do not accept",
                )
            })?;
            self.forget_single_key(&keys)?;
            return Ok(keys);
        }
        let keys = match self.single_key()? {
            Some(key) => KeyRing::with_key(key, Timestamp::now())?,
            None => KeyRing::first(bits, Timestamp::now())?,
        };
        self.keep(&keys)
            .map_err(|error| Failure::new(format!("cannot write `{}`: {error}", path.display())))?;
        self.forget_single_key(&keys)?;
        Ok(keys)
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
    fn keep(&self, ring: &KeyRing) -> io::Result<()> {
        let text = ring.to_text().map_err(io::Error::other)?;
        StateFile::CallbackKeys.write(&self.0, &text)
    }
}
