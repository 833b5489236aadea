//! The body of a chunked answer, for buckets that take one.
//!
//! In: bytes in whatever pieces the network made. Out: the body without its framing, as far as it came,
//! and whether it is whole. Strict, and bounded in everything: the body as any other, each size line
//! and all trailers in bytes.
//!
//! Source: RFC 9112, 7.1.

use bytes::{Buf as _, BytesMut};
use memchr::memchr;

use crate::limits;

/// How far a chunked body has come.
#[derive(Debug)]
pub(super) struct Chunks {
    state: State,
    /// Bytes of trailers so far.
    trailers: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Size,
    Data { left: usize },
    DataEnd,
    Trailers,
    Done,
}

/// Why a body is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BadChunks {
    Malformed,
    TooLong,
}

impl Chunks {
    pub(super) const fn begin() -> Self {
        Self {
            state: State::Size,
            trailers: 0,
        }
    }

    /// Moves what is body from `unread` to `body`; whether that was all of it. What follows the last
    /// chunk stays in `unread`.
    pub(super) fn take(
        &mut self,
        unread: &mut BytesMut,
        body: &mut BytesMut,
    ) -> Result<bool, BadChunks> {
        loop {
            self.state = match self.state {
                State::Size => match line(unread, SIZE_LINE_BYTES)? {
                    None => return Ok(false),
                    Some(line) => match size(&line).ok_or(BadChunks::Malformed)? {
                        0 => State::Trailers,
                        size if size > MOST_BYTES - body.len() => return Err(BadChunks::TooLong),
                        left => State::Data { left },
                    },
                },
                State::Data { left } => {
                    let count = left.min(unread.len());
                    body.extend_from_slice(&unread[..count]);
                    unread.advance(count);
                    match left - count {
                        0 => State::DataEnd,
                        left => {
                            self.state = State::Data { left };
                            return Ok(false);
                        }
                    }
                }
                State::DataEnd => match line(unread, 0)? {
                    None => return Ok(false),
                    Some(_) => State::Size,
                },
                State::Trailers => {
                    let most = limits::CALLBACK_HEAD_BYTES - self.trailers;
                    match line(unread, most)? {
                        None => return Ok(false),
                        Some(line) if line.is_empty() => State::Done,
                        Some(line) => {
                            self.trailers += line.len();
                            State::Trailers
                        }
                    }
                }
                State::Done => return Ok(true),
            }
        }
    }
}

/// Takes a line that ends in CR LF off the front, of so many bytes at most without them.
fn line(unread: &mut BytesMut, most: usize) -> Result<Option<BytesMut>, BadChunks> {
    let Some(end) = memchr(b'\n', unread) else {
        // Room for the CR.
        return if unread.len() > most + 1 {
            Err(BadChunks::Malformed)
        } else {
            Ok(None)
        };
    };
    let line = unread.split_to(end + 1);
    match line.strip_suffix(b"\r\n") {
        Some(text) if text.len() <= most => Ok(Some(BytesMut::from(text))),
        Some(_) | None => Err(BadChunks::Malformed),
    }
}

/// The size in hexadecimal digits; extensions say nothing.
fn size(line: &[u8]) -> Option<usize> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit());
    let (digits, rest) = line.split_at(end.unwrap_or(line.len()));
    let is_plain = matches!(rest.trim_ascii_start(), [] | [b';', ..]);
    let digits = std::str::from_utf8(digits).ok()?;
    let size = usize::from_str_radix(digits, 16).ok()?;
    is_plain.then_some(size)
}

const MOST_BYTES: usize = limits::CALLBACK_ANSWER_BYTES;

/// Bytes of the line before a chunk: a size, and what a server may say of it.
const SIZE_LINE_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads it in pieces of this size: the body, or how it is wrong; and what is left.
    fn read(text: &[u8], piece: usize) -> (Result<Option<BytesMut>, BadChunks>, BytesMut) {
        let (mut unread, mut body) = (BytesMut::new(), BytesMut::new());
        let mut chunks = Chunks::begin();
        let mut pieces = text.chunks(piece);
        while let Some(piece) = pieces.next() {
            unread.extend_from_slice(piece);
            match chunks.take(&mut unread, &mut body) {
                Ok(false) => {}
                Ok(true) => {
                    unread.extend_from_slice(&pieces.flatten().copied().collect::<Vec<u8>>());
                    return (Ok(Some(body)), unread);
                }
                Err(error) => return (Err(error), unread),
            }
        }
        (Ok(None), unread)
    }

    #[test]
    fn a_body_is_found_however_it_is_cut() {
        let text = b"2\r\n{\"\r\n5;a=b\r\na\":1}\r\n0\r\nX: y\r\n\r\nHTTP";
        for piece in 1..text.len() {
            let (body, left) = read(text, piece);
            assert_eq!(body.unwrap().unwrap(), &b"{\"a\":1}"[..], "{piece}");
            assert_eq!(left, &b"HTTP"[..], "{piece}");
        }
        for end in 0..text.len() - 4 {
            assert_eq!(read(&text[..end], 7).0, Ok(None), "{end}");
        }
    }

    #[test]
    fn what_is_not_well_formed_or_too_long_is_refused() {
        let long = format!("{}\r\n", "0".repeat(300));
        let trailers = format!("0\r\n{}", "X: y\r\n".repeat(10_000));
        for text in [
            "x\r\n",
            "-1\r\n",
            "\r\n",
            "2\n{}\r\n",
            "2 3\r\n",
            "2\r\n{}x\r\n",
            "2\r\n{}0\r\n",
            "ffffffffffffffffff\r\n",
            &long,
            &trailers,
        ] {
            for piece in [1, 5, 100_000] {
                let refused = read(text.as_bytes(), piece).0;
                assert_eq!(refused, Err(BadChunks::Malformed), "{text:.20}");
            }
        }
        let too_long = Err(BadChunks::TooLong);
        assert_eq!(read(b"100001\r\n", 100).0, too_long);
        let many = b"1000\r\n".iter().chain(&[b' '; 4096]).chain(b"\r\n");
        let many: Vec<u8> = many.copied().collect();
        assert_eq!(read(&many.repeat(257), 100_000).0, too_long);
        assert_eq!(read(&many.repeat(256), 100_000).0, Ok(None));
    }
}
