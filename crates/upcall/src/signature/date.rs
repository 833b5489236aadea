//! Dates of the wire: each has one spelling, and every other one is refused.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How far a client's clock may be off, either way.
pub(crate) const MAX_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// `Wed, 28 Dec 2022 10:27:41 GMT`, with a two-digit day (RFC 1123).
pub(crate) const HTTP: &str = "%a, %d %b %Y %H:%M:%S GMT";
/// `20221228T102741Z`.
pub(crate) const BASIC: &str = "%Y%m%dT%H%M%SZ";
/// `20221228`.
pub(crate) const DAY: &str = "%Y%m%d";
/// `2022-12-28T10:27:41.000Z`.
pub(crate) const ISO_MILLISECONDS: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// Reads a date that is written exactly as [`print`] would write it.
///
/// Parsers of dates are generous (one-digit days, leap seconds, other cases); writing the result
/// again and comparing leaves one spelling for each instant.
pub(crate) fn parse(format: &str, text: &str) -> Option<Timestamp> {
    let civil = DateTime::strptime(format, text).ok()?;
    let read = TimeZone::UTC.to_timestamp(civil).ok()?;
    (print(format, read) == text).then_some(read)
}

/// Writes `time` in UTC.
pub(crate) fn print(format: &str, time: Timestamp) -> String {
    time.strftime(format).to_string()
}

/// Whether `day` is a date such as `20221228`.
pub(crate) fn is_day(day: &str) -> bool {
    // A day alone is no instant; midnight of it is.
    parse(BASIC, &format!("{day}T000000Z")).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_one_spelling() {
        let time: Timestamp = "2022-12-08T01:02:03Z".parse().unwrap();
        for (format, good) in [
            (HTTP, "Thu, 08 Dec 2022 01:02:03 GMT"),
            (BASIC, "20221208T010203Z"),
            (ISO_MILLISECONDS, "2022-12-08T01:02:03.000Z"),
        ] {
            assert_eq!(print(format, time), good);
            assert_eq!(parse(format, good), Some(time));
            for bad in [
                format!(" {good}"),
                format!("{good} "),
                good.to_lowercase(),
                good.replace("08", "8"),
                good.replace("2022", "22"),
                good.replace("01", "25"),
                good.replace("03", "60"),
                good.replace("08", "32"),
                good.replace(['Z', 'G'], "+"),
            ] {
                assert_eq!(parse(format, &bad), None, "{bad}");
            }
        }
        assert_eq!(parse(HTTP, "Fri, 08 Dec 2022 01:02:03 GMT"), None);
        assert_eq!(
            parse(ISO_MILLISECONDS, "2022-12-08T01:02:03.476Z"),
            Some("2022-12-08T01:02:03.476Z".parse().unwrap())
        );
    }

    #[test]
    fn a_day_is_a_day_of_the_calendar() {
        assert!(is_day("20240229"));
        for bad in [
            "",
            "20230229",
            "2023-02-2",
            "202302",
            "20230201T",
            "+2023020",
        ] {
            assert!(!is_day(bad), "{bad}");
        }
    }
}
