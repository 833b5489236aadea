//! `/v1/keys`: access keys. A secret is shown once, when it is made.

use std::fmt::Write as _;
use std::sync::Arc;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use upcall::name::{AccessKeyId, AccessKeySecret};
use upcall_store::catalog::AccessKeyFacts;

use super::error::AdminError;
use super::json;
use crate::http::answer::Answer;
use crate::node::Server;

#[derive(Serialize)]
struct Key {
    id: String,
    created: String,
    description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    #[serde(default)]
    description: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    secret: Option<String>,
}

pub(super) async fn list(server: &Arc<Server>) -> Result<Answer, AdminError> {
    let keys: Vec<Key> = server
        .catalog
        .access_keys()
        .await?
        .iter()
        .map(|facts| Key {
            id: facts.id.to_string(),
            created: facts.created.to_string(),
            description: facts.description.clone(),
        })
        .collect();
    json(StatusCode::OK, &serde_json::json!({ "keys": keys }))
}

pub(super) async fn create(server: &Arc<Server>, wanted: NewKey) -> Result<Answer, AdminError> {
    if wanted.description.len() > DESCRIPTION_BYTES {
        return Err(AdminError::InvalidValue(format!(
            "a description has at most {DESCRIPTION_BYTES} bytes"
        )));
    }
    let id = match &wanted.id {
        Some(id) => AccessKeyId::parse(id)?,
        None => AccessKeyId::parse(&format!("UC{}", random_hex(9)?))?,
    };
    let secret = match wanted.secret {
        Some(secret) if secret.len() < SECRET_BYTES => {
            return Err(AdminError::InvalidValue(format!(
                "a secret has at least {SECRET_BYTES} bytes"
            )));
        }
        Some(secret) => secret,
        None => random_hex(20)?,
    };
    if server.catalog.access_key(&id).await?.is_some() {
        return Err(AdminError::KeyExists);
    }
    let facts = AccessKeyFacts {
        id: id.clone(),
        secret: AccessKeySecret::new(secret.as_bytes()),
        created: server.clock.now(),
        description: wanted.description,
    };
    server.catalog.put_access_key(&facts).await?;
    let shown = serde_json::json!({
        "id": id.as_str(),
        "secret": secret,
        "created": facts.created.to_string(),
        "description": facts.description,
    });
    json(StatusCode::CREATED, &shown)
}

pub(super) async fn delete(server: &Arc<Server>, id: &str) -> Result<Answer, AdminError> {
    let id = AccessKeyId::parse(id)?;
    if server.catalog.access_key(&id).await?.is_none() {
        return Err(AdminError::NoSuchKey);
    }
    server.catalog.delete_access_key(&id).await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

fn random_hex(bytes: usize) -> Result<String, AdminError> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|_| AdminError::Internal)?;
    let mut text = String::with_capacity(bytes * 2);
    for byte in random {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    Ok(text)
}

const DESCRIPTION_BYTES: usize = 256;

/// The fewest bytes of a secret that somebody chose; shorter ones can be tried out.
const SECRET_BYTES: usize = 8;
