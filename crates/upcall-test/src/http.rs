//! One HTTP exchange on a connection of its own.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::error::Error;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request to `base` (`http://HOST:PORT`) and reads the answer to its end.
pub(crate) fn exchange(
    base: &str,
    request_line: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    limit: Duration,
) -> Result<Answer, Error> {
    let failed = |source| Error::Exchange {
        address: base.to_owned(),
        source,
    };
    let not_http = || failed(io::Error::other("what it said is no answer of HTTP"));
    let authority = base.strip_prefix("http://").unwrap_or(base);
    let mut head = format!(
        "{request_line} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        for part in [name, ": ", value, "\r\n"] {
            head.push_str(part);
        }
    }
    head.push_str("\r\n");

    let mut socket = TcpStream::connect(authority).map_err(failed)?;
    socket.set_read_timeout(Some(limit)).map_err(failed)?;
    socket.set_write_timeout(Some(limit)).map_err(failed)?;
    let request = [head.as_bytes(), body].concat();
    // A server that refuses may answer before it has read everything; then the answer counts.
    let written = socket.write_all(&request);
    let mut answer = Vec::new();
    let read = socket.read_to_end(&mut answer);
    if answer.is_empty() {
        written.map_err(failed)?;
        read.map_err(failed)?;
        return Err(failed(io::ErrorKind::UnexpectedEof.into()));
    }

    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let body = answer.split_off(end.ok_or_else(not_http)? + 4);
    let head = String::from_utf8_lossy(&answer).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    if length.is_some_and(|(_, length)| length.parse() != Ok(body.len())) {
        // Half an answer would be taken for another one.
        read.map_err(failed)?;
        return Err(failed(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(Answer {
        status: status
            .and_then(|status| status.parse().ok())
            .ok_or_else(not_http)?,
        headers,
        body,
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// What becomes of an answer after which the connection closes.
    fn answered(answer: &'static str) -> Result<Answer, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                socket.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            socket.write_all(answer.as_bytes()).unwrap();
        });
        exchange(&base, "GET /", &[], b"", Duration::from_secs(20))
    }

    #[test]
    fn a_whole_answer_is_read_and_half_a_one_is_none() {
        let whole = answered("HTTP/1.1 200 OK\r\nX-A: b \r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!((whole.status, whole.text().as_str()), (200, "{}"));
        assert_eq!(whole.headers[0], ("x-a".to_owned(), "b".to_owned()));
        assert_eq!(
            answered("HTTP/1.1 204 No Content\r\n\r\n").unwrap().status,
            204
        );
        for half in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Le",
            "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{}",
            "SSH-2.0-x\r\n\r\n",
        ] {
            let none = answered(half);
            assert!(matches!(none, Err(Error::Exchange { .. })), "{none:?}");
        }
    }
}
