//! `/v1/faults`: what is to go wrong, for tests; only where fault injection is on.

use std::sync::Arc;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use upcall::name::BucketName;

use super::error::{AdminError, Row, conflict, missing};
use super::{json, read};
use crate::http::answer::Answer;
use crate::http::target::Query;
use crate::injection::{Injector, OrderRequest, OrderedFault, TooManyFaults};
use crate::node::Server;

/// An ordered fault as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FaultJson {
    id: String,
    bucket: String,
    key: Option<String>,
    on: &'static str,
    kind: &'static str,
    count: u32,
    delay_ms: Option<u64>,
    /// How often it is still to happen.
    left: u32,
}

impl From<OrderedFault> for FaultJson {
    fn from(ordered: OrderedFault) -> Self {
        let OrderedFault { id, order, left } = ordered;
        let delay = order.fault.delay();
        Self {
            id: id.to_string(),
            bucket: order.bucket.to_string(),
            key: order.key.map(|key| key.to_string()),
            on: order.fault.on(),
            kind: order.fault.name(),
            count: order.count,
            delay_ms: delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
            left,
        }
    }
}

/// Orders a fault for a bucket, which must be there: a mistyped one would wait for ever.
pub(super) async fn order(
    server: &Arc<Server>,
    request: Request<Incoming>,
) -> Result<Answer, AdminError> {
    let injector = injector(server)?;
    let order: OrderRequest = read(request).await?;
    let order = order
        .parse()
        .map_err(|why| AdminError::InvalidValue(why.to_string()))?;
    if server.catalog.bucket(&order.bucket).await?.is_none() {
        return Err(AdminError::NoSuchBucket);
    }
    let ordered = injector.order(order).map_err(FaultError::from)?;
    json(StatusCode::CREATED, &FaultJson::from(ordered))
}

/// Those of a bucket, or all, in the order in which they were ordered: `?bucket=`.
pub(super) fn list(server: &Server, query: &str) -> Result<Answer, AdminError> {
    let injector = injector(server)?;
    let faults = injector.list(bucket_of(query)?.as_ref());
    let faults: Vec<FaultJson> = faults.into_iter().map(FaultJson::from).collect();
    json(StatusCode::OK, &serde_json::json!({ "faults": faults }))
}

/// Takes one back. What it is doing goes on.
pub(super) fn withdraw(server: &Server, id: &str) -> Result<Answer, AdminError> {
    let injector = injector(server)?;
    let id = id.parse().map_err(|_| FaultError::NoSuchFault)?;
    if injector.drop_one(id) {
        Ok(Answer::new(StatusCode::NO_CONTENT))
    } else {
        Err(FaultError::NoSuchFault.into())
    }
}

/// Takes back those of a bucket, or all: `?bucket=`.
pub(super) fn withdraw_all(server: &Server, query: &str) -> Result<Answer, AdminError> {
    let injector = injector(server)?;
    injector.drop_all(bucket_of(query)?.as_ref());
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

fn injector(server: &Server) -> Result<&Injector, AdminError> {
    let injector = server.injector.as_deref();
    Ok(injector.ok_or(FaultError::NoFaultInjection)?)
}

fn bucket_of(query: &str) -> Result<Option<BucketName>, AdminError> {
    let query = Query::parse(query)?;
    let bucket = query.value("bucket").map(BucketName::parse);
    Ok(bucket.transpose()?)
}

/// Why nothing can be ordered or withdrawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FaultError {
    #[error("faults cannot be ordered on this server")]
    NoFaultInjection,
    #[error("no fault is ordered under this id")]
    NoSuchFault,
    #[error(transparent)]
    TooMany(#[from] TooManyFaults),
}

impl FaultError {
    pub(super) const fn row(&self) -> Row {
        match self {
            Self::NoFaultInjection => missing(
                "NoFaultInjection",
                "`upcall dev` takes orders for faults, `upcall serve` never does",
            ),
            Self::NoSuchFault => missing(
                "NoSuchFault",
                "`GET /v1/faults` lists those that are ordered",
            ),
            Self::TooMany(_) => conflict(
                "TooManyFaults",
                "withdraw them first: `DELETE /v1/faults?bucket=NAME`",
            ),
        }
    }
}
