//! `/v1/callbacks`: the calls that were made, for tests and for people.

mod diagnosis;
mod query;
mod shown;

use std::sync::Arc;

use http::StatusCode;
use upcall::name::BucketName;

pub(super) use self::diagnosis::answer as diagnose;
use self::query::{ListQuery, NextQuery};
use self::shown::{Summary, Whole};
use super::error::AdminError;
use super::json;
use crate::callback::record::{CallId, CallRecord};
use crate::http::answer::Answer;
use crate::http::target;
use crate::node::Server;

pub(super) fn list(server: &Arc<Server>, query: &str) -> Result<Answer, AdminError> {
    let asked = ListQuery::parse(query)?;
    let calls = server.dispatcher.log().list(&asked.which, asked.limit);
    let calls: Vec<Summary> = calls.iter().map(|call| Summary::of(call)).collect();
    json(StatusCode::OK, &serde_json::json!({ "calls": calls }))
}

/// Waits for the next call that matches; 204 if none comes in time.
pub(super) async fn next(server: &Arc<Server>, query: &str) -> Result<Answer, AdminError> {
    let asked = NextQuery::parse(query)?;
    match server
        .dispatcher
        .log()
        .next(asked.which, asked.timeout)
        .await
    {
        Some(call) => json(StatusCode::OK, &Whole::of(&call)),
        None => Ok(Answer::new(StatusCode::NO_CONTENT)),
    }
}

pub(super) fn show(server: &Arc<Server>, id: &str) -> Result<Answer, AdminError> {
    json(StatusCode::OK, &Whole::of(&*recorded(server, id)?))
}

/// Makes the call once more; it is made to its end also if whoever asked hangs up.
pub(super) async fn replay(server: &Arc<Server>, id: &str) -> Result<Answer, AdminError> {
    let call = recorded(server, id)?;
    let task_server = Arc::clone(server);
    let replaying = server
        .tasks
        .finish_anyway(async move { task_server.dispatcher.replay(&call).await });
    match replaying.await {
        Some(call) => json(StatusCode::OK, &Whole::of(&call)),
        None => Err(AdminError::NoSuchCall),
    }
}

/// Forgets the calls of a bucket, or all.
pub(super) fn wipe(server: &Arc<Server>, query: &str) -> Result<Answer, AdminError> {
    let query = target::Query::parse(query)?;
    let bucket = query.value("bucket").map(BucketName::parse).transpose()?;
    server.dispatcher.log().wipe(bucket.as_ref());
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

fn recorded(server: &Arc<Server>, id: &str) -> Result<Arc<CallRecord>, AdminError> {
    let id: CallId = id.parse().map_err(|_| AdminError::NoSuchCall)?;
    let call = server.dispatcher.log().call(id);
    call.ok_or(AdminError::NoSuchCall)
}
