//! What the operator sees: one line per request, and figures.

pub(crate) mod metrics;
pub(crate) mod request_line;
