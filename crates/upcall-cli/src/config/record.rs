//! What is kept of the calls that were made: how many, how much of them, how long.

use std::time::Duration;

use super::args::RecordArgs;
use super::resolve::{Names, Setting, default, first, size, wrong};
use super::units::parse_duration;
use crate::terminal::message::Failure;

/// Bounds of the record; with one of them at zero there is none.
#[derive(Clone, Debug)]
pub(crate) struct RecordConfig {
    pub(crate) calls: Setting<usize>,
    pub(crate) bytes: Setting<u64>,
    pub(crate) age: Setting<Duration>,
}

/// What a file says of it.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct RecordSettings {
    pub(crate) calls: Option<String>,
    pub(crate) bytes: Option<String>,
    pub(crate) age: Option<String>,
}

/// # Errors
/// The first value that cannot be read, with where it came from.
pub(super) fn resolve(
    args: &RecordArgs,
    file: RecordSettings,
    environment: &impl Fn(&str) -> Option<String>,
) -> Result<RecordConfig, Failure> {
    let said = |names: &Names, typed: &Option<String>, written, otherwise: &str| {
        let said = first(names, typed.clone(), environment(names.variable), written);
        said.unwrap_or_else(|| default(otherwise.to_owned()))
    };
    let calls = said(&CALLS, &args.calls, file.calls, "1000");
    let bytes = said(&BYTES, &args.bytes, file.bytes, "64MiB");
    let age = said(&AGE, &args.age, file.age, "1d");
    Ok(RecordConfig {
        calls: match calls.value.parse() {
            Ok(number) => calls.map(|_| number),
            Err(_) => return Err(wrong(&calls, "a number").hint("write a number such as `1000`")),
        },
        bytes: size(bytes)?,
        age: match parse_age(&age.value) {
            Ok(time) => age.map(|_| time),
            Err(hint) => return Err(wrong(&age, "a time").hint(hint)),
        },
    })
}

fn parse_age(text: &str) -> Result<Duration, String> {
    match text {
        "0" => Ok(Duration::ZERO),
        _ => parse_duration(text),
    }
}

const CALLS: Names = Names::new("--record-calls", "UPCALL_RECORD_CALLS", "record.calls");
const BYTES: Names = Names::new("--record-bytes", "UPCALL_RECORD_BYTES", "record.bytes");
const AGE: Names = Names::new("--record-age", "UPCALL_RECORD_AGE", "record.age");

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(calls: &str, bytes: &str, age: &str) -> Result<RecordConfig, String> {
        let args = RecordArgs {
            calls: Some(calls.to_owned()),
            bytes: Some(bytes.to_owned()),
            age: Some(age.to_owned()),
        };
        let resolved = resolve(&args, RecordSettings::default(), &|_| None);
        resolved.map_err(|failure| failure.to_string())
    }

    #[test]
    fn each_bound_is_read_and_zero_is_one() {
        let config = resolved("7", "2KiB", "0").unwrap();
        assert_eq!((config.calls.value, config.bytes.value), (7, 2048));
        assert_eq!(config.age.value, Duration::ZERO);
        for (calls, bytes, age, sentence) in [
            ("-1", "0", "0", "`-1` (flag --record-calls) is not a number"),
            (
                "1",
                "much",
                "0",
                "`much` (flag --record-bytes) is not a size",
            ),
            ("1", "1", "day", "`day` (flag --record-age) is not a time"),
        ] {
            assert_eq!(resolved(calls, bytes, age).unwrap_err(), sentence);
        }
    }

    #[test]
    fn a_server_that_is_told_nothing_keeps_what_the_limits_say() {
        let config = resolve(&RecordArgs::default(), RecordSettings::default(), &|_| None).unwrap();
        let limits = upcall_server::Limits::default();
        assert_eq!(config.calls.value, limits.record_calls);
        assert_eq!(config.bytes.value, limits.record_bytes as u64);
        assert_eq!(config.age.value, limits.record_age);
    }
}
