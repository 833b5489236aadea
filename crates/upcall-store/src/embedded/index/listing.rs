//! One page of a listing: an ordered walk that jumps over what a common prefix has rolled up.
//!
//! A page costs what it holds: one step per object, and one step or one seek per common prefix,
//! however many keys the prefix stands for.

use std::cmp::Ordering;
use std::sync::Arc;

use rusqlite::{Connection, params};
use upcall::name::BucketName;

use super::rows::{self, BucketId, OBJECT_COLUMNS};
use crate::catalog::{CatalogError, ListObjects, ObjectFacts, ObjectPage};

/// What is newer than the tables, by key: an object, or that there is none any more.
pub(in crate::embedded) type Overlay = [(Box<str>, Option<Arc<ObjectFacts>>)];

/// Reads a page, from one snapshot and what lies over it.
pub(super) fn list(
    connection: &Connection,
    request: &ListObjects,
    overlay: &Overlay,
) -> Result<ObjectPage, CatalogError> {
    // Reads only; dropping it ends the snapshot.
    let snapshot = connection.unchecked_transaction()?;
    let id = rows::bucket_id(&snapshot, &request.bucket)?.ok_or(CatalogError::NoSuchBucket)?;
    let mut walk = Walk {
        bucket: &request.bucket,
        id,
        prefix: &request.prefix,
        delimiter: request.delimiter.as_deref().filter(|text| !text.is_empty()),
        most: request.max_keys.min(ListObjects::MAX_KEYS),
        page: ObjectPage::default(),
        last: String::new(),
    };
    if walk.most == 0 {
        return Ok(walk.page);
    }
    let mut from = walk.first(&request.marker);
    while let Some(key) = from {
        from = walk.scan(&snapshot, overlay, &key)?;
    }
    Ok(walk.page)
}

struct Walk<'r> {
    bucket: &'r BucketName,
    id: BucketId,
    prefix: &'r str,
    delimiter: Option<&'r str>,
    most: usize,
    page: ObjectPage,
    /// The key or common prefix that was put into the page last.
    last: String,
}

/// What became of one key.
enum Step {
    /// It was taken; the next one is looked at.
    On,
    /// The page goes on there.
    Jump(Option<String>),
    /// The page is done.
    Done,
}

impl Walk<'_> {
    /// Where to begin: the least key that can be of the page. `None` if there can be none.
    fn first(&self, marker: &str) -> Option<String> {
        if marker < self.prefix {
            return Some(self.prefix.to_owned());
        }
        match self.common_prefix(marker) {
            // The marker is in a common prefix, which is not after it: all of that is behind us.
            Some(common) => behind(common),
            // No key holds NUL; this is the least text after the marker.
            None => Some(format!("{marker}\0")),
        }
    }

    /// Walks on from a key. Returns where to jump to; `None` when the page is done.
    fn scan(
        &mut self,
        connection: &Connection,
        overlay: &Overlay,
        from: &str,
    ) -> Result<Option<String>, CatalogError> {
        let sql = format!(
            "SELECT {OBJECT_COLUMNS} FROM objects WHERE bucket = ? AND key >= ? ORDER BY key"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![self.id.0, from])?;
        let begin = overlay.partition_point(|(key, _)| **key < *from);
        let mut newer = overlay[begin..].iter().peekable();
        let mut row = rows.next()?;
        loop {
            let key = row.map(|row| row.get_ref(0)).transpose()?;
            let key = key.map(|key| key.as_str()).transpose()?;
            let order = match (key, newer.peek()) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(key), Some((newer, _))) => key.cmp(newer),
            };
            let step = match (order, key, row) {
                (Ordering::Less, Some(key), Some(row)) => {
                    let (bucket, id) = (self.bucket, self.id);
                    self.take(key, || rows::object(bucket, id, row))?
                }
                _ => match newer.next() {
                    Some((key, Some(object))) => self.take(key, || Ok(object.as_ref().clone()))?,
                    Some((_, None)) | None => Step::On,
                },
            };
            match step {
                Step::On => {}
                Step::Jump(to) => return Ok(to),
                Step::Done => return Ok(None),
            }
            if order.is_le() {
                row = rows.next()?;
            }
        }
    }

    /// Puts one key into the page, if there is room and it is not rolled up.
    fn take(
        &mut self,
        key: &str,
        object: impl FnOnce() -> Result<ObjectFacts, CatalogError>,
    ) -> Result<Step, CatalogError> {
        if !key.starts_with(self.prefix) {
            return Ok(Step::Done);
        }
        if let Some(common) = self.page.common_prefixes.last()
            && key.starts_with(common.as_str())
        {
            return Ok(Step::Jump(behind(common)));
        }
        if self.page.objects.len() + self.page.common_prefixes.len() == self.most {
            self.page.next_marker = Some(std::mem::take(&mut self.last));
            return Ok(Step::Done);
        }
        if let Some(common) = self.common_prefix(key) {
            common.clone_into(&mut self.last);
            self.page.common_prefixes.push(common.to_owned());
        } else {
            key.clone_into(&mut self.last);
            self.page.objects.push(object()?);
        }
        Ok(Step::On)
    }

    /// The prefix that rolls this key up, its delimiter included.
    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let rest = key.strip_prefix(self.prefix)?;
        let end = rest.find(delimiter)? + delimiter.len();
        Some(&key[..self.prefix.len() + end])
    }
}

/// The least text after every text that begins with `prefix`; `None` if there is none.
///
/// UTF-8 sorts as its code points do, so the last one is counted up; where that cannot be, the one
/// before it.
fn behind(prefix: &str) -> Option<String> {
    let mut characters = prefix.chars();
    while let Some(last) = characters.next_back() {
        let next = match last {
            // Behind it come the surrogates, which are no characters.
            '\u{d7ff}' => Some('\u{e000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            return Some(format!("{}{next}", characters.as_str()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_is_the_next_text_that_does_not_begin_so() {
        for (prefix, next) in [
            ("a/", Some("a0")),
            ("a\u{7f}", Some("a\u{80}")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(behind(prefix).as_deref(), next, "{prefix:?}");
            if let Some(next) = next {
                assert!(format!("{prefix}\u{10ffff}").as_str() < next, "{prefix:?}");
            }
        }
    }
}
