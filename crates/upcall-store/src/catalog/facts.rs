//! The catalog's facts, as plain values.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use upcall::name::{AccessKeyId, AccessKeySecret, BucketName, ETag, ObjectKey};

use crate::blobs::{BlobId, BlobPlace};

/// A bucket and its settings.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BucketFacts {
    /// Its name.
    pub name: BucketName,
    /// What anonymous requests may do.
    pub acl: BucketAcl,
    /// Its CORS rules, if it has any.
    pub cors: Option<Cors>,
    /// Who owns it.
    pub owner: String,
    /// Since when it exists; milliseconds are kept.
    pub created: Timestamp,
    /// How its uploads call the application.
    pub callback: CallbackSettings,
    /// What it refuses of forms, whatever their policies leave open.
    pub forms: FormRules,
}

/// What a bucket refuses of forms, whatever their policies leave open. All of it is off by default: OSS
/// does none of it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct FormRules {
    /// A form cannot replace an object.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forbid_overwrite: bool,
    /// A form cannot make its object public.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forbid_acl: bool,
    /// What `success_action_redirect` may begin with; `None` is anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirects: Option<Vec<String>>,
    /// What browsers run is stored as a download.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pages_as_downloads: bool,
}

/// How a bucket's uploads call the application. All of it is off by default: OSS does none of it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct CallbackSettings {
    /// The callback of an upload that brings none, as the base64 text of the field `callback`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Whether an upload is refused that has no callback which policy or bucket fixed.
    pub is_required: bool,
    /// Whether a call that did not arrive is made again, and for how long, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redeliver_seconds: Option<u32>,
    /// Whether an object is visible only when the application has agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// Whether the calls of a gated bucket share connections, as those of other buckets do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep_alive: bool,
    /// Whether an answer of the application may be chunked instead of having a `Content-Length`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub chunked_answers: bool,
    /// Which signatures the bucket accepts, if fewer than the server. It lies beside the settings of
    /// callbacks, and is changed by [`set_bucket_signatures`](super::Catalog::set_bucket_signatures)
    /// alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signatures: Option<BucketSignatures>,
}

/// Which signatures a bucket accepts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BucketSignatures {
    /// V4 alone.
    V4,
}

/// What becomes of a gated upload whose application cannot be asked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// It is refused, and its bytes are given up.
    Refuse,
    /// It stays invisible until the application can be asked.
    Keep,
}

/// What anonymous requests may do with a bucket. Source: OSS, "Bucket ACLs".
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum BucketAcl {
    /// Nothing.
    #[default]
    Private,
    /// Read and list objects.
    PublicRead,
    /// Read, list, write and delete objects.
    PublicReadWrite,
}

impl BucketAcl {
    /// Reads the protocol's name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Private, Self::PublicRead, Self::PublicReadWrite]
            .into_iter()
            .find(|acl| acl.as_str() == text)
    }

    /// The protocol's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::PublicRead => "public-read",
            Self::PublicReadWrite => "public-read-write",
        }
    }
}

/// What anonymous requests may do with an object. Source: OSS, "Object ACLs".
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ObjectAcl {
    /// What the bucket's ACL says.
    #[default]
    Default,
    /// Nothing.
    Private,
    /// Read it.
    PublicRead,
    /// Read and overwrite it.
    PublicReadWrite,
}

impl ObjectAcl {
    /// Reads the protocol's name.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Default,
            Self::Private,
            Self::PublicRead,
            Self::PublicReadWrite,
        ]
        .into_iter()
        .find(|acl| acl.as_str() == text)
    }

    /// The protocol's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Private => "private",
            Self::PublicRead => "public-read",
            Self::PublicReadWrite => "public-read-write",
        }
    }
}

/// A bucket's CORS configuration. Source: OSS, "`PutBucketCors`".
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cors {
    /// The rules, in the order in which they are tried.
    pub rules: Vec<CorsRule>,
    /// Whether every answer says `Vary: Origin`.
    pub response_vary: bool,
}

/// One CORS rule.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CorsRule {
    /// Origins, each with at most one `*`.
    pub allowed_origins: Vec<String>,
    /// Methods, in upper case.
    pub allowed_methods: Vec<String>,
    /// Request headers, in lower case, each with at most one `*`.
    pub allowed_headers: Vec<String>,
    /// Headers of the answer that a page may read.
    pub expose_headers: Vec<String>,
    /// How long a browser may remember the preflight, in seconds.
    pub max_age_seconds: Option<u32>,
}

/// What a reader can see: a row that points at a blob.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObjectFacts {
    /// In which bucket.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// Which blob has its bytes.
    pub blob: BlobId,
    /// Where the engine has put them. Whoever makes an object leaves it at its default.
    pub place: BlobPlace,
    /// How many bytes.
    pub length: u64,
    /// Entity tag, the MD5 of the bytes.
    pub etag: ETag,
    /// CRC-64/XZ of the bytes.
    pub crc64: u64,
    /// Media type.
    pub content_type: String,
    /// Headers that are given back with it.
    pub headers: StoredHeaders,
    /// User metadata, names without `x-oss-meta-`, in lower case.
    pub metadata: Vec<(String, String)>,
    /// What anonymous requests may do.
    pub acl: ObjectAcl,
    /// Storage class, as it was named.
    pub storage_class: String,
    /// When it was made; milliseconds are kept.
    pub modified: Timestamp,
}

/// Headers that were stored with an object and are given back with it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct StoredHeaders {
    /// `Cache-Control`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Expires`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// Whether a commit may replace an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overwrite {
    /// It may.
    Allow,
    /// It may not; the first one stays.
    Forbid,
}

/// Which page of a listing is wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListObjects {
    /// Of which bucket.
    pub bucket: BucketName,
    /// Only keys that begin so.
    pub prefix: String,
    /// Only keys, and common prefixes, after this one.
    pub marker: String,
    /// Keys that have this text behind the prefix are rolled up into one common prefix. Empty text
    /// is none.
    pub delimiter: Option<String>,
    /// How many keys and common prefixes a page has at most; never more than
    /// [`MAX_KEYS`](Self::MAX_KEYS).
    pub max_keys: usize,
}

impl ListObjects {
    /// The largest page. Source: OSS, "`GetBucket` (`ListObjects`)", `max-keys`.
    pub const MAX_KEYS: usize = 1000;
}

/// One page of a listing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ObjectPage {
    /// Objects, by key.
    pub objects: Vec<ObjectFacts>,
    /// Common prefixes, in order, each with its delimiter.
    pub common_prefixes: Vec<String>,
    /// The marker of the next page, if there is more.
    pub next_marker: Option<String>,
}

/// An access key.
pub struct AccessKeyFacts {
    /// Its id.
    pub id: AccessKeyId,
    /// Its secret.
    pub secret: AccessKeySecret,
    /// Since when it exists; milliseconds are kept.
    pub created: Timestamp,
    /// What it is for, in its owner's words.
    pub description: String,
}

impl fmt::Debug for AccessKeyFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeyFacts")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
