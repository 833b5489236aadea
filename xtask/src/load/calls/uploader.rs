//! An uploader: file after file under new keys, and what it was told of each.

use std::sync::Arc;

use super::Bucket;
use super::form::Forms;
use crate::http::{Answer, Connection};
use crate::random::Random;

/// An upload, and what its uploader knows.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) bucket: Bucket,
    pub(super) key: String,
    /// Under which it may be asked for again.
    pub(super) name: Option<String>,
    pub(super) told: Told,
    /// The application's answer named this request.
    pub(super) id: Option<String>,
    /// The same key was sent again after a refusal.
    pub(super) is_repeat: bool,
}

/// What the uploader was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Told {
    Nothing,
    /// The application agreed, or the object is stored whatever it said.
    Stored,
    /// A final no.
    Refused,
    /// Nothing is stored; try later.
    Unavailable,
    /// It is kept until it is decided.
    Pending,
}

#[derive(Debug)]
pub(super) struct Uploader {
    number: u64,
    random: Random,
    uploads: Vec<Upload>,
}

/// What happened in a round.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) uploads: u64,
    pub(super) gated: u64,
    pub(super) asked_again: u64,
    pub(super) complaints: Vec<String>,
}

impl Uploader {
    pub(super) fn new(number: u64, seed: u64) -> Self {
        Self {
            number,
            random: Random::new(seed),
            uploads: Vec::new(),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn into_uploads(self) -> Vec<Upload> {
        self.uploads
    }

    /// Uploads until the server is gone; first what was not answered the last time.
    pub(super) async fn load(mut self, forms: Arc<Forms>) -> (Self, Course) {
        let mut course = self.ask_again(&forms).await;
        let Ok(mut connection) = Connection::open(forms.storage).await else {
            return (self, course);
        };
        loop {
            let upload = self.next();
            let is_gated = upload.bucket.is_gated();
            self.uploads.push(upload);
            let place = self.uploads.len() - 1;
            let is_answered = self.send(place, &forms, &mut connection, &mut course).await;
            if !is_answered {
                return (self, course);
            }
            course.uploads += 1;
            course.gated += u64::from(is_gated);
            let upload = self.uploads[place].clone();
            if upload.told == Told::Refused && self.random.below(4) == 0 {
                self.repeat(&upload, &forms, &mut connection, &mut course)
                    .await;
            }
        }
    }

    /// Sends again what has a name and no answer.
    pub(super) async fn ask_again(&mut self, forms: &Arc<Forms>) -> Course {
        let mut course = Course::default();
        let open: Vec<usize> = (0..self.uploads.len())
            .filter(|place| {
                let upload = &self.uploads[*place];
                upload.told == Told::Nothing && upload.name.is_some()
            })
            .collect();
        for place in open {
            let Ok(mut connection) = Connection::open(forms.storage).await else {
                return course;
            };
            if self.send(place, forms, &mut connection, &mut course).await {
                course.asked_again += 1;
            }
        }
        course
    }

    /// Whether it was answered.
    async fn send(
        &mut self,
        place: usize,
        forms: &Forms,
        connection: &mut Connection,
        course: &mut Course,
    ) -> bool {
        let upload = &mut self.uploads[place];
        let file = file(&upload.key);
        let request = forms.upload(
            upload.bucket,
            &upload.key,
            upload.name.as_deref(),
            false,
            &file,
        );
        let request = request.expect("the fields are ours, and hold no boundary");
        let Ok(answer) = connection.exchange(&request).await else {
            return false;
        };
        match told(upload.bucket, &answer) {
            Some((told, id)) => {
                upload.told = told;
                upload.id = id;
            }
            None => course.complaints.push(format!(
                "{}/{} was answered {}: {}",
                upload.bucket.name(),
                upload.key,
                answer.status,
                String::from_utf8_lossy(&answer.body)
            )),
        }
        if answer.is_last {
            match Connection::open(forms.storage).await {
                Ok(next) => *connection = next,
                Err(_) => return false,
            }
        }
        true
    }

    /// A key that was refused is free: it can be sent again where nothing may be overwritten.
    async fn repeat(
        &mut self,
        refused: &Upload,
        forms: &Forms,
        connection: &mut Connection,
        course: &mut Course,
    ) {
        let file = file(&refused.key);
        let request = forms.upload(refused.bucket, &refused.key, None, true, &file);
        let request = request.expect("the fields are ours, and hold no boundary");
        let mut again = Upload {
            name: None,
            told: Told::Nothing,
            id: None,
            is_repeat: true,
            ..refused.clone()
        };
        if let Ok(answer) = connection.exchange(&request).await {
            match told(refused.bucket, &answer) {
                Some((told, id)) => {
                    again.told = told;
                    again.id = id;
                }
                None => course.complaints.push(format!(
                    "{}/{} was refused, and its repetition was answered {}",
                    refused.bucket.name(),
                    refused.key,
                    answer.status
                )),
            }
        }
        self.uploads.push(again);
    }

    fn next(&mut self) -> Upload {
        let bucket = match self.random.below(6) {
            0 | 1 => Bucket::Owed,
            2 | 3 => Bucket::GatedRefuse,
            _ => Bucket::GatedKeep,
        };
        let key = format!("u{}/{}", self.number, self.uploads.len());
        let is_named = self.random.below(3) == 0;
        Upload {
            name: is_named.then(|| format!("name-of-{}-{:016x}", key, self.random.next())),
            bucket,
            key,
            told: Told::Nothing,
            id: None,
            is_repeat: false,
        }
    }
}

/// What an answer says; `None` for one that nobody should get.
fn told(bucket: Bucket, answer: &Answer) -> Option<(Told, Option<String>)> {
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let id = json["id"].as_str().map(str::to_owned);
    let told = match (answer.status, answer.header("x-upcall-verdict")) {
        (200 | 203, None) => Told::Stored,
        (422, Some("refused")) if bucket.is_gated() => Told::Refused,
        (503, Some("unavailable")) if bucket == Bucket::GatedRefuse => Told::Unavailable,
        (202, Some("pending")) if bucket == Bucket::GatedKeep => Told::Pending,
        // Asked again, and still owed.
        (503, Some("pending")) => Told::Nothing,
        _ => return None,
    };
    Some((told, id))
}

/// Mostly small; one in ten is a file in the store, too.
fn file(key: &str) -> Vec<u8> {
    let seed = key
        .bytes()
        .fold(1_u64, |sum, byte| sum.rotate_left(5) ^ u64::from(byte));
    let mut random = Random::new(seed);
    let length = match random.below(10) {
        0 => 600_000 + random.below(400_000),
        _ => random.below(8_000),
    };
    random.bytes(usize::try_from(length).expect("small"))
}
