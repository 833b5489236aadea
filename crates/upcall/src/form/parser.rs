//! The parser: pieces of a body in, events out.

use std::collections::VecDeque;
use std::fmt;

use bytes::{Buf, Bytes};

use super::boundary::Boundary;
use super::error::{FormError, shorten};
use super::head::{Filename, HeadReader, PartHead};
use super::limits::FormLimits;
use super::scan::{DelimiterScan, Scanned};

/// Reads a `multipart/form-data` body as it arrives.
///
/// [`push`](Self::push) a piece, then call [`next`](Self::next) until it returns `None`, and so on;
/// [`finish`](Self::finish) when the body is over. The events do not depend on where the body was
/// cut, except that the file's bytes come in more or fewer pieces. The file's bytes are slices of
/// what was pushed. What the parser itself holds is bounded by its [`FormLimits`]; pieces pushed and
/// not yet read are the caller's to bound.
///
/// A form counts only when [`FormEvent::End`] has come: a body that is cut off inside or after the
/// file yields the bytes so far and then an error.
///
/// ```
/// use upcall::form::{Boundary, FormEvent, FormLimits, FormParser};
///
/// let boundary = Boundary::from_content_type("multipart/form-data; boundary=B")?;
/// let mut parser = FormParser::new(boundary, FormLimits::default());
/// parser.push("--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\ncat.jpg\r\n--B".into());
/// let Some(FormEvent::Field(field)) = parser.next()? else { panic!("a field is complete") };
/// assert_eq!((field.name.as_str(), field.value.as_str()), ("key", "cat.jpg"));
/// assert!(parser.next()?.is_none(), "more of the body is wanted");
/// # Ok::<(), upcall::form::FormError>(())
/// ```
#[derive(Debug)]
pub struct FormParser {
    limits: FormLimits,
    piece: Bytes,
    waiting: VecDeque<Bytes>,
    is_finished: bool,
    state: State,
    scan: DelimiterScan,
    head: HeadReader,
    value: Vec<u8>,
    is_file_seen: bool,
    /// The first part that has a file name and is not called `file`.
    misnamed_file: Option<String>,
    /// The first bytes of the body, while no delimiter has come.
    opening: Vec<u8>,
    parts: usize,
    preamble_bytes: usize,
    total_value_bytes: usize,
    trailing_value_bytes: usize,
}

/// What the parser found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FormEvent {
    /// A whole field before `file`.
    Field(Field),
    /// The part `file` begins; everything before it has been seen.
    File(FileHead),
    /// The next bytes of the file; never empty.
    FileBytes(Bytes),
    /// The file's bytes are complete. The form is not yet: wait for `End`.
    FileEnd,
    /// The closing delimiter. Whatever follows in the body is ignored.
    End,
}

/// A field: any part but `file`.
#[derive(Clone, Eq, PartialEq)]
pub struct Field {
    /// The name as it was sent; names are compared without regard to ASCII case.
    pub name: String,
    /// The value as it was sent.
    pub value: String,
}

impl fmt::Debug for Field {
    /// Without the value: it may be a policy or a signature, which no log may hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({:?}, {} bytes)", self.name, self.value.len())
    }
}

/// What the head of the part `file` says about the file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FileHead {
    /// The name of the file on the uploader's machine, perhaps with folders.
    pub filename: Option<String>,
    /// Whether the file has a name that cannot be read (a `filename*` that is not percent-encoded
    /// UTF-8). No key can be made of it then.
    pub is_filename_unreadable: bool,
    /// The type that the uploader's program gave it.
    pub content_type: Option<String>,
}

impl FormParser {
    /// A parser at the start of a body.
    pub fn new(boundary: Boundary, limits: FormLimits) -> Self {
        let mut scan = DelimiterScan::new(boundary);
        scan.begin();
        Self {
            limits,
            piece: Bytes::new(),
            waiting: VecDeque::new(),
            is_finished: false,
            state: State::Preamble,
            scan,
            head: HeadReader::default(),
            value: Vec::new(),
            is_file_seen: false,
            misnamed_file: None,
            opening: Vec::new(),
            parts: 0,
            preamble_bytes: 0,
            total_value_bytes: 0,
            trailing_value_bytes: 0,
        }
    }

    /// Takes the next piece of the body.
    pub fn push(&mut self, bytes: Bytes) {
        if self.state.is_over() || bytes.is_empty() {
            return;
        }
        if matches!(self.state, State::Preamble) {
            let room = OPENING_BYTES - self.opening.len();
            self.opening.extend(bytes.iter().take(room));
        }
        if self.piece.is_empty() && self.waiting.is_empty() {
            self.piece = bytes;
        } else {
            self.waiting.push_back(bytes);
        }
    }

    /// The body is over; nothing will be pushed any more.
    pub fn finish(&mut self) {
        self.is_finished = true;
    }

    /// The next event; `None` if more of the body is wanted, or after [`FormEvent::End`].
    ///
    /// # Errors
    /// What is wrong with the form. From then on every call says the same.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator ends with `None`; this goes on after the next `push`"
    )]
    pub fn next(&mut self) -> Result<Option<FormEvent>, FormError> {
        let event = self.next_event();
        if let Err(error) = &event {
            self.stop(State::Failed(error.clone()));
        }
        event
    }

    fn next_event(&mut self) -> Result<Option<FormEvent>, FormError> {
        loop {
            if self.piece.is_empty()
                && let Some(piece) = self.waiting.pop_front()
            {
                self.piece = piece;
            }
            let step = match &mut self.state {
                State::Preamble => self.preamble()?,
                State::Line(_) => self.delimiter_line()?,
                State::Head => self.head()?,
                State::Field { .. } => self.field()?,
                State::File => self.file(),
                State::Trailer => self.trailer()?,
                State::Ended => return Ok(None),
                State::Failed(error) => return Err(error.clone()),
            };
            match step {
                Step::Event(event) => return Ok(Some(event)),
                Step::Starved if !self.waiting.is_empty() => {}
                Step::Starved if self.is_finished => return Err(self.cut_off()),
                Step::Starved => return Ok(None),
                Step::On => {}
            }
        }
    }

    /// Before the first delimiter. One C# client sends a blank line; RFC 2046 allows any text.
    fn preamble(&mut self) -> Result<Step, FormError> {
        if self.preamble_bytes > self.limits.preamble_bytes {
            // What the sentence names must not depend on how the body was cut.
            self.piece = Bytes::new();
            return if self.opening.len() == OPENING_BYTES || self.is_finished {
                Err(self.no_delimiter())
            } else {
                Ok(Step::Starved)
            };
        }
        match self.scan.scan(&mut self.piece) {
            Scanned::Starved => Ok(Step::Starved),
            Scanned::Delimiter => Ok(self.go(State::Line(Line::Start))),
            Scanned::Content(content) => {
                self.preamble_bytes += content.len();
                Ok(Step::On)
            }
        }
    }

    /// The body ended: before its first delimiter, or behind it.
    fn cut_off(&self) -> FormError {
        let opening = self.opening.strip_prefix(b"\r\n").unwrap_or(&self.opening);
        let is_begun = self.scan.first_line().starts_with(opening) || opening == b"\r";
        let is_over = self.preamble_bytes > self.limits.preamble_bytes;
        if matches!(self.state, State::Preamble) && (is_over || !is_begun) {
            return self.no_delimiter();
        }
        FormError::Truncated
    }

    fn no_delimiter(&self) -> FormError {
        FormError::NoDelimiter {
            found: Boundary::opening(&self.opening),
        }
    }

    /// Behind a delimiter: `--` closes the form, CRLF opens a part; blanks may stand before CRLF.
    ///
    /// Anything else is refused. RFC 2046 would have it a delimiter, other parsers have it content.
    fn delimiter_line(&mut self) -> Result<Step, FormError> {
        let State::Line(line) = &mut self.state else {
            return Ok(Step::On);
        };
        while let Some(&byte) = self.piece.first() {
            self.piece.advance(1);
            match (&mut *line, byte) {
                (Line::Start, b'-') => *line = Line::Dash,
                (Line::Dash, b'-') => return self.end(),
                (Line::Start | Line::Padded { .. }, b'\r') => {
                    let padding = line.padding();
                    *line = Line::Cr { padding };
                }
                (Line::Start | Line::Padded { .. }, b' ' | b'\t') => {
                    let padding = line.padding() + 1;
                    if padding > self.limits.part_head_bytes {
                        return Err(FormError::DelimiterLine);
                    }
                    *line = Line::Padded { padding };
                }
                (Line::Cr { padding }, b'\n') => {
                    self.head.begin(*padding);
                    return self.begin_part();
                }
                (_, _) => return Err(FormError::DelimiterLine),
            }
        }
        Ok(Step::Starved)
    }

    fn begin_part(&mut self) -> Result<Step, FormError> {
        self.parts += 1;
        if self.parts > self.limits.parts {
            return Err(FormError::TooManyParts {
                limit: self.limits.parts,
            });
        }
        Ok(self.go(State::Head))
    }

    fn end(&mut self) -> Result<Step, FormError> {
        if !self.is_file_seen {
            return Err(match self.misnamed_file.take() {
                Some(name) => FormError::MisnamedFile { name },
                None => FormError::NoFile,
            });
        }
        self.stop(State::Ended);
        Ok(Step::Event(FormEvent::End))
    }

    fn head(&mut self) -> Result<Step, FormError> {
        let Some(head) = self.head.read(&mut self.piece, &self.limits)? else {
            return Ok(Step::Starved);
        };
        self.scan.begin();
        let PartHead {
            name,
            filename,
            content_type,
        } = head;
        let is_file = name.eq_ignore_ascii_case(FILE);
        match (is_file, self.is_file_seen) {
            (true, true) => Err(FormError::SecondFile),
            (false, true) => Ok(self.go(State::Trailer)),
            (false, false) => Ok(self.go(State::Field {
                name,
                is_upload: filename != Filename::Absent,
            })),
            (true, false) => {
                self.is_file_seen = true;
                self.state = State::File;
                Ok(Step::Event(FormEvent::File(file_head(
                    filename,
                    content_type,
                ))))
            }
        }
    }

    fn field(&mut self) -> Result<Step, FormError> {
        let State::Field { name, is_upload } = &mut self.state else {
            return Ok(Step::On);
        };
        match self.scan.scan(&mut self.piece) {
            Scanned::Starved => Ok(Step::Starved),
            Scanned::Content(content) => {
                let room = self.limits.value_bytes - self.value.len();
                let total_room = self.limits.total_value_bytes - self.total_value_bytes;
                // The nearer limit speaks, however the body was cut.
                if content.len() > room && room <= total_room {
                    return Err(FormError::ValueTooLong {
                        name: std::mem::take(name),
                        limit: self.limits.value_bytes,
                        is_upload: *is_upload,
                    });
                }
                if content.len() > total_room {
                    return Err(FormError::FieldsTooLong {
                        limit: self.limits.total_value_bytes,
                    });
                }
                self.total_value_bytes += content.len();
                self.value.extend_from_slice(&content);
                Ok(Step::On)
            }
            Scanned::Delimiter => {
                let name = std::mem::take(name);
                let is_upload = *is_upload;
                let Ok(value) = String::from_utf8(std::mem::take(&mut self.value)) else {
                    return Err(if is_upload {
                        FormError::MisnamedFile {
                            name: shorten(&name),
                        }
                    } else {
                        FormError::ValueNotUtf8 { name }
                    });
                };
                if is_upload && self.misnamed_file.is_none() {
                    self.misnamed_file = Some(shorten(&name));
                }
                self.state = State::Line(Line::Start);
                Ok(Step::Event(FormEvent::Field(Field { name, value })))
            }
        }
    }

    fn file(&mut self) -> Step {
        match self.scan.scan(&mut self.piece) {
            Scanned::Content(bytes) => Step::Event(FormEvent::FileBytes(bytes)),
            Scanned::Starved => Step::Starved,
            Scanned::Delimiter => {
                self.state = State::Line(Line::Start);
                Step::Event(FormEvent::FileEnd)
            }
        }
    }

    /// A part after `file`: read so that the form's end is found, and thrown away.
    fn trailer(&mut self) -> Result<Step, FormError> {
        match self.scan.scan(&mut self.piece) {
            Scanned::Starved => Ok(Step::Starved),
            Scanned::Delimiter => Ok(self.go(State::Line(Line::Start))),
            Scanned::Content(content) => {
                self.trailing_value_bytes += content.len();
                if self.trailing_value_bytes > self.limits.trailing_value_bytes {
                    return Err(FormError::TrailerTooLong {
                        limit: self.limits.trailing_value_bytes,
                    });
                }
                Ok(Step::On)
            }
        }
    }

    fn go(&mut self, state: State) -> Step {
        self.state = state;
        Step::On
    }

    /// Nothing more is read: what was pushed is let go.
    fn stop(&mut self, state: State) {
        self.state = state;
        self.piece = Bytes::new();
        self.waiting = VecDeque::new();
        self.value = Vec::new();
    }
}

fn file_head(filename: Filename, content_type: Option<String>) -> FileHead {
    let (filename, is_filename_unreadable) = match filename {
        Filename::Absent => (None, false),
        Filename::Read(filename) => (Some(filename), false),
        Filename::Unreadable => (None, true),
    };
    FileHead {
        filename,
        is_filename_unreadable,
        content_type,
    }
}

/// Where in the body the next byte stands.
#[derive(Debug)]
enum State {
    Preamble,
    Line(Line),
    Head,
    Field { name: String, is_upload: bool },
    File,
    Trailer,
    Ended,
    Failed(FormError),
}

impl State {
    const fn is_over(&self) -> bool {
        matches!(self, Self::Ended | Self::Failed(_))
    }
}

/// How much of a delimiter's line has been seen behind the boundary.
#[derive(Debug)]
enum Line {
    Start,
    Dash,
    Padded { padding: usize },
    Cr { padding: usize },
}

impl Line {
    const fn padding(&self) -> usize {
        match self {
            Self::Start | Self::Dash => 0,
            Self::Padded { padding } | Self::Cr { padding } => *padding,
        }
    }
}

enum Step {
    Event(FormEvent),
    On,
    Starved,
}

/// Bytes of a body's first line that an answer may name: dashes, the longest boundary and a line break.
const OPENING_BYTES: usize = 2 + Boundary::MAX_BYTES + 2;

/// The name of the part that is the file.
pub(super) const FILE: &str = "file";
