//! One reading of a request's head: where it ends, and how long the body is.
//!
//! In: the bytes of a head, up to and with its empty line. Out: the length of the body, or the reason
//! why two servers could read this head differently. What passes has exactly one reading, so hyper,
//! which parses it next, and any proxy before us have the same.
//!
//! Source: RFC 9112, sections 2.2 (line ends), 3.2 (Host), 5.1 and 5.2 (field lines), 6.1 and 6.3
//! (body length); request smuggling is the reason for being stricter than its "MAY"s.

use upcall::error::{Refusal, WireError};

use crate::limits;

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    /// So many bytes; 0 without `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`. The connection closes after the answer, so that nothing behind
    /// the body is read as another request.
    Chunked,
}

/// Why a head is refused; always 400, and the connection closes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum FramingError {
    #[error("a line of the head ends in LF alone, or has a CR inside; lines end in CR LF")]
    BareLineEnd,
    #[error("more than one empty line stands before the request line; send none")]
    EmptyLines,
    #[error("a header continues on a second line; put it on one")]
    FoldedHeader,
    #[error("a header line has no name, or a space before its colon")]
    HeaderName,
    #[error("`Content-Length` is not a plain number")]
    InvalidLength,
    #[error("both `Content-Length` and `Transfer-Encoding` are given; send one")]
    LengthAndEncoding,
    #[error("`Host` is missing or given more than once; send it once")]
    Host,
    #[error(
        "the requests that are under way take all the memory that they may take, or that one address may have; try again in a moment"
    )]
    NoMemory,
    #[error("`Content-Length` is given more than once; send it once")]
    RepeatedLength,
    #[error("the request line is not `METHOD target HTTP/1.1`")]
    RequestLine,
    #[error("the target names another host than `Host` does")]
    TargetHost,
    #[error("the head is longer than 32 KiB or has more than 128 lines")]
    TooLong,
    #[error("`Transfer-Encoding` is something else than `chunked`, or given more than once")]
    UnknownEncoding,
}

impl FramingError {
    /// What the client gets to see.
    pub(crate) fn refusal(self) -> Refusal {
        let refusal = match self {
            Self::NoMemory => Refusal::new(WireError::SERVICE_UNAVAILABLE)
                .extra("RetryAfterSeconds", RETRY_AFTER_SECONDS),
            Self::BareLineEnd
            | Self::EmptyLines
            | Self::FoldedHeader
            | Self::HeaderName
            | Self::Host
            | Self::InvalidLength
            | Self::LengthAndEncoding
            | Self::RepeatedLength
            | Self::RequestLine
            | Self::TargetHost
            | Self::TooLong
            | Self::UnknownEncoding => Refusal::new(WireError::BAD_REQUEST),
        };
        refusal.hint(self.to_string())
    }
}

/// When a client that found no memory should try again. Uploads of others end meanwhile.
pub(crate) const RETRY_AFTER_SECONDS: &str = "1";

/// The length of the head that `bytes` begins with, its empty line included, or `None` if the end has
/// not come yet. A bare LF counts as the end of a line here, so that a wrong head is found as such
/// instead of being waited for.
pub(crate) fn head_length(bytes: &[u8], scanned: usize) -> Option<usize> {
    let mut from = scanned.saturating_sub(3);
    while let Some(at) = memchr::memchr(b'\n', &bytes[from..]) {
        let end = from + at + 1;
        match bytes[end..] {
            [b'\n', ..] => return Some(end + 1),
            [b'\r', b'\n', ..] => return Some(end + 2),
            _ => from = end,
        }
    }
    None
}

/// Reads a whole head.
pub(crate) fn judge(head: &[u8]) -> Result<Framing, FramingError> {
    let mut lines = Lines { rest: head };
    let request_line = lines.next().ok_or(FramingError::RequestLine)??;
    let (target, version) = split_request_line(request_line)?;

    let mut fields = Fields::default();
    let mut count = 0;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        count += 1;
        if count > limits::REQUEST_HEADERS {
            return Err(FramingError::TooLong);
        }
        fields.take(line)?;
    }
    fields.check_host(target, version)?;
    match (fields.length, fields.chunked) {
        (Some(_), true) => Err(FramingError::LengthAndEncoding),
        (None, true) if version == b"HTTP/1.0" => Err(FramingError::UnknownEncoding),
        (None, true) => Ok(Framing::Chunked),
        (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

/// Lines that end in CR LF and have neither inside.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], FramingError>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(match line.split_last() {
            Some((b'\r', line)) if memchr::memchr2(b'\r', 0, line).is_none() => Ok(line),
            _ => Err(FramingError::BareLineEnd),
        })
    }
}

fn split_request_line(line: &[u8]) -> Result<(&[u8], &[u8]), FramingError> {
    let mut words = line.split(|byte| *byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(target), Some(version @ (b"HTTP/1.1" | b"HTTP/1.0")), None)
            if !method.is_empty()
                && method.iter().all(u8::is_ascii_uppercase)
                && !target.is_empty()
                && target.iter().all(u8::is_ascii_graphic) =>
        {
            Ok((target, version))
        }
        _ => Err(FramingError::RequestLine),
    }
}

/// The header fields that decide on framing and on who is addressed.
#[derive(Default)]
struct Fields<'a> {
    length: Option<u64>,
    chunked: bool,
    host: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn take(&mut self, line: &'a [u8]) -> Result<(), FramingError> {
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Err(FramingError::FoldedHeader);
        }
        let colon = memchr::memchr(b':', line).ok_or(FramingError::HeaderName)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(FramingError::HeaderName);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            if self.length.is_some() {
                return Err(FramingError::RepeatedLength);
            }
            self.length = Some(parse_length(value)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(FramingError::UnknownEncoding);
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"host") {
            if self.host.is_some() {
                return Err(FramingError::Host);
            }
            self.host = Some(value);
        }
        Ok(())
    }

    /// HTTP/1.1 names one host, and a target in absolute form the same one.
    fn check_host(&self, target: &[u8], version: &[u8]) -> Result<(), FramingError> {
        let Some(host) = self.host else {
            return if version == b"HTTP/1.0" && target.starts_with(b"/") {
                Ok(())
            } else {
                Err(FramingError::Host)
            };
        };
        if target.starts_with(b"/") || target == b"*" {
            return Ok(());
        }
        let rest = [b"http://".as_slice(), b"https://"]
            .into_iter()
            .find_map(|scheme| strip_prefix_ignoring_case(target, scheme))
            .ok_or(FramingError::RequestLine)?;
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b'/' | b'?'))
            .unwrap_or(rest.len());
        if rest[..end].eq_ignore_ascii_case(host) {
            Ok(())
        } else {
            Err(FramingError::TargetHost)
        }
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Digits only: no sign, no list, no space inside; at most 19 of them, so it fits.
fn parse_length(value: &[u8]) -> Result<u64, FramingError> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return Err(FramingError::InvalidLength);
    }
    Ok(value
        .iter()
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// A character of a token. Source: RFC 9110, 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<Framing, FramingError> {
        let length = head_length(head.as_bytes(), 0).expect("the head has an end");
        assert_eq!(length, head.len(), "{head:?}");
        judge(head.as_bytes())
    }

    #[test]
    fn a_plain_head_has_one_reading() {
        let none = Ok(Framing::Length(0));
        assert_eq!(read("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), none);
        assert_eq!(read("GET / HTTP/1.0\r\n\r\n"), none);
        assert_eq!(read("GET http://A:1/x HTTP/1.1\r\nHost: a:1\r\n\r\n"), none);
        assert_eq!(
            read("PUT /x HTTP/1.1\r\nhost:a\r\ncontent-length: 12 \r\n\r\n"),
            Ok(Framing::Length(12))
        );
        assert_eq!(
            read("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"),
            Ok(Framing::Chunked)
        );
    }

    #[test]
    fn the_end_of_a_head_is_found_however_it_is_cut() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for cut in 0..head.len() {
            assert_eq!(head_length(&head[..cut], 0), None, "{cut}");
            assert_eq!(head_length(head, cut), Some(head.len()), "{cut}");
        }
    }
}
