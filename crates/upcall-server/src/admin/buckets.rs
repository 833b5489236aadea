//! `/v1/buckets`: buckets and their settings.

pub(super) mod signatures;

use std::sync::Arc;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use upcall::cors::unmatchable_origin;
use upcall::name::BucketName;
use upcall_store::catalog::{BucketAcl, BucketFacts, Cors, CorsRule, Writer};

use super::callback_key;
use super::error::AdminError;
use super::json;
use crate::http::answer::Answer;
use crate::limits;
use crate::node::Server;
use crate::operations::bucket_cors;

#[derive(Serialize)]
struct Bucket {
    name: String,
    acl: &'static str,
    created: String,
    cors: Option<Configuration>,
}

/// A CORS configuration as JSON.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Configuration {
    rules: Vec<Rule>,
    #[serde(default)]
    response_vary: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    allowed_origins: Vec<String>,
    allowed_methods: Vec<String>,
    #[serde(default)]
    allowed_headers: Vec<String>,
    #[serde(default)]
    expose_headers: Vec<String>,
    #[serde(default)]
    max_age_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acl {
    #[serde(default)]
    acl: Option<String>,
}

impl Acl {
    fn parse(&self) -> Result<Option<BucketAcl>, AdminError> {
        let Some(text) = &self.acl else {
            return Ok(None);
        };
        BucketAcl::parse(text).map(Some).ok_or_else(|| {
            AdminError::InvalidValue(format!(
                "`{}` is no ACL; it is `private`, `public-read` or `public-read-write`",
                text.escape_debug()
            ))
        })
    }
}

pub(super) async fn list(server: &Arc<Server>) -> Result<Answer, AdminError> {
    let buckets: Vec<Bucket> = server
        .catalog
        .buckets()
        .await?
        .iter()
        .map(|facts| Bucket {
            name: facts.name.to_string(),
            acl: facts.acl.as_str(),
            created: facts.created.to_string(),
            cors: facts.cors.as_ref().map(Configuration::from),
        })
        .collect();
    json(StatusCode::OK, &serde_json::json!({ "buckets": buckets }))
}

pub(super) async fn create(
    server: &Arc<Server>,
    name: &str,
    wanted: Acl,
) -> Result<Answer, AdminError> {
    let name = BucketName::parse(name)?;
    let acl = wanted.parse()?.unwrap_or_default();
    if server.catalog.buckets().await?.len() >= limits::BUCKETS {
        let most = limits::BUCKETS;
        return Err(AdminError::InvalidValue(format!(
            "this server has at most {most} buckets"
        )));
    }
    let facts = BucketFacts {
        callback: upcall_store::catalog::CallbackSettings::default(),
        forms: upcall_store::catalog::FormRules::default(),
        name: name.clone(),
        acl,
        cors: None,
        owner: server.owner.clone(),
        created: server.clock.now(),
    };
    server
        .catalog
        .create_bucket(&facts, &Writer::Operator)
        .await?;
    if let Some(injector) = &server.injector {
        // Whoever ordered while a former bucket of this name was deleted did not mean this one.
        injector.drop_all(Some(&name));
    }
    callback_key::forget_bucket(server, name.clone()).await?;
    json(
        StatusCode::CREATED,
        &serde_json::json!({ "name": name.as_str(), "acl": acl.as_str() }),
    )
}

pub(super) async fn delete(server: &Arc<Server>, name: &str) -> Result<Answer, AdminError> {
    let name = BucketName::parse(name)?;
    server
        .catalog
        .delete_bucket(&name, &Writer::Operator)
        .await?;
    if let Some(injector) = &server.injector {
        // Whoever makes a bucket of this name next has ordered none of them.
        injector.drop_all(Some(&name));
    }
    callback_key::forget_bucket(server, name).await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

pub(super) async fn set_acl(
    server: &Arc<Server>,
    name: &str,
    wanted: Acl,
) -> Result<Answer, AdminError> {
    let acl = wanted
        .parse()?
        .ok_or_else(|| AdminError::InvalidValue("`acl` is missing".to_owned()))?;
    server
        .catalog
        .set_bucket_acl(&BucketName::parse(name)?, acl, &Writer::Operator)
        .await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

pub(super) async fn cors(server: &Arc<Server>, name: &str) -> Result<Answer, AdminError> {
    let facts = server
        .catalog
        .bucket(&BucketName::parse(name)?)
        .await?
        .ok_or(AdminError::NoSuchBucket)?;
    json(
        StatusCode::OK,
        &facts.cors.as_ref().map(Configuration::from),
    )
}

pub(super) async fn set_cors(
    server: &Arc<Server>,
    name: &str,
    wanted: Option<Configuration>,
) -> Result<Answer, AdminError> {
    let cors = wanted.map(Cors::from);
    if let Some(cors) = &cors {
        bucket_cors::validate(cors)?;
        // `PutBucketCors` takes them, as OSS does; a person who types one wants to know.
        let mut origins = cors.rules.iter().flat_map(|rule| &rule.allowed_origins);
        if let Some(unmatchable) = origins.find_map(|origin| unmatchable_origin(origin)) {
            return Err(AdminError::InvalidValue(unmatchable.to_string()));
        }
    }
    server
        .catalog
        .set_bucket_cors(&BucketName::parse(name)?, cors.as_ref(), &Writer::Operator)
        .await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

impl From<&Cors> for Configuration {
    fn from(cors: &Cors) -> Self {
        let rules = cors.rules.iter().map(|rule| Rule {
            allowed_origins: rule.allowed_origins.clone(),
            allowed_methods: rule.allowed_methods.clone(),
            allowed_headers: rule.allowed_headers.clone(),
            expose_headers: rule.expose_headers.clone(),
            max_age_seconds: rule.max_age_seconds,
        });
        Self {
            rules: rules.collect(),
            response_vary: cors.response_vary,
        }
    }
}

impl From<Configuration> for Cors {
    fn from(wanted: Configuration) -> Self {
        let rules = wanted.rules.into_iter().map(|rule| CorsRule {
            allowed_origins: rule.allowed_origins,
            allowed_methods: rule.allowed_methods,
            allowed_headers: rule
                .allowed_headers
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            expose_headers: rule.expose_headers,
            max_age_seconds: rule.max_age_seconds,
        });
        Self {
            rules: rules.collect(),
            response_vary: wanted.response_vary,
        }
    }
}
