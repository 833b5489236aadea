//! The tables, and how an older file becomes a newer one. `docs/formats/catalog.md` is the reference.

use rusqlite::Connection;

use crate::catalog::{CatalogError, EngineFault};

/// Brings a file to the current version, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), CatalogError> {
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let found = version as usize;
    if found > MIGRATIONS.len() {
        return Err(CatalogError::Engine(EngineFault::new(
            NewerCatalog {
                found,
                known: MIGRATIONS.len(),
            },
            false,
        )));
    }
    for (version, step) in (1_u32..).zip(MIGRATIONS).skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The file was written by a newer program.
#[derive(Debug, thiserror::Error)]
#[error("the catalog has version {found}, this program knows {known}; use the newer program")]
struct NewerCatalog {
    found: usize,
    known: usize,
}

/// One step per version, never changed once released.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE buckets (
        name TEXT PRIMARY KEY NOT NULL,
        acl TEXT NOT NULL,
        cors TEXT,
        owner TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE access_keys (
        id TEXT PRIMARY KEY NOT NULL,
        secret BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        description TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Text is compared byte by byte (collation BINARY), and UTF-8 sorts as its code points do.
    CREATE TABLE objects (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        blob BLOB NOT NULL,
        length INTEGER NOT NULL,
        md5 BLOB NOT NULL,
        crc64 INTEGER NOT NULL,
        content_type TEXT NOT NULL,
        headers TEXT,
        metadata TEXT,
        acl TEXT NOT NULL,
        storage_class TEXT NOT NULL,
        modified_ms INTEGER NOT NULL,
        PRIMARY KEY (bucket, key)
    ) STRICT, WITHOUT ROWID;
"];
