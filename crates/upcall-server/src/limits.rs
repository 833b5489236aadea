//! Every bound of the storage server, one constant each: unit, reason, and what happens beyond.
//!
//! Those that an operator or a test may want otherwise are fields of [`Limits`], whose default is
//! the constant.

use std::time::Duration;

use upcall::form::FormLimits;

/// Bytes of a request's line and headers together.
///
/// 32 KiB: `x-oss-callback` and `x-oss-callback-var` have up to 5 KiB each, a presigned URL carries
/// both again. Beyond it: 400, and the connection closes.
pub const REQUEST_HEAD_BYTES: usize = 32 * 1024;

/// Bytes of the XML of a refusal in the header `x-oss-err`, before base64.
///
/// 6 KiB: 8 KiB in base64, within the 16 KiB that Node.js takes of a whole head. Beyond it: what the
/// refusal repeats of the request is left out, and the hint says so.
pub const ERROR_HEADER_BYTES: usize = 6 * 1024;

/// Bytes of `Origin`. Beyond it: the header counts as absent.
///
/// 512: a scheme, a host of 253 and a port; the answer repeats it.
pub const ORIGIN_BYTES: usize = 512;

/// Bytes of the header names in a preflight. Beyond it: 400.
///
/// 4 KiB: far more than any page sends; the answer repeats them.
pub const PREFLIGHT_HEADERS_BYTES: usize = 4 * 1024;

/// Wrong admin secrets from one address before they are answered with 429.
///
/// 5: a person mistypes. One is forgiven every 5 s; the right secret is never made to wait.
pub const WRONG_SECRETS_EACH: u32 = 5;

/// Wrong admin secrets from all addresses together before they are answered with 429.
///
/// 100: twenty persons who mistype. One is forgiven every second.
pub const WRONG_SECRETS: u32 = 100;

/// Addresses whose wrong secrets are counted. Beyond it the oldest is forgotten.
pub const WRONG_SECRET_ADDRESSES: usize = 1024;

/// Time between two lines of the log about wrong admin secrets.
pub const WRONG_SECRET_LOG: Duration = Duration::from_secs(60);

/// Header lines of one request. Beyond it: 400, and the connection closes.
pub const REQUEST_HEADERS: usize = 128;

/// Bytes of hyper's read buffer, and so of one piece of a body, at most: it grows to that with a
/// peer that fills it.
///
/// 128 KiB: at 64 KiB the same bytes cost a fifth more CPU (16 uploads at once); at 256 KiB batches
/// grow by so much that 64 uploads hold more than 100 MiB.
pub const READ_BUFFER_BYTES: usize = 128 * 1024;

/// Bytes of a request that are counted for it from the beginning, as part of
/// [`Limits::request_memory`].
///
/// 64 KiB: hyper's two buffers of 8 KiB, a head of 8 KiB, [`FORM_FREE_BYTES`] twice, the 8 KiB of a
/// form that are kept ([`ADMITTED_FORM_BYTES`]), a batch of [`LEAN_BATCH_BYTES`].
pub const REQUEST_BYTES: usize = 64 * 1024;

/// Bytes of a head, or of a form before its file, that [`REQUEST_BYTES`] includes.
///
/// 8 KiB: nearly every head, and every form that we know but for those with a long policy.
pub const FORM_FREE_BYTES: usize = 8 * 1024;

/// Bytes that a head of more than [`FORM_FREE_BYTES`] is counted with: [`REQUEST_HEAD_BYTES`], once
/// until it is whole, and once in hyper's buffer, which doubles.
pub const LONG_HEAD_BYTES: usize = 3 * REQUEST_HEAD_BYTES;

/// Bytes that are read at a time before a signature was judged, one less than hyper's first buffer,
/// which grows only if it was filled.
pub const NARROW_READ_BYTES: u64 = 8 * 1024 - 1;

/// Bytes of a batch of an upload for which nothing more is counted than [`REQUEST_BYTES`]: a short
/// one, or one that found no more memory.
pub const LEAN_BATCH_BYTES: usize = 16 * 1024;

/// Bytes of the batches that fill, of all uploads together; a batch is an upload's share of them.
///
/// 8 MiB: one upload, or a few, get batches of [`MOST_BATCH_BYTES`] and reach the speed of the
/// hash; 64 get 128 KiB each.
pub const ALL_BATCHES_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of one batch at most, handed to the hasher and to the disk at the same time.
///
/// 1 MiB: more than a millisecond of MD5, beside which the way to another thread is short. Per
/// upload one batch fills, one is with the disk and the hasher, and one more with the hasher, each
/// up to one read buffer longer: an upload that comes as fast as it is hashed holds 3.5 MiB at most
/// when it is one of few, 0.9 MiB when it is one of 64, and one that comes slower little more than
/// the batch that fills.
pub const MOST_BATCH_BYTES: usize = 1024 * 1024;

/// Bytes of one batch at least, however many uploads there are.
///
/// 128 KiB: a smaller one costs more calls than it saves memory.
pub const LEAST_BATCH_BYTES: usize = 128 * 1024;

/// Threads that hash, if there are as many cores.
///
/// 4: in the lanes of its vectors one does 4 to 8 GB/s, more than a network card brings.
pub const HASHER_THREADS: usize = 4;

/// The end of a file, or a whole one, that is hashed where it is.
///
/// 16 KiB: 20 µs of MD5. Handing it to another thread and back costs as much.
pub const HASH_INLINE_BYTES: usize = 16 * 1024;

/// Bytes of one file, and of one form. Source: OSS, "PostObject" and "PutObject" (5 GB).
pub const FILE_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// Bytes of an XML document in a request. Source: OSS, "PutBucketCors" (16 KB), the largest of
/// those that are served.
pub const XML_BYTES: usize = 16 * 1024;

/// Bytes of user metadata of one object, names and values. Source: OSS, "PutObject" (8 KB).
pub const METADATA_BYTES: usize = 8 * 1024;

/// Keys on one page of a listing. Source: OSS, "GetBucket (ListObjects)".
pub const LIST_PAGE_KEYS: usize = 1000;

/// CORS rules of one bucket. Source: OSS, "PutBucketCors".
pub const CORS_RULES: usize = 10;

/// Buckets of one server. Source: OSS, "Limits" (100 per account and region).
pub const BUCKETS: usize = 100;

/// Bytes of a callback's answer. Source: OSS, "Callback", step 5 (1 MB).
pub const CALLBACK_ANSWER_BYTES: usize = 1024 * 1024;

/// How long an uploader can ask again for the answer of its callback.
///
/// 15 minutes: a phone that has lost its network, or a page that was loaded again, asks within that.
pub const ANSWER_KEPT: Duration = Duration::from_secs(15 * 60);

/// Bytes of answers that are remembered by the upload's request id. Beyond it: the oldest are forgotten.
pub const ANSWERS_BYTES: usize = 16 * 1024 * 1024;

/// Uploads that wait for another one with their idempotency key, for one key.
///
/// 4: a client sends again what it believes lost, once or twice. Beyond it: 503 with `Retry-After`.
pub const NAMED_WAITING_EACH: usize = 4;

/// Uploads that wait for another one with their idempotency key, all together.
///
/// 1024: as many as come again at once after a network was gone; each holds a connection and up to some
/// 64 KiB of fields. Beyond it: 503 with `Retry-After`.
pub const NAMED_WAITING: usize = 1024;

/// Bytes of the heads of a callback's answer, interim ones (status 100 to 199) included. Beyond it:
/// the call has failed.
///
/// 32 KiB: twice what Node.js and the usual proxies let through.
pub const CALLBACK_HEAD_BYTES: usize = 32 * 1024;

/// Time that an unused connection to an application is kept.
///
/// 1.5 s: under the 2 s after which Gunicorn closes its own, and the 5 s of Node.js, Uvicorn and
/// Apache; a connection that closes while we write to it leaves open whether the call arrived.
pub const CALLBACK_REST: Duration = Duration::from_millis(1500);

/// Unused connections that are kept for one bucket to one application. Beyond it they are closed.
///
/// 256: as many as a busy application needs between two calls; a bit of memory at its end, too.
pub const CALLBACK_RESTING_EACH: usize = 256;

/// Unused connections that are kept in all. Beyond it they are closed.
///
/// 1,024: an eighth of the descriptors that are kept for callbacks and files.
pub const CALLBACK_RESTING: usize = 1024;

/// One part in so many of all places for callbacks is kept for calls that a bucket, a policy or a
/// signature fixed. Beyond it: a call that its uploader made up waits, or there is no place for it.
///
/// 4: whatever uploaders make up, an application with a gate has 4,096 places, 1,024 of them for calls
/// under way; where nothing is fixed, 12,288 are as many as before for all but a server that is full.
pub const CALLBACK_PLACES_KEPT: usize = 4;

/// A bucket, an access key, a peer and an address each may have so many times as many callbacks as there
/// are free places. Beyond it: its next one waits, or there is no place for it.
///
/// 4: four fifths of all at most, so four applications of a bucket may stall and the fifth is called,
/// while there are always 600 places under way for another bucket.
pub const CALLBACK_SHARE_TIMES: usize = 4;

/// How many times as long as what its upload sent for it a callback's body may be: the template, the
/// variables, the object's key and type. Beyond it: the call is not made.
///
/// 8: a byte becomes three when it is percent-encoded, six as `\u0000` in JSON, and a template may name
/// a variable twice. An uploader that names one 600 times would have half a megabyte sent for 5 KB.
pub const CALLBACK_BODY_TIMES: usize = 8;

/// Bytes of a callback's body that are always allowed.
///
/// 4 KiB: what a short template makes of the object's facts, which the uploader has not sent.
pub const CALLBACK_BODY_FREE_BYTES: usize = 4 * 1024;

/// Bytes of an answer's body that the record of a callback keeps; how long it was is kept, too.
///
/// 64 KiB: an application's page for an error with all of its stack.
pub const RECORDED_BODY_BYTES: usize = 64 * 1024;

/// Calls on one page of the record.
pub const RECORD_PAGE_CALLS: usize = 1000;

/// Time that somebody may wait for the next callback to be recorded.
///
/// 60 s: what proxies let a request wait.
pub const RECORD_WAIT: Duration = Duration::from_secs(60);

/// Host names of callbacks that the system is asked about at the same time. Beyond it: the next one
/// waits, within [`LOOKUP`].
///
/// 64: a look-up keeps a thread for as long as a name server likes to take, and the disk needs the
/// same threads (512).
pub const LOOKUPS: usize = 64;

/// Time for one look-up of a host name. Beyond it: the name counts as one that does not resolve.
pub const LOOKUP: Duration = Duration::from_secs(5);

/// Bytes of a form's fields that are kept after its upload was admitted, in case it is refused all the
/// same. Beyond it: a refusal is shown without them.
///
/// 8 KiB: a signed policy and a callback have 2; ten thousand slow uploads would hold 80 MiB.
pub const ADMITTED_FORM_BYTES: usize = 8 * 1024;

/// Pieces of one batch, whatever they hold: a body may come byte by byte, and each piece costs 32
/// bytes beside its own. Beyond it the batch goes to the disk as it is.
pub const WRITE_BATCH_PIECES: usize = 1024;

/// What may be set; each field says what happens beyond it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at the same time. One peer (an IPv4 address, an IPv6 /64) has as many as are still
    /// free, so half of them at most. Beyond either, the connection that has waited for a request for
    /// longest closes in favour of the new one; if each has a request under way, a peer at its share
    /// gets 503, and another one's connection waits.
    pub connections: usize,
    /// Time from a request's first byte to the end of its headers. Beyond it: closed.
    pub request_head: Duration,
    /// Time from an answer, or from the beginning, to a request's first byte. Beyond it: closed.
    pub idle: Duration,
    /// Time in which [`Self::least_progress_bytes`] must come or go while we wait for the peer.
    pub progress_window: Duration,
    /// Bytes that a peer must move in each window. Beyond it: closed.
    pub least_progress_bytes: u64,
    /// Time that a whole request, or a whole answer, may keep us waiting, if its length at
    /// [`Self::request_rate`] does not allow for more. Beyond it: closed. Time in which the
    /// application is called does not count.
    pub request: Duration,
    /// Bytes in a second that a whole request moves at least: those that it announces, or those that
    /// have come, if it is sent in chunks. Answers: those that were sent.
    pub request_rate: u64,
    /// Bytes that are read and thrown away after an answer, so that a peer that is still sending
    /// gets to see it.
    pub linger_bytes: u64,
    /// Time that is spent on that.
    pub linger: Duration,
    /// Time for one call to all of its callback URLs, from resolving to the last byte of the answer.
    /// Source: OSS, "Callback" (5 s).
    pub callback: Duration,
    /// Callbacks at the same time, those that wait for a turn included. One application has as many
    /// as are still free, so half of them at most; a bucket, access key or peer
    /// [`CALLBACK_SHARE_TIMES`] as many. Beyond it: 203 `Too many callback requests.`
    pub callbacks: usize,
    /// Callbacks under way at the same time: each has a connection. Of these, too, one application
    /// has as many as are still free. Beyond it: they wait.
    pub callbacks_under_way: usize,
    /// Callbacks under way at the same time to one application. Beyond it: they wait.
    pub callbacks_under_way_each: usize,
    /// Callbacks that wait for one application. Beyond it: 203 `Too many callback requests.`
    pub callbacks_waiting_each: usize,
    /// Time that a callback waits for its turn, which counts as part of [`Self::callback`]. Beyond
    /// it: 203 `Too many callback requests.`
    pub callback_wait: Duration,
    /// Bytes of requests that are sent at once to an address at which no host has agreed to a callback
    /// since the start. Beyond it, and [`Self::callback_unproven_rate`]: 203 `Too many callback
    /// requests.`, but for calls that a bucket, a policy or a signature fixed.
    pub callback_unproven_bytes: u64,
    /// Bytes of such requests in a second.
    pub callback_unproven_rate: u64,
    /// Callbacks whose record is kept. Beyond it the oldest goes; 0 records none.
    pub record_calls: usize,
    /// Bytes of all records together. Beyond it the oldest go; 0 records none.
    pub record_bytes: usize,
    /// Age of a record. Beyond it: it is not shown, and goes; 0 records none.
    pub record_age: Duration,
    /// Time that an upload waits for another one with its idempotency key, and not longer however often
    /// another takes that one's place. Beyond it: 503 with `Retry-After`, and nothing was stored.
    pub named_wait: Duration,
    /// Bytes of all requests together that are under way: buffers, heads, forms before their file, and
    /// batches of files. One peer has as much as is still free, so half of it at most. Beyond it: 503
    /// with `Retry-After`; a file that has begun goes on in small batches.
    pub request_memory: usize,
    /// Refused uploads that are kept. Beyond it the oldest goes; 0 keeps none.
    pub refused_uploads: usize,
    /// Bytes of all of them together. Beyond it the oldest go; a form of more than a quarter of it is
    /// not kept.
    pub refused_bytes: usize,
    /// Time that a shutdown waits for running requests. Beyond it their connections are cut.
    pub drain: Duration,
    /// Bounds of a form's head.
    pub form: FormLimits,
}

/// Connections to the admin interface. Beyond it they are shared as those to storage are.
///
/// 256: some people with the console open, and commands; descriptors are kept for the uploads.
pub const ADMIN_CONNECTIONS: usize = 256;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            request_head: Duration::from_secs(20),
            idle: Duration::from_secs(75),
            progress_window: Duration::from_secs(30),
            least_progress_bytes: 8 * 1024,
            // A photo or a short film of 56 MiB, at the rate below; more at the same rate.
            request: Duration::from_secs(60 * 60),
            // 131 kbit/s: a phone with one bar. 273 bytes a second would be progress for ever.
            request_rate: 16 * 1024,
            linger_bytes: 32 * 1024 * 1024,
            linger: Duration::from_secs(5),
            callback: Duration::from_secs(5),
            // Of 10,000 connections 6,144 may be waiting for one application that stalls, 8,192 if what
            // they wait for was fixed.
            callbacks: 16_384,
            // A descriptor each, of the 8,192 that are kept for callbacks and files.
            callbacks_under_way: 4096,
            // What an application that thinks for a second needs at a thousand uploads a second.
            callbacks_under_way_each: 1024,
            callbacks_waiting_each: 8192,
            // Half of the time: whoever gets a turn has as much for the call itself.
            callback_wait: Duration::from_millis(2500),
            // Some 3,000 calls: an application that is being written fails less often.
            callback_unproven_bytes: 4 * 1024 * 1024,
            // Some 50 calls a second, and nothing that a host that never asked for them would notice.
            callback_unproven_rate: 64 * 1024,
            record_calls: 1000,
            record_bytes: 64 * 1024 * 1024,
            record_age: Duration::from_secs(24 * 60 * 60),
            // The call of the other takes five at most; if its file is still coming, later is soon enough.
            named_wait: Duration::from_secs(10),
            // What a machine or a container of 1 GiB has for it: a quarter.
            request_memory: 256 * 1024 * 1024,
            refused_uploads: 200,
            refused_bytes: 4 * 1024 * 1024,
            drain: Duration::from_secs(60),
            form: FormLimits::default(),
        }
    }
}

/// Addresses that a bucket lets forms redirect to. Beyond it: 400 of the admin interface.
///
/// 32: an application has a few, and each upload is compared with all.
pub const FORM_REDIRECTS: usize = 32;

/// Bytes of one of them. Beyond it: 400 of the admin interface.
pub const FORM_REDIRECT_BYTES: usize = 1024;
