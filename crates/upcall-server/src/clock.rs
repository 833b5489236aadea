//! The time, as something that is passed in.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Tells the time; a test gives its own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that shows what `now` says.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`. Source: RFC 9110, 5.6.7 (IMF-fixdate).
///
/// By hand: every answer with an object has one, and a format that is read each time costs more.
pub(crate) fn http_date(time: Timestamp) -> String {
    let time = TimeZone::UTC.to_datetime(time);
    let day = DAYS[usize::from(time.weekday().to_monday_zero_offset().unsigned_abs())];
    let month = MONTHS[usize::from(time.month().unsigned_abs()) - 1];
    format!(
        "{day}, {:02} {month} {:04} {:02}:{:02}:{:02} GMT",
        time.day(),
        time.year(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// [`http_date`] as a header. Answers of the same second share one; a clock that is set back is
/// another second, as one that goes on is.
pub(crate) fn http_date_header(time: Timestamp) -> HeaderValue {
    thread_local! {
        static LAST: RefCell<Option<(i64, HeaderValue)>> = const { RefCell::new(None) };
    }
    let second = time.as_second();
    LAST.with_borrow_mut(|last| match last {
        Some((of, value)) if *of == second => value.clone(),
        _ => {
            let value = HeaderValue::try_from(http_date(time)).expect("a date is ASCII");
            *last = Some((second, value.clone()));
            value
        }
    })
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads an IMF-fixdate; the two older forms of RFC 9110 are not sent by anyone we know.
pub(crate) fn parse_http_date(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix(" GMT")?;
    let time = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S", text).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

/// `2014-12-01T12:00:00.000Z`, as OSS's XML has it: whole seconds, written with three zeros, which
/// OSS's Python SDK insists on.
pub(crate) fn iso_date(time: Timestamp) -> String {
    time.to_zoned_datetime(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S.000Z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_protocol_has_them() {
        let time = Timestamp::from_millisecond(784_111_777_042).unwrap();
        assert_eq!(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
        for (day, text) in [
            ("2024-02-29T23:59:59Z", "Thu, 29 Feb 2024 23:59:59 GMT"),
            ("2026-01-05T00:00:00Z", "Mon, 05 Jan 2026 00:00:00 GMT"),
            ("2026-12-26T00:00:00.9Z", "Sat, 26 Dec 2026 00:00:00 GMT"),
        ] {
            assert_eq!(http_date(day.parse().unwrap()), text);
        }
        assert_eq!(iso_date(time), "1994-11-06T08:49:37.000Z");
        assert_eq!(
            parse_http_date(&http_date(time)),
            Timestamp::from_second(784_111_777).ok()
        );
        assert_eq!(parse_http_date("yesterday"), None);
    }
}
