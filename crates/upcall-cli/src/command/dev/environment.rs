//! What an application server, and its tests, are told in their environment.

use super::ready::Ready;
use super::{BUCKET, REGION};
use crate::terminal::message::Failure;

/// Names and values: those that the examples read (`OSS_…`, `CALLBACK_…`), and for tests `UPCALL_…`.
pub(super) fn settings(ready: &Ready<'_>) -> Result<[(&'static str, String); 10], Failure> {
    let (id, secret) = ready.key;
    Ok([
        ("OSS_ACCESS_KEY_ID", id.to_owned()),
        ("OSS_ACCESS_KEY_SECRET", secret.to_owned()),
        ("OSS_HOST", ready.bucket_url()),
        ("OSS_BUCKET", BUCKET.to_owned()),
        ("OSS_REGION", REGION.to_owned()),
        ("CALLBACK_URL", ready.callback_url()),
        ("CALLBACK_KEY_URLS", ready.storage.node.public_key_urls()),
        ("UPCALL_STORAGE_URL", ready.storage_url()),
        ("UPCALL_ADMIN_URL", ready.admin_url()),
        ("UPCALL_ADMIN_SECRET", ready.data.admin_secret_text()?),
    ])
}
