//! The head of a part: the lines between a delimiter and the blank line.

use std::str;

use bytes::{Buf, Bytes};
use percent_encoding::percent_decode_str;

use super::error::FormError;
use super::limits::FormLimits;
use super::parameter::{Parameters, is_token};
use super::strictness::Strictness;

/// Reads one part's head after another, line by line, from pieces cut anywhere.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    line: Vec<u8>,
    saw_cr: bool,
    bytes: usize,
    disposition: Option<Disposition>,
    content_type: Option<String>,
    /// `Content-Type` came before `Content-Disposition`.
    is_type_first: bool,
}

/// What a part's head says.
#[derive(Debug)]
pub(super) struct PartHead {
    pub(super) name: String,
    pub(super) filename: Filename,
    pub(super) content_type: Option<String>,
}

/// The file's name, as far as a part's head gives one.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Filename {
    Absent,
    Read(String),
    /// There is a `filename*` that cannot be decoded, and no `filename` that says the same.
    Unreadable,
}

impl HeadReader {
    /// Forgets the last head; `padding` bytes of the delimiter's line count towards this one.
    pub(super) fn begin(&mut self, padding: usize) {
        self.line.clear();
        self.saw_cr = false;
        self.bytes = padding;
        self.disposition = None;
        self.content_type = None;
        self.is_type_first = false;
    }

    /// Takes what `piece` has of the head; `None` while the blank line has not been seen.
    pub(super) fn read(
        &mut self,
        piece: &mut Bytes,
        limits: &FormLimits,
    ) -> Result<Option<PartHead>, FormError> {
        while let Some(&first) = piece.first() {
            if self.saw_cr {
                // One reading only: a line ends with CRLF, never with one of the two.
                if first != b'\n' {
                    return Err(PartHeadFault::ControlCharacter.into());
                }
                piece.advance(1);
                self.saw_cr = false;
                if self.line.is_empty() {
                    return self.finish(limits).map(Some);
                }
                self.take_line()?;
                continue;
            }
            let line_end = memchr::memchr(b'\r', piece);
            let length = line_end.unwrap_or(piece.len());
            let room = limits.part_head_bytes.saturating_sub(self.bytes);
            let text = piece.split_to(length.min(room));
            if text.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
                return Err(PartHeadFault::ControlCharacter.into());
            }
            if length > room {
                return Err(FormError::PartHeadTooLong {
                    limit: limits.part_head_bytes,
                });
            }
            self.line.extend_from_slice(&text);
            self.bytes += length;
            if line_end.is_some() {
                piece.advance(1);
                self.bytes += 2;
                self.saw_cr = true;
            }
        }
        Ok(None)
    }

    fn take_line(&mut self) -> Result<(), PartHeadFault> {
        let line = str::from_utf8(&self.line).map_err(|_| PartHeadFault::NotUtf8)?;
        if line.starts_with([' ', '\t']) {
            return Err(PartHeadFault::Folded);
        }
        let (name, value) = line.split_once(':').ok_or(PartHeadFault::NotAHeader)?;
        if !is_token(name) {
            return Err(PartHeadFault::NotAHeader);
        }
        let value = value.trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case("content-disposition") {
            let disposition = Disposition::parse(value)?;
            self.is_type_first = self.content_type.is_some();
            if self.disposition.replace(disposition).is_some() {
                return Err(PartHeadFault::Repeated);
            }
        } else if name.eq_ignore_ascii_case("content-type")
            && self.content_type.replace(value.to_owned()).is_some()
        {
            return Err(PartHeadFault::Repeated);
        }
        // Anything else is passed over: HTTP libraries add `Content-Length`,
        // `Content-Transfer-Encoding` and the like, which change nothing here.
        self.line.clear();
        Ok(())
    }

    fn finish(&mut self, limits: &FormLimits) -> Result<PartHead, FormError> {
        let disposition = self
            .disposition
            .take()
            .ok_or(PartHeadFault::NoDisposition)?;
        if self.is_type_first && limits.strictness == Strictness::Strict {
            return Err(PartHeadFault::TypeBeforeDisposition.into());
        }
        let name = disposition
            .name
            .filter(|name| !name.is_empty())
            .ok_or(PartHeadFault::NoName)?;
        if name.len() > limits.name_bytes {
            return Err(FormError::NameTooLong {
                bytes: name.len(),
                limit: limits.name_bytes,
            });
        }
        Ok(PartHead {
            name,
            filename: Filename::of(disposition.filename, disposition.extended_filename),
            content_type: self.content_type.take().filter(|text| !text.is_empty()),
        })
    }
}

/// A `Content-Disposition` of type `form-data`.
#[derive(Debug, Default)]
struct Disposition {
    name: Option<String>,
    filename: Option<String>,
    extended_filename: Option<Extended>,
}

/// `filename*`, which RFC 7578 forbids. React Native sends it beside `filename`, which then counts; old
/// Python libraries send it alone for names beyond ASCII, and .NET beside a `filename` that is an
/// encoded word of e-mail (RFC 2047).
#[derive(Debug)]
enum Extended {
    Decoded(String),
    Undecodable,
}

impl Filename {
    fn of(plain: Option<String>, extended: Option<Extended>) -> Self {
        let is_usable = |name: &String| !name.is_empty() && !is_encoded_word(name);
        match (plain, extended) {
            (Some(plain), _) if is_usable(&plain) => Self::Read(plain),
            (_, Some(Extended::Decoded(name))) => Self::Read(name),
            (_, Some(Extended::Undecodable)) => Self::Unreadable,
            // Alone, an encoded word is a name like any other: browsers send files called so.
            (Some(plain), None) => Self::Read(plain),
            (None, None) => Self::Absent,
        }
    }
}

/// Whether `name` is `=?charset?encoding?text?=`.
fn is_encoded_word(name: &str) -> bool {
    let inner = name
        .strip_prefix("=?")
        .and_then(|name| name.strip_suffix("?="));
    inner.is_some_and(|inner| inner.split('?').count() == 3)
}

impl Disposition {
    fn parse(value: &str) -> Result<Self, PartHeadFault> {
        let (kind, parameters) = value.split_at(value.find(';').unwrap_or(value.len()));
        if !kind
            .trim_end_matches([' ', '\t'])
            .eq_ignore_ascii_case("form-data")
        {
            return Err(PartHeadFault::NotFormData);
        }
        let mut disposition = Self::default();
        for parameter in Parameters::new(parameters) {
            let (name, value) = parameter.map_err(|_| PartHeadFault::Parameter)?;
            let previous = if name.eq_ignore_ascii_case("name") {
                disposition.name.replace(value.into_owned())
            } else if name.eq_ignore_ascii_case("filename") {
                disposition.filename.replace(value.into_owned())
            } else if name.eq_ignore_ascii_case("filename*") {
                let extended = decode_extended(&value);
                let extended = extended.map_or(Extended::Undecodable, Extended::Decoded);
                if disposition.extended_filename.replace(extended).is_some() {
                    return Err(PartHeadFault::Repeated);
                }
                None
            } else {
                None
            };
            if previous.is_some() {
                return Err(PartHeadFault::Repeated);
            }
        }
        Ok(disposition)
    }
}

/// Decodes `UTF-8'language'percent-encoded` (RFC 8187).
fn decode_extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let charset = parts.next()?;
    let encoded = parts.nth(1)?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    Some(percent_decode_str(encoded).decode_utf8().ok()?.into_owned())
}

/// What is wrong with a part's head.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PartHeadFault {
    /// NUL, a lone CR or LF, or another control character.
    #[error("a part's head holds a control character, or a line that does not end with CR LF")]
    ControlCharacter,
    /// A line that goes on in the next one.
    #[error("a line of a part's head begins with a blank")]
    Folded,
    /// There is no `Content-Disposition`.
    #[error("a part has no `Content-Disposition`")]
    NoDisposition,
    /// The part has no name, or an empty one.
    #[error("a part's `Content-Disposition` has no `name`")]
    NoName,
    /// A line is not `name: value`.
    #[error("a line of a part's head is no header")]
    NotAHeader,
    /// The `Content-Disposition` is of another type.
    #[error("a part's `Content-Disposition` is not `form-data`")]
    NotFormData,
    /// The head is not UTF-8.
    #[error("a part's head is not UTF-8")]
    NotUtf8,
    /// The parameters of `Content-Disposition` are not `name="value"`.
    #[error("the parameters of a part's `Content-Disposition` cannot be read")]
    Parameter,
    /// A header or a parameter that may stand once stands twice.
    #[error("a part's head says something twice")]
    Repeated,
    /// `Content-Type` stands before `Content-Disposition`; refused by strict servers only.
    #[error("a part's `Content-Type` stands before its `Content-Disposition`, which OSS refuses")]
    TypeBeforeDisposition,
}
