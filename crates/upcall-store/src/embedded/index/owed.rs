//! Rows of owed calls and kept answers.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use upcall::name::{BucketName, ObjectKey};

use super::rows::exists;
use crate::blobs::BlobId;
use crate::catalog::{
    CallProgress, CatalogError, KeptAnswer, OwedFacts, OwedQuery, RecallBy, Recalled,
};
use crate::embedded::log::record::At;
use crate::embedded::owed::OwedRow;

/// Writes a row; what was tried stays.
pub(super) fn put(connection: &Connection, row: &OwedRow) -> Result<(), CatalogError> {
    let facts = &row.facts;
    connection
        .prepare_cached(
            "INSERT INTO owed_calls (id, bucket, key, request_id, idempotency, created_ms, \
             is_held, segment, offset, head_bytes, data_bytes) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
             segment = excluded.segment, offset = excluded.offset, \
             head_bytes = excluded.head_bytes",
        )?
        .execute(params![
            facts.id.as_bytes(),
            facts.bucket.as_str(),
            facts.key.as_str(),
            facts.request_id,
            facts.idempotency,
            facts.created.as_millisecond(),
            facts.is_held,
            row.at.segment.cast_signed(),
            row.at.offset,
            row.head_bytes,
            row.data_bytes.cast_signed(),
        ])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, id: BlobId) -> Result<(), CatalogError> {
    connection
        .prepare_cached("DELETE FROM owed_calls WHERE id = ?")?
        .execute([id.as_bytes()])?;
    Ok(())
}

/// Keeps an answer, and forgets those whose time is over.
pub(super) fn keep_answer(
    connection: &Connection,
    idempotency: Option<&str>,
    kept: &KeptAnswer,
) -> Result<(), CatalogError> {
    connection
        .prepare_cached("DELETE FROM kept_answers WHERE expires_ms < ?")?
        .execute([Timestamp::now().as_millisecond()])?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO kept_answers (request_id, idempotency, expires_ms, answer) \
             VALUES (?, ?, ?, ?)",
        )?
        .execute(params![
            kept.request_id,
            idempotency,
            kept.expires.as_millisecond(),
            kept.answer,
        ])?;
    Ok(())
}

pub(super) fn note(
    connection: &Connection,
    id: BlobId,
    progress: &CallProgress,
) -> Result<(), CatalogError> {
    connection
        .prepare_cached(
            "UPDATE owed_calls SET attempts = ?, next_ms = ?, last_failure = ?, is_given_up = ? \
             WHERE id = ?",
        )?
        .execute(params![
            progress.attempts,
            progress.next.map(|next| next.as_millisecond()),
            progress.last_failure,
            progress.is_given_up,
            id.as_bytes(),
        ])?;
    Ok(())
}

pub(super) fn find(connection: &Connection, id: BlobId) -> Result<Option<OwedRow>, CatalogError> {
    let sql = format!("SELECT {COLUMNS} FROM owed_calls WHERE id = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([id.as_bytes()])?;
    rows.next()?.map(read).transpose()
}

/// Whether an object is held under this id.
pub(super) fn is_held(connection: &Connection, id: BlobId) -> Result<bool, CatalogError> {
    let sql = "SELECT 1 FROM owed_calls WHERE id = ? AND is_held = 1";
    exists(connection, sql, [id.as_bytes()])
}

/// Whether an object of this bucket is held back.
pub(super) fn bucket_holds(
    connection: &Connection,
    bucket: &BucketName,
) -> Result<bool, CatalogError> {
    let sql = "SELECT 1 FROM owed_calls WHERE bucket = ? AND is_held = 1 LIMIT 1";
    exists(connection, sql, [bucket.as_str()])
}

/// Rows in the order of their ids.
pub(in crate::embedded) fn list(
    connection: &Connection,
    query: &OwedQuery,
) -> Result<Vec<OwedRow>, CatalogError> {
    let by_key = if query.key.is_some() {
        "bucket = ? AND key = ?"
    } else {
        "? IS NULL AND ? IS NULL"
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM owed_calls WHERE id > ? AND (?2 IS NULL OR is_given_up = ?2) \
         AND {by_key} ORDER BY id LIMIT ?"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let first = BlobId::from_bytes([0; 16]);
    let (bucket, key) = query.key.as_ref().map_or((None, None), |(bucket, key)| {
        (Some(bucket.as_str()), Some(key.as_str()))
    });
    let mut rows = statement.query(params![
        query.after.unwrap_or(first).as_bytes(),
        query.is_given_up,
        bucket,
        key,
        i64::try_from(query.limit).unwrap_or(i64::MAX),
    ])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// What is known of an upload.
pub(in crate::embedded) fn recall(
    connection: &Connection,
    by: RecallBy<'_>,
    now: Timestamp,
) -> Result<Option<Recalled>, CatalogError> {
    let (column, name) = match by {
        RecallBy::Idempotency(name) => ("idempotency", name),
        RecallBy::RequestId(name) => ("request_id", name),
    };
    let sql = format!("SELECT {COLUMNS} FROM owed_calls WHERE {column} = ? ORDER BY id LIMIT 1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([name])?;
    if let Some(row) = rows.next()? {
        return Ok(Some(Recalled::Owed(read(row)?.facts)));
    }
    let sql = format!(
        "SELECT request_id, expires_ms, answer FROM kept_answers WHERE {column} = ? \
         AND expires_ms > ?"
    );
    let kept = connection
        .prepare_cached(&sql)?
        .query_row(params![name, now.as_millisecond()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((request_id, expires_ms, answer)) = kept else {
        return Ok(None);
    };
    Ok(Some(Recalled::Answered(KeptAnswer {
        request_id,
        expires: time(expires_ms)?,
        answer,
    })))
}

const COLUMNS: &str = "id, bucket, key, request_id, idempotency, created_ms, is_held, segment, \
     offset, head_bytes, data_bytes, attempts, next_ms, last_failure, is_given_up";

fn read(row: &Row<'_>) -> Result<OwedRow, CatalogError> {
    let id = BlobId::from_bytes(row.get(0)?);
    let corrupt = || CatalogError::Corrupt(format!("the owed call {id}"));
    let text = |column| -> Result<&str, CatalogError> { Ok(row.get_ref(column)?.as_str()?) };
    let next: Option<i64> = row.get(12)?;
    Ok(OwedRow {
        facts: OwedFacts {
            id,
            bucket: BucketName::parse(text(1)?).map_err(|_| corrupt())?,
            key: ObjectKey::parse(text(2)?).map_err(|_| corrupt())?,
            request_id: row.get(3)?,
            idempotency: row.get(4)?,
            created: time(row.get(5)?)?,
            is_held: row.get(6)?,
            progress: CallProgress {
                attempts: row.get(11)?,
                next: next.map(time).transpose()?,
                last_failure: row.get(13)?,
                is_given_up: row.get(14)?,
            },
        },
        at: At {
            segment: row.get::<_, i64>(7)?.cast_unsigned(),
            offset: row.get(8)?,
        },
        head_bytes: row.get(9)?,
        data_bytes: row.get::<_, i64>(10)?.cast_unsigned(),
    })
}

fn time(milliseconds: i64) -> Result<Timestamp, CatalogError> {
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| CatalogError::Corrupt(format!("a time of {milliseconds} ms")))
}
