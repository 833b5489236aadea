//! The search for the delimiter: the one loop that every byte of a file passes.

use bytes::{Buf, Bytes};
use memchr::memmem::Finder;

use super::boundary::Boundary;

/// Splits a stream at `CRLF -- boundary`, without copying and without keeping any byte of it.
///
/// A boundary holds no CR, so a delimiter has no CR but its first byte. Two things follow. A match
/// that breaks off can only begin anew at the byte that broke it, never inside. And the bytes held
/// back at the end of a piece, because they may begin a delimiter, need not be kept: they *are* the
/// delimiter's first bytes, so their number is enough.
#[derive(Debug)]
pub(super) struct DelimiterScan {
    delimiter: Bytes,
    finder: Finder<'static>,
    /// How many bytes of the delimiter have been seen.
    matched: usize,
    /// How many of those belong to what came before the content: the CRLF of a blank line.
    borrowed: usize,
}

/// What the scan found next.
#[derive(Debug)]
pub(super) enum Scanned {
    /// Bytes that belong to no delimiter; never empty.
    Content(Bytes),
    /// A whole delimiter; the content is over.
    Delimiter,
    /// The piece is used up.
    Starved,
}

impl DelimiterScan {
    pub(super) fn new(boundary: Boundary) -> Self {
        let delimiter = boundary.into_delimiter();
        Self {
            finder: Finder::new(&delimiter).into_owned(),
            delimiter,
            matched: 0,
            borrowed: 0,
        }
    }

    /// What a body begins with: the delimiter without the line break before it.
    pub(super) fn first_line(&self) -> &[u8] {
        self.delimiter.get(CRLF..).unwrap_or_default()
    }

    /// Begins at the start of a body or of a part's content.
    ///
    /// A delimiter may stand right there: its CRLF is then the one that came before (RFC 2046 gives
    /// an empty part no other, and a body needs none before its first delimiter).
    pub(super) fn begin(&mut self) {
        self.matched = CRLF;
        self.borrowed = CRLF;
    }

    pub(super) fn scan(&mut self, piece: &mut Bytes) -> Scanned {
        loop {
            if self.matched == self.delimiter.len() {
                self.matched = 0;
                self.borrowed = 0;
                return Scanned::Delimiter;
            }
            if piece.is_empty() {
                return Scanned::Starved;
            }
            let content = if self.matched > 0 {
                self.go_on(piece)
            } else {
                self.search(piece)
            };
            if !content.is_empty() {
                return Scanned::Content(content);
            }
        }
    }

    /// Compares on where an earlier piece, or [`begin`](Self::begin), left off. Returns what was
    /// held back in vain.
    fn go_on(&mut self, piece: &mut Bytes) -> Bytes {
        let wanted = self.delimiter.get(self.matched..).unwrap_or_default();
        let same = piece.iter().zip(wanted).take_while(|(a, b)| a == b).count();
        piece.advance(same);
        self.matched += same;
        if self.matched == self.delimiter.len() || piece.is_empty() {
            return Bytes::new();
        }
        let held = self.delimiter.slice(self.borrowed..self.matched);
        self.matched = 0;
        self.borrowed = 0;
        held
    }

    fn search(&mut self, piece: &mut Bytes) -> Bytes {
        if let Some(at) = self.finder.find(piece) {
            let content = piece.split_to(at);
            piece.advance(self.delimiter.len());
            self.matched = self.delimiter.len();
            return content;
        }
        let mut content = std::mem::take(piece);
        self.matched = self.begun_at_the_end_of(&content);
        content.truncate(content.len() - self.matched);
        content
    }

    /// How many bytes at the end of `piece` may be the beginning of a delimiter.
    fn begun_at_the_end_of(&self, piece: &[u8]) -> usize {
        let tail = piece.get(piece.len().saturating_sub(self.delimiter.len() - 1)..);
        let tail = tail.unwrap_or_default();
        memchr::memrchr(b'\r', tail)
            .and_then(|at| tail.get(at..))
            .filter(|begun| self.delimiter.starts_with(begun))
            .map_or(0, <[u8]>::len)
    }
}

const CRLF: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// The contents between delimiters, each piece scanned in turn.
    fn split(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut scan = DelimiterScan::new(Boundary::parse("B").unwrap());
        let mut contents = vec![Vec::new()];
        for piece in pieces {
            let mut piece = Bytes::copy_from_slice(piece);
            loop {
                match scan.scan(&mut piece) {
                    Scanned::Content(content) => contents.last_mut().unwrap().extend(content),
                    Scanned::Delimiter => contents.push(Vec::new()),
                    Scanned::Starved => break,
                }
            }
        }
        contents
    }

    #[test]
    fn a_delimiter_is_found_across_any_cut() {
        let text = b"a\r\r\n--\r\n-B\r\n--Bb\r\n--B\r\n--A\r\n--B\r\n--B";
        let expected: [&[u8]; 5] = [b"a\r\r\n--\r\n-B", b"b", b"\r\n--A", b"", b""];
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(split(&pieces), expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn bytes_of_a_piece_are_handed_on_without_a_copy() {
        let mut scan = DelimiterScan::new(Boundary::parse("B").unwrap());
        let mut piece = Bytes::from(vec![7; 1000]);
        let address = piece.as_ptr();
        let Scanned::Content(content) = scan.scan(&mut piece) else {
            panic!("content was expected");
        };
        assert_eq!((content.as_ptr(), content.len()), (address, 1000));
    }
}
