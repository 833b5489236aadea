//! Every bound of the application server, one constant each: unit, reason, and what happens beyond.
//!
//! Those that an operator or a test may want otherwise are fields of [`Limits`].

use std::time::Duration;

/// Bytes of a callback's body. Beyond it: 413.
///
/// 1 MiB: the storage server renders no longer ones.
pub(crate) const CALLBACK_BODY_BYTES: usize = 1024 * 1024;

/// KiB of callback bodies that are held at the same time, all connections together. Beyond it they
/// wait, within [`Limits::body`].
pub(crate) const CALLBACK_BODIES_KIB: usize = 64 * 1024;

/// Bytes of a public key's file. Beyond it: no key.
///
/// 16 KiB: a key of 4,096 bits takes 800 bytes.
pub(crate) const KEY_BYTES: usize = 16 * 1024;

/// Rows in the answer of `GET /uploads`: what a page shows.
pub(crate) const UPLOADS_LISTED: usize = 100;

/// Questions waiting for the table. Beyond it handlers wait.
pub(crate) const TABLE_WAITING: usize = 256;

/// Questions that share one transaction, and so one flush to the disk.
pub(crate) const TABLE_BATCH: usize = 128;

/// Header lines of one request. Beyond it: 431, and the connection closes.
pub(crate) const REQUEST_HEADERS: usize = 100;

/// Bytes of a request's line and headers together. Beyond it: 431, and the connection closes.
pub(crate) const REQUEST_HEAD_BYTES: usize = 32 * 1024;

/// Bytes of hyper's read buffer, of which every connection may have one.
pub(crate) const READ_BUFFER_BYTES: usize = 64 * 1024;

/// What may be set; each field says what happens beyond it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at the same time. Beyond it new ones wait in the kernel's queue.
    pub connections: usize,
    /// Time for a request's head, and the time that a connection may stay unused. Beyond it: closed.
    ///
    /// Longer than the storage server keeps an unused connection, so that the caller closes first
    /// and no callback is written to a connection that is about to go.
    pub request_head: Duration,
    /// Time for a callback's body. Beyond it: 408.
    pub body: Duration,
    /// Time in which a peer must take at least something of an answer. Beyond it: closed.
    pub stalled_write: Duration,
    /// Time for the fetch of a public key. Beyond it: the callback is refused.
    ///
    /// Less than the 5 s that the storage server waits for our answer, so that it gets one.
    pub key_fetch: Duration,
    /// Time that a shutdown waits for running requests. Beyond it their connections are cut.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            request_head: Duration::from_secs(30),
            body: Duration::from_secs(5),
            stalled_write: Duration::from_secs(30),
            key_fetch: Duration::from_secs(4),
            drain: Duration::from_secs(10),
        }
    }
}
