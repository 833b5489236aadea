//! The program as a person or a script meets it: real processes, real sockets, folders of their own.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod admin;
mod app;
mod callback;
mod callback_check;
mod callback_guard;
mod callback_keys;
mod callback_send;
mod callback_verify;
mod cors_check;
mod descriptors;
mod dev;
mod disk_faults;
mod disk_full;
mod earlier_data;
mod help;
mod http;
mod logs;
mod memory;
mod mistakes;
mod policy;
mod policy_explain;
mod policy_json;
mod program;
mod serve;
mod stop;
mod store;
mod test_double;
