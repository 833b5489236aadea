//! The log: one line per event, on stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::message::Failure;
use crate::config::args::LogFormat;

/// Begins to log. `filter` is a level, or `target=level` pairs with commas between.
///
/// # Errors
/// If the filter cannot be read.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let targets: Targets = filter.parse().map_err(|_| {
        Failure::new(format!("`{}` is not a log filter", filter.escape_debug()))
            .hint("write a level (`error`, `warn`, `info`, `debug`, `trace`) or `upcall_server=debug,info`")
    })?;
    let has_colour = std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal();
    let registry = tracing_subscriber::registry().with(targets);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false);
    // Another subscriber can only have been set by a test.
    let _ = match format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(has_colour)).try_init(),
    };
    Ok(())
}
