//! `/v1/overview`: what goes on, in a few figures.

use std::sync::Arc;

use http::StatusCode;
use upcall_store::catalog::OwedQuery;

use super::error::AdminError;
use super::json;
use crate::http::answer::Answer;
use crate::node::Server;

pub(super) async fn show(server: &Arc<Server>) -> Result<Answer, AdminError> {
    let totals = server.metrics.totals();
    let usage = server.maintenance.usage().await?;
    let scrub = server.maintenance.scrub();
    let buckets = server.catalog.buckets().await?.len();
    let waiting = owed(server, false).await?;
    let given_up = owed(server, true).await?;
    let overview = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started": server.started.to_string(),
        "uploads": {
            "stored": totals.stored,
            "refused": totals.refused,
            "bytes": totals.bytes,
        },
        "callbacks": {
            "agreed": totals.agreed,
            "failed": totals.failed,
            "underWay": totals.under_way,
        },
        "owed": {
            "waiting": waiting,
            "givenUp": given_up,
            "isMore": waiting == MOST_COUNTED || given_up == MOST_COUNTED,
        },
        "buckets": buckets,
        "store": {
            "freeBytes": usage.free_bytes,
            "reservedBytes": usage.reserved_bytes,
            "logBytes": usage.log_bytes,
            "logLiveBytes": usage.log_live_bytes,
            "damaged": scrub.last.damaged,
        },
    });
    json(StatusCode::OK, &overview)
}

/// How many calls there are of a kind, as far as they are counted.
async fn owed(server: &Arc<Server>, is_given_up: bool) -> Result<usize, AdminError> {
    let query = OwedQuery {
        is_given_up: Some(is_given_up),
        limit: MOST_COUNTED,
        ..OwedQuery::default()
    };
    Ok(server.outbox.list(query).await?.len())
}

/// Owed calls are read to be counted: a page of them tells enough.
const MOST_COUNTED: usize = 1000;
