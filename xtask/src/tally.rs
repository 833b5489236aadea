//! How many tests passed and failed, read from what test runners print.

use std::fmt;
use std::ops::AddAssign;

/// So many passed, so many failed. Prints as the line that ends a run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
}

impl Tally {
    /// Adds up the summaries in `log`: those of `cargo test`, nextest, vitest, Node's runner, pytest,
    /// and our own closing line.
    pub fn read(log: &str) -> Self {
        let mut sum = Self::default();
        for line in log.lines() {
            let line = plain(line);
            let words: Vec<_> = line
                .split(|c: char| {
                    c.is_whitespace() || matches!(c, ',' | ';' | '=' | '|' | ':' | '.')
                })
                .filter(|word| !word.is_empty())
                .collect();
            if is_summary(&words) {
                sum += Self {
                    passed: number_beside(&words, "passed", "pass"),
                    failed: number_beside(&words, "failed", "fail"),
                };
            }
        }
        sum
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Is this the one line with which a runner sums up, rather than a line about one test?
fn is_summary(words: &[&str]) -> bool {
    match words {
        // cargo test; nextest.
        ["test", "result", ..] | ["Summary", ..] => true,
        // vitest (not its line about files); Node's runner; pytest and our own line.
        ["Tests", number, ..]
        | ["#" | "ℹ", "pass" | "fail", number]
        | [number, "passed" | "failed", ..] => is_number(number),
        _ => false,
    }
}

/// `12 passed`, or `pass 12`.
fn number_beside(words: &[&str], after: &str, before: &str) -> u64 {
    let pairs = words.windows(2);
    pairs
        .filter_map(|pair| match pair {
            [number, word] if *word == after => number.parse::<u64>().ok(),
            [word, number] if *word == before => number.parse::<u64>().ok(),
            _ => None,
        })
        .sum()
}

fn is_number(word: &str) -> bool {
    word.parse::<u64>().is_ok()
}

/// The line without colours, which some runners print to files as well.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            rest.find(char::is_ascii_alphabetic);
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summaries_of_all_runners_are_read() {
        for (log, passed, failed) in [
            (
                "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured",
                12,
                0,
            ),
            (
                "     Summary [   3.101s] 62 tests run: 61 passed (2 slow), 1 failed, 0 skipped",
                61,
                1,
            ),
            (
                "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m40 passed\u{1b}[39m (40)",
                40,
                0,
            ),
            (
                "      Tests  1 failed | 39 passed (40)\n Test Files  3 passed (3)",
                39,
                1,
            ),
            ("ℹ tests 9\nℹ pass 8\nℹ fail 1\nℹ cancelled 0", 8, 1),
            ("# tests 9\n# pass 9\n# fail 0", 9, 0),
            ("===== 2 failed, 7 passed, 1 warning in 3.20s =====", 7, 2),
            ("9 passed in 3.20s", 9, 0),
            ("25 passed, 0 failed", 25, 0),
            (
                "test form::a_form_that_passed ... ok\nall 3 passed through",
                0,
                0,
            ),
        ] {
            assert_eq!(Tally::read(log), Tally { passed, failed }, "{log}");
        }
    }
}
