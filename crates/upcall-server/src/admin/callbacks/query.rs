//! What is asked of the record. A parameter that is not known is refused, so that a typing mistake
//! is not taken for "all of them".

use std::time::Duration;

use crate::admin::error::AdminError;
use crate::callback::record::Query;
use crate::http::target;
use crate::limits;

/// `GET /v1/callbacks`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct ListQuery {
    pub(super) which: Query,
    pub(super) limit: usize,
}

impl ListQuery {
    pub(super) fn parse(text: &str) -> Result<Self, AdminError> {
        let mut limit = DEFAULT_LIMIT;
        let which = read(text, |name, value| {
            if name != "limit" {
                return Ok(false);
            }
            limit = value
                .parse()
                .ok()
                .filter(|limit| (1..=limits::RECORD_PAGE_CALLS).contains(limit))
                .ok_or_else(|| {
                    let most = limits::RECORD_PAGE_CALLS;
                    invalid(format!("`limit` is a number from 1 to {most}"))
                })?;
            Ok(true)
        })?;
        Ok(Self { which, limit })
    }
}

/// `GET /v1/callbacks/next`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct NextQuery {
    pub(super) which: Query,
    pub(super) timeout: Duration,
}

impl NextQuery {
    pub(super) fn parse(text: &str) -> Result<Self, AdminError> {
        let mut timeout = DEFAULT_TIMEOUT;
        let which = read(text, |name, value| {
            if name != "timeout" {
                return Ok(false);
            }
            timeout = parse_timeout(value).ok_or_else(|| {
                let most = limits::RECORD_WAIT.as_secs();
                invalid(format!(
                    "`timeout` is a time such as `500ms` or `5s`, at most `{most}s`"
                ))
            })?;
            Ok(true)
        })?;
        Ok(Self { which, timeout })
    }
}

/// Reads the parameters that say which calls; `other` takes its own, and says whether it did.
fn read(
    text: &str,
    mut other: impl FnMut(&str, &str) -> Result<bool, AdminError>,
) -> Result<Query, AdminError> {
    let mut query = Query::default();
    for (name, value) in target::Query::parse(text)?.pairs() {
        match name.as_str() {
            "bucket" => query.bucket = Some(value.clone()),
            "key" => query.key = Some(value.clone()),
            "requestId" => query.request_id = Some(value.clone()),
            "outcome" => {
                let outcome = value.parse();
                query.outcome = Some(outcome.map_err(|why| invalid(format!("`outcome`: {why}")))?);
            }
            "status" => {
                let status = value.parse().ok();
                let status = status.filter(|status| (100..=999).contains(status));
                query.status = Some(status.ok_or_else(|| {
                    invalid("`status` is a status of HTTP, such as `200`".to_owned())
                })?);
            }
            "after" => {
                let id = value.parse();
                query.after = Some(id.map_err(|why| invalid(format!("`after`: {why}")))?);
            }
            name if other(name, value)? => {}
            name => {
                let shown = name.escape_debug();
                return Err(invalid(format!("there is no parameter `{shown}`")));
            }
        }
    }
    Ok(query)
}

fn parse_timeout(text: &str) -> Option<Duration> {
    let timeout = match text.strip_suffix("ms") {
        Some(number) => Duration::from_millis(number.parse().ok()?),
        None => Duration::from_secs(text.strip_suffix('s')?.parse().ok()?),
    };
    (timeout <= limits::RECORD_WAIT).then_some(timeout)
}

fn invalid(sentence: String) -> AdminError {
    AdminError::InvalidValue(sentence)
}

const DEFAULT_LIMIT: usize = 100;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::record::Outcome;

    #[test]
    fn parameters_are_read_and_unknown_ones_refused() {
        let id = "000643a1f30d0000";
        let text = format!(
            "bucket=photos&key=a%2Fb+c&requestId=R&outcome=failed&status=502&after={id}&limit=7"
        );
        let which = Query {
            bucket: Some("photos".to_owned()),
            key: Some("a/b c".to_owned()),
            request_id: Some("R".to_owned()),
            outcome: Some(Outcome::Failed),
            status: Some(502),
            after: Some(id.parse().unwrap()),
        };
        assert_eq!(
            ListQuery::parse(&text).unwrap(),
            ListQuery { which, limit: 7 }
        );
        let default = ListQuery::parse("").unwrap();
        assert_eq!(
            (default.which, default.limit),
            (Query::default(), DEFAULT_LIMIT)
        );
        for (text, sentence) in [
            ("buket=a", "there is no parameter `buket`"),
            ("timeout=5s", "there is no parameter `timeout`"),
            ("limit=0", "`limit` is a number from 1 to 1000"),
            ("limit=1001", "`limit` is a number from 1 to 1000"),
            (
                "outcome=maybe",
                "`outcome`: an outcome is `agreed` or `failed`",
            ),
            ("status=ok", "`status` is a status of HTTP, such as `200`"),
            ("status=99", "`status` is a status of HTTP, such as `200`"),
            ("after=7", "`after`: the id of a call has 16 hex digits"),
        ] {
            assert_eq!(ListQuery::parse(text).unwrap_err().to_string(), sentence);
        }
    }

    #[test]
    fn a_time_to_wait_is_bounded() {
        let timeout = |text: &str| NextQuery::parse(text).map(|asked| asked.timeout);
        assert_eq!(timeout("").unwrap(), DEFAULT_TIMEOUT);
        assert_eq!(timeout("timeout=20ms").unwrap(), Duration::from_millis(20));
        assert_eq!(timeout("timeout=60s").unwrap(), limits::RECORD_WAIT);
        for bad in [
            "timeout=61s",
            "timeout=5",
            "timeout=-1s",
            "timeout=s",
            "limit=1",
        ] {
            assert!(timeout(bad).is_err(), "{bad}");
        }
    }
}
