//! What a GET asks of an object before it wants to have it: conditions and a range.
//!
//! Source: RFC 9110, sections 13 and 14; OSS, "GetObject".

use std::ops::Range;

use http::header::{self, HeaderMap};
use jiff::Timestamp;
use upcall_store::catalog::ObjectFacts;

use crate::clock::parse_http_date;
use crate::http::service::text_of;

/// What the conditions say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Go,
    NotModified,
    Failed,
}

/// The conditions in the order of RFC 9110, 13.2.2.
pub(super) fn judge(headers: &HeaderMap, object: &ObjectFacts) -> Verdict {
    let modified = Timestamp::from_second(object.modified.as_second()).unwrap_or(object.modified);
    let date = |name| text_of(headers, &name).and_then(parse_http_date);
    let tag = object.etag.quoted();
    match text_of(headers, &header::IF_MATCH) {
        Some(tags) if !names_tag(tags, &tag) => return Verdict::Failed,
        Some(_) => {}
        None => {
            if date(header::IF_UNMODIFIED_SINCE).is_some_and(|since| modified > since) {
                return Verdict::Failed;
            }
        }
    }
    let is_known = match text_of(headers, &header::IF_NONE_MATCH) {
        Some(tags) => names_tag(tags, &tag),
        None => date(header::IF_MODIFIED_SINCE).is_some_and(|since| modified <= since),
    };
    if is_known {
        Verdict::NotModified
    } else {
        Verdict::Go
    }
}

/// Whether a list of tags has ours; SDKs send it with and without quotes.
fn names_tag(list: &str, tag: &str) -> bool {
    list.split(',').map(str::trim).any(|listed| {
        let listed = listed.strip_prefix("W/").unwrap_or(listed);
        listed == "*"
            || listed
                .trim_matches('"')
                .eq_ignore_ascii_case(tag.trim_matches('"'))
    })
}

/// What part of an object a request wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Whole,
    Range(Range<u64>),
    /// No byte of it exists, and the client asked to be told so.
    Unsatisfiable,
}

/// Reads `Range`: one range of bytes. Several, or none that can be read, mean the whole object, and
/// so does one beyond its end unless `x-oss-range-behavior: standard` came. Source: OSS, "GetObject".
pub(super) fn part(headers: &HeaderMap, object: &ObjectFacts) -> Part {
    let Some(range) = text_of(headers, &header::RANGE) else {
        return Part::Whole;
    };
    if let Some(condition) = text_of(headers, &header::IF_RANGE) {
        let is_same = condition.trim_matches('"') == object.etag.to_string()
            || parse_http_date(condition)
                .is_some_and(|date| date.as_second() == object.modified.as_second());
        if !is_same {
            return Part::Whole;
        }
    }
    let is_strict = headers
        .get("x-oss-range-behavior")
        .is_some_and(|value| value == "standard");
    match parse_range(range, object.length) {
        Some(range) if range.start < range.end => Part::Range(range),
        Some(_) if is_strict => Part::Unsatisfiable,
        Some(_) | None => Part::Whole,
    }
}

/// `bytes=a-b`, `bytes=a-` or `bytes=-n`, cut to `length`; empty if no byte of it exists.
fn parse_range(text: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    if first.is_empty() {
        return Some(length.saturating_sub(number(last)?)..length);
    }
    let first = number(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        number(last)?
    };
    if last < first {
        return None;
    }
    if first >= length {
        return Some(length..length);
    }
    Some(first..last.saturating_add(1).min(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_what_exists() {
        for (text, expected) in [
            ("bytes=0-0", Some(0..1)),
            ("bytes=2-", Some(2..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-30", Some(0..10)),
            ("bytes=5-99999999999999999999999", Some(5..10)),
            ("bytes=10-", Some(10..10)),
            ("bytes=-0", Some(10..10)),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("bytes=a-b", None),
            ("bytes=--1", None),
            ("items=0-1", None),
        ] {
            assert_eq!(parse_range(text, 10), expected, "{text}");
        }
    }

    #[test]
    fn tags_are_compared_with_and_without_quotes() {
        let tag = "\"AB\"";
        assert!(names_tag("\"AB\"", tag) && names_tag("ab", tag) && names_tag("*", tag));
        assert!(names_tag("\"x\", W/\"AB\"", tag));
        assert!(!names_tag("\"A\"", tag) && !names_tag("", tag));
    }
}
