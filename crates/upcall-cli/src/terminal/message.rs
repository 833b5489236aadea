//! One error: a sentence without a full stop, and below it what to do.

use std::error::Error;
use std::fmt;
use std::io::Write as _;

/// What a command could not do.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
    is_answer: bool,
}

impl Failure {
    /// A sentence, without a cause.
    pub(crate) fn new(sentence: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self {
            error: anyhow::Error::msg(sentence),
            hint: None,
            is_answer: false,
        }
    }

    /// It was done, and the answer is no.
    #[must_use]
    pub(crate) fn the_answer_is_no(mut self) -> Self {
        self.is_answer = true;
        self
    }

    /// 1 if the answer is no, 2 if it could not be done.
    pub(crate) const fn exit_code(&self) -> u8 {
        if self.is_answer { 1 } else { 2 }
    }

    #[cfg(test)]
    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
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
            is_answer: false,
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
