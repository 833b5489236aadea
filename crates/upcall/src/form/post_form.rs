//! The form's head: every field before `file`, and what its fields ask for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use super::credentials::{FormCredentials, Missing};
use super::error::{FormError, shorten};
use super::known_field::KnownField;
use super::parser::{Field, FileHead};
use crate::name::ObjectKey;

/// All fields before `file`, in the order they came, and what the file's own head says.
///
/// A field that is read ([`KnownField`], `x-oss-…`, `x:…`) stands once, whatever its case, so there is
/// one value to check and to act upon. Any other may be repeated, and then has no value: it is never
/// acted upon, and a policy's condition on it fails. What becomes a header of the object (`Cache-Control`, `x-oss-meta-…`) can be one: it holds no control
/// characters and is bounded.
pub struct PostForm {
    fields: Vec<Field>,
    /// Where a field stands, by its lower-case name.
    index: HashMap<String, Place>,
    file: FileHead,
}

/// The value of a field that a policy's condition names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldValue<'f> {
    /// The form has no such field.
    Absent,
    /// The field's one value.
    Once(&'f str),
    /// The form has several, so there is not one value to compare.
    Repeated,
}

impl<'f> FieldValue<'f> {
    /// The one value, if there is one.
    pub const fn once(self) -> Option<&'f str> {
        match self {
            Self::Once(value) => Some(value),
            Self::Absent | Self::Repeated => None,
        }
    }
}

/// Where the field of a name stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    Once(usize),
    Repeated,
}

/// How the answer to a successful upload looks, unless a callback answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SuccessAction {
    /// Send the browser to this `http` or `https` URL.
    Redirect(String),
    /// Answer with this status: 200, 201 or 204.
    Status(u16),
}

/// What happens if there is an object of this name already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overwrite {
    /// The new one takes its place.
    Allow,
    /// The upload is refused.
    Forbid,
}

impl PostForm {
    /// The most bytes of a field that becomes a header. OSS names no limit; HTTP stacks refuse
    /// larger ones.
    pub const MAX_HEADER_BYTES: usize = 8 * 1024;
    /// The most bytes of all user metadata, names without their prefix included.
    pub const MAX_METADATA_BYTES: usize = 8 * 1024;

    /// Takes the fields before `file`.
    ///
    /// # Errors
    /// [`FormError::Repeated`], or a value that becomes a header cannot be one.
    pub fn new(fields: Vec<Field>, file: FileHead) -> Result<Self, FormError> {
        let mut index = HashMap::with_capacity(fields.len());
        let mut metadata_bytes = 0;
        for (place, field) in fields.iter().enumerate() {
            let name = field.name.to_ascii_lowercase();
            if let Some(metadata) = name.strip_prefix(METADATA_PREFIX) {
                if !is_metadata_name(metadata) {
                    return Err(unwritable(&field.name));
                }
                metadata_bytes += metadata.len() + field.value.len();
            }
            if name.starts_with(METADATA_PREFIX) || HEADER_FIELDS.contains(&name.as_str()) {
                check_header(&field.name, &field.value)?;
            }
            match index.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(Place::Once(place));
                }
                Entry::Occupied(entry) if KnownField::stands_once(entry.key()) => {
                    return Err(FormError::Repeated {
                        name: shorten(&field.name),
                    });
                }
                Entry::Occupied(mut entry) => {
                    entry.insert(Place::Repeated);
                }
            }
        }
        if metadata_bytes > Self::MAX_METADATA_BYTES {
            return Err(FormError::MetadataTooLong {
                bytes: metadata_bytes,
                limit: Self::MAX_METADATA_BYTES,
            });
        }
        if let Some(content_type) = &file.content_type {
            check_header("file", content_type)?;
        }
        Ok(Self {
            fields,
            index,
            file,
        })
    }

    /// The value of a field that is read, which a form has once at most.
    pub fn field(&self, known: KnownField) -> Option<&str> {
        self.value_of(known.name()).once()
    }

    /// By a lower-case name.
    fn value_of(&self, name: &str) -> FieldValue<'_> {
        match self.index.get(name) {
            None => FieldValue::Absent,
            Some(Place::Repeated) => FieldValue::Repeated,
            Some(Place::Once(place)) => self
                .fields
                .get(*place)
                .map_or(FieldValue::Absent, |field| FieldValue::Once(&field.value)),
        }
    }

    /// Names and values in the order they came.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|field| (field.name.as_str(), field.value.as_str()))
    }

    /// What the head of the part `file` says.
    pub const fn file(&self) -> &FileHead {
        &self.file
    }

    /// The field `key` as it was sent, which is what a policy's conditions compare.
    ///
    /// # Errors
    /// [`FormError::NoKey`].
    pub fn key_text(&self) -> Result<&str, FormError> {
        self.field(KnownField::KEY).ok_or(FormError::NoKey)
    }

    /// The name of the object: `key` with `${filename}` replaced by the file's name without folders.
    ///
    /// # Errors
    /// [`FormError::NoKey`]; [`FormError::FilenameUnreadable`] if the file's name is wanted and cannot
    /// be read; [`FormError::Key`] if the result is no object's name.
    pub fn object_key(&self) -> Result<ObjectKey, FormError> {
        let text = self.key_text()?;
        let filename = self.file.filename.as_deref().unwrap_or_default();
        let base = filename.rsplit(['/', '\\']).next().unwrap_or_default();
        let places = text.matches(FILENAME_VARIABLE).count();
        // Without it all files of a page would have one key, and each would take the place of the last.
        if places > 0 && self.file.is_filename_unreadable {
            return Err(FormError::FilenameUnreadable);
        }
        let bytes = text.len() - places * FILENAME_VARIABLE.len() + places * base.len();
        // Before it is built: a long key full of variables would take gigabytes.
        if bytes > ObjectKey::MAX_BYTES {
            return Err(crate::name::InvalidObjectKey::TooLong { bytes }.into());
        }
        Ok(ObjectKey::parse(&text.replace(FILENAME_VARIABLE, base))?)
    }

    /// The value that a policy's condition on `name` compares: the field; for `content-type`, if
    /// there is no such field, the type of the part `file`.
    pub fn condition_value(&self, name: &str) -> FieldValue<'_> {
        let name = name.to_ascii_lowercase();
        match (self.value_of(&name), &self.file.content_type) {
            (FieldValue::Absent, Some(content_type)) if name == CONTENT_TYPE => {
                FieldValue::Once(content_type)
            }
            (value, _) => value,
        }
    }

    /// The type to store: `x-oss-content-type`, else that of the part `file`, else the field
    /// `Content-Type`, else `application/octet-stream`.
    pub fn content_type(&self) -> &str {
        self.filled(KnownField::X_OSS_CONTENT_TYPE)
            .or(self.file.content_type.as_deref())
            .or_else(|| self.filled(KnownField::CONTENT_TYPE))
            .unwrap_or("application/octet-stream")
    }

    /// The answer the form asks for. A redirect comes before a status; what cannot be followed or is
    /// unknown counts as absent, and the answer is 204 then.
    pub fn success_action(&self) -> SuccessAction {
        let is_url = |url: &&str| {
            ["http://", "https://"].iter().any(|scheme| {
                let start = url.get(..scheme.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            })
        };
        if let Some(url) = self
            .field(KnownField::SUCCESS_ACTION_REDIRECT)
            .filter(is_url)
        {
            return SuccessAction::Redirect(url.to_owned());
        }
        SuccessAction::Status(match self.field(KnownField::SUCCESS_ACTION_STATUS) {
            Some("200") => 200,
            Some("201") => 201,
            _ => 204,
        })
    }

    /// User metadata: lower-case names without `x-oss-meta-`, and values.
    pub fn metadata(&self) -> impl Iterator<Item = (String, &str)> {
        self.fields().filter_map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            Some((name.strip_prefix(METADATA_PREFIX)?.to_owned(), value))
        })
    }

    /// What `x-oss-forbid-overwrite` asks for.
    ///
    /// # Errors
    /// [`FormError::ForbidOverwrite`] for anything but `true`, `false` and nothing.
    pub fn overwrite(&self) -> Result<Overwrite, FormError> {
        match self.filled(KnownField::X_OSS_FORBID_OVERWRITE) {
            None => Ok(Overwrite::Allow),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(Overwrite::Allow),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(Overwrite::Forbid),
            Some(value) => Err(FormError::ForbidOverwrite {
                value: shorten(value),
            }),
        }
    }

    /// Who signed the form.
    ///
    /// # Errors
    /// [`FormError::Credential`] if some of the fields are there and others are not.
    pub fn credentials(&self) -> Result<FormCredentials<'_>, FormError> {
        Ok(FormCredentials::of(self)?)
    }

    /// The fields `x:…`, names as they came: the variables of a callback.
    pub fn custom_variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields()
            .filter(|(name, _)| matches!(name.as_bytes(), [b'x' | b'X', b':', ..]))
    }

    /// A field that is not blank.
    pub(super) fn filled(&self, known: KnownField) -> Option<&str> {
        self.field(known).filter(|value| !value.trim().is_empty())
    }

    /// A field that must be there and not be blank; an answer shows it as `shown`.
    pub(super) fn required(&self, known: KnownField, shown: &'static str) -> Result<&str, Missing> {
        match self.field(known) {
            None => Err(Missing::Absent(shown)),
            Some(value) if value.trim().is_empty() => Err(Missing::Blank(shown)),
            Some(value) => Ok(value),
        }
    }
}

impl fmt::Debug for PostForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values stay out of it, as in `Field`.
        f.debug_struct("PostForm")
            .field("fields", &self.fields)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

fn check_header(name: &str, value: &str) -> Result<(), FormError> {
    if value.len() > PostForm::MAX_HEADER_BYTES {
        return Err(FormError::HeaderTooLong {
            name: shorten(name),
            bytes: value.len(),
            limit: PostForm::MAX_HEADER_BYTES,
        });
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(unwritable(name));
    }
    Ok(())
}

fn unwritable(name: &str) -> FormError {
    FormError::HeaderUnwritable {
        name: shorten(name),
    }
}

/// Whether `name` may follow `x-oss-meta-` in a header's name.
fn is_metadata_name(name: &str) -> bool {
    super::parameter::is_token(name)
}

/// Fields whose value is sent back as a header one day.
const HEADER_FIELDS: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-encoding",
    CONTENT_TYPE,
    "expires",
    REDIRECT,
    KnownField::X_OSS_CONTENT_TYPE.name(),
];
const CONTENT_TYPE: &str = KnownField::CONTENT_TYPE.name();
const FILENAME_VARIABLE: &str = "${filename}";
const METADATA_PREFIX: &str = "x-oss-meta-";
const REDIRECT: &str = KnownField::SUCCESS_ACTION_REDIRECT.name();
