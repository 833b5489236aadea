//! One error: a sentence without a full stop, and below it what to do.

use std::error::Error;
use std::fmt;
use std::io::Write as _;

/// What a command could not do.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    /// A sentence, without a cause.
    pub(crate) fn new(sentence: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self {
            error: anyhow::Error::msg(sentence),
            hint: None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            hint: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

/// Prints a failure to stderr. If that is closed there is nobody to tell.
pub(crate) fn print(failure: &Failure) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "error: {failure}");
    if let Some(hint) = &failure.hint {
        let _ = writeln!(stderr, "\nhint: {hint}");
    }
}

/// A line for the person, on stderr.
pub(crate) fn note(line: impl fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
