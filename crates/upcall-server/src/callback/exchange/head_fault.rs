//! Which line of a head is not well-formed, and how.
//!
//! In: a whole head that the parser refused. Out: [`HeadFault`], the first line that is wrong. The
//! value of a header stays out of it: it may be a session.
//!
//! Source: RFC 9112, 4 (status line) and 5 (header lines); RFC 9110, 5.6.2 (token).

use std::fmt;

/// The first line that is not well-formed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HeadFault {
    /// From 1, which is the status line.
    line: usize,
    fault: LineFault,
    /// The line, or the name of its header.
    text: Box<str>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LineFault {
    BlankBeforeColon,
    /// It goes on with the line before, which HTTP has given up.
    Folded,
    Name,
    NoColon,
    StatusLine,
    Value,
}

impl HeadFault {
    /// `None` if each line looks as it should.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let lines = head.split(|byte| *byte == b'\n');
        for (number, line) in lines.enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let found = if number == 0 {
                (!is_status_line(line)).then_some((LineFault::StatusLine, line))
            } else {
                of_header(line)
            };
            if let Some((fault, text)) = found {
                let text = String::from_utf8_lossy(text);
                return Some(Self {
                    line: number + 1,
                    fault,
                    text: text.chars().take(SHOWN_CHARACTERS).collect(),
                });
            }
        }
        None
    }
}

fn is_status_line(line: &[u8]) -> bool {
    match line {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            b'0' | b'1',
            b' ',
            code @ ..,
        ] => {
            let (code, rest) = code.split_at(code.len().min(3));
            let is_number = code.len() == 3 && code.iter().all(u8::is_ascii_digit);
            is_number
                && matches!(rest, [] | [b' ', ..])
                && !rest.iter().any(|byte| is_control(*byte))
        }
        _ => false,
    }
}

fn of_header(line: &[u8]) -> Option<(LineFault, &[u8])> {
    if line.is_empty() {
        return None;
    }
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Some((LineFault::Folded, b""));
    }
    let Some(colon) = memchr::memchr(b':', line) else {
        return Some((LineFault::NoColon, line));
    };
    let (name, value) = line.split_at(colon);
    if name.ends_with(b" ") || name.ends_with(b"\t") {
        return Some((LineFault::BlankBeforeColon, name));
    }
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Some((LineFault::Name, name));
    }
    let is_wrong = value.iter().any(|byte| is_control(*byte));
    is_wrong.then_some((LineFault::Value, name))
}

const fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

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

impl fmt::Display for HeadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, text) = (self.line, self.text.escape_debug());
        match self.fault {
            LineFault::BlankBeforeColon => {
                write!(f, "line {line}, `{text}`, has a blank before its colon")
            }
            LineFault::Folded => {
                write!(f, "line {line} begins with a blank: a header has one line")
            }
            LineFault::Name => write!(f, "line {line}: `{text}` is no name of a header"),
            LineFault::NoColon => write!(f, "line {line}, `{text}`, has no colon"),
            LineFault::StatusLine => write!(
                f,
                "line {line}, `{text}`, is no status line such as `HTTP/1.1 200 OK`"
            ),
            LineFault::Value => write!(
                f,
                "line {line}: the value of `{text}` holds a control character"
            ),
        }
    }
}

/// Characters of a line that are shown.
const SHOWN_CHARACTERS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_is_wrong_is_named() {
        for (head, sentence) in [
            (
                "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length : 2\r\n\r\n",
                "line 3, `Content-Length `, has a blank before its colon",
            ),
            (
                "HTTP/1.1 200 OK\nnonsense\n\n",
                "line 2, `nonsense`, has no colon",
            ),
            (
                "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
                "line 3 begins with a blank: a header has one line",
            ),
            (
                "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
                "line 2: `` is no name of a header",
            ),
            (
                "HTTP/1.1 200 OK\r\nA(: b\r\n\r\n",
                "line 2: `A(` is no name of a header",
            ),
            (
                "HTTP/1.1 200 OK\r\nSet-Cookie: a\0b\r\n\r\n",
                "line 2: the value of `Set-Cookie` holds a control character",
            ),
            (
                "HTTP/1.1 fine\r\n\r\n",
                "line 1, `HTTP/1.1 fine`, is no status line such as `HTTP/1.1 200 OK`",
            ),
        ] {
            let fault = HeadFault::of(head.as_bytes()).unwrap();
            assert_eq!(fault.to_string(), sentence);
        }
        let good = b"HTTP/1.1 200\r\nA: \xff\tb\r\nB:\r\n\r\n";
        assert_eq!(HeadFault::of(good), None);
    }
}
