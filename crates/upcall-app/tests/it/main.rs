//! The application server over real sockets: one request and its whole answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod app;
mod bindings;
mod callbacks;
mod client;
mod connections;
mod examples;
mod forgeries;
mod key_server;
mod keys;
mod log;
mod page;
mod policies;
mod policies_v4;
mod signing;
