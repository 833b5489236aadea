//! Words that cannot be wrong: bucket, key, access key, `ETag`.
//!
//! Text comes in once, at the border, through `parse`; afterwards the value is right by
//! construction. Source: OSS, "Bucket naming conventions", "Object naming conventions".

mod access_key;
mod bucket;
mod etag;
mod key;

pub use access_key::{AccessKeyId, AccessKeySecret, InvalidAccessKeyId};
pub use bucket::{BucketName, InvalidBucketName};
pub use etag::{ETag, InvalidETag};
pub use key::{InvalidObjectKey, ObjectKey};
