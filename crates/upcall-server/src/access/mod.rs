//! Who is asking, and may they.
//!
//! `authenticate` finds out the first from a request's headers and query (forms do it in
//! [`admit`](crate::upload::admit)), [`may`] decides the second, for every operation alike.

mod authenticate;
mod revoked;
mod security_token;
mod versions;

use jiff::Timestamp;
use upcall::error::{Refusal, WireError};
use upcall::name::{AccessKeyId, ObjectKey};
use upcall_store::catalog::{AccessKeyFacts, BucketAcl, BucketFacts, ObjectAcl, Writer};

use crate::fault;
use crate::http::request_id::RequestId;
use crate::node::Server;
pub(crate) use authenticate::{
    Authenticated, SignedQuery, authenticate, authenticate_query, known_key, requester,
};
pub(crate) use revoked::revoked;
pub(crate) use security_token::refuse_token;
pub use versions::SignatureVersions;

/// Who is asking.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Requester {
    /// Nobody that we know: no signature came.
    Anonymous,
    /// Whoever holds the secret of this key. All keys of a server belong to its one owner.
    Key {
        /// The key's id.
        id: AccessKeyId,
        /// Since when the key exists: one that is made later under the same id is another.
        created: Timestamp,
    },
}

impl Requester {
    /// The id, or `-`. Source: OSS, "Log storage" (anonymous requester).
    pub(crate) fn id_text(&self) -> &str {
        match self {
            Self::Anonymous => "-",
            Self::Key { id, .. } => id.as_str(),
        }
    }

    /// The same for the catalog, which judges again at the moment of the change.
    pub(crate) fn writer(&self) -> Writer {
        match self {
            Self::Anonymous => Writer::Anonymous,
            Self::Key { id, created } => Writer::Key {
                id: id.clone(),
                created: Some(*created),
            },
        }
    }
}

impl From<&AccessKeyFacts> for Requester {
    fn from(key: &AccessKeyFacts) -> Self {
        Self::Key {
            id: key.id.clone(),
            created: key.created,
        }
    }
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// Read an object.
    Read(ObjectAcl),
    /// List a bucket's objects.
    List,
    /// Create, overwrite or delete an object.
    Write,
    /// Create a bucket, or see and change its settings.
    Manage,
}

/// Decides.
///
/// # Errors
/// `AccessDenied` with the protocol's sentence.
pub(crate) fn may(
    requester: &Requester,
    action: Action,
    bucket: Option<&BucketFacts>,
) -> Result<(), Refusal> {
    if *requester != Requester::Anonymous {
        return Ok(());
    }
    let acl = bucket.map_or(BucketAcl::Private, |facts| facts.acl);
    let is_allowed = match action {
        Action::Read(ObjectAcl::Default) | Action::List => acl != BucketAcl::Private,
        Action::Read(object) => object != ObjectAcl::Private,
        Action::Write => acl == BucketAcl::PublicReadWrite,
        Action::Manage => false,
    };
    if is_allowed {
        return Ok(());
    }
    let (message, hint) = match action {
        Action::Manage => (
            "Anonymous access is forbidden for this operation.",
            "sign the request with an access key",
        ),
        Action::Read(_) => (
            "You have no right to access this object because of bucket acl.",
            "sign the request, or make the object or its bucket `public-read`",
        ),
        Action::List => (
            "Anonymous user has no right to access this bucket.",
            "sign the request, or make the bucket `public-read`",
        ),
        Action::Write => return Err(revoked::bucket_denied()),
    };
    Err(Refusal::new(WireError::ACCESS_DENIED)
        .message(message)
        .hint(hint))
}

/// Whether somebody who may write to the bucket may also touch what the key holds already: an object
/// with an ACL of its own that is not `public-read-write` is its owner's to overwrite and delete.
///
/// # Errors
/// `AccessDenied`. Source: OSS, "Object ACL".
pub(crate) async fn may_replace(
    server: &Server,
    requester: &Requester,
    bucket: &BucketFacts,
    key: &ObjectKey,
    id: RequestId,
) -> Result<(), Refusal> {
    if *requester != Requester::Anonymous {
        return Ok(());
    }
    let found = server
        .catalog
        .object(&bucket.name, key)
        .await
        .map_err(|error| fault::of_catalog(&error, id))?;
    match found.map(|object| object.acl) {
        Some(ObjectAcl::Private | ObjectAcl::PublicRead) => Err(revoked::object_denied()),
        Some(ObjectAcl::Default | ObjectAcl::PublicReadWrite) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use upcall::name::BucketName;

    use super::*;
    use super::{BucketAcl as B, ObjectAcl as O};

    #[test]
    fn what_nobody_may_do_is_decided_by_the_acl() {
        let bucket = |acl| BucketFacts {
            callback: upcall_store::catalog::CallbackSettings::default(),
            forms: upcall_store::catalog::FormRules::default(),
            name: BucketName::parse("photos").unwrap(),
            acl,
            cors: None,
            owner: "owner".to_owned(),
            created: Timestamp::UNIX_EPOCH,
        };
        let allowed = |action, acl| may(&Requester::Anonymous, action, Some(&bucket(acl))).is_ok();
        for (action, private, public_read, public_read_write) in [
            (Action::Read(O::Default), false, true, true),
            (Action::Read(O::Private), false, false, false),
            (Action::Read(O::PublicRead), true, true, true),
            (Action::Read(O::PublicReadWrite), true, true, true),
            (Action::List, false, true, true),
            (Action::Write, false, false, true),
            (Action::Manage, false, false, false),
        ] {
            assert_eq!(allowed(action, B::Private), private, "{action:?}");
            assert_eq!(allowed(action, B::PublicRead), public_read, "{action:?}");
            assert_eq!(
                allowed(action, B::PublicReadWrite),
                public_read_write,
                "{action:?}"
            );
        }
        let key = Requester::Key {
            id: AccessKeyId::parse("ak").unwrap(),
            created: Timestamp::UNIX_EPOCH,
        };
        assert!(may(&key, Action::Manage, None).is_ok());
    }
}
