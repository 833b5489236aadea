//! A storage server with callbacks, for the tests of an application server.
//!
//! [`Upcall::find_or_start`] takes the server that runs (the one whose `upcall dev --env-file` the
//! environment has) or starts one; [`Upcall::bucket`] gives a test a bucket of its own, which goes with
//! it. All tests share one server and do not notice each other: what is uploaded, waited for, ordered to
//! fail or emptied belongs to one bucket.
//!
//! ```no_run
//! use std::time::Duration;
//! use upcall_test::{CallFault, Upcall};
//!
//! # fn main() -> Result<(), upcall_test::Error> {
//! let upcall = Upcall::find_or_start()?;
//! let bucket = upcall.bucket()?;
//! let application = "http://127.0.0.1:3000/callback";
//!
//! // A genuine call, and what the application made of it.
//! bucket.upload("cat.jpg", b"meow", Some(application))?;
//! let call = bucket.wait_for_callback("cat.jpg", None, Duration::from_secs(5))?;
//! assert_eq!(call.status(), Some(200));
//!
//! // A call that nobody must believe.
//! bucket.fault(CallFault::WrongSignature)?;
//! bucket.upload("forged.jpg", b"meow", Some(application))?;
//! let forged = bucket.wait_for_callback("forged.jpg", None, Duration::from_secs(5))?;
//! assert_eq!(forged.status(), Some(400));
//! # Ok(())
//! # }
//! ```
//!
//! Blocking, on plain sockets: it fits into any test, and into an asynchronous one with
//! `spawn_blocking`.

mod bucket;
mod error;
mod fault;
mod http;
mod process;
mod server;

pub use bucket::{Bucket, RecordedCallback, Uploaded};
pub use error::Error;
pub use fault::{CallFault, Fault, Order, UploadFault};
pub use server::Upcall;
