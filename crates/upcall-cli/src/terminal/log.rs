//! The log: one line per event, on stderr.

use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::message::Failure;
use crate::config::args::LogFormat;

/// Begins to log, panics among the rest. `filter` is a level, or `target=level` pairs with commas between.
///
/// # Errors
/// If the filter cannot be read.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let targets: Targets = filter.parse().map_err(|_| {
        Failure::new(format!("`{}` is not a log filter", filter.escape_debug()))
            .hint("write a level (`error`, `warn`, `info`, `debug`, `trace`) or `upcall_server=debug,info`")
    })?;
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let has_colour = !is_plain && std::io::stderr().is_terminal();
    let registry = tracing_subscriber::registry().with(targets);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false);
    // Another subscriber can only have been set by a test.
    let _ = match format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(has_colour)).try_init(),
    };
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A broken invariant is one line of the log, like everything else; the process lives on.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message");
    let place = panic.location().map(ToString::to_string);
    let thread = std::thread::current();
    tracing::error!(
        message = %format_args!("panic: {}", message.escape_debug()),
        place = place.as_deref().unwrap_or("unknown"),
        thread = thread.name().unwrap_or("unnamed"),
    );
}
