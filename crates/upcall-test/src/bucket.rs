//! A bucket of one test.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use upcall::callback::CallbackParameter;
use upcall::form::{Boundary, FileHead, FormWriter};
use upcall::name::AccessKeySecret;
use upcall::policy::PolicyBuilder;
use upcall::signature::v1;

use crate::error::Error;
use crate::fault::Order;
use crate::http;
use crate::server::{Upcall, random};

/// A bucket that one test has for itself, emptied and deleted when it is dropped.
#[derive(Debug)]
pub struct Bucket<'u> {
    upcall: &'u Upcall,
    name: String,
}

impl<'u> Bucket<'u> {
    pub(crate) const fn new(upcall: &'u Upcall, name: String) -> Self {
        Self { upcall, name }
    }

    /// Its name, which no other bucket has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, as a page posts to it: what an application's `OSS_HOST` is.
    pub fn url(&self) -> String {
        format!("{}/{}/", self.upcall.storage, self.name)
    }

    /// Posts a form as a page does, with a policy of its own. The application at `callback_url` is sent
    /// bucket, object, etag, size, mimeType, height, width and requestId.
    ///
    /// # Errors
    /// [`Error::Exchange`] if there is no answer; a refusal is an answer.
    pub fn upload(
        &self,
        key: &str,
        content: &[u8],
        callback_url: Option<&str>,
    ) -> Result<Uploaded, Error> {
        let callback = callback_url
            .map(|url| CallbackParameter::builder(url, TEMPLATE).build())
            .transpose()
            .map_err(|why| Error::Upload(why.to_string()))?;
        self.post(key, content, callback.as_ref())
    }

    /// The same with any callback.
    ///
    /// # Errors
    /// As [`Self::upload`].
    pub fn post(
        &self,
        key: &str,
        content: &[u8],
        callback: Option<&CallbackParameter>,
    ) -> Result<Uploaded, Error> {
        let cannot = |why: &dyn std::fmt::Display| Error::Upload(why.to_string());
        let expiration = Timestamp::now()
            .checked_add(SignedDuration::from_mins(5))
            .map_err(|why| cannot(&why))?;
        let callback = callback.map(CallbackParameter::encode);
        let mut policy = PolicyBuilder::new(expiration)
            .bucket(&self.name)
            .equals("key", key);
        if let Some(callback) = &callback {
            policy = policy.equals("callback", callback);
        }
        let policy = policy.build().encode();
        let (id, secret) = self.upcall.access_key();
        let signature = v1::sign_policy(&AccessKeySecret::new(secret), &policy);
        let mut fields = vec![
            ("key", key),
            ("OSSAccessKeyId", id),
            ("policy", &policy),
            ("signature", &signature),
        ];
        fields.extend(callback.as_deref().map(|callback| ("callback", callback)));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(random().as_bytes());
        let mut form = FormWriter::new(Boundary::from_random(bytes));
        for (name, value) in fields {
            form = form.field(name, value).map_err(|why| cannot(&why))?;
        }
        let file = FileHead {
            filename: Some("file".to_owned()),
            is_filename_unreadable: false,
            content_type: None,
        };
        let frame = form.file(&file).map_err(|why| cannot(&why))?;
        let content_type = frame.content_type();
        let body = [frame.head(), content, frame.tail()].concat();
        let line = format!("POST /{}/", self.name);
        let headers = [("Content-Type", content_type)];
        let answer = http::exchange(&self.upcall.storage, &line, &headers, &body, LONGEST_UPLOAD)?;
        Ok(Uploaded(answer))
    }

    /// Waits for a call for `key` that ended after `after`; without it, for the first since the bucket
    /// was made or emptied.
    ///
    /// # Errors
    /// [`Error::NoCall`] if there is none within `timeout`, of which a server grants 60 s.
    pub fn wait_for_callback(
        &self,
        key: &str,
        after: Option<&RecordedCallback>,
        timeout: Duration,
    ) -> Result<RecordedCallback, Error> {
        let after = after.map_or(BEFORE_ALL, RecordedCallback::id);
        let path = format!(
            "/v1/callbacks/next?bucket={}&key={}&after={after}&timeout={}ms",
            self.name,
            utf8_percent_encode(key, NON_ALPHANUMERIC),
            timeout.as_millis(),
        );
        let call = self.upcall.ask("GET", &path, None)?;
        if call.is_null() {
            return Err(Error::NoCall {
                bucket: self.name.clone(),
                key: key.to_owned(),
                timeout,
            });
        }
        Ok(RecordedCallback(call))
    }

    /// The calls that were made for its objects, the newest last.
    ///
    /// # Errors
    /// [`Error::Exchange`].
    pub fn callbacks(&self) -> Result<Vec<RecordedCallback>, Error> {
        let path = format!("/v1/callbacks?limit=1000&bucket={}", self.name);
        let list = self.upcall.ask("GET", &path, None)?;
        let ids = list["calls"].as_array().into_iter().flatten();
        ids.map(|call| {
            let path = format!("/v1/callbacks/{}", call["id"].as_str().unwrap_or_default());
            self.upcall.ask("GET", &path, None).map(RecordedCallback)
        })
        .collect()
    }

    /// Has the next calls or uploads go wrong: `CallFault::Twice.into()`, or
    /// `Fault::from(UploadFault::Refuse).times(3)`.
    ///
    /// # Errors
    /// [`Error::Refused`]: the server takes no orders, or the bucket has too many.
    pub fn fault(&self, order: impl Into<Order>) -> Result<(), Error> {
        let order = order.into().to_json(&self.name);
        self.upcall.ask("POST", "/v1/faults", Some(&order))?;
        Ok(())
    }

    /// The keys of its objects: the first 1,000.
    ///
    /// # Errors
    /// [`Error::Exchange`].
    pub fn keys(&self) -> Result<Vec<String>, Error> {
        let path = format!("/v1/buckets/{}/objects?limit=1000", self.name);
        let page = self.upcall.ask("GET", &path, None)?;
        let objects = page["objects"].as_array().into_iter().flatten();
        let keys = objects.filter_map(|object| object["key"].as_str());
        Ok(keys.map(str::to_owned).collect())
    }

    /// Empties it: no object, call, owed call or fault of before is left.
    ///
    /// # Errors
    /// [`Error::Exchange`].
    pub fn wipe(&self) -> Result<(), Error> {
        let path = format!("/v1/buckets/{}/contents", self.name);
        self.upcall.ask("DELETE", &path, None)?;
        Ok(())
    }
}

impl Drop for Bucket<'_> {
    fn drop(&mut self) {
        // What cannot be tidied up, on a server that has gone perhaps, must not hide why a test failed.
        if self.wipe().is_ok() {
            let path = format!("/v1/buckets/{}", self.name);
            let _ = self.upcall.ask("DELETE", &path, None);
        }
    }
}

/// What an uploader was answered.
#[derive(Debug)]
pub struct Uploaded(http::Answer);

impl Uploaded {
    /// 200 if the application agreed, 203 if the file is stored and the call failed, otherwise a refusal.
    pub const fn status(&self) -> u16 {
        self.0.status
    }

    /// The application's JSON, or an error's XML.
    pub fn text(&self) -> String {
        self.0.text()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.0.headers.iter();
        let found = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A call as it was recorded.
#[derive(Clone, Debug)]
pub struct RecordedCallback(Value);

impl RecordedCallback {
    /// Its id; ids sort as calls ended.
    pub fn id(&self) -> &str {
        self.0["id"].as_str().unwrap_or_default()
    }

    /// The status of the application's answer, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        let status = self.0["answer"]["status"].as_u64()?;
        u16::try_from(status).ok()
    }

    /// Whether the application agreed, by all rules of the protocol.
    pub fn is_agreed(&self) -> bool {
        self.0["outcome"] == "agreed"
    }

    /// The fault that was ordered for it, if one was: `twice` or the like.
    pub fn fault(&self) -> Option<&str> {
        self.0["fault"]["kind"].as_str()
    }

    /// What was sent.
    pub fn body(&self) -> &str {
        self.0["body"].as_str().unwrap_or_default()
    }

    /// Why it ended as it did, for people.
    pub fn explanation(&self) -> &str {
        self.0["explanation"].as_str().unwrap_or_default()
    }

    /// All of it, as `docs/admin.md` has it.
    pub const fn json(&self) -> &Value {
        &self.0
    }
}

impl std::fmt::Display for RecordedCallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "call {}: {}", self.id(), self.explanation())
    }
}

/// What most applications ask for.
const TEMPLATE: &str = "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}\
     &mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}&requestId=${reqId}";

/// The id that is before those of all calls.
const BEFORE_ALL: &str = "0000000000000000";

/// Longer than an upload whose application has several addresses, none of which answers.
const LONGEST_UPLOAD: Duration = Duration::from_secs(60);
