//! Calls to an application that nobody's upload made, to see how it takes them: one (`send`), or a genuine
//! one and forged ones, judged by each rule (`check`).

mod bound;
mod call;
mod check;
mod fixture;
mod judge;
mod send;
mod served_key;

pub(super) use check::run as check;
pub(super) use send::run as send;
