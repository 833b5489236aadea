//! The uploads that were refused of late, for whoever is asked why.
//!
//! In: a refusal, and the form as far as it was read. Out: [`RefusedUpload`]s by their request id, kept
//! in memory by count and bytes. Nothing is explained until somebody asks; the form is shared, not
//! copied. Its signature is never shown.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use upcall::error::Refusal;
use upcall::form::PostForm;

use crate::limits::Limits;

/// An upload that became no object.
#[derive(Debug)]
pub(crate) struct RefusedUpload {
    /// The request's id, which the uploader was told.
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) operation: &'static str,
    pub(crate) peer: IpAddr,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) refusal: Refusal,
    /// `None` if it was not read so far, was too large, or there is none.
    pub(crate) form: Option<Arc<PostForm>>,
}

/// The latest of them.
#[derive(Debug)]
pub(crate) struct RefusedUploads {
    most: usize,
    most_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The oldest in front, each with its weight in bytes.
    uploads: VecDeque<(usize, Arc<RefusedUpload>)>,
    bytes: usize,
}

impl RefusedUploads {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.refused_uploads,
            most_bytes: limits.refused_bytes,
            kept: Mutex::default(),
        }
    }

    pub(crate) fn keep(&self, mut upload: RefusedUpload) {
        if self.most == 0 {
            return;
        }
        let most_form = self.most_bytes / 4;
        upload.form.take_if(|form| form_bytes(form) > most_form);
        let bytes = weight(&upload);
        let mut kept = self.lock();
        kept.bytes += bytes;
        kept.uploads.push_back((bytes, Arc::new(upload)));
        while kept.uploads.len() > self.most || kept.bytes > self.most_bytes {
            let Some((bytes, _)) = kept.uploads.pop_front() else {
                break;
            };
            kept.bytes -= bytes;
        }
    }

    /// The newest last.
    pub(crate) fn list(&self) -> Vec<Arc<RefusedUpload>> {
        let kept = self.lock();
        kept.uploads
            .iter()
            .map(|(_, upload)| Arc::clone(upload))
            .collect()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Arc<RefusedUpload>> {
        let kept = self.lock();
        let mut newest = kept.uploads.iter().rev();
        newest
            .find(|(_, upload)| upload.id == id)
            .map(|(_, upload)| Arc::clone(upload))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(upload: &RefusedUpload) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let refusal = &upload.refusal;
    size_of::<RefusedUpload>()
        + text(&upload.bucket)
        + text(&upload.key)
        + refusal.text().len()
        + refusal.hint_text().map_or(0, str::len)
        + upload.form.as_deref().map_or(0, form_bytes)
}

/// Bytes that a form holds, with its index of names.
pub(crate) fn form_bytes(form: &PostForm) -> usize {
    let file = form.file();
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let fields = form.fields();
    let fields = fields.map(|(name, value)| 2 * name.len() + value.len() + FIELD_BYTES);
    fields.sum::<usize>() + text(&file.filename) + text(&file.content_type)
}

/// Two names and a value have their heads, and a place in the index.
const FIELD_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use upcall::error::WireError;
    use upcall::form::{Field, FileHead};

    use super::*;

    fn upload(id: usize, value_bytes: usize) -> RefusedUpload {
        let field = Field {
            name: "key".to_owned(),
            value: "a".repeat(value_bytes),
        };
        let file = FileHead {
            filename: None,
            is_filename_unreadable: false,
            content_type: None,
        };
        let form = PostForm::new(vec![field], file).unwrap();
        RefusedUpload {
            id: id.to_string(),
            at: Timestamp::UNIX_EPOCH,
            operation: "PostObject",
            peer: IpAddr::from([127, 0, 0, 1]),
            bucket: None,
            key: None,
            refusal: Refusal::new(WireError::ACCESS_DENIED),
            form: Some(Arc::new(form)),
        }
    }

    fn kept(most: usize, most_bytes: usize) -> RefusedUploads {
        RefusedUploads::new(&Limits {
            refused_uploads: most,
            refused_bytes: most_bytes,
            ..Limits::default()
        })
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let uploads = kept(3, usize::MAX);
        for id in 0..5 {
            uploads.keep(upload(id, 10));
        }
        let ids: Vec<_> = uploads
            .list()
            .iter()
            .map(|upload| upload.id.clone())
            .collect();
        assert_eq!(ids, ["2", "3", "4"]);
        assert!(uploads.find("1").is_none());
        assert_eq!(uploads.find("4").unwrap().id, "4");
        kept(0, usize::MAX).keep(upload(1, 1));
    }

    #[test]
    fn they_take_no_more_than_their_bytes() {
        let uploads = kept(1000, 100_000);
        for id in 0..100 {
            uploads.keep(upload(id, 10_000));
        }
        let all = uploads.list();
        assert!((5..10).contains(&all.len()), "{}", all.len());
        assert!(all.iter().all(|upload| upload.form.is_some()));
        uploads.keep(upload(100, 30_000));
        assert!(uploads.find("100").unwrap().form.is_none(), "too large");
        assert!(uploads.lock().bytes <= 100_000);
    }
}
