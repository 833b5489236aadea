//! What a write rests on: judged again inside its transaction, from what the store says then.
//!
//! An upload is admitted before its first byte is read, and may end much later. What let it in may be
//! gone by then: the access key was deleted, the bucket was made private, the object under its key
//! was made private. So a write brings its [`Precondition`], and every engine calls
//! [`Precondition::judge`] with facts that it reads in the write's own transaction, never with facts
//! from a cache.
//!
//! A change of settings that takes a right away returns only when no transaction is left that could
//! still have read the facts before it. So once a revocation was answered, nothing commits that
//! relied on the right.

use std::sync::Arc;

use jiff::Timestamp;
use upcall::name::AccessKeyId;

use super::{
    AccessKeyFacts, BucketAcl, BucketFacts, CallbackSettings, CatalogError, ObjectAcl, Overwrite,
};

/// Who makes a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Writer {
    /// A client that signed nothing; the ACLs decide what it may do.
    Anonymous,
    /// A client that signed with an access key; it may do everything while the key exists.
    Key {
        /// The key's id.
        id: AccessKeyId,
        /// Since when it exists, where that is known: a key that was made later under the same id is
        /// another one.
        created: Option<Timestamp>,
    },
    /// The operator of the server, or the server itself; it may do everything.
    Operator,
}

/// What a commit rests on.
#[derive(Clone, Debug)]
pub struct Precondition {
    /// Whether it may replace an object.
    pub overwrite: Overwrite,
    /// Who writes.
    pub writer: Writer,
    /// The bucket as it was when the write was admitted. The bucket must be the same one, and ask
    /// the same of uploads. Without it, any bucket of the name will do.
    pub admitted: Option<Arc<BucketFacts>>,
}

impl Precondition {
    /// A write of the operator's, which nothing but `overwrite` can refuse.
    pub const fn operator(overwrite: Overwrite) -> Self {
        Self {
            overwrite,
            writer: Writer::Operator,
            admitted: None,
        }
    }

    /// Judges a commit by the facts of its transaction; `replaced` is what its key points to.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBucket`], those of [`Writer::judge`], [`CatalogError::ObjectExists`] and
    /// [`CatalogError::SettingsChanged`], in this order.
    pub fn judge(&self, facts: &WriteFacts<'_>) -> Result<(), CatalogError> {
        let bucket = facts.bucket.ok_or(CatalogError::NoSuchBucket)?;
        if self
            .admitted
            .as_deref()
            .is_some_and(|admitted| !is_same_bucket(admitted, bucket))
        {
            return Err(CatalogError::NoSuchBucket);
        }
        self.writer.judge(facts)?;
        if self.overwrite == Overwrite::Forbid && facts.replaced != Replaced::Nothing {
            return Err(CatalogError::ObjectExists);
        }
        match &self.admitted {
            Some(admitted) if !asks_the_same(admitted, bucket) => {
                Err(CatalogError::SettingsChanged)
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Writer {
    /// Whether it may write, by the facts of the write's transaction.
    ///
    /// # Errors
    /// [`CatalogError::NoSuchBucket`], [`CatalogError::KeyDeleted`], [`CatalogError::BucketDenied`],
    /// [`CatalogError::ObjectDenied`].
    pub fn judge(&self, facts: &WriteFacts<'_>) -> Result<(), CatalogError> {
        let bucket = facts.bucket.ok_or(CatalogError::NoSuchBucket)?;
        match self {
            Self::Key { .. } if !self.has_signed_with(facts.key) => Err(CatalogError::KeyDeleted),
            Self::Anonymous if bucket.acl != BucketAcl::PublicReadWrite => {
                Err(CatalogError::BucketDenied)
            }
            Self::Anonymous if !facts.replaced.is_anyones() => Err(CatalogError::ObjectDenied),
            Self::Anonymous | Self::Key { .. } | Self::Operator => Ok(()),
        }
    }

    /// Whether it may change settings: a client must have signed, with a key that still exists.
    ///
    /// # Errors
    /// [`CatalogError::KeyDeleted`], [`CatalogError::BucketDenied`].
    pub fn judge_settings(&self, key: Option<&AccessKeyFacts>) -> Result<(), CatalogError> {
        match self {
            Self::Operator => Ok(()),
            Self::Key { .. } if self.has_signed_with(key) => Ok(()),
            Self::Key { .. } => Err(CatalogError::KeyDeleted),
            Self::Anonymous => Err(CatalogError::BucketDenied),
        }
    }

    /// The access key that must exist.
    pub const fn key(&self) -> Option<&AccessKeyId> {
        match self {
            Self::Key { id, .. } => Some(id),
            Self::Anonymous | Self::Operator => None,
        }
    }

    /// Whether this is the key, as it is now.
    fn has_signed_with(&self, key: Option<&AccessKeyFacts>) -> bool {
        let (Self::Key { id, created }, Some(key)) = (self, key) else {
            return false;
        };
        // An engine keeps milliseconds.
        let is_so_old =
            |created: &Timestamp| created.as_millisecond() == key.created.as_millisecond();
        *id == key.id && created.as_ref().is_none_or(is_so_old)
    }
}

/// The facts by which a write is judged, all of its own transaction.
#[derive(Clone, Copy, Debug)]
pub struct WriteFacts<'f> {
    /// The bucket, if there is one of the name.
    pub bucket: Option<&'f BucketFacts>,
    /// [`Writer::key`], if it exists.
    pub key: Option<&'f AccessKeyFacts>,
    /// What the key points to.
    pub replaced: Replaced,
}

/// What a write would replace, or a deletion would remove.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replaced {
    /// Nothing.
    Nothing,
    /// An object with this ACL.
    Object(ObjectAcl),
    /// An object whose facts cannot be read, so that nobody knows its ACL.
    Unknown,
}

impl Replaced {
    /// Whether any client may replace it that may write to the bucket. Source: OSS, "Object ACL".
    const fn is_anyones(self) -> bool {
        match self {
            Self::Nothing | Self::Object(ObjectAcl::Default | ObjectAcl::PublicReadWrite) => true,
            Self::Object(ObjectAcl::Private | ObjectAcl::PublicRead) | Self::Unknown => false,
        }
    }
}

/// Whether it is the same bucket, not one that was created later under its name.
fn is_same_bucket(admitted: &BucketFacts, now: &BucketFacts) -> bool {
    // An engine keeps milliseconds.
    admitted.created.as_millisecond() == now.created.as_millisecond()
}

/// Whether a bucket asks the same of an upload as it did when the upload was admitted. Every setting
/// has its answer here: a new one does not compile without.
fn asks_the_same(admitted: &BucketFacts, now: &BucketFacts) -> bool {
    let BucketFacts {
        // The same bucket.
        name: _,
        created: _,
        owner: _,
        // Judged by who writes.
        acl: _,
        // Decides what a page may read, not what may be stored.
        cors: _,
        callback,
        forms,
    } = now;
    let CallbackSettings {
        default,
        is_required,
        redeliver_seconds,
        gate,
        keep_alive,
        chunked_answers,
        signatures,
    } = callback;
    let before = &admitted.callback;
    before.default == *default
        && before.is_required == *is_required
        && before.redeliver_seconds == *redeliver_seconds
        && before.gate == *gate
        && before.keep_alive == *keep_alive
        && before.chunked_answers == *chunked_answers
        && before.signatures == *signatures
        && admitted.forms == *forms
}
