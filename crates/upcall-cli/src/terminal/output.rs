//! Data, on stdout.

use std::fmt;
use std::io::{self, Write as _};

use serde::Serialize;

/// Prints a line and flushes it: a script may wait for it.
///
/// # Errors
/// If stdout is closed.
pub(crate) fn line(text: impl fmt::Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// If stdout is closed.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    line(serde_json::to_string(value)?)
}
