//! HTTP in: connections, routes, the page, and the form in which a refusal is answered.

mod listener;
mod page;
mod refusal;
mod routes;
mod write_limit;

pub(crate) use listener::serve;
pub(crate) use page::refuse_host;
pub(crate) use refusal::refuse;
pub(crate) use routes::{AppState, POLICY, POLICY_V4, UPLOADS, routes};
