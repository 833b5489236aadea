//! What the two programs of this package share: `xtask`, the chores, and `load`, the load generator.

pub mod arguments;
pub mod program;
pub mod tally;
pub mod workspace;
