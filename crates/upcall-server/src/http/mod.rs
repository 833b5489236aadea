//! HTTP in: sockets, connections, whom a request addresses and what it asks for, answers out.

pub(crate) mod answer;
pub(crate) mod cors;
pub(crate) mod framing;
pub(crate) mod gate;
pub(crate) mod listener;
pub(crate) mod operation;
pub(crate) mod passive;
pub(crate) mod peers;
pub(crate) mod request_id;
mod sandbox;
pub(crate) mod service;
pub(crate) mod target;
mod timer;
pub(crate) mod voucher;
pub(crate) mod warm_file;
