//! `/v1/owed`: calls that have not arrived yet, and those that were given up.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use upcall_store::blobs::BlobId;
use upcall_store::catalog::{OwedFacts, OwedQuery};

use super::error::AdminError;
use super::json;
use crate::http::answer::Answer;
use crate::http::target::Query;
use crate::node::Server;

/// An owed call, as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OwedJson {
    id: String,
    request_id: String,
    bucket: String,
    key: String,
    created: String,
    /// Whether the object is held back until the application agrees.
    is_held: bool,
    /// `owed` or `givenUp`.
    state: &'static str,
    attempts: u32,
    next: Option<String>,
    last_failure: Option<String>,
}

impl From<OwedFacts> for OwedJson {
    fn from(facts: OwedFacts) -> Self {
        let progress = facts.progress;
        Self {
            id: facts.id.to_string(),
            request_id: facts.request_id,
            bucket: facts.bucket.to_string(),
            key: facts.key.to_string(),
            created: facts.created.to_string(),
            is_held: facts.is_held,
            state: if progress.is_given_up {
                "givenUp"
            } else {
                "owed"
            },
            attempts: progress.attempts,
            next: progress.next.map(|next| next.to_string()),
            last_failure: progress.last_failure,
        }
    }
}

/// A page of them: `?state=owed|givenUp&after=ID&limit=N`.
pub(super) async fn list(server: &Arc<Server>, query: &str) -> Result<Answer, AdminError> {
    let mut wanted = OwedQuery {
        limit: PAGE,
        ..OwedQuery::default()
    };
    for (name, value) in Query::parse(query)?.pairs() {
        match (name.as_str(), value.as_str()) {
            ("state", "owed") => wanted.is_given_up = Some(false),
            ("state", "givenUp") => wanted.is_given_up = Some(true),
            ("after", id) => wanted.after = Some(parse(id)?),
            ("limit", limit) => {
                let limit: Option<usize> = limit.parse().ok();
                let limit = limit.filter(|limit| (1..=PAGE).contains(limit));
                wanted.limit = limit.ok_or_else(|| {
                    AdminError::InvalidValue(format!("`limit` is a number from 1 to {PAGE}"))
                })?;
            }
            _ => {
                return Err(AdminError::InvalidValue(format!(
                    "`{}` is no parameter of this route, or has a value that it cannot have",
                    name.escape_debug()
                )));
            }
        }
    }
    let calls = server.outbox.list(wanted).await?;
    let calls: Vec<OwedJson> = calls.into_iter().map(OwedJson::from).collect();
    json(StatusCode::OK, &serde_json::json!({ "calls": calls }))
}

/// Has a call made now, whatever was tried before.
pub(super) async fn deliver(server: &Arc<Server>, id: &str) -> Result<Answer, AdminError> {
    server.outbox.hurry(parse(id)?).await?;
    Ok(Answer::new(StatusCode::ACCEPTED))
}

/// The same for all that were given up; says how many.
pub(super) async fn deliver_given_up(server: &Arc<Server>) -> Result<Answer, AdminError> {
    let mut count = 0_u64;
    let mut after = None;
    loop {
        let query = OwedQuery {
            after,
            is_given_up: Some(true),
            key: None,
            limit: PAGE,
        };
        let page = server.outbox.list(query).await?;
        let Some(last) = page.last() else {
            return json(StatusCode::ACCEPTED, &serde_json::json!({ "calls": count }));
        };
        after = Some(last.id);
        for facts in page {
            match server.outbox.hurry(facts.id).await {
                Ok(()) => count += 1,
                // It has arrived, or was dropped, in between.
                Err(upcall_store::catalog::CatalogError::NotOwed) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Forgets a call; an object that is held for it is dropped.
pub(super) async fn forget(server: &Arc<Server>, id: &str) -> Result<Answer, AdminError> {
    if server.outbox.drop_call(parse(id)?).await? {
        Ok(Answer::new(StatusCode::NO_CONTENT))
    } else {
        Err(AdminError::NotOwed)
    }
}

fn parse(id: &str) -> Result<BlobId, AdminError> {
    BlobId::parse(id).ok_or_else(|| {
        AdminError::InvalidValue(format!("`{}` is no id of a call", id.escape_debug()))
    })
}

/// Calls of one page, at most.
const PAGE: usize = 1000;
