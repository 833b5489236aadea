//! The table of uploads, in SQLite, on a thread of its own.
//!
//! Questions come through a bounded channel. Those that wait together share a transaction, and so
//! one flush to the disk; nobody is answered before it.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Row, params};
use tokio::sync::{mpsc, oneshot};

use super::Upload;
use crate::limits::{TABLE_BATCH, TABLE_WAITING};

/// The table, for handlers.
#[derive(Debug)]
pub(crate) struct Uploads {
    questions: mpsc::Sender<Question>,
}

impl Uploads {
    /// Opens the file, or makes it; waits for the disk.
    ///
    /// # Errors
    /// The system's or SQLite's reason, or a file that a newer version has written.
    pub(crate) fn open(path: &Path) -> Result<(Self, TableThread), OpenError> {
        let connection = open_connection(path)?;
        let (questions, waiting) = mpsc::channel(TABLE_WAITING);
        let thread = std::thread::Builder::new()
            .name("uploads".to_owned())
            .spawn(move || answer_all(connection, waiting))
            .map_err(OpenError::Thread)?;
        Ok((Self { questions }, TableThread(thread)))
    }

    /// Keeps `upload`; when this returns, it is on the disk.
    ///
    /// An upload whose request id is known already is the same callback again: the row stays as it
    /// is, and comes back.
    ///
    /// # Errors
    /// The disk's or SQLite's reason; nothing is kept then.
    ///
    /// # Cancellation
    /// The row is kept or not, whole either way.
    pub(crate) async fn keep(&self, upload: Upload) -> Result<Upload, UploadsError> {
        self.ask(|answer| Question::Keep { upload, answer }).await
    }

    /// The newest `limit` rows, newest first.
    ///
    /// # Errors
    /// The disk's or SQLite's reason.
    pub(crate) async fn recent(&self, limit: usize) -> Result<Vec<Upload>, UploadsError> {
        self.ask(|answer| Question::Recent { limit, answer }).await
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(Answer<T>) -> Question,
    ) -> Result<T, UploadsError> {
        let (answer, answered) = oneshot::channel();
        self.questions
            .send(question(Answer(answer)))
            .await
            .map_err(|_| UploadsError::Gone)?;
        answered.await.map_err(|_| UploadsError::Gone)?
    }
}

/// The thread behind [`Uploads`]; it ends when the last handle is gone.
#[derive(Debug)]
pub(crate) struct TableThread(JoinHandle<()>);

impl TableThread {
    /// Waits until everything asked is answered and the file is closed.
    pub(crate) fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the thread of the uploads table panicked");
        }
    }
}

/// Why the table cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("it cannot be made")]
    Create(#[source] std::io::Error),
    #[error("its layout has version {found}; this program knows versions up to {LAYOUT}")]
    Layout { found: i64 },
    #[error("SQLite cannot open it")]
    Sqlite(#[from] rusqlite::Error),
    #[error("its thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Why the table did not answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum UploadsError {
    #[error("the thread of the uploads table is gone")]
    Gone,
    #[error("the uploads table failed: {0}")]
    Sqlite(Arc<rusqlite::Error>),
    #[error("a number is too large for the table")]
    TooLarge,
}

impl From<rusqlite::Error> for UploadsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

#[derive(Debug)]
enum Question {
    Keep {
        upload: Upload,
        answer: Answer<Upload>,
    },
    Recent {
        limit: usize,
        answer: Answer<Vec<Upload>>,
    },
}

#[derive(Debug)]
struct Answer<T>(oneshot::Sender<Result<T, UploadsError>>);

impl<T> Answer<T> {
    fn give(self, result: Result<T, UploadsError>) {
        // Whoever asked may be gone; the row is kept all the same.
        drop(self.0.send(result));
    }
}

fn answer_all(mut connection: Connection, mut waiting: mpsc::Receiver<Question>) {
    let mut batch = Vec::with_capacity(TABLE_BATCH);
    while let Some(first) = waiting.blocking_recv() {
        batch.push(first);
        while batch.len() < TABLE_BATCH
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        answer_batch(&mut connection, batch.drain(..));
    }
}

/// Rows first, in one transaction; then the answers.
fn answer_batch(connection: &mut Connection, batch: impl Iterator<Item = Question>) {
    let mut keep = Vec::new();
    let mut readers = Vec::new();
    for question in batch {
        match question {
            Question::Keep { upload, answer } => keep.push((upload, answer)),
            Question::Recent { limit, answer } => readers.push((limit, answer)),
        }
    }
    let (uploads, answers): (Vec<_>, Vec<_>) = keep.into_iter().unzip();
    match keep_all(connection, &uploads) {
        Ok(kept) => {
            for (answer, kept) in answers.into_iter().zip(kept) {
                answer.give(kept);
            }
        }
        Err(error) => {
            for answer in answers {
                answer.give(Err(error.clone()));
            }
        }
    }
    for (limit, answer) in readers {
        answer.give(read_recent(connection, limit));
    }
}

/// The outer error is the transaction's: nothing was kept. An inner one is a row's own.
fn keep_all(
    connection: &mut Connection,
    uploads: &[Upload],
) -> Result<Vec<Result<Upload, UploadsError>>, UploadsError> {
    if uploads.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = connection.transaction()?;
    let mut kept = Vec::with_capacity(uploads.len());
    for upload in uploads {
        kept.push(match keep_one(&transaction, upload) {
            Err(UploadsError::Sqlite(error)) => return Err(UploadsError::Sqlite(error)),
            row => row,
        });
    }
    transaction.commit()?;
    Ok(kept)
}

fn keep_one(connection: &Connection, upload: &Upload) -> Result<Upload, UploadsError> {
    let integer = |number: Option<u64>| {
        number
            .map(i64::try_from)
            .transpose()
            .map_err(|_| UploadsError::TooLarge)
    };
    let row = params![
        upload.request_id,
        upload.object,
        integer(upload.size)?,
        upload.mime_type,
        integer(upload.width)?,
        integer(upload.height)?,
        upload.received_at.as_millisecond(),
        upload.user,
    ];
    Ok(connection.prepare_cached(KEEP)?.query_row(row, read_row)?)
}

fn read_recent(connection: &Connection, limit: usize) -> Result<Vec<Upload>, UploadsError> {
    let mut statement = connection.prepare_cached(RECENT)?;
    let limit = i64::try_from(limit).map_err(|_| UploadsError::TooLarge)?;
    let rows = statement.query_map([limit], read_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<Upload> {
    let number = |column: &str| -> rusqlite::Result<Option<u64>> {
        Ok(row
            .get::<_, Option<i64>>(column)?
            .and_then(|number| number.try_into().ok()))
    };
    Ok(Upload {
        user: row.get("user")?,
        object: row.get("object")?,
        size: number("size")?,
        mime_type: row.get("mime_type")?,
        width: number("width")?,
        height: number("height")?,
        request_id: row.get("request_id")?,
        received_at: Timestamp::from_millisecond(row.get("received_at")?)
            .unwrap_or(Timestamp::UNIX_EPOCH),
    })
}

/// The rows name users and their files; SQLite gives its side files the mode of the file itself. One
/// that is there keeps its mode: its owner may let a group read it.
fn create_privately(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(drop)
}

fn open_connection(path: &Path) -> Result<Connection, OpenError> {
    create_privately(path).map_err(OpenError::Create)?;
    // Without SQLITE_OPEN_URI: a file's name is a name.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // FULL flushes the log at each commit; less would lose acknowledged rows in a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction()?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        0 => {
            transaction.execute_batch(CREATE)?;
            transaction.execute_batch(ADD_USER)?;
        }
        1 => transaction.execute_batch(ADD_USER)?,
        LAYOUT => {}
        _ => return Err(OpenError::Layout { found }),
    }
    transaction.pragma_update(None, "user_version", LAYOUT)?;
    transaction.commit()?;
    Ok(connection)
}

/// The version of the table's layout, in SQLite's `user_version`.
const LAYOUT: i64 = 2;

const CREATE: &str = "
    CREATE TABLE uploads (
        number      INTEGER PRIMARY KEY, -- in the order in which they were told
        request_id  TEXT UNIQUE,
        object      TEXT NOT NULL,
        size        INTEGER,             -- bytes
        mime_type   TEXT,
        width       INTEGER,             -- pixels
        height      INTEGER,
        received_at INTEGER NOT NULL     -- milliseconds since 1970
    ) STRICT";

/// Version 2; rows of before do not tell who uploaded.
const ADD_USER: &str = "ALTER TABLE uploads ADD COLUMN user TEXT";

/// The update changes nothing; it is there so that the old row is returned.
const KEEP: &str = "
    INSERT INTO uploads (request_id, object, size, mime_type, width, height, received_at, user)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (request_id) DO UPDATE SET request_id = request_id
    RETURNING request_id, object, size, mime_type, width, height, received_at, user";

const RECENT: &str = "
    SELECT request_id, object, size, mime_type, width, height, received_at, user
    FROM uploads ORDER BY number DESC LIMIT ?1";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_table_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        drop(open_connection(&path).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 3).unwrap();
        drop(connection);

        let refused = open_connection(&path).unwrap_err();

        assert_eq!(
            refused.to_string(),
            "its layout has version 3; this program knows versions up to 2"
        );
    }

    #[test]
    fn a_new_table_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        let _connection = open_connection(&path).unwrap();
        for name in ["app.db", "app.db-wal", "app.db-shm"] {
            let mode = std::fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn rows_of_the_first_layout_stay_and_have_no_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(CREATE).unwrap();
        let row = "INSERT INTO uploads (request_id, object, received_at) VALUES ('A1', 'a', 0)";
        old.execute_batch(row).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        drop(old);

        for _ in 0..2 {
            let rows = read_recent(&open_connection(&path).unwrap(), 10).unwrap();
            assert_eq!(rows.len(), 1);
            assert_eq!((rows[0].object.as_str(), &rows[0].user), ("a", &None));
        }
    }

    #[test]
    fn every_commit_is_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_connection(&folder.path().join("app.db")).unwrap();
        let setting = |name: &str| -> String {
            connection
                .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .map(|value| format!("{value:?}"))
                .unwrap()
        };
        assert_eq!(setting("synchronous"), "Integer(2)");
        assert_eq!(setting("journal_mode"), "Text(\"wal\")");
    }
}
