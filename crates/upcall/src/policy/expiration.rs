//! The instant at which a policy ends, as policies write it.
//!
//! In: the text of the member `expiration`. Out: the instant, or the one fault there is.
//!
//! One spelling of the date and of the time, in UTC, and a fraction of 1 to 9 digits or none: Go drops
//! the fraction's last zeros, and Dart, Java and Python write microseconds. Offsets, blanks, commas
//! and every other form of ISO 8601 are refused, as OSS documents no other.
//!
//! Source: OSS, "Appendix: Post Policy"; the fractions are what the clients of other services send.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::error::SyntaxFault;

/// Reads the text of `expiration`; it is not empty.
///
/// An instant beyond [`Timestamp::MAX`] (9999-12-30T22:00Z, 26 hours before the year ends) is that one:
/// a policy of the last day of the year 9999 is one without an end, and neither comes.
pub(super) fn parse(text: &str) -> Result<Timestamp, SyntaxFault> {
    let civil = civil(text).ok_or(SyntaxFault::ExpirationFormat)?;
    Ok(TimeZone::UTC.to_timestamp(civil).unwrap_or(Timestamp::MAX))
}

/// The date and the time, of the years 0000 to 9999.
fn civil(text: &str) -> Option<DateTime> {
    let text = text.strip_suffix('Z')?;
    let (seconds, fraction) = match text.split_once('.') {
        Some((seconds, fraction)) => (seconds, Some(fraction)),
        None => (text, None),
    };
    // A sign would be a year beyond the four digits.
    if !seconds.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let civil = DateTime::strptime(SECONDS, seconds).ok()?;
    // The reader is generous (one-digit months, leap seconds); the writer is not.
    if civil.strftime(SECONDS).to_string() != seconds {
        return None;
    }
    let nanoseconds = fraction.map_or(Some(0), nanoseconds)?;
    civil.with().subsec_nanosecond(nanoseconds).build().ok()
}

fn nanoseconds(digits: &str) -> Option<i32> {
    let is_fraction =
        (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_fraction {
        return None;
    }
    format!("{digits:0<MAX_DIGITS$}").parse().ok()
}

const SECONDS: &str = "%Y-%m-%dT%H:%M:%S";

/// Digits of a fraction: nanoseconds, the finest that any client writes.
const MAX_DIGITS: usize = 9;
