//! Direct uploads from browser to storage, the protocol's own code: forms, upload policies,
//! signatures, callbacks, CORS rules and wire errors.
//!
//! Everything in here is pure: bytes and values in, values and bytes out. No sockets, no files, and
//! no clock of its own; where time matters it is a parameter. The storage server is built on it, and
//! an application server needs nothing else to sign policies and to verify callbacks. With axum, the
//! module `axum` (behind the feature of that name) saves it the wiring.
//!
//! The modules stand in the order in which an upload passes them.

// What comes from outside must not end a program: no panic on purpose, and none for a place that is
// not there.
#![warn(clippy::expect_used, clippy::unwrap_used)]
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable
    )
)]

#[cfg(feature = "axum")]
pub mod axum;
pub mod callback;
pub mod cors;
pub mod error;
pub mod form;
pub mod name;
pub mod policy;
pub mod signature;

/// The examples of the crate's front page.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
