//! The first byte of the signed text that is another.

use std::fmt;

use super::super::signature::string_to_sign;
use super::super::verifier::CallbackRequest;

/// Where two signed texts part.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// In which part of the text that was sent.
    pub part: SignedPart,
    /// The offset of the byte in the signed text, from 0.
    pub offset: usize,
    /// Around it, in what was sent.
    pub sent: Excerpt,
    /// Around it, in what was received.
    pub received: Excerpt,
}

/// A part of the signed text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignedPart {
    /// The path, decoded.
    Path,
    /// `?` and the query, raw.
    Query,
    /// The body.
    Body,
}

impl fmt::Display for SignedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Body => "body",
        })
    }
}

/// What stands around a byte: printable ASCII, everything else escaped as in Rust or C.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Excerpt {
    /// Up to 24 bytes before it.
    pub before: String,
    /// It, and up to 23 bytes after it; empty where the text has ended.
    pub after: String,
}

impl Difference {
    /// Where the texts that two requests stand for part; nothing if they do not.
    pub(super) fn between(
        sent: &CallbackRequest<'_>,
        received: &CallbackRequest<'_>,
    ) -> Option<Self> {
        let path_and_query = |request: &CallbackRequest<'_>| string_to_sign(request.target, b"");
        let sent_text = string_to_sign(sent.target, sent.body);
        let received_text = string_to_sign(received.target, received.body);
        let same = sent_text
            .iter()
            .zip(&received_text)
            .take_while(|(a, b)| a == b)
            .count();
        if same == sent_text.len() && same == received_text.len() {
            return None;
        }
        let head = path_and_query(sent);
        let query = match sent.target.split_once('?') {
            // Without the line feed and the mark.
            Some((_, query)) => head.len() - 2 - query.len(),
            None => head.len() - 1,
        };
        let part = if same >= head.len() {
            SignedPart::Body
        } else if same >= query {
            SignedPart::Query
        } else {
            SignedPart::Path
        };
        Some(Self {
            part,
            offset: same,
            sent: Excerpt::around(&sent_text, same),
            received: Excerpt::around(&received_text, same),
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |excerpt: &Excerpt| {
            if excerpt.after.is_empty() {
                format!("`{}` and its end", excerpt.before)
            } else {
                format!("`{}`, then `{}`", excerpt.before, excerpt.after)
            }
        };
        write!(
            f,
            "the signed text differs from byte {} on, in the {}: sent was {}; received was {}",
            self.offset,
            self.part,
            side(&self.sent),
            side(&self.received)
        )
    }
}

impl Excerpt {
    fn around(text: &[u8], at: usize) -> Self {
        let (before, after) = text.split_at_checked(at).unwrap_or((text, b""));
        let before = before.get(before.len().saturating_sub(SHOWN_BYTES)..);
        let (before, after) = (
            before.unwrap_or_default(),
            after.get(..SHOWN_BYTES).unwrap_or(after),
        );
        Self {
            before: before.escape_ascii().to_string(),
            after: after.escape_ascii().to_string(),
        }
    }
}

/// Bytes on each side.
const SHOWN_BYTES: usize = 24;
