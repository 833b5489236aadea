//! A request that somebody wrote down: request line, headers, an empty line, the body.
//!
//! Lines of the head end in CRLF or LF; the body is taken as it is, but for a line break that an
//! editor put after its end.

use super::verifier::CallbackRequest;

/// A request, with names and values of its own: what a person pastes who asks why it does not verify.
///
/// ```
/// use upcall::callback::RawRequest;
///
/// let request = RawRequest::parse(b"POST /cb HTTP/1.1\nHost: a\n\nobject=b").expect("it is one");
/// let headers = request.headers();
/// assert_eq!(request.as_callback(&headers).body, b"object=b");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RawRequest {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl RawRequest {
    /// Reads a request; `None` if it is none. Nothing is bounded here: the caller bounds the bytes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (line, mut rest) = line(bytes.trim_ascii_start())?;
        let (method, target) = line.split_once(' ')?;
        let target = match target.rsplit_once(" HTTP/") {
            Some((target, _)) => target,
            None => target,
        };
        let is_method = !method.is_empty() && method.bytes().all(|b| b.is_ascii_alphabetic());
        if !is_method || target.is_empty() {
            return None;
        }
        let mut headers = Vec::new();
        while let Some((text, after)) = self::line(rest) {
            rest = after;
            if text.is_empty() {
                break;
            }
            let (name, value) = text.split_once(':')?;
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        let mut request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            body: rest.to_vec(),
        };
        request.drop_line_break();
        Some(request)
    }

    /// Editors end a file with a line break. If the request says that it has none, it is theirs.
    fn drop_line_break(&mut self) {
        let is_it = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("content-length");
        let length = self.headers.iter().find(is_it);
        let Some(length) = length.and_then(|(_, value)| value.parse::<usize>().ok()) else {
            return;
        };
        if let Some(b"\n" | b"\r\n") = self.body.get(length..) {
            self.body.truncate(length);
        }
    }

    /// Names and values, in order.
    pub fn headers(&self) -> Vec<(&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect()
    }

    /// The request to [`diagnose`](super::diagnose::diagnose); `headers` are [`headers`](Self::headers).
    pub fn as_callback<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> CallbackRequest<'a> {
        CallbackRequest {
            method: &self.method,
            target: &self.target,
            headers,
            body: &self.body,
        }
    }
}

/// The first line without its end, and what comes after it. What is no UTF-8 is taken for
/// ISO 8859-1, so that each byte stays one that can be told.
fn line(bytes: &[u8]) -> Option<(String, &[u8])> {
    if bytes.is_empty() {
        return None;
    }
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, rest) = match end.and_then(|end| bytes.split_at_checked(end)) {
        Some((line, rest)) => (line, rest.get(1..).unwrap_or_default()),
        None => (bytes, &b""[..]),
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = match std::str::from_utf8(line) {
        Ok(text) => text.to_owned(),
        Err(_) => line.iter().map(|byte| char::from(*byte)).collect(),
    };
    Some((text, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(String, String, usize, Vec<u8>)> {
        let request = RawRequest::parse(text.as_bytes())?;
        let headers = request.headers().len();
        Some((request.method, request.target, headers, request.body))
    }

    #[test]
    fn line_ends_of_either_kind_are_read() {
        let expected = |body: &[u8]| {
            let (method, target) = ("POST".to_owned(), "/cb?a=b c".to_owned());
            Some((method, target, 2, body.to_vec()))
        };
        for text in [
            "POST /cb?a=b c HTTP/1.1\r\nHost: a\r\nX-B:c:d\r\n\r\na=1\r\n",
            "\n\nPOST /cb?a=b c HTTP/1.1\nHost: a\nX-B:c:d\n\na=1\r\n",
            "POST /cb?a=b c\nHost: a\nX-B:c:d\n\na=1\r\n",
        ] {
            assert_eq!(parsed(text), expected(b"a=1\r\n"), "{text:?}");
        }
    }

    #[test]
    fn the_line_break_of_an_editor_is_not_the_bodys() {
        let body = |text: &str| parsed(text).unwrap().3;
        let head = "POST / HTTP/1.1\nContent-Length: 3\n\n";
        assert_eq!(body(&format!("{head}a=1\n")), b"a=1");
        assert_eq!(body(&format!("{head}a=1\r\n")), b"a=1");
        assert_eq!(body(&format!("{head}a=\n")), b"a=\n");
        assert_eq!(body(&format!("{head}a=1\n\n")), b"a=1\n\n");
        assert_eq!(body("POST / HTTP/1.1\n\na=1\n"), b"a=1\n");
        assert_eq!(body("POST / HTTP/1.1\n"), b"");
    }

    #[test]
    fn what_is_no_request_is_none() {
        for text in [
            "",
            "\n",
            "POST",
            "POST ",
            "a=1&b=2",
            "POST / HTTP/1.1\nno header\n\n",
            "12 /",
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }
}
