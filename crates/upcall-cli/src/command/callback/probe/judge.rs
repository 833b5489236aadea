//! An application's answers, rule by rule. Source: OSS, "Callback" (step 5).

use std::time::Duration;

use upcall::callback::answer::{CallbackFailure, MAX_ANSWER_BYTES, judge_body, judge_head};

use crate::command::exchange::{ExchangeError, Reply};

/// A rule, and whether an answer kept it.
#[derive(Debug)]
pub(super) struct Row {
    /// Which call it is about.
    pub(super) call: &'static str,
    pub(super) rule: &'static str,
    pub(super) is_kept: bool,
    pub(super) weight: Weight,
    /// What came.
    pub(super) found: String,
}

impl Row {
    /// For a person; the same words at every row that is kept.
    pub(super) const fn verdict(&self) -> &'static str {
        match (self.is_kept, self.weight) {
            (true, _) => "kept",
            (false, Weight::Rule) => "BROKEN",
            (false, Weight::Advice) => "WARNING",
            (false, Weight::Notice) => "not detected",
        }
    }

    pub(super) const fn is_broken(&self) -> bool {
        !self.is_kept && matches!(self.weight, Weight::Rule)
    }
}

/// What it means that an application does not keep a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weight {
    /// It is broken.
    Rule,
    /// It lets others in, and has not asked to be told so: it knows no bindings.
    Advice,
    /// It could be stricter, at a cost.
    Notice,
}

/// The answer to a call that is as it should be.
pub(super) fn genuine(answer: &Result<Reply, ExchangeError>) -> Vec<Row> {
    let row = |rule, is_kept, found: String| Row {
        call: "genuine",
        rule,
        is_kept,
        weight: Weight::Rule,
        found,
    };
    let reply = match answer {
        Ok(reply) => reply,
        Err(error) => return vec![row("answered", false, error.to_string())],
    };
    let status = reply.status;
    let found = match reply.text("location") {
        Some(location) if status.is_redirection() => {
            format!("{status}, to {location}: redirects are not followed")
        }
        _ => status.to_string(),
    };
    let mut rows = vec![row("status 200", status == 200, found)];
    rows.push(row(
        "within 5 s",
        reply.took <= MAX_TIME,
        format!("{:.3} s", reply.took.as_secs_f64()),
    ));
    let length = reply.text("content-length");
    let judged = judge_head(200, length);
    let found = match length {
        Some(length) => length.to_owned(),
        None if reply.headers.contains_key("transfer-encoding") => {
            "missing: the answer is chunked".to_owned()
        }
        None => "missing".to_owned(),
    };
    // One that is too long is a length all the same.
    let is_length = matches!(judged, Ok(_) | Err(CallbackFailure::TooLong));
    rows.push(row("Content-Length", is_length, found));
    let is_too_long = reply.is_too_long || judged == Err(CallbackFailure::TooLong);
    let found = if is_too_long {
        format!("more than {MAX_ANSWER_BYTES} bytes")
    } else {
        format!("{} bytes", reply.body.len())
    };
    rows.push(row("1 MiB at most", !is_too_long, found));
    let content_type = reply.text("content-type").unwrap_or_default();
    let is_json = !reply.is_too_long && judge_body(content_type, &reply.body).is_ok();
    rows.push(row("JSON", is_json, beginning(&reply.body)));
    rows
}

/// The answer to a call that nobody must believe: no success, also none that OSS would not accept. Who
/// answers 204 has believed it.
pub(super) fn forged(call: &'static str, answer: &Result<Reply, ExchangeError>) -> Row {
    refused(call, Weight::Rule, answer)
}

/// The same for a call whose signature is genuine.
pub(super) fn refused(
    call: &'static str,
    weight: Weight,
    answer: &Result<Reply, ExchangeError>,
) -> Row {
    let (is_kept, found) = match answer {
        Ok(reply) if reply.status.is_success() => {
            (false, format!("{}: it was believed", reply.status))
        }
        Ok(reply) => (true, reply.status.to_string()),
        Err(error) => (false, error.to_string()),
    };
    Row {
        call,
        rule: "refused",
        is_kept,
        weight,
        found,
    }
}

fn beginning(body: &[u8]) -> String {
    if body.starts_with(b"\xef\xbb\xbf") {
        return "it begins with a byte order mark".to_owned();
    }
    let text = String::from_utf8_lossy(body);
    let shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        format!("{shown}…")
    } else {
        shown
    }
}

/// For the whole exchange.
const MAX_TIME: Duration = Duration::from_secs(5);

const SHOWN_CHARS: usize = 60;

#[cfg(test)]
mod tests {
    use hyper::StatusCode;
    use hyper::body::Bytes;
    use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};

    use super::*;

    fn reply(length: &'static str, body: &'static [u8]) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static(length));
        Reply {
            status: StatusCode::OK,
            headers,
            body: Bytes::from_static(body),
            is_too_long: false,
            took: Duration::from_secs(5),
        }
    }

    fn broken(reply: Reply) -> Vec<(&'static str, String)> {
        let rows = genuine(&Ok(reply)).into_iter();
        rows.filter(|row| !row.is_kept)
            .map(|row| (row.rule, row.found))
            .collect()
    }

    #[test]
    fn an_answer_at_the_limits_is_good() {
        assert_eq!(broken(reply("2", b"{}")), []);
    }

    #[test]
    fn one_that_is_late_or_long_is_not() {
        let late = Reply {
            took: Duration::from_millis(5001),
            ..reply("2", b"{}")
        };
        assert_eq!(broken(late), [("within 5 s", "5.001 s".to_owned())]);
        let long = Reply {
            is_too_long: true,
            ..reply("1048577", b"")
        };
        assert_eq!(
            broken(long),
            [
                ("1 MiB at most", "more than 1048576 bytes".to_owned()),
                ("JSON", String::new())
            ]
        );
    }

    #[test]
    fn a_forgery_is_believed_by_whoever_answers_with_a_success() {
        for (status, is_refused) in [
            (StatusCode::OK, false),
            (StatusCode::ACCEPTED, false),
            (StatusCode::NO_CONTENT, false),
            (StatusCode::FOUND, true),
            (StatusCode::BAD_REQUEST, true),
            (StatusCode::INTERNAL_SERVER_ERROR, true),
        ] {
            let answer = Reply {
                status,
                ..reply("2", b"{}")
            };
            let row = forged("another body", &Ok(answer));
            assert_eq!(row.is_kept, is_refused, "{status}: {}", row.found);
        }
    }

    #[test]
    fn a_forgery_that_gets_no_answer_is_not_refused() {
        let gone = forged("another body", &Err(ExchangeError::TooSlow(15)));
        assert!(!gone.is_kept);
        assert_eq!(gone.found, "there was no answer within 15 s");
    }
}
