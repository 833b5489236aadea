//! A key ring as text: JSON with a version, private keys as PKCS #8 in PEM.
//!
//! Source: `docs/formats/data-directory.md` (`callback-keys.json`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upcall_crypto::{CryptoError, Ed25519PrivateKey, PrivateKeyPem, RsaPrivateKey};

use super::ring::{FORMER_KEYS, FormerKeys, KeyId, KeyRing, SigningKeys, WebhookKey};

/// Reads a ring.
pub(super) fn read(text: &str) -> Result<KeyRing, InvalidKeyRing> {
    let Version { format } = serde_json::from_str(text).map_err(InvalidKeyRing::Json)?;
    if format != FORMAT {
        return Err(InvalidKeyRing::Format { format });
    }
    let stored: Stored = serde_json::from_str(text).map_err(InvalidKeyRing::Json)?;
    if stored.former.len() > FORMER_KEYS {
        return Err(InvalidKeyRing::TooMany);
    }
    let current = stored.current;
    let rsa = RsaPrivateKey::from_pkcs8_pem(current.rsa.as_bytes())?;
    let (id, created) = (key_id(&current.id)?, time(&current.created)?);
    Ok(KeyRing {
        current: SigningKeys::of(id, created, rsa, webhook_key(&current.ed25519)?)?,
        former: stored.former.iter().map(former).collect::<Result<_, _>>()?,
    })
}

fn former(stored: &StoredFormer) -> Result<FormerKeys, InvalidKeyRing> {
    Ok(FormerKeys {
        id: key_id(&stored.id)?,
        created: time(&stored.created)?,
        retired: time(&stored.retired)?,
        until: time(&stored.until)?,
        rsa_public_pem: stored.rsa_public.clone(),
        webhook: webhook_key(&stored.ed25519)?,
    })
}

fn key_id(text: &str) -> Result<KeyId, InvalidKeyRing> {
    KeyId::parse(text).ok_or(InvalidKeyRing::Id)
}

fn time(text: &str) -> Result<Timestamp, InvalidKeyRing> {
    text.parse().map_err(|_| InvalidKeyRing::Time)
}

fn webhook_key(pem: &str) -> Result<WebhookKey, InvalidKeyRing> {
    let key = Ed25519PrivateKey::from_pkcs8_pem(pem.as_bytes())?;
    Ok(WebhookKey::new(key)?)
}

/// Writes a ring.
pub(super) fn write(ring: &KeyRing) -> Result<String, CryptoError> {
    let current = &ring.current;
    let stored_former = |keys: &FormerKeys| -> Result<StoredFormer, CryptoError> {
        Ok(StoredFormer {
            id: keys.id.as_str().to_owned(),
            created: keys.created.to_string(),
            retired: keys.retired.to_string(),
            until: keys.until.to_string(),
            rsa_public: keys.rsa_public_pem.clone(),
            ed25519: text_of(&keys.webhook.private().to_pkcs8_pem()?),
        })
    };
    let stored = Stored {
        format: FORMAT.to_owned(),
        current: StoredCurrent {
            id: current.id.as_str().to_owned(),
            created: current.created.to_string(),
            rsa: text_of(&current.rsa.to_pkcs8_pem()?),
            ed25519: text_of(&current.webhook.private().to_pkcs8_pem()?),
        },
        former: ring
            .former
            .iter()
            .map(stored_former)
            .collect::<Result<_, _>>()?,
    };
    let text = serde_json::to_string_pretty(&stored).expect("texts and lists of them are JSON");
    Ok(text + "\n")
}

fn text_of(pem: &PrivateKeyPem) -> String {
    String::from_utf8_lossy(pem.as_bytes()).into_owned()
}

#[derive(Deserialize)]
struct Version {
    format: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    current: StoredCurrent,
    former: Vec<StoredFormer>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredCurrent {
    id: String,
    created: String,
    rsa: String,
    ed25519: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StoredFormer {
    id: String,
    created: String,
    retired: String,
    until: String,
    rsa_public: String,
    ed25519: String,
}

const FORMAT: &str = "upcall-callback-keys 1";

/// Why a text is no key ring.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeyRing {
    /// One of its keys cannot be read.
    #[error("one of its keys cannot be used: {0}")]
    Crypto(#[from] CryptoError),
    /// It was written by a newer program, or is something else.
    #[error("its format is `{}`, and this program knows `{FORMAT}`", format.escape_debug())]
    Format {
        /// What it says it is.
        format: String,
    },
    /// An id has other characters than small letters and digits.
    #[error("the id of one of its keys is not 1 to 32 small letters and digits")]
    Id,
    /// It is not the JSON that it should be.
    #[error("it is not the JSON that it should be, line {} column {}", .0.line(), .0.column())]
    Json(#[source] serde_json::Error),
    /// A time is none.
    #[error("one of its times is not written as `2026-11-26T15:04:05Z`")]
    Time,
    /// It has more former keys than any program writes.
    #[error("it has more than {FORMER_KEYS} former keys")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ring::{Rotation, RotationError};
    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T15:04:05Z".parse().unwrap()
    }

    fn rotation(days: u64, now: Timestamp) -> Rotation {
        Rotation {
            bits: 512,
            overlap: Duration::from_secs(days * 86_400),
            now,
        }
    }

    fn later(days: i64) -> Timestamp {
        now() + jiff::SignedDuration::from_hours(24 * days)
    }

    #[test]
    fn a_ring_that_was_written_is_the_ring_that_is_read() {
        let first = KeyRing::first(512, now()).unwrap();
        let ring = first.rotated(rotation(30, now())).unwrap();

        let text = ring.to_text().unwrap();
        let read = KeyRing::parse(&text).unwrap();

        assert_eq!(read.to_text().unwrap(), text);
        assert_eq!(read.current_id(), ring.current_id());
        assert_eq!(
            read.public_pem("v1", now()),
            Some(first.current.rsa_public_pem.as_str())
        );
        // A key that signs no more must not be in a backup for ever.
        assert_eq!(text.matches("PRIVATE KEY-----").count(), 3 * 2, "{text}");
    }

    #[test]
    fn the_ring_of_the_first_release_is_read() {
        let text = include_str!("../../../tests/fixtures/callback-keys-1.json");
        let ring = KeyRing::parse(text).unwrap();
        assert_eq!(ring.to_text().unwrap(), text);
        assert_eq!(ring.current_id(), "5f0c1d2e3a4b5968");
        assert!(ring.public_pem("v1", now()).is_some());
    }

    #[test]
    fn former_keys_are_known_until_their_time_is_over() {
        let first = KeyRing::first(512, now()).unwrap();
        let second = first.rotated(rotation(30, now())).unwrap();
        let third = second.rotated(rotation(30, later(20))).unwrap();
        let fourth = third.rotated(rotation(0, later(40))).unwrap();
        assert_eq!(first.current_id(), "v1");
        for (ring, day, ids) in [
            (&second, 0, vec!["v1"]),
            (&second, 30, vec![]),
            (&third, 20, vec![second.current_id(), "v1"]),
            (&third, 31, vec![second.current_id()]),
            // Forgotten at once, for a key that was stolen.
            (&fourth, 40, vec![second.current_id()]),
        ] {
            let known: Vec<&str> = ring
                .former_at(later(day))
                .map(|keys| keys.id.as_str())
                .collect();
            assert_eq!(known, ids, "day {day}");
            for id in ids {
                assert!(ring.public_pem(id, later(day)).is_some(), "{id}");
            }
        }
        assert_eq!(fourth.public_pem(third.current_id(), later(40)), None);
        assert_eq!(fourth.former.len(), 1, "what has ended is left out");
    }

    #[test]
    fn no_more_former_keys_than_can_be_known() {
        let mut ring = KeyRing::first(512, now()).unwrap();
        for _ in 0..FORMER_KEYS {
            ring = ring.rotated(rotation(30, now())).unwrap();
        }
        let refused = ring.rotated(rotation(30, now()));
        assert!(
            matches!(refused, Err(RotationError::TooMany)),
            "{refused:?}"
        );
        let text = ring.to_text().unwrap();
        assert!(KeyRing::parse(&text).is_ok());
        assert!(ring.rotated(rotation(30, later(31))).is_ok());
    }

    #[test]
    fn what_is_no_ring_is_told_without_its_keys() {
        let good = KeyRing::first(512, now()).unwrap().to_text().unwrap();
        let value: serde_json::Value = serde_json::from_str(&good).unwrap();
        let with = |member: &str, text: &str| {
            let mut value = value.clone();
            value["current"][member] = text.into();
            value.to_string()
        };
        for (text, part) in [
            (String::new(), "not the JSON"),
            ("{}".to_owned(), "not the JSON"),
            (good[..good.len() / 2].to_owned(), "not the JSON"),
            (good.replace("keys 1", "keys 2"), "upcall-callback-keys 2"),
            (with("id", "../../x"), "small letters and digits"),
            (with("id", ""), "small letters and digits"),
            (with("created", "yesterday"), "is not written as"),
            (with("rsa", "hunter2"), "no PEM block"),
            (
                with("ed25519", value["current"]["rsa"].as_str().unwrap()),
                "not an Ed25519 key",
            ),
        ] {
            let refused = KeyRing::parse(&text).map(|_| ()).unwrap_err().to_string();
            assert!(refused.contains(part), "{refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
