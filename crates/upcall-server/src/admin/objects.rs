//! `/v1/buckets/NAME/objects` and `/object`: looking into a bucket, for people.
//!
//! The key is a parameter of the query, never part of the path: browsers take `..` out of paths.

use std::sync::Arc;

use http::StatusCode;
use http::header;
use serde::Serialize;
use upcall::name::{BucketName, ObjectKey};
use upcall_store::blobs::BlobError;
use upcall_store::catalog::{CatalogError, ListObjects, ObjectFacts, Writer};

use super::attachment;
use super::error::AdminError;
use super::json;
use crate::http::answer::Answer;
use crate::http::target::Query;
use crate::node::Server;
use crate::operations::get_object::ObjectBody;

/// An object in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key: String,
    size: u64,
    etag: String,
    modified: String,
    content_type: String,
}

/// All that is known of one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    #[serde(flatten)]
    row: Row,
    bucket: String,
    /// As text: JavaScript's numbers have 53 bits.
    crc64: String,
    acl: &'static str,
    storage_class: String,
    headers: Vec<(&'static str, String)>,
    metadata: Vec<(String, String)>,
}

/// A page of them: `?prefix=&delimiter=&marker=&limit=`.
pub(super) async fn list(
    server: &Arc<Server>,
    name: &str,
    query: &str,
) -> Result<Answer, AdminError> {
    let asked = parse_list(BucketName::parse(name)?, query)?;
    if server.catalog.bucket(&asked.bucket).await?.is_none() {
        return Err(AdminError::NoSuchBucket);
    }
    let page = server.catalog.list_objects(&asked).await?;
    let objects: Vec<Row> = page.objects.iter().map(Row::from).collect();
    let page = serde_json::json!({
        "objects": objects,
        "prefixes": page.common_prefixes,
        "nextMarker": page.next_marker,
    });
    json(StatusCode::OK, &page)
}

/// All that is known of one object: `?key=`.
pub(super) async fn show(
    server: &Arc<Server>,
    name: &str,
    query: &str,
) -> Result<Answer, AdminError> {
    let object = find(server, name, query).await?;
    json(StatusCode::OK, &Facts::from(&object))
}

/// Its bytes, as a file to keep and never as a page: what uploaders store may be anything.
pub(super) async fn content(
    server: &Arc<Server>,
    name: &str,
    query: &str,
) -> Result<Answer, AdminError> {
    for _ in 0..LOOKS {
        let object = find(server, name, query).await?;
        let reader = match server.blobs.read(&object, 0..object.length).await {
            Ok(reader) => reader,
            // It was replaced or deleted in between.
            Err(BlobError::Missing { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        return Ok(Answer::new(StatusCode::OK)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(
                header::CONTENT_DISPOSITION,
                &attachment::disposition(object.key.as_str()),
            )
            .object(ObjectBody::new(reader, object.length)));
    }
    Err(AdminError::NoSuchObject)
}

/// Also if whoever asked hangs up in between: the blob must not be forgotten.
pub(super) async fn delete(
    server: &Arc<Server>,
    name: &str,
    query: &str,
) -> Result<Answer, AdminError> {
    let (bucket, key) = (BucketName::parse(name)?, parse_key(query)?);
    let task_server = Arc::clone(server);
    let deleting = server.tasks.finish_anyway(async move {
        let object = task_server
            .catalog
            .delete_object(&bucket, &key, &Writer::Operator)
            .await?;
        if let Some(object) = &object {
            task_server.blobs.give_up(object);
        }
        Ok::<_, CatalogError>(object.is_some())
    });
    if deleting.await? {
        Ok(Answer::new(StatusCode::NO_CONTENT))
    } else {
        Err(AdminError::NoSuchObject)
    }
}

async fn find(server: &Arc<Server>, name: &str, query: &str) -> Result<ObjectFacts, AdminError> {
    let (bucket, key) = (BucketName::parse(name)?, parse_key(query)?);
    let object = server.catalog.object(&bucket, &key).await?;
    object.ok_or(AdminError::NoSuchObject)
}

fn parse_key(query: &str) -> Result<ObjectKey, AdminError> {
    let query = Query::parse(query)?;
    let [(name, value)] = query.pairs() else {
        return Err(invalid("name the object with `key`, and nothing else"));
    };
    if name != "key" {
        return Err(invalid("name the object with `key`"));
    }
    ObjectKey::parse(value).map_err(|error| AdminError::InvalidValue(error.to_string()))
}

fn parse_list(bucket: BucketName, query: &str) -> Result<ListObjects, AdminError> {
    let mut asked = ListObjects {
        bucket,
        prefix: String::new(),
        marker: String::new(),
        delimiter: None,
        max_keys: DEFAULT_KEYS,
    };
    for (name, value) in Query::parse(query)?.pairs() {
        if value.len() > ObjectKey::MAX_BYTES {
            return Err(invalid("a parameter has at most 1,023 bytes"));
        }
        match name.as_str() {
            "prefix" => asked.prefix.clone_from(value),
            "marker" => asked.marker.clone_from(value),
            "delimiter" => asked.delimiter = Some(value.clone()).filter(|text| !text.is_empty()),
            "limit" => {
                let limit = value.parse().ok();
                let limit = limit.filter(|limit| (1..=ListObjects::MAX_KEYS).contains(limit));
                asked.max_keys = limit.ok_or_else(|| {
                    let most = ListObjects::MAX_KEYS;
                    AdminError::InvalidValue(format!("`limit` is a number from 1 to {most}"))
                })?;
            }
            unknown => {
                let shown = unknown.escape_debug();
                return Err(AdminError::InvalidValue(format!(
                    "there is no parameter `{shown}`"
                )));
            }
        }
    }
    Ok(asked)
}

fn invalid(sentence: &str) -> AdminError {
    AdminError::InvalidValue(sentence.to_owned())
}

impl From<&ObjectFacts> for Row {
    fn from(object: &ObjectFacts) -> Self {
        Self {
            key: object.key.to_string(),
            size: object.length,
            etag: object.etag.to_string(),
            modified: object.modified.to_string(),
            content_type: object.content_type.clone(),
        }
    }
}

impl From<&ObjectFacts> for Facts {
    fn from(object: &ObjectFacts) -> Self {
        let stored = &object.headers;
        let headers = [
            ("Cache-Control", &stored.cache_control),
            ("Content-Disposition", &stored.content_disposition),
            ("Content-Encoding", &stored.content_encoding),
            ("Expires", &stored.expires),
        ];
        let headers = headers.into_iter();
        Self {
            row: Row::from(object),
            bucket: object.bucket.to_string(),
            crc64: object.crc64.to_string(),
            acl: object.acl.as_str(),
            storage_class: object.storage_class.clone(),
            headers: headers
                .filter_map(|(name, value)| Some((name, value.clone()?)))
                .collect(),
            metadata: object.metadata.clone(),
        }
    }
}

const DEFAULT_KEYS: usize = 100;

/// How often an object is looked up that is replaced each time before it can be read.
const LOOKS: usize = 5;
