//! The embedded store, as its users have it.

#![expect(
    clippy::unwrap_used,
    reason = "a test's helper fails where it stands, as the test itself does"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests look at what lies on the disk, and spoil it"
)]

mod collector;
mod contract;
mod crash;
mod directory;
mod faults;
mod fixture;
mod flips;
mod held;
mod maintenance;
mod model;
mod places;
mod power;
mod sabotage;
mod seam;
mod store;
