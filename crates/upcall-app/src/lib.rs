//! The reference application server: what an application that lets its users upload has to do, and
//! no more.
//!
//! In the order in which one upload meets it: it signs a policy (`GET /policy`, and
//! `GET /get_post_signature_for_oss_upload` with V4), hears of the stored file and proves that the
//! storage server said so (`POST /callback`), keeps what it was told in a table, and shows the table
//! (`GET /uploads`). The upload page is served beside it (`GET /`), and for a demonstration the three
//! classic examples (`GET /examples/…`).
//!
//! It knows the kit, the crate `upcall`, as any other application would, and nothing of the storage
//! server but its address. It knows no users either: whoever asks gets a policy. An application that
//! is meant for more than a demonstration asks who is there before it signs.

mod app;
mod callback;
mod clock;
mod config;
mod examples;
mod http;
mod limits;
mod policy;
mod uploads;

pub use app::{App, StartError};
pub use clock::Clock;
pub use config::{AppConfig, CallbackUrlRule, Examples, HostRule};
pub use limits::Limits;
