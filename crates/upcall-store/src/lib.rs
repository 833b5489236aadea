//! Where upcall keeps bytes and facts: two ports and their engines.
//!
//! [`catalog`] is for small facts with transactions, [`blobs`] for large immutable bytes. The
//! embedded engine, [`EmbeddedStore`], implements both in one data directory of one process.
//! `contract`, behind the feature of that name, is the suite that every engine passes.

pub mod blobs;
pub mod catalog;
#[cfg(feature = "contract")]
pub mod contract;
pub mod disk;
mod embedded;
pub mod maintenance;

use std::future::Future;
use std::pin::Pin;

#[doc(hidden)]
pub use embedded::Sabotage;
pub use embedded::{EmbeddedStore, OpenError, Rebuilt, StoreOptions, restore, restore_on};

/// What the methods of a port return: they are called through `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An error with everything that caused it, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
