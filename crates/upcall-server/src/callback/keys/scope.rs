//! The key rings of a server: which calls each signs, and the path of its public keys.
//!
//! Receivers take the key's address from a header that nobody signs, and compare it with a pattern.
//! So each ring but the server's own has its keys where neither the beginning `/callback_pub_key_`
//! nor a `*` in that place leads: a receiver believes a ring only if its operator named it.

use upcall::name::BucketName;

/// Whose calls a key ring signs.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum KeyScope {
    /// Every call that no other ring signs.
    Server,
    /// Calls that an anonymous requester made up.
    Anonymous,
    /// Calls that the uploader of a signed form chose, where a setting separates them.
    Unpinned,
    /// Calls for uploads to one bucket, in place of the server's ring.
    Bucket(BucketName),
}

impl KeyScope {
    /// The name of the ring's file: the server's is `callback-keys.json`.
    pub fn file_name(&self) -> String {
        match self {
            Self::Server => "callback-keys.json".to_owned(),
            Self::Anonymous => "callback-keys.anonymous.json".to_owned(),
            Self::Unpinned => "callback-keys.unpinned.json".to_owned(),
            // A bucket's name has no dot, so no two rings share a file.
            Self::Bucket(bucket) => format!("callback-keys.bucket.{bucket}.json"),
        }
    }

    /// The ring of a file of this name, if it is one's.
    pub fn of_file(name: &str) -> Option<Self> {
        let scope = match name.strip_prefix("callback-keys")?.strip_suffix(".json")? {
            "" => Self::Server,
            ".anonymous" => Self::Anonymous,
            ".unpinned" => Self::Unpinned,
            other => Self::Bucket(BucketName::parse(other.strip_prefix(".bucket.")?).ok()?),
        };
        Some(scope)
    }

    /// The path of the public key with this id.
    pub(crate) fn key_path(&self, id: &str) -> String {
        match self {
            Self::Server => format!("/{SERVER_PREFIX}{id}{PEM}"),
            Self::Anonymous => format!("/{ANONYMOUS_FOLDER}{id}{PEM}"),
            Self::Unpinned => format!("/{UNPINNED_FOLDER}{id}{PEM}"),
            Self::Bucket(bucket) => format!("/{BUCKET_FOLDER}{bucket}/{id}{PEM}"),
        }
    }

    /// The path of the Ed25519 key that signs webhook headers.
    #[cfg(test)]
    fn webhook_key_path(&self) -> String {
        match self {
            Self::Server => format!("/{WEBHOOK_KEY}"),
            Self::Anonymous => format!("/{ANONYMOUS_FOLDER}{WEBHOOK}"),
            Self::Unpinned => format!("/{UNPINNED_FOLDER}{WEBHOOK}"),
            Self::Bucket(bucket) => format!("/{BUCKET_FOLDER}{bucket}/{WEBHOOK}"),
        }
    }
}

/// The public key that a path names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum KeyPath<'p> {
    /// The RSA key with this id.
    Rsa(KeyScope, &'p str),
    /// The current Ed25519 key.
    Webhook(KeyScope),
}

impl<'p> KeyPath<'p> {
    /// Reads a path; `None` if no key can be there. No bucket can either, in path style: each of
    /// these names has a `_`, and a bucket's has none.
    pub(crate) fn parse(path: &'p str) -> Option<Self> {
        let name = path.strip_prefix('/')?;
        if name == WEBHOOK_KEY {
            return Some(Self::Webhook(KeyScope::Server));
        }
        if let Some(id) = name.strip_prefix(SERVER_PREFIX) {
            return Some(Self::Rsa(KeyScope::Server, id.strip_suffix(PEM)?));
        }
        let (scope, file) = if let Some(file) = name.strip_prefix(ANONYMOUS_FOLDER) {
            (KeyScope::Anonymous, file)
        } else if let Some(file) = name.strip_prefix(UNPINNED_FOLDER) {
            (KeyScope::Unpinned, file)
        } else {
            let (bucket, file) = name.strip_prefix(BUCKET_FOLDER)?.split_once('/')?;
            (KeyScope::Bucket(BucketName::parse(bucket).ok()?), file)
        };
        if file == WEBHOOK {
            return Some(Self::Webhook(scope));
        }
        Some(Self::Rsa(scope, file.strip_suffix(PEM)?))
    }
}

/// Whether an object of this key could be taken for a key that signs callbacks, at an address that a
/// receiver's pattern or prefix matches.
///
/// A receiver compares text, and may stop at the beginning: so whatever begins as a key's name does
/// is reserved, with any ending.
pub(crate) fn is_reserved(object_key: &str) -> bool {
    object_key == WEBHOOK_KEY
        || [
            SERVER_PREFIX,
            ANONYMOUS_FOLDER,
            UNPINNED_FOLDER,
            BUCKET_FOLDER,
        ]
        .iter()
        .any(|prefix| object_key.starts_with(prefix))
}

/// As OSS's own key has it.
const SERVER_PREFIX: &str = "callback_pub_key_";
const ANONYMOUS_FOLDER: &str = "upcall_anonymous_callback_key/";
const BUCKET_FOLDER: &str = "upcall_bucket_callback_key/";
const UNPINNED_FOLDER: &str = "upcall_unpinned_callback_key/";
const PEM: &str = ".pem";
const WEBHOOK: &str = "webhook.txt";
const WEBHOOK_KEY: &str = "callback_webhook_key.txt";

#[cfg(test)]
mod tests {
    use upcall::callback::PublicKeyUrls;

    use super::*;

    fn scopes() -> [KeyScope; 4] {
        let bucket = KeyScope::Bucket(BucketName::parse("photos").unwrap());
        // A new ring is to be added here: the match has no other arm.
        match bucket {
            KeyScope::Server | KeyScope::Anonymous | KeyScope::Unpinned | KeyScope::Bucket(_) => {}
        }
        [
            KeyScope::Server,
            KeyScope::Anonymous,
            KeyScope::Unpinned,
            bucket,
        ]
    }

    #[test]
    fn each_ring_has_paths_and_a_file_of_its_own_and_no_object_has_its_paths() {
        for scope in scopes() {
            let (path, webhook) = (scope.key_path("5f"), scope.webhook_key_path());
            assert_eq!(
                KeyPath::parse(&path),
                Some(KeyPath::Rsa(scope.clone(), "5f"))
            );
            assert_eq!(
                KeyPath::parse(&webhook),
                Some(KeyPath::Webhook(scope.clone()))
            );
            assert_eq!(KeyScope::of_file(&scope.file_name()), Some(scope.clone()));
            for path in [path, webhook] {
                assert!(is_reserved(&path[1..]), "{path}");
                let first = path[1..].split('/').next().unwrap();
                assert!(
                    BucketName::parse(first).is_err(),
                    "{path} may be a bucket's"
                );
            }
        }
        let other = ["/", "/callback_pub_key_v1", "/x/callback_pub_key_v1.pem"];
        for path in other {
            assert_eq!(KeyPath::parse(path), None, "{path}");
        }
        for name in [
            "callback-keys.bucket.A.json",
            "callback-keys.x.json",
            "callback-keys.json.part",
        ] {
            assert_eq!(KeyScope::of_file(name), None, "{name}");
        }
    }

    #[test]
    fn no_pattern_for_one_ring_admits_a_key_of_another() {
        let url = |path: String| format!("https://oss.example{path}");
        for named in scopes() {
            let pattern = url(named.key_path("*"));
            let list = PublicKeyUrls::none().and(&pattern).unwrap();
            for signs in scopes() {
                let admitted = list.admit(&url(signs.key_path("5f"))).is_ok();
                assert_eq!(admitted, named == signs, "{pattern} and {signs:?}");
            }
            // Receivers that compare the beginning alone.
            let beginning = url(named.key_path(""));
            let beginning = beginning.trim_end_matches(PEM);
            for signs in scopes().into_iter().filter(|signs| *signs != named) {
                assert!(!url(signs.key_path("5f")).starts_with(beginning));
            }
        }
    }

    #[test]
    fn names_that_begin_as_a_keys_are_reserved_whatever_comes_after() {
        for key in [
            "callback_pub_key_evil.pem",
            "callback_pub_key_",
            "callback_pub_key_v1.pem.txt",
            "callback_pub_key_x/evil.pem",
            "callback_webhook_key.txt",
            "upcall_anonymous_callback_key/v1.pem",
            "upcall_bucket_callback_key/photos/v1.pem",
        ] {
            assert!(is_reserved(key), "{key}");
        }
        for key in [
            "callback_pub_key.pem",
            "a/callback_pub_key_v1.pem",
            "Callback_pub_key_v1.pem",
            "callback_webhook_key.txt.gz",
            "upcall_bucket_callback_key",
        ] {
            assert!(!is_reserved(key), "{key}");
        }
    }
}
