//! Reading rows as they are, also those that are broken.

use rusqlite::{Connection, Row, params};

use super::rows::{self, BucketId, OBJECT_COLUMNS};
use crate::catalog::{CatalogError, ObjectFacts};
use crate::maintenance::Damage;

/// Some rows, in the order of buckets' numbers and keys.
#[derive(Debug, Default)]
pub(in crate::embedded) struct RowPage {
    pub(in crate::embedded) objects: Vec<ObjectFacts>,
    /// Rows that are not what was written.
    pub(in crate::embedded) broken: Vec<Damage>,
    /// Behind which row the next page begins.
    pub(in crate::embedded) next: Option<(i64, String)>,
}

/// The rows behind this one.
pub(in crate::embedded) fn rows_after(
    connection: &Connection,
    after: Option<&(i64, String)>,
) -> Result<RowPage, CatalogError> {
    let buckets = rows::bucket_names(connection)?;
    let sql = format!(
        "SELECT {OBJECT_COLUMNS}, bucket FROM objects WHERE (bucket, key) > (?, ?) \
         ORDER BY bucket, key LIMIT {PAGE}"
    );
    let (bucket, key) = after.map_or((i64::MIN, ""), |(bucket, key)| (*bucket, key.as_str()));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params![bucket, key])?;
    let mut page = RowPage::default();
    let mut count = 0;
    while let Some(row) = found.next()? {
        count += 1;
        let id: i64 = row.get(BUCKET_COLUMN)?;
        let key = text(row)?;
        match buckets.get(&id) {
            Some(name) => match rows::object(name, BucketId(id), row) {
                Ok(object) => page.objects.push(object),
                Err(error) => page.broken.push(Damage {
                    bucket: Some(name.to_string()),
                    key: Some(key.clone()),
                    what: format!("its row in the catalog is broken: {}", crate::chain(&error)),
                }),
            },
            None => page.broken.push(Damage {
                bucket: None,
                key: Some(key.clone()),
                what: format!("its row names bucket number {id}, and there is none"),
            }),
        }
        page.next = Some((id, key));
    }
    if count < PAGE {
        page.next = None;
    }
    Ok(page)
}

/// What SQLite finds wrong in its own file.
pub(in crate::embedded) fn integrity(connection: &Connection) -> Result<Vec<String>, CatalogError> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut wrong = Vec::new();
    for line in lines {
        let line = line?;
        if line != "ok" {
            wrong.push(line);
        }
    }
    Ok(wrong)
}

fn text(row: &Row<'_>) -> Result<String, CatalogError> {
    Ok(String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned())
}

const PAGE: usize = 500;

/// Behind those of [`OBJECT_COLUMNS`].
const BUCKET_COLUMN: usize = 16;
