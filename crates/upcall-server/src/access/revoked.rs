//! Refusals of a right, whether it was missing from the start or was taken away meanwhile.
//!
//! In: what the catalog says when it judges a change at its moment. Out: the refusal, with the
//! protocol's code.

use upcall::error::{Refusal, WireError};
use upcall_store::catalog::CatalogError;

/// The refusal, if that is what the catalog says: the right was there when the request was admitted, and
/// is no longer.
pub(crate) fn revoked(error: &CatalogError) -> Option<Refusal> {
    match error {
        CatalogError::BucketDenied => Some(bucket_denied()),
        CatalogError::KeyDeleted => Some(Refusal::new(WireError::INVALID_ACCESS_KEY_ID).hint(
            "the access key was deleted while the request was on its way; sign it with another",
        )),
        CatalogError::NoSuchBucket => Some(
            Refusal::new(WireError::NO_SUCH_BUCKET)
                .hint("the bucket was deleted while the request was on its way"),
        ),
        CatalogError::ObjectDenied => Some(object_denied()),
        CatalogError::SettingsChanged => Some(
            Refusal::new(WireError::SERVICE_UNAVAILABLE)
                .message("The bucket's settings were changed during the upload.")
                .hint("nothing was stored; send the file again"),
        ),
        CatalogError::BucketExists
        | CatalogError::BucketNotEmpty
        | CatalogError::Closed
        | CatalogError::Corrupt(_)
        | CatalogError::Engine(_)
        | CatalogError::NotOwed
        | CatalogError::ObjectExists => None,
    }
}

/// The bucket's ACL does not let anonymous clients write.
pub(super) fn bucket_denied() -> Refusal {
    Refusal::new(WireError::ACCESS_DENIED)
        .message("You have no right to access this object because of bucket acl.")
        .hint(
            "sign the upload (a form needs `OSSAccessKeyId`, `policy` and `Signature` before `file`: \
             fields after the file are not read), or make the bucket `public-read-write`",
        )
}

/// The object's own ACL does not let anonymous clients replace or delete it.
pub(super) fn object_denied() -> Refusal {
    Refusal::new(WireError::ACCESS_DENIED)
        .message("You do not have write permission on this object.")
        .hint("the object has an ACL of its own; sign the request, or use another key")
}
