//! Rows to facts and back.

use jiff::Timestamp;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName, ETag, ObjectKey};

use crate::blobs::BlobId;
use crate::catalog::{
    AccessKeyFacts, BucketAcl, BucketFacts, CatalogError, EngineFault, ObjectAcl, ObjectFacts,
    StoredHeaders,
};

/// What [`object`] reads; the key comes first, for the listing.
pub(super) const OBJECT_COLUMNS: &str = "key, blob, length, md5, crc64, modified_ms, content_type, \
     headers, metadata, acl, storage_class";

/// A row of [`OBJECT_COLUMNS`].
pub(super) fn object(bucket: &BucketName, row: &Row<'_>) -> Result<ObjectFacts, CatalogError> {
    let key: String = row.get(0)?;
    let corrupt = || CatalogError::Corrupt(format!("object {key:?} of bucket `{bucket}`"));
    let text = |column| -> Result<Option<String>, CatalogError> { Ok(row.get(column)?) };
    Ok(ObjectFacts {
        bucket: bucket.clone(),
        key: ObjectKey::parse(&key).map_err(|_| corrupt())?,
        blob: BlobId::from_bytes(row.get(1)?),
        length: u64::try_from(row.get::<_, i64>(2)?).map_err(|_| corrupt())?,
        etag: ETag::from_md5(row.get(3)?),
        crc64: row.get::<_, i64>(4)?.cast_unsigned(),
        modified: Timestamp::from_millisecond(row.get(5)?).map_err(|_| corrupt())?,
        content_type: row.get(6)?,
        headers: match text(7)? {
            Some(json) => serde_json::from_str(&json).map_err(|_| corrupt())?,
            None => StoredHeaders::default(),
        },
        metadata: match text(8)? {
            Some(json) => serde_json::from_str(&json).map_err(|_| corrupt())?,
            None => Vec::new(),
        },
        acl: match text(9)? {
            Some(acl) => ObjectAcl::parse(&acl).ok_or_else(corrupt)?,
            None => ObjectAcl::Default,
        },
        storage_class: text(10)?.unwrap_or_else(|| USUAL_STORAGE_CLASS.to_owned()),
    })
}

/// The row that [`object`] reads.
pub(super) fn put_object(
    connection: &Connection,
    bucket: BucketId,
    facts: &ObjectFacts,
) -> Result<(), CatalogError> {
    let has_headers = facts.headers != StoredHeaders::default();
    let length = i64::try_from(facts.length)
        .map_err(|_| CatalogError::Corrupt(format!("a length of {} bytes", facts.length)))?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO objects (bucket, key, blob, length, md5, crc64, modified_ms, \
             content_type, headers, metadata, acl, storage_class) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            bucket.0,
            facts.key.as_str(),
            facts.blob.as_bytes(),
            length,
            facts.etag.md5(),
            facts.crc64.cast_signed(),
            facts.modified.as_millisecond(),
            facts.content_type,
            has_headers.then(|| json(&facts.headers)),
            (!facts.metadata.is_empty()).then(|| json(&facts.metadata)),
            (facts.acl != ObjectAcl::Default).then_some(facts.acl.as_str()),
            (facts.storage_class != USUAL_STORAGE_CLASS).then_some(&facts.storage_class),
        ])?;
    Ok(())
}

pub(super) fn find_object(
    connection: &Connection,
    bucket: &BucketName,
    key: &ObjectKey,
) -> Result<Option<ObjectFacts>, CatalogError> {
    let Some(id) = bucket_id(connection, bucket)? else {
        return Ok(None);
    };
    let sql = format!("SELECT {OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![id.0, key.as_str()])?;
    rows.next()?.map(|row| object(bucket, row)).transpose()
}

pub(super) fn delete_object(
    connection: &Connection,
    bucket: &BucketName,
    key: &ObjectKey,
) -> Result<Option<ObjectFacts>, CatalogError> {
    let found = find_object(connection, bucket, key)?;
    if found.is_some()
        && let Some(id) = bucket_id(connection, bucket)?
    {
        connection
            .prepare_cached("DELETE FROM objects WHERE bucket = ? AND key = ?")?
            .execute(params![id.0, key.as_str()])?;
    }
    Ok(found)
}

/// Whether an object points to this blob.
pub(super) fn is_referenced(connection: &Connection, blob: BlobId) -> Result<bool, CatalogError> {
    let sql = "SELECT 1 FROM objects WHERE blob = ? LIMIT 1";
    exists(connection, sql, [blob.as_bytes()])
}

/// What the rows of objects call a bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct BucketId(pub(super) i64);

pub(super) fn bucket_id(
    connection: &Connection,
    name: &BucketName,
) -> Result<Option<BucketId>, CatalogError> {
    let id = connection
        .prepare_cached("SELECT id FROM buckets WHERE name = ?")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?;
    Ok(id.map(BucketId))
}

pub(super) fn bucket_has_objects(
    connection: &Connection,
    bucket: BucketId,
) -> Result<bool, CatalogError> {
    let sql = "SELECT 1 FROM objects WHERE bucket = ? LIMIT 1";
    exists(connection, sql, [bucket.0])
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

/// Adds a bucket, or changes its settings; its id stays.
pub(super) fn put_bucket(connection: &Connection, facts: &BucketFacts) -> Result<(), CatalogError> {
    connection
        .prepare_cached(
            "INSERT INTO buckets (name, acl, cors, owner, created_ms) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (name) DO UPDATE SET acl = excluded.acl, cors = excluded.cors",
        )?
        .execute(params![
            facts.name.as_str(),
            facts.acl.as_str(),
            facts.cors.as_ref().map(json),
            facts.owner,
            facts.created.as_millisecond(),
        ])?;
    Ok(())
}

pub(super) fn delete_bucket(connection: &Connection, bucket: BucketId) -> Result<(), CatalogError> {
    connection.execute("DELETE FROM buckets WHERE id = ?", [bucket.0])?;
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
        .prepare_cached(
            "INSERT OR REPLACE INTO access_keys (id, secret, created_ms, description) \
             VALUES (?, ?, ?, ?)",
        )?
        .execute(params![
            facts.id.as_str(),
            facts.secret.expose(),
            facts.created.as_millisecond(),
            facts.description,
        ])?;
    Ok(())
}

/// Whether there was one.
pub(super) fn delete_access_key(
    connection: &Connection,
    id: &AccessKeyId,
) -> Result<bool, CatalogError> {
    let removed = connection.execute("DELETE FROM access_keys WHERE id = ?", [id.as_str()])?;
    Ok(removed > 0)
}

fn exists(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<bool, CatalogError> {
    Ok(connection.prepare_cached(sql)?.exists(parameters)?)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers are always JSON")
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        let is_full = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            // The index of the log could not grow.
            || error.sqlite_error().is_some_and(|error| {
                error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
            });
        Self::Engine(EngineFault::new(error, is_full))
    }
}

impl From<FromSqlError> for CatalogError {
    fn from(error: FromSqlError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// What nearly every object has; it is not written into each row.
const USUAL_STORAGE_CLASS: &str = "Standard";
