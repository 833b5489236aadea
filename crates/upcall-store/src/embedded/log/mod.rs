//! The log: segments of records, in which every commit and every small object becomes durable.
//!
//! `docs/formats/log.md` is the reference.

pub(super) mod record;
pub(super) mod scan;
pub(super) mod segment;
