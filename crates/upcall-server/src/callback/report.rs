//! What an onlooker is told about a call: the terminal of `dev`, later the console.

use std::time::Duration;

use super::vouching::KeyClass;

/// One callback that was made, over all of its URLs.
#[derive(Clone, Debug)]
pub struct CallbackReport {
    /// The request that it belongs to.
    pub request_id: String,
    /// The bucket of the object.
    pub bucket: String,
    /// The key of the object.
    pub key: String,
    /// The URL that was called last, as it was given.
    pub url: String,
    /// How it ended, in words: `200`, or the message that the uploader got.
    pub outcome: String,
    /// Whether the application agreed.
    pub is_success: bool,
    /// From the first connection to the last byte.
    pub took: Duration,
    /// The kind of key that signed it.
    pub signed_with: KeyClass,
    /// Which fault was ordered for it, if one was.
    pub fault: Option<&'static str>,
}
