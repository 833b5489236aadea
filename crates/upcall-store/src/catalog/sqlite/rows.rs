//! Rows to facts and back.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName, ETag, ObjectKey};

use crate::blobs::BlobId;
use crate::catalog::{
    AccessKeyFacts, BucketAcl, BucketFacts, CatalogError, ObjectAcl, ObjectFacts, StoredHeaders,
};

pub(super) const OBJECT_COLUMNS: &str = "bucket, key, blob, length, md5, crc64, content_type, \
     headers, metadata, acl, storage_class, modified_ms";

/// A row of [`OBJECT_COLUMNS`].
pub(super) fn object(row: &Row<'_>) -> Result<ObjectFacts, CatalogError> {
    let key: String = row.get(1)?;
    let corrupt = || CatalogError::Corrupt(format!("object {key:?}"));
    let json = |column| -> Result<Option<String>, CatalogError> { Ok(row.get(column)?) };
    Ok(ObjectFacts {
        bucket: BucketName::parse(row.get_ref(0)?.as_str().map_err(|_| corrupt())?)
            .map_err(|_| corrupt())?,
        key: ObjectKey::parse(&key).map_err(|_| corrupt())?,
        blob: BlobId::from_bytes(row.get(2)?),
        length: row.get::<_, i64>(3)?.cast_unsigned(),
        etag: ETag::from_md5(row.get(4)?),
        crc64: row.get::<_, i64>(5)?.cast_unsigned(),
        content_type: row.get(6)?,
        headers: match json(7)? {
            Some(text) => serde_json::from_str(&text).map_err(|_| corrupt())?,
            None => StoredHeaders::default(),
        },
        metadata: match json(8)? {
            Some(text) => serde_json::from_str(&text).map_err(|_| corrupt())?,
            None => Vec::new(),
        },
        acl: ObjectAcl::parse(row.get_ref(9)?.as_str().map_err(|_| corrupt())?)
            .ok_or_else(corrupt)?,
        storage_class: row.get(10)?,
        modified: Timestamp::from_millisecond(row.get(11)?).map_err(|_| corrupt())?,
    })
}

pub(super) fn find_object(
    connection: &Connection,
    bucket: &BucketName,
    key: &ObjectKey,
) -> Result<Option<ObjectFacts>, CatalogError> {
    let sql = format!("SELECT {OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![bucket.as_str(), key.as_str()])?;
    rows.next()?.map(object).transpose()
}

pub(super) fn put_object(connection: &Connection, facts: &ObjectFacts) -> Result<(), CatalogError> {
    let is_empty = facts.headers == StoredHeaders::default();
    let headers = if is_empty {
        None
    } else {
        Some(json(&facts.headers))
    };
    let metadata = if facts.metadata.is_empty() {
        None
    } else {
        Some(json(&facts.metadata))
    };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            facts.bucket.as_str(),
            facts.key.as_str(),
            facts.blob.as_bytes(),
            facts.length.cast_signed(),
            facts.etag.md5(),
            facts.crc64.cast_signed(),
            facts.content_type,
            headers,
            metadata,
            facts.acl.as_str(),
            facts.storage_class,
            facts.modified.as_millisecond(),
        ])?;
    Ok(())
}

pub(super) fn buckets(connection: &Connection) -> Result<Vec<BucketFacts>, CatalogError> {
    let mut statement = connection.prepare(&format!("SELECT {BUCKET_COLUMNS} FROM buckets"))?;
    let mut rows = statement.query([])?;
    let mut buckets = Vec::new();
    while let Some(row) = rows.next()? {
        buckets.push(bucket(row)?);
    }
    Ok(buckets)
}

pub(super) fn find_bucket(
    connection: &Connection,
    name: &BucketName,
) -> Result<Option<BucketFacts>, CatalogError> {
    let sql = format!("SELECT {BUCKET_COLUMNS} FROM buckets WHERE name = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([name.as_str()])?;
    rows.next()?.map(bucket).transpose()
}

const BUCKET_COLUMNS: &str = "name, acl, cors, owner, created_ms";

fn bucket(row: &Row<'_>) -> Result<BucketFacts, CatalogError> {
    let name: String = row.get(0)?;
    let corrupt = || CatalogError::Corrupt(format!("bucket {name:?}"));
    let cors: Option<String> = row.get(2)?;
    Ok(BucketFacts {
        name: BucketName::parse(&name).map_err(|_| corrupt())?,
        acl: BucketAcl::parse(&row.get::<_, String>(1)?).ok_or_else(corrupt)?,
        cors: cors
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| corrupt())?,
        owner: row.get(3)?,
        created: Timestamp::from_millisecond(row.get(4)?).map_err(|_| corrupt())?,
    })
}

pub(super) fn put_bucket(connection: &Connection, facts: &BucketFacts) -> Result<(), CatalogError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?, ?)")?
        .execute(params![
            facts.name.as_str(),
            facts.acl.as_str(),
            facts.cors.as_ref().map(json),
            facts.owner,
            facts.created.as_millisecond(),
        ])?;
    Ok(())
}

pub(super) fn access_keys(connection: &Connection) -> Result<Vec<AccessKeyFacts>, CatalogError> {
    let mut statement =
        connection.prepare("SELECT id, secret, created_ms, description FROM access_keys")?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let corrupt = || CatalogError::Corrupt(format!("access key {id:?}"));
        keys.push(AccessKeyFacts {
            id: AccessKeyId::parse(&id).map_err(|_| corrupt())?,
            secret: AccessKeySecret::new(row.get::<_, Vec<u8>>(1)?),
            created: Timestamp::from_millisecond(row.get(2)?).map_err(|_| corrupt())?,
            description: row.get(3)?,
        });
    }
    Ok(keys)
}

pub(super) fn put_access_key(
    connection: &Connection,
    facts: &AccessKeyFacts,
) -> Result<(), CatalogError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO access_keys VALUES (?, ?, ?, ?)")?
        .execute(params![
            facts.id.as_str(),
            facts.secret.expose(),
            facts.created.as_millisecond(),
            facts.description,
        ])?;
    Ok(())
}

pub(super) fn exists(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<bool, CatalogError> {
    let found = connection
        .prepare_cached(sql)?
        .query_row(parameters, |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers are always JSON")
}
