//! The tables, and how an older file becomes a newer one. `docs/formats/catalog.md` is the reference.

use std::io;
use std::path::Path;

use rusqlite::Connection;

use crate::catalog::{CatalogError, EngineFault};
use crate::disk::{Disk, at};

/// Brings a file to the current version, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), CatalogError> {
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    refuse_newer(version)?;
    for (next, step) in (1..).zip(MIGRATIONS).skip(version as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
    }
    Ok(())
}

fn refuse_newer(found: u32) -> Result<(), CatalogError> {
    if found > VERSION {
        return Err(fault(NewerCatalog { found }));
    }
    Ok(())
}

fn fault(cause: impl std::error::Error + Send + Sync + 'static) -> CatalogError {
    CatalogError::Engine(EngineFault::new(cause, false))
}

/// Refuses a file of a newer version without opening it as a database, which would write beside it.
/// What is missing or no database is no error here. Source: "Database File Format", 1.3.
pub(in crate::embedded) fn check_version(disk: &dyn Disk, path: &Path) -> Result<(), CatalogError> {
    let mut header = [0; HEADER_BYTES];
    let opened = disk.open(path);
    let read = opened.and_then(|file| file.read_exact_at(&mut header, 0));
    match read {
        Ok(()) => {}
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof
            ) =>
        {
            return Ok(());
        }
        Err(error) => return Err(fault(at(path)(error))),
    }
    let (rest, version) = header
        .split_last_chunk()
        .expect("the header is longer than its last field");
    if rest.starts_with(MAGIC) {
        refuse_newer(u32::from_be_bytes(*version))?;
    }
    Ok(())
}

/// What a database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The header up to the end of `user_version`.
const HEADER_BYTES: usize = 64;

/// The file was written by a newer program.
#[derive(Debug, thiserror::Error)]
#[error("the catalog has version {found}, this program knows {VERSION}; use the newer program")]
struct NewerCatalog {
    found: u32,
}

/// The version that this program writes: one per migration.
pub(super) const VERSION: u32 = 4;

/// One step per version, never changed once released.
const MIGRATIONS: [&str; VERSION as usize] = [FIRST, SECOND, THIRD, FOURTH];

const FIRST: &str = "
    CREATE TABLE buckets (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        acl TEXT NOT NULL,
        cors TEXT,
        owner TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE access_keys (
        id TEXT PRIMARY KEY NOT NULL,
        secret BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        description TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Text is compared byte by byte (collation BINARY), and UTF-8 sorts as its code points do.
    -- The rows lie in the order of their keys, so a page of a listing is one walk. They are kept
    -- small: what most objects do not have, or have the same, is NULL.
    CREATE TABLE objects (
        bucket INTEGER NOT NULL,
        key TEXT NOT NULL,
        blob BLOB NOT NULL,
        length INTEGER NOT NULL,
        md5 BLOB NOT NULL,
        crc64 INTEGER NOT NULL,
        modified_ms INTEGER NOT NULL,
        content_type TEXT NOT NULL,
        headers TEXT,
        metadata TEXT,
        acl TEXT,
        storage_class TEXT,
        PRIMARY KEY (bucket, key)
    ) STRICT, WITHOUT ROWID;

    -- For the collector: is this blob anybody's? Ids grow with time, so new entries go to the end.
    CREATE INDEX objects_by_blob ON objects (blob);
";

/// The log came: rows say where their records are, and how far the log has been read.
const SECOND: &str = "
    ALTER TABLE objects ADD COLUMN segment INTEGER;
    ALTER TABLE objects ADD COLUMN offset INTEGER;
    ALTER TABLE objects ADD COLUMN head_bytes INTEGER;
    -- 1 if the bytes are in a file of their own, and NULL if they are in the log.
    ALTER TABLE objects ADD COLUMN in_file INTEGER;
    -- CRC-64/XZ of all values of the row.
    ALTER TABLE objects ADD COLUMN row_check INTEGER;
    UPDATE objects SET in_file = 1;

    -- Only files are asked for by id; what is in the log is found by its key.
    DROP INDEX objects_by_blob;
    CREATE INDEX objects_by_file ON objects (blob) WHERE in_file = 1;

    -- Everything before this place of the log is in the tables.
    CREATE TABLE log (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        segment INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        salt INTEGER NOT NULL
    ) STRICT;
    INSERT INTO log VALUES (1, 0, 0, 0, random());

    -- How many bytes of each segment objects point to.
    CREATE TABLE segments (
        number INTEGER PRIMARY KEY,
        live INTEGER NOT NULL
    ) STRICT;
";

/// Calls can be owed, answers are kept, and buckets say how their callbacks are.
const THIRD: &str = "
    ALTER TABLE buckets ADD COLUMN callback TEXT;

    -- A row for each record of a call that is owed. Ids are those of blobs, and grow with time.
    CREATE TABLE owed_calls (
        id BLOB PRIMARY KEY NOT NULL,
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        request_id TEXT NOT NULL,
        idempotency TEXT,
        created_ms INTEGER NOT NULL,
        is_held INTEGER NOT NULL,
        segment INTEGER NOT NULL,
        offset INTEGER NOT NULL,
        head_bytes INTEGER NOT NULL,
        data_bytes INTEGER NOT NULL,
        -- What was tried, which a crash may forget.
        attempts INTEGER NOT NULL DEFAULT 0,
        next_ms INTEGER,
        last_failure TEXT,
        is_given_up INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX owed_calls_by_key ON owed_calls (bucket, key);
    CREATE INDEX owed_calls_by_request ON owed_calls (request_id);
    CREATE INDEX owed_calls_by_idempotency ON owed_calls (idempotency) WHERE idempotency IS NOT NULL;

    -- What uploaders were told that may ask again.
    CREATE TABLE kept_answers (
        request_id TEXT PRIMARY KEY NOT NULL,
        idempotency TEXT,
        expires_ms INTEGER NOT NULL,
        answer TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX kept_answers_by_idempotency ON kept_answers (idempotency)
        WHERE idempotency IS NOT NULL;
    CREATE INDEX kept_answers_by_expiry ON kept_answers (expires_ms);
";

/// Buckets say what they refuse of forms.
const FOURTH: &str = "ALTER TABLE buckets ADD COLUMN forms TEXT;";
