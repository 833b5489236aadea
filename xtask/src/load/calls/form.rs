//! Uploads by form with a pinned callback, into any of the buckets.

use std::net::SocketAddr;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use upcall::callback::CallbackParameter;
use upcall::form::{Boundary, FileHead, FormWriter};
use upcall::name::AccessKeySecret;
use upcall::policy::PolicyBuilder;
use upcall::signature::v1;
use xtask::program::{ACCESS_KEY_ID, ACCESS_KEY_SECRET};

use super::Bucket;

/// Signs, as an application server does.
#[derive(Debug)]
pub(super) struct Forms {
    pub(super) storage: SocketAddr,
    policy: String,
    signature: String,
    callback: String,
}

impl Forms {
    pub(super) fn new(storage: SocketAddr, application: SocketAddr) -> Result<Self> {
        let url = format!("http://{application}/decide");
        let body = "bucket=${bucket}&object=${object}&id=${reqId}";
        let callback = CallbackParameter::builder(&url, body).build()?.encode();
        let expires = Timestamp::now().checked_add(SignedDuration::from_hours(24))?;
        let policy = PolicyBuilder::new(expires)
            .starts_with("key", "u")
            .equals("callback", &callback)
            .content_length_range(0, 16 << 20)
            .build()
            .encode();
        let secret = AccessKeySecret::new(ACCESS_KEY_SECRET);
        Ok(Self {
            storage,
            signature: v1::sign_policy(&secret, &policy),
            policy,
            callback,
        })
    }

    /// A whole request.
    pub(super) fn upload(
        &self,
        bucket: Bucket,
        key: &str,
        name: Option<&str>,
        forbids_overwrite: bool,
        file: &[u8],
    ) -> Result<Vec<u8>> {
        let mut form = FormWriter::new(Boundary::from_random(*b"no file has this"))
            .field("key", key)?
            .field("OSSAccessKeyId", ACCESS_KEY_ID)?
            .field("policy", &self.policy)?
            .field("Signature", &self.signature)?
            .field("callback", &self.callback)?;
        if let Some(name) = name {
            form = form.field("idempotency-key", name)?;
        }
        if forbids_overwrite {
            form = form.field("x-oss-forbid-overwrite", "true")?;
        }
        let form = form.file(&FileHead {
            filename: Some("file.bin".into()),
            is_filename_unreadable: false,
            content_type: Some("application/octet-stream".into()),
        })?;
        let head = format!(
            "POST /{}/ HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
            bucket.name(),
            self.storage,
            form.content_type(),
            form.content_length(file.len() as u64)
        );
        Ok([head.as_bytes(), form.head(), file, form.tail()].concat())
    }
}
