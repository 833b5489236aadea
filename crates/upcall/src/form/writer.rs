//! The writer: fields in, the bytes around a file out.

use bytes::Bytes;

use super::boundary::Boundary;
use super::parser::{FILE, FileHead};

/// Writes a form as this crate, OSS and browsers' servers read it.
///
/// ```
/// use upcall::form::{Boundary, FileHead, FormWriter};
///
/// let frame = FormWriter::new(Boundary::from_random([7; 16]))
///     .field("key", "user/eric/${filename}")?
///     .file(&FileHead { filename: Some("cat.jpg".into()), ..FileHead::default() })?;
/// let content = b"meow";
/// let body = [frame.head(), &content[..], frame.tail()].concat();
/// assert_eq!(body.len() as u64, frame.content_length(4));
/// # Ok::<(), upcall::form::Unwritable>(())
/// ```
#[derive(Debug)]
pub struct FormWriter {
    boundary: Boundary,
    head: Vec<u8>,
}

impl FormWriter {
    /// An empty form. The boundary must not occur in the file; take a random one.
    pub const fn new(boundary: Boundary) -> Self {
        Self {
            boundary,
            head: Vec::new(),
        }
    }

    /// Adds a field.
    ///
    /// # Errors
    /// If the form could not be read back: see [`Unwritable`].
    pub fn field(mut self, name: &str, value: &str) -> Result<Self, Unwritable> {
        if name.is_empty() || name.eq_ignore_ascii_case(FILE) {
            return Err(Unwritable::Name);
        }
        let dashed = format!("--{}", self.boundary.as_str());
        // The blank line before the value would be the CRLF of a delimiter at its start.
        if value.contains(&format!("\r\n{dashed}")) || value.starts_with(&dashed) {
            return Err(Unwritable::Boundary);
        }
        self.begin_part(name)?;
        self.head.extend_from_slice(b"\r\n\r\n");
        self.head.extend_from_slice(value.as_bytes());
        self.head.extend_from_slice(b"\r\n");
        Ok(self)
    }

    /// Adds the head of `file`; what is left to write is the file, between head and tail.
    ///
    /// # Errors
    /// If the form could not be read back: see [`Unwritable`].
    pub fn file(mut self, file: &FileHead) -> Result<FormFrame, Unwritable> {
        self.begin_part(FILE)?;
        if let Some(filename) = &file.filename {
            self.parameter("filename", filename)?;
        }
        if let Some(content_type) = &file.content_type {
            let is_plain = !content_type.is_empty() && content_type.trim() == content_type;
            if !is_plain || content_type.chars().any(char::is_control) {
                return Err(Unwritable::ContentType);
            }
            self.head.extend_from_slice(b"\r\nContent-Type: ");
            self.head.extend_from_slice(content_type.as_bytes());
        }
        self.head.extend_from_slice(b"\r\n\r\n");
        Ok(FormFrame {
            content_type: self.boundary.to_content_type(),
            head: self.head.into(),
            tail: format!("\r\n--{}--\r\n", self.boundary.as_str()).into(),
        })
    }

    fn begin_part(&mut self, name: &str) -> Result<(), Unwritable> {
        self.head.extend_from_slice(b"--");
        self.head
            .extend_from_slice(self.boundary.as_str().as_bytes());
        self.head
            .extend_from_slice(b"\r\nContent-Disposition: form-data");
        self.parameter("name", name)
    }

    /// Backslashes before `"` and `\`, as curl, Go and Python write them: unlike the `%22` of
    /// browsers it can be read back.
    fn parameter(&mut self, name: &str, value: &str) -> Result<(), Unwritable> {
        if value.chars().any(|c| c.is_ascii_control()) {
            return Err(Unwritable::Name);
        }
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        self.head
            .extend_from_slice(format!("; {name}=\"{escaped}\"").as_bytes());
        Ok(())
    }
}

/// A form but for its file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FormFrame {
    content_type: String,
    head: Bytes,
    tail: Bytes,
}

impl FormFrame {
    /// The request's `Content-Type`.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// What goes before the file.
    pub const fn head(&self) -> &Bytes {
        &self.head
    }

    /// What goes after the file.
    pub const fn tail(&self) -> &Bytes {
        &self.tail
    }

    /// The request's `Content-Length` with a file of this many bytes.
    pub fn content_length(&self, file_bytes: u64) -> u64 {
        self.head.len() as u64 + file_bytes + self.tail.len() as u64
    }
}

/// What cannot be written so that it can be read back.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unwritable {
    /// A value holds the form's boundary.
    #[error("a field's value holds the boundary; take another boundary")]
    Boundary,
    /// The file's type is empty, begins or ends with a blank, or holds a control character.
    #[error("the file's content type is empty or holds a blank or control character too many")]
    ContentType,
    /// A name is empty, holds a control character, or is `file` for something that is none.
    #[error("the name of a field or file is empty, is `file`, or holds a control character")]
    Name,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> FormWriter {
        FormWriter::new(Boundary::parse("B").unwrap())
    }

    #[test]
    fn a_form_is_written_byte_for_byte() {
        let file = FileHead {
            filename: Some("a\"b\\c.jpg".into()),
            is_filename_unreadable: false,
            content_type: Some("image/jpeg".into()),
        };
        let frame = writer()
            .field("key", "猫\r\n")
            .unwrap()
            .file(&file)
            .unwrap();
        assert_eq!(
            str::from_utf8(frame.head()).unwrap(),
            "--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n猫\r\n\r\n--B\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"a\\\"b\\\\c.jpg\"\r\n\
             Content-Type: image/jpeg\r\n\r\n"
        );
        assert_eq!(frame.tail(), "\r\n--B--\r\n");
        assert_eq!(frame.content_type(), "multipart/form-data; boundary=\"B\"");
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        for (name, value, why) in [
            ("", "a", Unwritable::Name),
            ("File", "a", Unwritable::Name),
            ("a\r\nb", "a", Unwritable::Name),
            ("a", "--Bob", Unwritable::Boundary),
            ("a", "a\r\n--B", Unwritable::Boundary),
        ] {
            assert_eq!(
                writer().field(name, value).unwrap_err(),
                why,
                "{name} {value}"
            );
        }
        let file = FileHead {
            filename: None,
            is_filename_unreadable: false,
            content_type: Some(" a/b".into()),
        };
        assert_eq!(writer().file(&file), Err(Unwritable::ContentType));
    }
}
