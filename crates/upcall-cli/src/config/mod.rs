//! Settings: what was typed ([`args`]), what was written ([`file`]), what it means ([`resolve`]).

pub(crate) mod access;
pub(crate) mod app_url;
pub(crate) mod args;
pub(crate) mod callback;
pub(crate) mod file;
pub(crate) mod proxies;
pub(crate) mod record;
pub(crate) mod resolve;
pub(crate) mod units;
