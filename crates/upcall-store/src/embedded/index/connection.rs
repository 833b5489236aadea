//! How the catalog's file is opened.

#![expect(
    clippy::disallowed_methods,
    reason = "SQLite opens its own files, beneath the seam; this one is made for it"
)]

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::catalog::{CatalogError, EngineFault};
use crate::disk::at;

/// For the writer, and for the first look. Makes the file if it is not there.
pub(super) fn open_to_write(path: &Path) -> Result<Connection, CatalogError> {
    create_privately(path)?;
    let connection = open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Objects are durable in our own log; the writer asks for more where it needs it.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // macOS: through the drive's cache, too. Elsewhere it means nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // The writer copies the log itself, after it has answered.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Once it was long, its file need not stay so.
    connection.pragma_update(None, "journal_size_limit", LOG_FILE_BYTES)?;
    // What a savepoint remembers stays in memory.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

pub(super) fn open_to_read(path: &Path) -> Result<Connection, CatalogError> {
    let connection = open(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path) -> Result<Connection, CatalogError> {
    // Not read-only, for readers neither: whoever comes first after a crash mends the log.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// The catalog holds secrets; SQLite gives its side files the mode of the file itself.
fn create_privately(path: &Path) -> Result<(), CatalogError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| {
            let is_full = crate::blobs::is_out_of_space(&error);
            CatalogError::Engine(EngineFault::new(at(path)(error), is_full))
        })
}

/// How long a connection waits for another's lock; in WAL only a checkpoint that starts the log anew
/// makes anybody wait, and it waits for pages of listings.
const BUSY: Duration = Duration::from_secs(10);

/// Memory for pages, for each connection.
const CACHE_KIB: i64 = 8 * 1024;

/// Bytes of SQLite's log that are kept to be written over.
const LOG_FILE_BYTES: i64 = 4 * 1024 * 1024;

/// Prepared statements that are kept; the engine has fewer.
const STATEMENTS: usize = 32;
