//! Exchanges: one request and its whole answer, against the real server over real sockets.
#![expect(clippy::too_many_lines, reason = "a table of cases reads better whole")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod access;
mod admin;
mod admin_access;
mod application;
mod bad_forms;
mod bounds;
mod callback_load;
mod callback_record;
mod callbacks;
mod chunked_answers;
mod client;
mod console;
mod contents;
mod cors;
mod differences;
mod early_refusals;
mod exactness;
mod fair_callbacks;
mod faults;
mod form;
mod form_rules;
mod framing;
mod gated;
mod guard;
mod kept_connections;
mod large_objects;
mod looking;
mod objects;
mod openapi;
mod outbox;
mod owed;
mod permission;
mod post_object;
mod reserved_names;
mod revoked;
mod revoked_forms;
mod same_name;
mod sandbox;
mod script;
mod server;
mod shares;
mod signed;
mod signer;
mod slow_peers;
mod timers;
mod tokens;
mod trusted_proxies;
mod v1_urls;
mod vanishing;
mod vouching;
mod wild_forms;
mod wrong_answers;
