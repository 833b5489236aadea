//! Speaking to the person at the terminal: data on stdout, everything else on stderr.

pub(crate) mod log;
pub(crate) mod message;
pub(crate) mod output;
pub(crate) mod qr;
pub(crate) mod table;
