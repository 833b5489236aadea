//! One page of a listing: an ordered range scan that jumps over what a common prefix has rolled up.

use rusqlite::{Connection, params};
use upcall::name::BucketName;

use super::rows::{OBJECT_COLUMNS, object};
use crate::catalog::{CatalogError, ListObjects, ObjectFacts, ObjectPage};

pub(super) fn list(
    connection: &Connection,
    request: &ListObjects,
) -> Result<ObjectPage, CatalogError> {
    let mut page = ObjectPage::default();
    let mut from = Start::first(request);
    let mut last = None;
    loop {
        let wanted = request.max_keys - (page.objects.len() + page.common_prefixes.len());
        // One more than is wanted tells whether there is another page.
        let rows = scan(
            connection,
            &request.bucket,
            &from,
            &request.prefix,
            wanted + 1,
        )?;
        let count = rows.len();
        let mut jump = None;
        for facts in rows {
            if page.objects.len() + page.common_prefixes.len() == request.max_keys {
                page.next_marker = last;
                return Ok(page);
            }
            if let Some(prefix) = common_prefix(&facts, request) {
                last = Some(prefix.clone());
                jump = Some(Start::behind(&prefix));
                page.common_prefixes.push(prefix);
                break;
            }
            last = Some(facts.key.to_string());
            page.objects.push(facts);
        }
        match jump {
            Some(Some(next)) => from = next,
            // Nothing sorts behind the prefix.
            Some(None) => return Ok(page),
            None if count <= wanted => return Ok(page),
            None => from = Start::After(last.clone().unwrap_or_default()),
        }
    }
}

/// Where a scan begins.
enum Start {
    At(String),
    After(String),
}

impl Start {
    fn first(request: &ListObjects) -> Self {
        let ListObjects {
            prefix,
            marker,
            delimiter,
            ..
        } = request;
        if marker < prefix {
            return Self::At(prefix.clone());
        }
        // A marker inside a common prefix, or the prefix itself, stands for all of it.
        let rolled_up = delimiter.as_ref().and_then(|delimiter| {
            let rest = marker.strip_prefix(prefix.as_str())?;
            let end = rest.find(delimiter.as_str())? + delimiter.len();
            Some(format!("{prefix}{}", &rest[..end]))
        });
        match rolled_up {
            Some(common) if *marker == common => {
                Self::behind(&common).unwrap_or(Self::After(common))
            }
            _ => Self::After(marker.clone()),
        }
    }

    /// The first text behind every text that begins with `prefix`; `None` if there is none.
    fn behind(prefix: &str) -> Option<Self> {
        let mut characters: Vec<char> = prefix.chars().collect();
        while let Some(last) = characters.pop() {
            // The next code point that can stand in UTF-8, or else the character before moves on.
            let next = match last {
                '\u{d7ff}' => Some('\u{e000}'),
                other => char::from_u32(u32::from(other) + 1),
            };
            if let Some(next) = next {
                characters.push(next);
                return Some(Self::At(characters.into_iter().collect()));
            }
        }
        None
    }
}

/// The prefix that rolls this key up, its delimiter included.
fn common_prefix(facts: &ObjectFacts, request: &ListObjects) -> Option<String> {
    let delimiter = request.delimiter.as_deref()?;
    let rest = facts.key.as_str().strip_prefix(request.prefix.as_str())?;
    let end = rest.find(delimiter)? + delimiter.len();
    Some(format!("{}{}", request.prefix, &rest[..end]))
}

/// Up to `count` objects from `start` on that begin with `prefix`.
fn scan(
    connection: &Connection,
    bucket: &BucketName,
    start: &Start,
    prefix: &str,
    count: usize,
) -> Result<Vec<ObjectFacts>, CatalogError> {
    let (comparison, key) = match start {
        Start::At(key) => (">=", key),
        Start::After(key) => (">", key),
    };
    let sql = format!(
        "SELECT {OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key {comparison} ? ORDER BY key LIMIT ?"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![bucket.as_str(), key, limit])?;
    let mut objects = Vec::new();
    while let Some(row) = rows.next()? {
        let facts = object(row)?;
        if !facts.key.as_str().starts_with(prefix) {
            break;
        }
        objects.push(facts);
    }
    Ok(objects)
}
