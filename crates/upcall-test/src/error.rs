//! What can go wrong in a test before it has tested anything.

use std::io;
use std::time::Duration;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A server does not answer, or not as HTTP.
    #[error("`{address}` could not be asked: {source}")]
    Exchange {
        /// The address.
        address: String,
        /// What went wrong.
        source: io::Error,
    },
    /// A setting of the environment is missing while others are there.
    #[error("`{0}` is not set; `upcall dev --env-file FILE` writes all that is needed")]
    Missing(&'static str),
    /// No call came in time.
    #[error("no call for `{key}` in bucket `{bucket}` ended within {timeout:?}")]
    NoCall {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The admin interface did not do it.
    #[error("{asked}: the server answered {status}: {message}")]
    Refused {
        /// Method and path.
        asked: String,
        /// Its status.
        status: u16,
        /// Its sentence, or all that it said.
        message: String,
    },
    /// The program did not start.
    #[error(
        "`{program}` did not start ({source}); put `upcall` into the PATH, or name it in `UPCALL`"
    )]
    Start {
        /// What was run.
        program: String,
        /// What went wrong.
        source: io::Error,
    },
    /// A form cannot be signed or written.
    #[error("the upload cannot be made: {0}")]
    Upload(String),
}
