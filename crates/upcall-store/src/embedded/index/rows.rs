//! Rows to facts and back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName, ETag, ObjectKey};

use crate::blobs::{BlobId, BlobPlace, LogPlace};
use crate::catalog::{
    AccessKeyFacts, BucketAcl, BucketFacts, CallbackSettings, CatalogError, EngineFault, FormRules,
    ObjectAcl, ObjectFacts, StoredHeaders,
};

/// What [`object`] reads; the key comes first, for the listing.
pub(super) const OBJECT_COLUMNS: &str = "key, blob, length, md5, crc64, modified_ms, content_type, \
     headers, metadata, acl, storage_class, segment, offset, head_bytes, in_file, row_check";

/// A row of [`OBJECT_COLUMNS`], which must be what was written.
pub(super) fn object(
    bucket: &BucketName,
    id: BucketId,
    row: &Row<'_>,
) -> Result<ObjectFacts, CatalogError> {
    let key = row.get_ref(0)?.as_str()?;
    let corrupt = || CatalogError::Corrupt(format!("object {key:?} of bucket `{bucket}`"));
    let text = |column| -> Result<Option<&str>, CatalogError> {
        Ok(row.get_ref(column)?.as_str_or_null()?)
    };
    let place = place(row)?;
    let values = ObjectRow {
        bucket: id,
        key,
        blob: row.get(1)?,
        length: row.get(2)?,
        md5: row.get(3)?,
        crc64: row.get(4)?,
        modified_ms: row.get(5)?,
        content_type: text(6)?.ok_or_else(corrupt)?,
        headers: text(7)?,
        metadata: text(8)?,
        acl: text(9)?,
        storage_class: text(10)?,
        place,
    };
    match row.get::<_, Option<i64>>(15)? {
        Some(check) if check == values.check() => {}
        // Rows of format 1 have neither.
        None if place.is_none() => {}
        Some(_) | None => return Err(corrupt()),
    }
    Ok(ObjectFacts {
        bucket: bucket.clone(),
        key: ObjectKey::parse(key).map_err(|_| corrupt())?,
        blob: BlobId::from_bytes(values.blob),
        place: BlobPlace(place),
        length: u64::try_from(values.length).map_err(|_| corrupt())?,
        etag: ETag::from_md5(values.md5),
        crc64: values.crc64.cast_unsigned(),
        modified: Timestamp::from_millisecond(values.modified_ms).map_err(|_| corrupt())?,
        content_type: values.content_type.to_owned(),
        headers: match values.headers {
            Some(json) => serde_json::from_str(json).map_err(|_| corrupt())?,
            None => StoredHeaders::default(),
        },
        metadata: match values.metadata {
            Some(json) => serde_json::from_str(json).map_err(|_| corrupt())?,
            None => Vec::new(),
        },
        acl: match values.acl {
            Some(acl) => ObjectAcl::parse(acl).ok_or_else(corrupt)?,
            None => ObjectAcl::Default,
        },
        storage_class: values
            .storage_class
            .unwrap_or(USUAL_STORAGE_CLASS)
            .to_owned(),
    })
}

fn place(row: &Row<'_>) -> Result<Option<LogPlace>, CatalogError> {
    let number = |column| -> Result<i64, CatalogError> { Ok(row.get(column)?) };
    let Some(segment) = row.get::<_, Option<i64>>(11)? else {
        return Ok(None);
    };
    Ok(Some(LogPlace {
        segment: segment.cast_unsigned(),
        offset: narrow(number(12)?)?,
        head_bytes: narrow(number(13)?)?,
        in_file: row.get::<_, Option<i64>>(14)?.is_some(),
    }))
}

fn narrow(number: i64) -> Result<u32, CatalogError> {
    u32::try_from(number).map_err(|_| CatalogError::Corrupt(format!("a place of {number}")))
}

/// The values of a row, as SQLite has them.
struct ObjectRow<'r> {
    bucket: BucketId,
    key: &'r str,
    blob: [u8; 16],
    length: i64,
    md5: [u8; 16],
    crc64: i64,
    modified_ms: i64,
    content_type: &'r str,
    headers: Option<&'r str>,
    metadata: Option<&'r str>,
    acl: Option<&'r str>,
    storage_class: Option<&'r str>,
    place: Option<LogPlace>,
}

impl ObjectRow<'_> {
    /// A checksum over all of them: SQLite has none over its pages, and a row that says something
    /// else than was written would lead to another object's bytes.
    fn check(&self) -> i64 {
        let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Xz);
        for number in [
            self.bucket.0,
            self.length,
            self.crc64,
            self.modified_ms,
            self.place.map_or(0, |place| place.segment.cast_signed()),
            self.place.map_or(0, |place| i64::from(place.offset)),
            self.place.map_or(0, |place| i64::from(place.head_bytes)),
            i64::from(self.place.is_some_and(|place| place.in_file)),
        ] {
            digest.update(&number.to_le_bytes());
        }
        digest.update(&self.blob);
        digest.update(&self.md5);
        for text in [
            Some(self.key),
            Some(self.content_type),
            self.headers,
            self.metadata,
            self.acl,
            self.storage_class,
        ] {
            // Lengths keep neighbours apart, and NULL from empty.
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            digest.update(&length.to_le_bytes());
            digest.update(text.unwrap_or_default().as_bytes());
        }
        digest.finalize().cast_signed()
    }
}

/// Writes the row that [`object`] reads.
pub(super) fn put_object(
    connection: &Connection,
    bucket: BucketId,
    facts: &ObjectFacts,
) -> Result<(), CatalogError> {
    let headers = (facts.headers != StoredHeaders::default()).then(|| json(&facts.headers));
    let metadata = (!facts.metadata.is_empty()).then(|| json(&facts.metadata));
    let row = ObjectRow {
        bucket,
        key: facts.key.as_str(),
        blob: *facts.blob.as_bytes(),
        length: i64::try_from(facts.length)
            .map_err(|_| CatalogError::Corrupt(format!("a length of {} bytes", facts.length)))?,
        md5: *facts.etag.md5(),
        crc64: facts.crc64.cast_signed(),
        modified_ms: facts.modified.as_millisecond(),
        content_type: &facts.content_type,
        headers: headers.as_deref(),
        metadata: metadata.as_deref(),
        acl: (facts.acl != ObjectAcl::Default).then_some(facts.acl.as_str()),
        storage_class: (facts.storage_class != USUAL_STORAGE_CLASS)
            .then_some(facts.storage_class.as_str()),
        place: facts.place.0,
    };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO objects (bucket, key, blob, length, md5, crc64, modified_ms, \
             content_type, headers, metadata, acl, storage_class, segment, offset, head_bytes, \
             in_file, row_check) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            bucket.0,
            row.key,
            row.blob,
            row.length,
            row.md5,
            row.crc64,
            row.modified_ms,
            row.content_type,
            row.headers,
            row.metadata,
            row.acl,
            row.storage_class,
            row.place.map(|place| place.segment.cast_signed()),
            row.place.map(|place| place.offset),
            row.place.map(|place| place.head_bytes),
            row.place.is_none_or(|place| place.in_file).then_some(1),
            row.check(),
        ])?;
    Ok(())
}

pub(super) fn find_object(
    connection: &Connection,
    bucket: &BucketName,
    id: BucketId,
    key: &ObjectKey,
) -> Result<Option<ObjectFacts>, CatalogError> {
    let sql = format!("SELECT {OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![id.0, key.as_str()])?;
    rows.next()?.map(|row| object(bucket, id, row)).transpose()
}

pub(super) fn delete_object(
    connection: &Connection,
    id: BucketId,
    key: &ObjectKey,
) -> Result<(), CatalogError> {
    connection
        .prepare_cached("DELETE FROM objects WHERE bucket = ? AND key = ?")?
        .execute(params![id.0, key.as_str()])?;
    Ok(())
}

/// Whether an object points to this blob, which has a file of its own.
pub(super) fn is_referenced(connection: &Connection, blob: BlobId) -> Result<bool, CatalogError> {
    let sql = "SELECT 1 FROM objects WHERE blob = ? AND in_file = 1 LIMIT 1";
    exists(connection, sql, [blob.as_bytes()])
}

/// The buckets, by what rows call them.
pub(super) fn bucket_names(
    connection: &Connection,
) -> Result<BTreeMap<i64, BucketName>, CatalogError> {
    let mut statement = connection.prepare_cached("SELECT id, name FROM buckets")?;
    let mut rows = statement.query([])?;
    let mut names = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let corrupt = || CatalogError::Corrupt(format!("bucket {name:?}"));
        names.insert(
            row.get(0)?,
            BucketName::parse(&name).map_err(|_| corrupt())?,
        );
    }
    Ok(names)
}

/// How many bytes of each segment of the log objects point to.
pub(super) fn live_bytes(connection: &Connection) -> Result<BTreeMap<u64, u64>, CatalogError> {
    let mut statement = connection.prepare_cached("SELECT number, live FROM segments")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    rows.map(|row| {
        let (number, live) = row?;
        // Below zero can be only what was counted before a crash and again after it.
        Ok((number.cast_unsigned(), u64::try_from(live).unwrap_or(0)))
    })
    .collect()
}

/// What the rows of objects call a bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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

const BUCKET_COLUMNS: &str = "name, acl, cors, owner, created_ms, callback, forms";

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
        callback: match row.get::<_, Option<String>>(5)? {
            Some(text) => serde_json::from_str(&text).map_err(|_| corrupt())?,
            None => CallbackSettings::default(),
        },
        forms: match row.get::<_, Option<String>>(6)? {
            Some(text) => serde_json::from_str(&text).map_err(|_| corrupt())?,
            None => FormRules::default(),
        },
    })
}

/// Adds a bucket, or changes its settings; its id stays.
pub(super) fn put_bucket(connection: &Connection, facts: &BucketFacts) -> Result<(), CatalogError> {
    connection
        .prepare_cached(
            "INSERT INTO buckets (name, acl, cors, owner, created_ms, callback, forms) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET \
             acl = excluded.acl, cors = excluded.cors, callback = excluded.callback, \
             forms = excluded.forms",
        )?
        .execute(params![
            facts.name.as_str(),
            facts.acl.as_str(),
            facts.cors.as_ref().map(json),
            facts.owner,
            facts.created.as_millisecond(),
            (facts.callback != CallbackSettings::default()).then(|| json(&facts.callback)),
            (facts.forms != FormRules::default()).then(|| json(&facts.forms)),
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

pub(super) fn exists(
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
        let is_broken = is_broken(&error);
        Self::Engine(EngineFault::new(error, is_full).of_broken_data(is_broken))
    }
}

/// The statements are right, so one that SQLite does not understand misses a table or column.
fn is_broken(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows,
    };
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
    let code = error.sqlite_error_code();
    matches!(code, Some(DatabaseCorrupt | NotADatabase | Unknown))
        || matches!(
            error,
            QueryReturnedNoRows
                | FromSqlConversionFailure(..)
                | IntegralValueOutOfRange(..)
                | InvalidColumnType(..)
        )
}

impl From<FromSqlError> for CatalogError {
    fn from(error: FromSqlError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// What nearly every object has; it is not written into each row.
const USUAL_STORAGE_CLASS: &str = "Standard";
