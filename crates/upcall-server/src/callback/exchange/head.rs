//! The head of an application's answer: found in what has come, and read.
//!
//! In: bytes in whatever pieces the network made. Out: [`Head`], once it is whole; or that this
//! will never be one. Only what decides about the answer is taken out of it; the rest stays bytes
//! until somebody looks at the record.
//!
//! Source: RFC 9112, 2.2 (line ends), 6 (body length), 9.3 (persistence).

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::head_fault::HeadFault;

/// A whole head.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// As it was written; two of them stand with a comma between. `None` if the answer is chunked:
    /// then it does not count (RFC 9112, 6.3).
    pub(super) content_length: Option<String>,
    /// Whether the body is chunked, and nothing else is said of it. Both of them are a trick, or a
    /// mistake.
    pub(super) is_chunked: bool,
    pub(super) content_type: String,
    /// Whether the connection may serve another call.
    pub(super) keeps_alive: bool,
    /// All of it, with the empty line.
    pub(super) bytes: Bytes,
}

/// These bytes are no head of an answer.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum BadHead {
    /// They are HTTP/1, but for this line.
    Malformed(Option<HeadFault>),
    /// They are no HTTP/1.
    NotHttp,
    /// There are more than [`HEADERS`] lines.
    TooManyHeaders,
}

/// Takes a whole head off the front of `unread`; `None` if it is not whole yet.
///
/// `looked_at` is how many bytes of it have been searched for the end before, so that a head that
/// comes byte by byte is not searched again and again.
pub(super) fn take(unread: &mut BytesMut, looked_at: &mut usize) -> Result<Option<Head>, BadHead> {
    let begins = unread.len().min(VERSION.len());
    if unread[..begins] != VERSION[..begins] {
        return Err(BadHead::NotHttp);
    }
    let Some(end) = end_of_head(unread, *looked_at) else {
        *looked_at = unread.len();
        return Ok(None);
    };
    *looked_at = 0;
    // A copy: the buffer stays with the connection, and the record keeps no more than it shows.
    let head = parse(&Bytes::copy_from_slice(&unread[..end]))?;
    let _ = unread.split_to(end);
    Ok(Some(head))
}

/// Where the empty line ends. A line may end without CR (RFC 9112, 2.2).
fn end_of_head(bytes: &[u8], looked_at: usize) -> Option<usize> {
    // The line end before may be the first half of an empty line.
    let mut at = looked_at.saturating_sub(2);
    while let Some(found) = memchr(b'\n', bytes.get(at..)?) {
        at += found + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

fn parse(bytes: &Bytes) -> Result<Head, BadHead> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(BadHead::TooManyHeaders),
        Ok(httparse::Status::Partial) | Err(_) => {
            return Err(BadHead::Malformed(HeadFault::of(bytes)));
        }
    }
    let values = |name: &str| {
        let mut values = String::new();
        let mut count = 0;
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case(name) {
                if count > 0 {
                    values.push_str(", ");
                }
                values.push_str(String::from_utf8_lossy(header.value).trim_matches([' ', '\t']));
                count += 1;
            }
        }
        (count > 0).then_some(values)
    };
    let coding = values("transfer-encoding");
    let length = values("content-length");
    let is_chunked = coding.as_ref().is_some_and(|coding| {
        coding.eq_ignore_ascii_case("chunked") && length.is_none() && response.version == Some(1)
    });
    let connection = values("connection").unwrap_or_default();
    let says = |option: &str| {
        let mut options = connection.split(',');
        options.any(|given| given.trim().eq_ignore_ascii_case(option))
    };
    let keeps_alive = match response.version {
        Some(1) => !says("close"),
        _ => says("keep-alive"),
    };
    Ok(Head {
        status: response.code.ok_or(BadHead::Malformed(None))?,
        content_length: length.filter(|_| coding.is_none()),
        is_chunked,
        content_type: values("content-type").unwrap_or_default(),
        keeps_alive,
        bytes: bytes.clone(),
    })
}

const VERSION: &[u8; 7] = b"HTTP/1.";

/// Header lines of one answer; more are no answer. What servers send has a few dozen.
const HEADERS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Head {
        let mut unread = BytesMut::from(text);
        take(&mut unread, &mut 0).unwrap().unwrap()
    }

    #[test]
    fn a_head_is_found_however_it_is_cut() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..text.len() {
            let mut unread = BytesMut::new();
            let mut looked_at = 0;
            let mut heads = 0;
            for piece in [&text[..cut], &text[cut..]] {
                unread.extend_from_slice(piece);
                if let Some(head) = take_once(&mut unread, &mut looked_at, heads) {
                    assert_eq!(
                        (head.status, head.content_length.as_deref()),
                        (200, Some("2"))
                    );
                    heads += 1;
                }
            }
            assert_eq!((heads, &unread[..]), (1, &b"{}"[..]), "{cut}");
        }
        let mut byte_by_byte = BytesMut::new();
        let mut looked_at = 0;
        for (at, byte) in text.iter().enumerate() {
            byte_by_byte.extend_from_slice(&[*byte]);
            let head = take_once(&mut byte_by_byte, &mut looked_at, 0);
            assert_eq!(head.is_some(), at == text.len() - 3, "{at}");
            if head.is_some() {
                return;
            }
        }
        panic!("it was not found");
    }

    fn take_once(unread: &mut BytesMut, looked_at: &mut usize, heads: usize) -> Option<Head> {
        if heads > 0 {
            return None;
        }
        take(unread, looked_at).unwrap()
    }

    #[test]
    fn line_ends_may_have_no_cr() {
        let head = whole("HTTP/1.0 404 \nA: b\n\n");
        assert_eq!((head.status, head.keeps_alive), (404, false));
        assert_eq!(whole("HTTP/1.1 200 OK\r\nA: b\n\r\n").status, 200);
    }

    #[test]
    fn two_lengths_and_chunks_are_told_apart_from_one_length() {
        let length = |lines: &str| whole(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n")).content_length;
        assert_eq!(length("content-length:  7 \r\n").as_deref(), Some("7"));
        assert_eq!(length("A: b\r\n"), None);
        let twice = length("Content-Length: 7\r\nContent-length: 7\r\n");
        assert_eq!(twice.as_deref(), Some("7, 7"));
        let both = length("Transfer-Encoding: chunked\r\nContent-Length: 7\r\n");
        assert_eq!(both, None);
        let chunked = |head: &str| whole(&format!("{head}\r\n\r\n")).is_chunked;
        assert!(chunked("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked"));
        for other in [
            "HTTP/1.1 200 OK",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
        ] {
            assert!(!chunked(other), "{other}");
        }
    }

    #[test]
    fn a_connection_lives_on_if_both_ends_want_it() {
        let lives = |head: &str| whole(&format!("{head}\r\n\r\n")).keeps_alive;
        assert!(lives("HTTP/1.1 200 OK"));
        assert!(lives("HTTP/1.0 200 OK\r\nConnection: keep-alive"));
        assert!(!lives("HTTP/1.0 200 OK"));
        assert!(!lives("HTTP/1.1 200 OK\r\nConnection: Upgrade, Close"));
    }

    #[test]
    fn what_is_no_http_is_known_by_its_first_bytes() {
        for start in ["S", "SSH-2.0-OpenSSH", "HTTP/2", "\r\n", "\x15\x03\x01"] {
            let mut unread = BytesMut::from(start);
            assert_eq!(
                take(&mut unread, &mut 0),
                Err(BadHead::NotHttp),
                "{start:?}"
            );
        }
        for start in ["", "H", "HTTP/1.", "HTTP/1.1 200 OK\r\nA: b\r\n"] {
            let mut unread = BytesMut::from(start);
            assert_eq!(take(&mut unread, &mut 0), Ok(None), "{start:?}");
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(HEADERS + 1));
        let mut unread = BytesMut::from(many.as_str());
        assert_eq!(take(&mut unread, &mut 0), Err(BadHead::TooManyHeaders));
    }
}
