//! What the callbacks said: the rows that a real application would write into its database.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Row};
use serde_json::{Value, json};

/// What a verified callback says.
#[derive(Debug, Default, PartialEq)]
pub struct Upload {
    pub bucket: String,
    pub object: String,
    pub etag: String,
    pub size: Option<i64>,
    pub mime_type: Option<String>,
    pub width: Option<i64>,
    pub height: Option<i64>,
    pub request_id: Option<String>,
    /// From the binding, never from the body's other fields.
    pub user: Option<String>,
}

impl Upload {
    /// Reads the body that our `callbackBody` renders to; `None` if it names no object.
    pub fn read(body: &[u8], user: Option<String>) -> Option<Self> {
        let text = |name: &str| {
            let mut pairs = form_urlencoded::parse(body);
            let (_, value) = pairs.find(|(has, value)| has == name && !value.is_empty())?;
            Some(value.into_owned())
        };
        // Empty for what is no image.
        let number = |name| text(name).and_then(|value| value.parse().ok());
        Some(Self {
            object: text("object")?,
            bucket: text("bucket").unwrap_or_default(),
            etag: text("etag").unwrap_or_default(),
            size: number("size"),
            mime_type: text("mimeType"),
            width: number("width"),
            height: number("height"),
            request_id: text("requestId"),
            user,
        })
    }
}

/// The table.
#[derive(Clone)]
pub struct Uploads(Arc<Mutex<Connection>>);

impl Uploads {
    pub fn open(file: &Path) -> rusqlite::Result<Self> {
        let table = Connection::open(file)?;
        table.execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE IF NOT EXISTS uploads (
                 id INTEGER PRIMARY KEY, bucket TEXT NOT NULL, object TEXT NOT NULL,
                 etag TEXT NOT NULL, size INTEGER, mime_type TEXT, width INTEGER, height INTEGER,
                 request_id TEXT UNIQUE, user TEXT);",
        )?;
        Ok(Self(Arc::new(Mutex::new(table))))
    }

    /// Keeps a row; of a callback that came before there is one already.
    pub async fn keep(&self, upload: Upload) -> rusqlite::Result<()> {
        self.ask(move |table| {
            let values = rusqlite::params![
                upload.bucket,
                upload.object,
                upload.etag,
                upload.size,
                upload.mime_type,
                upload.width,
                upload.height,
                upload.request_id,
                upload.user
            ];
            table.execute(
                "INSERT INTO uploads
                 (bucket, object, etag, size, mime_type, width, height, request_id, user)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (request_id) DO NOTHING",
                values,
            )
        })
        .await?;
        Ok(())
    }

    /// The newest first, 100 at most.
    pub async fn newest(&self) -> rusqlite::Result<Vec<Value>> {
        self.ask(|table| {
            let mut rows = table.prepare(
                "SELECT object, size, mime_type, width, height, request_id, user
                 FROM uploads ORDER BY id DESC LIMIT 100",
            )?;
            let rows = rows.query_map([], as_json)?;
            rows.collect()
        })
        .await
    }

    /// SQLite waits for the disk, which the runtime's threads must not.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        let table = Arc::clone(&self.0);
        let asking = move || question(&table.lock().unwrap_or_else(PoisonError::into_inner));
        match tokio::task::spawn_blocking(asking).await {
            Ok(answer) => answer,
            Err(panicked) => Err(rusqlite::Error::ToSqlConversionFailure(panicked.into())),
        }
    }
}

fn as_json(row: &Row<'_>) -> rusqlite::Result<Value> {
    Ok(json!({
        "object": row.get::<_, String>(0)?,
        "size": row.get::<_, Option<i64>>(1)?,
        "mimeType": row.get::<_, Option<String>>(2)?,
        "width": row.get::<_, Option<i64>>(3)?,
        "height": row.get::<_, Option<i64>>(4)?,
        "requestId": row.get::<_, Option<String>>(5)?,
        "user": row.get::<_, Option<String>>(6)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_says_what_our_template_asked_for() {
        let body = b"bucket=photos&object=uploads%2Feric%2F%E7%8C%AB%201%2B.jpg&etag=5D41&size=5\
            &mimeType=image%2Fjpeg&height=&width=&requestId=R1";
        let expected = Upload {
            bucket: "photos".into(),
            object: "uploads/eric/猫 1+.jpg".into(),
            etag: "5D41".into(),
            size: Some(5),
            mime_type: Some("image/jpeg".into()),
            request_id: Some("R1".into()),
            user: Some("eric".into()),
            ..Upload::default()
        };
        assert_eq!(Upload::read(body, Some("eric".into())), Some(expected));
        assert_eq!(Upload::read(b"object=&size=5", None), None);
        assert_eq!(Upload::read(b"{\"object\":\"a\"}", None), None);
    }

    #[tokio::test]
    async fn a_callback_that_comes_twice_is_one_row() {
        let table = Uploads::open(Path::new(":memory:")).unwrap();
        for body in [
            "object=a&requestId=R1",
            "object=a&requestId=R1",
            "object=b",
            "object=b",
            "object=c&size=7&requestId=R2",
        ] {
            let upload = Upload::read(body.as_bytes(), None).unwrap();
            table.keep(upload).await.unwrap();
        }
        let rows = table.newest().await.unwrap();
        let objects: Vec<_> = rows.iter().map(|row| &row["object"]).collect();
        assert_eq!(objects, ["c", "b", "b", "a"]);
        assert_eq!(
            (&rows[0]["size"], &rows[1]["size"]),
            (&json!(7), &Value::Null)
        );
    }
}
