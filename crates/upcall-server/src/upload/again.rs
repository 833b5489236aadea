//! Asking again: an uploader whose connection broke gets the answer it has missed.
//!
//! It asks under the name that it gave its upload (an idempotency key), by sending it again or by
//! itself ([`upload_answer`](crate::operations::upload_answer)), or under the upload's request id. An
//! upload that is under way is waited for; one that has ended is answered as it was, for
//! [`limits::ANSWER_KEPT`], and the application is not called a second time for it.
//!
//! Named uploads are recorded with their object, so that a crash does not forget them; the others are
//! remembered by this process alone.
//!
//! Source: IETF draft "The Idempotency-Key HTTP Header Field".

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use upcall::error::{Refusal, WireError};
use upcall::name::BucketName;
use upcall_store::catalog::{OwedFacts, RecallBy, Recalled};

use super::admit::Admitted;
use crate::callback::{Told, ToldUpload};
use crate::http::request_id::RequestId;
use crate::limits;
use crate::node::Server;

/// What an uploader calls its upload: a digest of its bucket and the key that it chose, which is as
/// good as a password to the answer.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct UploadName(Arc<str>);

impl UploadName {
    /// # Errors
    /// `InvalidArgument` for a key of less than 16 characters, which others might guess, of more than
    /// 255, or with others than visible ASCII.
    pub(crate) fn new(bucket: &BucketName, key: &str) -> Result<Self, Refusal> {
        let is_plain = key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || !(LEAST_KEY_BYTES..=MOST_KEY_BYTES).contains(&key.len()) {
            return Err(Refusal::new(WireError::INVALID_ARGUMENT)
                .extra("ArgumentName", IDEMPOTENCY_KEY)
                .hint(
                    "an idempotency key has 16 to 255 visible ASCII characters; take a random UUID",
                ));
        }
        let mut digest = Sha256::new();
        digest.update(bucket.as_str());
        digest.update([0]);
        digest.update(key);
        let mut hex = String::with_capacity(64);
        for byte in digest.finalize() {
            // Writing to a String cannot fail.
            let _ = fmt::Write::write_fmt(&mut hex, format_args!("{byte:02x}"));
        }
        Ok(Self(hex.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is remembered of uploads, for whoever asks again.
#[derive(Debug)]
pub(crate) struct Answers {
    under_way: Mutex<HashMap<UploadName, UnderWay>>,
    /// Places of all uploads that wait for another of their name.
    places: Arc<Semaphore>,
    recent: Mutex<Recent>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            under_way: Mutex::default(),
            places: Arc::new(Semaphore::new(limits::NAMED_WAITING)),
            recent: Mutex::default(),
        }
    }
}

/// The first upload of a name.
#[derive(Debug)]
struct UnderWay {
    /// What it was told, for those that wait.
    told: watch::Receiver<Option<Arc<ToldUpload>>>,
    /// Places of those that wait for it.
    places: Arc<Semaphore>,
}

/// Answers by request id, oldest first.
#[derive(Debug, Default)]
struct Recent {
    answers: HashMap<String, Arc<ToldUpload>>,
    order: VecDeque<(Instant, String)>,
    bytes: usize,
}

/// An upload that has a name and is under way; what it was told goes to all who wait.
#[derive(Debug)]
pub(crate) struct Named {
    server: Arc<Server>,
    name: UploadName,
    told: watch::Sender<Option<Arc<ToldUpload>>>,
}

impl Named {
    pub(crate) fn tell(&self, told: &Arc<ToldUpload>) {
        self.told.send_replace(Some(Arc::clone(told)));
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.server.answers.under_way().remove(&self.name);
    }
}

/// What is known of an upload before its file is read.
#[derive(Debug)]
pub(crate) enum Before {
    /// It is the first, or has no name.
    Unknown(Option<Named>),
    /// It was answered so.
    Answered(Arc<ToldUpload>),
}

/// Looks whether an upload was there before.
pub(super) async fn look(server: &Arc<Server>, admitted: &Admitted) -> Result<Before, Refusal> {
    match &admitted.idempotency {
        None => Ok(Before::Unknown(None)),
        // Few have one, and the others need no room for this.
        Some(name) => Box::pin(look_for(server, admitted, name)).await,
    }
}

async fn look_for(
    server: &Arc<Server>,
    admitted: &Admitted,
    name: &UploadName,
) -> Result<Before, Refusal> {
    let until = tokio::time::Instant::now() + server.limits.named_wait;
    let told = loop {
        match enter(server, name)? {
            Entered::Behind(mut other, _place) => {
                let told = tokio::time::timeout_at(until, other.wait_for(Option::is_some)).await;
                // Without one the other upload failed: this one takes its place, or waits for the next.
                if let Ok(told) = told.map_err(|_| still_under_way())?
                    && let Some(told) = told.clone()
                {
                    break told;
                }
            }
            Entered::First(named) => {
                let by = RecallBy::Idempotency(name.as_str());
                match recall(server, &admitted.bucket.name, by, admitted.call.id).await? {
                    Some(told) => break told,
                    None => return Ok(Before::Unknown(Some(named))),
                }
            }
        }
    };
    if told.receipt.key != admitted.key.as_str() {
        return Err(Refusal::new(WireError::INVALID_ARGUMENT)
            .extra("ArgumentName", IDEMPOTENCY_KEY)
            .hint("this idempotency key belongs to an upload to another key; take a new one"));
    }
    Ok(Before::Answered(told))
}

/// An upload's place under its name.
enum Entered {
    /// There is no other.
    First(Named),
    /// There is another, whose answer comes here.
    Behind(
        watch::Receiver<Option<Arc<ToldUpload>>>,
        [OwnedSemaphorePermit; 2],
    ),
}

/// # Errors
/// Too many wait already.
fn enter(server: &Arc<Server>, name: &UploadName) -> Result<Entered, Refusal> {
    let answers = &server.answers;
    let mut under_way = answers.under_way();
    if let Some(other) = under_way.get(name) {
        let place = |places: &Arc<Semaphore>| {
            let place = Arc::clone(places).try_acquire_owned();
            place.map_err(|_| still_under_way())
        };
        let places = [place(&other.places)?, place(&answers.places)?];
        return Ok(Entered::Behind(other.told.clone(), places));
    }
    let (told, receiver) = watch::channel(None);
    let first = UnderWay {
        told: receiver,
        places: Arc::new(Semaphore::new(limits::NAMED_WAITING_EACH)),
    };
    under_way.insert(name.clone(), first);
    Ok(Entered::First(Named {
        server: Arc::clone(server),
        name: name.clone(),
        told,
    }))
}

/// Source: IETF draft "The Idempotency-Key HTTP Header Field", 2.7 (concurrent request), which wants 409;
/// but this is a matter of time, and clients that know OSS send again what a 503 refuses.
fn still_under_way() -> Refusal {
    Refusal::new(WireError::SERVICE_UNAVAILABLE)
        .message("An upload with this idempotency key is still under way.")
        .extra("RetryAfterSeconds", "5")
        .hint(
            "the first upload with this key has not ended yet; send it again later, or take a new \
             idempotency key for another upload",
        )
}

/// What is known of an upload to this bucket; a call that is still owed is made now.
pub(crate) async fn recall(
    server: &Arc<Server>,
    bucket: &BucketName,
    by: RecallBy<'_>,
    id: RequestId,
) -> Result<Option<Arc<ToldUpload>>, Refusal> {
    if let RecallBy::RequestId(request_id) = by
        && let Some(told) = server.answers.recent().find(request_id)
    {
        return Ok(is_of(&told, bucket).then_some(told));
    }
    let fault = |error| crate::fault::of_catalog(&error, id);
    let until = Instant::now() + longest_wait(server);
    let mut ends = server.outbox.ends();
    let mut is_hurried = false;
    loop {
        ends.mark_unchanged();
        match server.catalog.recall(by).await.map_err(fault)? {
            None => return Ok(None),
            Some(Recalled::Answered(kept)) => {
                return match serde_json::from_str::<ToldUpload>(&kept.answer) {
                    Ok(told) => Ok(is_of(&told, bucket).then(|| Arc::new(told))),
                    Err(error) => {
                        tracing::error!(%error, "a kept answer makes no sense");
                        Err(crate::fault::internal())
                    }
                };
            }
            // That there is one must not be told, either.
            Some(Recalled::Owed(facts)) if facts.bucket != *bucket => return Ok(None),
            Some(Recalled::Owed(facts)) => {
                // Once: after that it is made as often as any other. It may end just now, and is then
                // no longer owed.
                if !is_hurried {
                    is_hurried = true;
                    let _ = server.outbox.hurry(facts.id).await;
                }
                let left = until.saturating_duration_since(Instant::now());
                if tokio::time::timeout(left, ends.changed()).await.is_err() {
                    return Err(still_owed(&facts));
                }
            }
        }
    }
}

/// An id of another bucket's upload must not tell that there is one.
fn is_of(told: &ToldUpload, bucket: &BucketName) -> bool {
    told.receipt.bucket == bucket.as_str()
}

fn still_owed(facts: &OwedFacts) -> Refusal {
    Refusal::new(WireError::SERVICE_UNAVAILABLE)
        .message("The application has not answered the callback of this upload yet.")
        .extra("Verdict", "pending")
        .extra("Key", facts.key.as_str())
        .extra("RetryAfterSeconds", "5")
        .hint("the file is here, and the application is asked again; ask for the answer later")
}

impl Answers {
    /// Remembers what an upload was told.
    pub(super) fn remember(&self, request_id: String, told: Arc<ToldUpload>) {
        self.recent().add(request_id, told, Instant::now());
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<UploadName, UnderWay>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn add(&mut self, request_id: String, told: Arc<ToldUpload>, now: Instant) {
        self.bytes += size(&told);
        self.order.push_back((now, request_id.clone()));
        self.answers.insert(request_id, told);
        while let Some((since, _)) = self.order.front() {
            let is_too_much = self.order.len() > REMEMBERED || self.bytes > limits::ANSWERS_BYTES;
            if !is_too_much && now.saturating_duration_since(*since) < limits::ANSWER_KEPT {
                break;
            }
            let Some((_, oldest)) = self.order.pop_front() else {
                break;
            };
            if let Some(told) = self.answers.remove(&oldest) {
                self.bytes -= size(&told);
            }
        }
    }

    fn find(&self, request_id: &str) -> Option<Arc<ToldUpload>> {
        self.answers.get(request_id).cloned()
    }
}

/// About how much memory an answer takes.
fn size(told: &ToldUpload) -> usize {
    let body = match &told.told {
        Told::Agreed { body, .. } | Told::Refused { body, .. } => body.len(),
        Told::NotAsked | Told::Failed(_) | Told::Unavailable(_) | Told::Pending(_) => 0,
    };
    body + told.receipt.key.len() + 300
}

/// How long whoever asks again waits for a call under way.
fn longest_wait(server: &Server) -> Duration {
    server.limits.callback + Duration::from_secs(1)
}

/// The form's field and the request's header, in any case.
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

const LEAST_KEY_BYTES: usize = 16;
const MOST_KEY_BYTES: usize = 255;

/// Answers that are remembered by request id.
const REMEMBERED: usize = 10_000;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::callback::Receipt;

    #[test]
    fn a_name_is_long_enough_not_to_be_guessed_and_belongs_to_its_bucket() {
        let (photos, other) = (
            BucketName::parse("photos").unwrap(),
            BucketName::parse("other").unwrap(),
        );
        let name = |bucket, key: &str| UploadName::new(bucket, key);
        let key = "0123456789abcdef";
        assert_ne!(name(&photos, key).unwrap(), name(&other, key).unwrap());
        assert_eq!(name(&photos, key).unwrap(), name(&photos, key).unwrap());
        for bad in [
            "",
            "0123456789abcde",
            "0123456789 abcdef",
            "0123456789äabcdef",
        ] {
            assert!(name(&photos, bad).is_err(), "{bad}");
        }
        assert!(name(&photos, &"a".repeat(256)).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded_in_number_bytes_and_time() {
        let told = |bytes| {
            Arc::new(ToldUpload {
                told: Told::Agreed {
                    is_xml: false,
                    body: Bytes::from(vec![b' '; bytes]),
                },
                receipt: Receipt::default(),
            })
        };
        let (mut recent, now) = (Recent::default(), Instant::now());
        for number in 0..2 * REMEMBERED {
            recent.add(number.to_string(), told(0), now);
        }
        assert_eq!(recent.answers.len(), REMEMBERED);
        assert!(recent.find("0").is_none());
        for number in 0..40 {
            recent.add(format!("large {number}"), told(1024 * 1024), now);
        }
        assert!(recent.bytes <= limits::ANSWERS_BYTES);
        recent.add("late".to_owned(), told(0), now + limits::ANSWER_KEPT);
        assert_eq!(recent.answers.len(), 1);
    }
}
