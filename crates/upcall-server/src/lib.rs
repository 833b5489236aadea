//! upcall's storage server: HTTP in, the upload path, callbacks out.
//!
//! The folders tell the order in which an upload passes: `http` reads who is addressed and what is
//! asked for, `access` who asks, `upload` turns a form into an object and tells the application,
//! `callback` makes the call, `operations` has everything else that the API does. `admin` and
//! `console` are for whoever runs it.

mod access;
mod admin;
pub mod callback;
mod clock;
mod console;
pub mod differences;
mod fault;
mod http;
mod injection;
pub mod limits;
mod memory;
mod network;
mod node;
mod operations;
mod telemetry;
mod upload;

pub use access::SignatureVersions;
pub use admin::{AdminSecret, WeakAdminSecret};
pub use clock::Clock;
pub use console::{ConsoleUrl, InvalidConsoleUrl};
pub use http::listener::BindError;
pub use http::peers::proxies::{ProxyProtocol, TrustedProxies};
pub use injection::FaultInjection;
pub use limits::Limits;
pub use network::{InvalidNetwork, Network};
pub use node::{Node, NodeConfig, StartError};
