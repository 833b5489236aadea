//! Looking after the store: how full it is, whether it is sound, a copy of it.

use std::path::PathBuf;
use std::sync::Arc;

use http::StatusCode;
use serde::Deserialize;
use upcall_store::maintenance::RateLimit;

use super::error::AdminError;
use super::json;
use crate::http::answer::Answer;
use crate::node::Server;

/// How much room the store takes, and what the scrub has found.
pub(super) async fn store(server: &Arc<Server>) -> Result<Answer, AdminError> {
    let usage = server.maintenance.usage().await?;
    let scrub = server.maintenance.scrub();
    let store = serde_json::json!({
        "logBytes": usage.log_bytes,
        "logLiveBytes": usage.log_live_bytes,
        "freeBytes": usage.free_bytes,
        "reservedBytes": usage.reserved_bytes,
        "scrub": scrub,
    });
    json(StatusCode::OK, &store)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Fsck {
    /// Bytes in a second; as fast as it can be if it is missing.
    #[serde(default)]
    bytes_per_second: u64,
}

/// Reads every object while the store is served.
pub(super) async fn fsck(server: &Arc<Server>, asked: Fsck) -> Result<Answer, AdminError> {
    let limit = RateLimit {
        bytes_per_second: asked.bytes_per_second,
    };
    let report = server.maintenance.check(limit).await?;
    json(StatusCode::OK, &report)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backup {
    /// A folder on the server's machine, by its whole path.
    to: PathBuf,
}

/// Copies the store while it is served.
pub(super) async fn backup(server: &Arc<Server>, asked: Backup) -> Result<Answer, AdminError> {
    if !asked.to.is_absolute() {
        return Err(AdminError::InvalidValue(
            "`to` is the whole path of a folder on the server's machine".to_owned(),
        ));
    }
    let report = server.maintenance.backup(&asked.to).await?;
    json(StatusCode::OK, &report)
}
