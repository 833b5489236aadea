//! What was typed: flags, flags with a value, and names.
//!
//! In: the words after the chore's name. Out: each flag once, by name; then the names that are left,
//! and an error for a flag that nobody asked for.

use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// The words of one command line, taken out one by one.
#[derive(Debug)]
pub struct Arguments {
    words: Vec<String>,
}

impl Arguments {
    /// The words after the chore's name.
    pub fn new(words: impl IntoIterator<Item = String>) -> Self {
        Self {
            words: words.into_iter().collect(),
        }
    }

    /// The first word, if it is a name and not a flag.
    pub fn first_name(&self) -> Option<&str> {
        let first = self.words.first()?;
        (!first.starts_with('-')).then_some(first)
    }

    /// Takes the first word, if it is a name and not a flag.
    pub fn take_name(&mut self) -> Option<String> {
        self.first_name()?;
        Some(self.words.remove(0))
    }

    /// Takes `--flag`; was it there?
    pub fn take_flag(&mut self, flag: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != flag);
        self.words.len() < before
    }

    /// Takes `--flag VALUE` or `--flag=VALUE`.
    ///
    /// # Errors
    /// If the flag stands there without a value, or the value is not of the type.
    pub fn take_value<T: FromStr>(&mut self, flag: &str) -> Result<Option<T>> {
        let is_it = |word: &String| word == flag || word.starts_with(&format!("{flag}="));
        let Some(at) = self.words.iter().position(is_it) else {
            return Ok(None);
        };
        let word = self.words.remove(at);
        let value = match word.split_once('=') {
            Some((_, value)) => value.to_owned(),
            None if at < self.words.len() => self.words.remove(at),
            None => bail!("`{flag}` has no value"),
        };
        let parsed = value.parse().ok();
        parsed
            .map(Some)
            .with_context(|| format!("`{value}` is no value for `{flag}`"))
    }

    /// What is left, as it was typed, for another program to make sense of.
    pub fn into_words(self) -> Vec<String> {
        self.words
    }

    /// What is left: names.
    ///
    /// # Errors
    /// If a flag is left.
    pub fn into_names(self) -> Result<Vec<String>> {
        if let Some(flag) = self.words.iter().find(|word| word.starts_with('-')) {
            bail!("nobody here knows the flag `{flag}`");
        }
        Ok(self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments::new(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn flags_stand_anywhere_and_names_keep_their_order() {
        let mut typed = arguments("web --kills 200 --long rust --seed=7");
        assert!(typed.take_flag("--long"));
        assert!(!typed.take_flag("--long"));
        assert_eq!(typed.take_value::<u64>("--kills").unwrap(), Some(200));
        assert_eq!(typed.take_value::<u64>("--seed").unwrap(), Some(7));
        assert_eq!(typed.take_value::<u64>("--seconds").unwrap(), None);
        assert_eq!(typed.into_names().unwrap(), ["web", "rust"]);
    }

    #[test]
    fn a_flag_too_many_and_a_value_too_few_are_errors() {
        assert!(arguments("rust --fast").into_names().is_err());
        assert!(arguments("--seed").take_value::<u64>("--seed").is_err());
        assert!(arguments("--seed x").take_value::<u64>("--seed").is_err());
        assert_eq!(arguments("--seed crash").take_name(), None);
        assert_eq!(
            arguments("crash --seed 1").take_name().as_deref(),
            Some("crash")
        );
    }
}
