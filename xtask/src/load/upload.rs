//! Requests as clients send them: forms with a signed policy, and requests with a signed URL.

use std::net::SocketAddr;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use upcall::callback::CallbackParameter;
use upcall::form::{Boundary, FileHead, FormFrame, FormWriter};
use upcall::name::{AccessKeyId, AccessKeySecret};
use upcall::policy::PolicyBuilder;
use upcall::signature::{SignedRequest, v1};
use xtask::program::{ACCESS_KEY_ID, ACCESS_KEY_SECRET};

use crate::storage::BUCKET;

/// Signs, as an application server does, for one storage server.
#[derive(Debug)]
pub(crate) struct Signer {
    storage: SocketAddr,
    bucket: &'static str,
    id: AccessKeyId,
    secret: AccessKeySecret,
    expires: Timestamp,
    policy: String,
    signature: String,
    callback: Option<String>,
}

impl Signer {
    /// Signs for `storage`, for some hours; with an address for callbacks, uploads by form ask for
    /// one.
    pub(crate) fn new(storage: SocketAddr, callback: Option<SocketAddr>) -> Result<Self> {
        Self::for_bucket(BUCKET, storage, callback)
    }

    /// The same for another bucket.
    pub(crate) fn for_bucket(
        bucket: &'static str,
        storage: SocketAddr,
        callback: Option<SocketAddr>,
    ) -> Result<Self> {
        let id = AccessKeyId::parse(ACCESS_KEY_ID)?;
        let secret = AccessKeySecret::new(ACCESS_KEY_SECRET);
        let expires = Timestamp::now().checked_add(SignedDuration::from_hours(24))?;
        let policy = PolicyBuilder::new(expires)
            .bucket(bucket)
            .starts_with("key", "w")
            .content_length_range(0, 5 << 30)
            .build()
            .encode();
        let callback = match callback {
            None => None,
            Some(address) => {
                let url = format!("http://{address}/callback");
                Some(
                    CallbackParameter::builder(&url, CALLBACK_BODY)
                        .build()?
                        .encode(),
                )
            }
        };
        Ok(Self {
            storage,
            bucket,
            signature: v1::sign_policy(&secret, &policy),
            id,
            secret,
            expires,
            policy,
            callback,
        })
    }

    /// The form that uploads to `key`, but for the file.
    pub(crate) fn form(&self, key: &str) -> Result<FormFrame> {
        self.form_with(key, Overwrite::Allow)
    }

    fn form_with(&self, key: &str, overwrite: Overwrite) -> Result<FormFrame> {
        let mut form = FormWriter::new(Boundary::from_random(*b"no file has this"))
            .field("key", key)?
            .field("OSSAccessKeyId", self.id.as_str())?
            .field("policy", &self.policy)?
            .field("Signature", &self.signature)?;
        if let Some(callback) = &self.callback {
            form = form.field("callback", callback)?;
        }
        if overwrite == Overwrite::Forbid {
            form = form.field(FORBID_OVERWRITE, "true")?;
        }
        Ok(form.file(&FileHead {
            filename: Some("photo.bin".into()),
            is_filename_unreadable: false,
            content_type: Some("application/octet-stream".into()),
        })?)
    }

    /// The head of the request that carries the form with a file of so many bytes.
    pub(crate) fn form_request(&self, form: &FormFrame, file_bytes: u64) -> String {
        format!(
            "POST /{}/ HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            self.bucket,
            self.storage,
            form.content_type(),
            form.content_length(file_bytes)
        )
    }

    /// A whole upload by form, for a file that fits into memory.
    pub(crate) fn upload(&self, key: &str, file: &[u8]) -> Result<Vec<u8>> {
        self.upload_with(key, file, Overwrite::Allow)
    }

    /// As [`upload`](Self::upload); it may be forbidden to replace anything.
    pub(crate) fn upload_with(
        &self,
        key: &str,
        file: &[u8],
        overwrite: Overwrite,
    ) -> Result<Vec<u8>> {
        let form = self.form_with(key, overwrite)?;
        let head = self.form_request(&form, file.len() as u64);
        Ok([head.as_bytes(), form.head(), file, form.tail()].concat())
    }

    /// A request with a signed URL.
    pub(crate) fn presigned(&self, request: &Presigned<'_>) -> Vec<u8> {
        self.presigned_with(request, Overwrite::Allow)
    }

    /// As [`presigned`](Self::presigned); it may be forbidden to replace anything.
    pub(crate) fn presigned_with(&self, request: &Presigned<'_>, overwrite: Overwrite) -> Vec<u8> {
        let headers = match overwrite {
            Overwrite::Allow => Vec::new(),
            Overwrite::Forbid => vec![(FORBID_OVERWRITE.to_owned(), "true".to_owned())],
        };
        let query = v1::presign(
            &self.id,
            &self.secret,
            &SignedRequest {
                method: request.method,
                bucket: Some(self.bucket),
                key: request.key,
                query: request.query,
                headers: &headers,
            },
            self.expires,
        )
        .expect("no key of a load holds a `?`");
        let mut lines = String::new();
        for (name, value) in &headers {
            lines = lines + name + ": " + value + "\r\n";
        }
        let head = format!(
            "{} /{}/{}?{query} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n{lines}\r\n",
            request.method,
            self.bucket,
            request.key.unwrap_or_default(),
            self.storage,
            request.body.len()
        );
        [head.as_bytes(), request.body].concat()
    }
}

/// What a signed URL is for.
#[derive(Debug)]
pub(crate) struct Presigned<'a> {
    pub(crate) method: &'a str,
    /// The object's key, of letters that need no encoding; nothing addresses the bucket.
    pub(crate) key: Option<&'a str>,
    pub(crate) query: &'a [(String, String)],
    pub(crate) body: &'a [u8],
}

/// Whether an upload may replace an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Overwrite {
    Allow,
    Forbid,
}

/// The one in the official samples, without the image's size: these files are no images.
const CALLBACK_BODY: &str = "filename=${object}&size=${size}&mimeType=${mimeType}";

/// The protocol's name, of a field and of a header alike.
const FORBID_OVERWRITE: &str = "x-oss-forbid-overwrite";
