//! The callback's body before the variables are put in.
//!
//! A template is read once, when the parameter is, and rendered when the object is there. Both body
//! types take the same template; they differ in how a value is written.
//!
//! Source: OSS, "Callback" (`callbackBody`, system and custom variables).

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answer::CallbackFailure;
use super::error::InvalidCallback;
use super::parameter::CallbackBodyType;
use super::variable::{CallbackFacts, CallbackVars, ImageSize, PREFIX};

/// A text with `${variable}` in it.
///
/// What OSS does not know is empty, as an unset custom variable is. What can only be a mistake is
/// refused: `$(name)`, a `${` that nothing closes, and one that closes so late that a quote or an
/// ampersand came in between.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallbackTemplate {
    text: Box<str>,
    segments: Box<[Segment]>,
}

impl CallbackTemplate {
    /// Reads a template; the empty text is one, too.
    ///
    /// # Errors
    /// Says what is wrong with which placeholder.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut segments = Vec::new();
        let mut constant_from = 0;
        let mut at = 0;
        while let Some(found) = from(text, at).find('$') {
            let dollar = at + found;
            at = dollar + 1;
            match text.as_bytes().get(at) {
                Some(b'(') if is_parenthesised_name(from(text, at + 1)) => {
                    return Err(InvalidTemplate::Parenthesis);
                }
                Some(b'{') => {
                    let name = placeholder_name(text, at + 1)?;
                    segments.push(Segment::Constant(constant_from..dollar));
                    at = name.end + 1;
                    constant_from = at;
                    segments.push(Segment::of_name(text, name));
                }
                _ => {}
            }
        }
        segments.push(Segment::Constant(constant_from..text.len()));
        segments.retain(|segment| !matches!(segment, Segment::Constant(range) if range.is_empty()));
        Ok(Self {
            text: text.into(),
            segments: segments.into(),
        })
    }

    /// The text that was read.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of its variables, in the order in which they stand.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::System(variable) => {
                let named = SYSTEM_VARIABLES.iter().find(|(_, known)| known == variable);
                named.map(|(name, _)| *name)
            }
            Segment::Custom(range) | Segment::Unknown(range) => self.text.get(range.clone()),
            Segment::Constant(_) => None,
        })
    }

    /// Whether it asks for an image's size or format.
    pub fn uses_image_info(&self) -> bool {
        use SystemVariable::{ImageFormat, ImageHeight, ImageWidth};
        self.segments.iter().any(|segment| {
            matches!(
                segment,
                Segment::System(ImageFormat | ImageHeight | ImageWidth)
            )
        })
    }

    /// The body to send.
    ///
    /// # Errors
    /// [`CallbackFailure::BodyTooLong`] if it grows beyond 1 MiB: the template and the variables
    /// are the uploader's, and one names the other as often as it likes.
    pub fn render(
        &self,
        body_type: CallbackBodyType,
        facts: &CallbackFacts<'_>,
        variables: &CallbackVars,
    ) -> Result<String, CallbackFailure> {
        self.render_within(MAX_BODY_BYTES, body_type, facts, variables)
    }

    /// The same, for a body of `most` bytes at most.
    ///
    /// # Errors
    /// [`CallbackFailure::BodyMultiplied`] if it grows beyond them, and as for
    /// [`render`](Self::render).
    pub fn render_within(
        &self,
        most: usize,
        body_type: CallbackBodyType,
        facts: &CallbackFacts<'_>,
        variables: &CallbackVars,
    ) -> Result<String, CallbackFailure> {
        let failure = if most < MAX_BODY_BYTES {
            CallbackFailure::BodyMultiplied
        } else {
            CallbackFailure::BodyTooLong
        };
        let value = |segment: &Segment| match segment {
            Segment::System(variable) => Some(variable.value(facts)),
            Segment::Custom(name) => Some(self.custom(name, variables)),
            Segment::Unknown(_) => Some(Value::Text("")),
            Segment::Constant(_) => None,
        };
        self.write(body_type, most.min(MAX_BODY_BYTES), value)
            .ok_or(failure)
    }

    /// Whether the custom variables leave room for the rest, which can be said before the upload.
    pub(super) fn check_room(
        &self,
        body_type: CallbackBodyType,
        variables: &CallbackVars,
    ) -> Result<(), InvalidCallback> {
        let value = |segment: &Segment| match segment {
            Segment::Custom(name) => Some(self.custom(name, variables)),
            Segment::System(_) | Segment::Unknown(_) | Segment::Constant(_) => None,
        };
        match self.write(body_type, MAX_VARIABLES_BYTES, value) {
            Some(_) => Ok(()),
            None => Err(InvalidCallback::VarsTooLarge),
        }
    }

    fn custom<'v>(&self, name: &Range<usize>, variables: &'v CallbackVars) -> Value<'v> {
        let name = self.text.get(name.clone());
        Value::Text(
            name.and_then(|name| variables.get(name))
                .unwrap_or_default(),
        )
    }

    /// Writes the constants, and where there is a value, the value; `None` if that takes more than
    /// `most` bytes.
    fn write<'v>(
        &self,
        body_type: CallbackBodyType,
        most: usize,
        value: impl Fn(&Segment) -> Option<Value<'v>>,
    ) -> Option<String> {
        let mut body = String::with_capacity(self.text.len() * 2);
        for segment in &self.segments {
            match (segment, value(segment)) {
                (Segment::Constant(range), _) => body.push_str(self.text.get(range.clone())?),
                // A value is never shorter when it is written, so what is too long is not written.
                (_, Some(Value::Text(text))) if text.len() > most => return None,
                (_, Some(value)) => body.push_str(&value.written_as(body_type)),
                (_, None) => {}
            }
            if body.len() > most {
                return None;
            }
        }
        Some(body)
    }
}

/// Why a text is no template.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidTemplate {
    /// `${` is never closed, or closes around what is no name.
    #[error("it opens a `${{` that is not closed after a variable's name")]
    Open,
    /// `$(name)`.
    #[error("write `${{name}}` instead of `$(name)`")]
    Parenthesis,
}

/// A piece of a template; ranges are places in its text.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Segment {
    Constant(Range<usize>),
    System(SystemVariable),
    Custom(Range<usize>),
    /// Always empty.
    Unknown(Range<usize>),
}

impl Segment {
    fn of_name(text: &str, range: Range<usize>) -> Self {
        let name = text.get(range.clone()).unwrap_or_default();
        if name.starts_with(PREFIX) {
            return Self::Custom(range);
        }
        SYSTEM_VARIABLES
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(Self::Unknown(range), |(_, variable)| {
                Self::System(*variable)
            })
    }
}

/// Where the name stands that begins at `from` and ends before the next `}`.
fn placeholder_name(text: &str, begin: usize) -> Result<Range<usize>, InvalidTemplate> {
    let (name, _) = from(text, begin)
        .split_once('}')
        .ok_or(InvalidTemplate::Open)?;
    let is_no_name = |c: char| c.is_whitespace() || c.is_control() || "\"$&,={".contains(c);
    if name.contains(is_no_name) {
        return Err(InvalidTemplate::Open);
    }
    Ok(begin..begin + name.len())
}

/// The text from a place on, which stands behind an ASCII character of it.
fn from(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

/// Whether `text` begins with the rest of `$(name)`. Other uses of `$(` are constants.
fn is_parenthesised_name(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || ":._-".contains(c))
    };
    text.split_once(')').is_some_and(|(name, _)| is_name(name))
}

/// A variable whose value the server knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum SystemVariable {
    Bucket,
    Object,
    ETag,
    Size,
    MimeType,
    ImageHeight,
    ImageWidth,
    ImageFormat,
    Crc64,
    ContentMd5,
    VpcId,
    ClientIp,
    ReqId,
    Operation,
}

impl SystemVariable {
    fn value<'f>(self, facts: &CallbackFacts<'f>) -> Value<'f> {
        match self {
            Self::Bucket => Value::Text(facts.bucket),
            Self::Object => Value::Text(facts.object),
            Self::ETag => Value::Text(facts.etag),
            Self::Size => Value::Number(facts.size),
            Self::MimeType => Value::Text(facts.mime_type),
            Self::ImageHeight => side(facts, |size| size.height),
            Self::ImageWidth => side(facts, |size| size.width),
            Self::ImageFormat => Value::Text(facts.image.map_or("", |image| &image.format)),
            Self::Crc64 => Value::Digits(facts.crc64),
            Self::ContentMd5 => Value::Text(facts.content_md5),
            Self::VpcId => Value::Text(facts.vpc_id),
            Self::ClientIp => Value::Text(facts.client_ip),
            Self::ReqId => Value::Text(facts.req_id),
            Self::Operation => Value::Text(facts.operation),
        }
    }
}

/// A side of the image; empty if the size is not known.
fn side<'f>(facts: &CallbackFacts<'f>, of: fn(ImageSize) -> u64) -> Value<'f> {
    let size = facts.image.and_then(|image| image.size);
    size.map_or(Value::Text(""), |size| Value::Number(of(size)))
}

/// The names, which have a case, in the order of OSS's page.
const SYSTEM_VARIABLES: [(&str, SystemVariable); 14] = [
    ("bucket", SystemVariable::Bucket),
    ("object", SystemVariable::Object),
    ("etag", SystemVariable::ETag),
    ("size", SystemVariable::Size),
    ("mimeType", SystemVariable::MimeType),
    ("imageInfo.height", SystemVariable::ImageHeight),
    ("imageInfo.width", SystemVariable::ImageWidth),
    ("imageInfo.format", SystemVariable::ImageFormat),
    ("crc64", SystemVariable::Crc64),
    ("contentMd5", SystemVariable::ContentMd5),
    ("vpcId", SystemVariable::VpcId),
    ("clientIp", SystemVariable::ClientIp),
    ("reqId", SystemVariable::ReqId),
    ("operation", SystemVariable::Operation),
];

/// The names alone.
pub(super) fn system_names() -> [&'static str; SYSTEM_VARIABLES.len()] {
    SYSTEM_VARIABLES.map(|(name, _)| name)
}

/// A value, before it is written in the way of a body type.
enum Value<'a> {
    Text(&'a str),
    /// A JSON number.
    Number(u64),
    /// A JSON string of digits: most readers of JSON lose the last digits of so large a number.
    Digits(u64),
}

impl<'a> Value<'a> {
    fn written_as(&self, body_type: CallbackBodyType) -> Cow<'a, str> {
        match (self, body_type) {
            (Self::Text(text), CallbackBodyType::Form) => utf8_percent_encode(text, ENCODED).into(),
            (Self::Text(text), CallbackBodyType::Json) => {
                serde_json::Value::from(*text).to_string().into()
            }
            (Self::Digits(number), CallbackBodyType::Json) => format!("\"{number}\"").into(),
            (Self::Number(number) | Self::Digits(number), CallbackBodyType::Form)
            | (Self::Number(number), CallbackBodyType::Json) => number.to_string().into(),
        }
    }
}

/// All but RFC 3986's unreserved characters; a space is `%20`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How long a body grows. OSS names no limit; an application's own is often no more.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How much of it the constants and custom variables may take; the rest is left to what the server
/// knows, above all the object's name.
const MAX_VARIABLES_BYTES: usize = MAX_BODY_BYTES / 2;

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::super::variable::ImageInfo;
    use super::*;

    const NOTHING: CallbackFacts<'_> = CallbackFacts {
        bucket: "photos",
        object: "a b.jpg",
        etag: "00",
        size: 5,
        mime_type: "text/plain",
        image: None,
        crc64: u64::MAX,
        content_md5: "",
        vpc_id: "",
        client_ip: "::1",
        req_id: "5CF3E7821AB22D0FDB86704D",
        operation: "PutObject",
    };

    fn rendered(template: &str, body_type: CallbackBodyType) -> String {
        let template = CallbackTemplate::parse(template).unwrap();
        let variables = [("x:a", "1 & \"2\"")].into_iter().collect();
        template.render(body_type, &NOTHING, &variables).unwrap()
    }

    #[test]
    fn what_is_not_known_is_empty() {
        let template = "${foo}|${}|${Bucket}|${x:b}|${x:A}|${x:}|${imageInfo.format}";
        assert_eq!(rendered(template, CallbackBodyType::Form), "||||||");
        assert_eq!(
            rendered(template, CallbackBodyType::Json),
            r#"""|""|""|""|""|""|"""#
        );
    }

    #[test]
    fn what_is_no_placeholder_is_a_constant() {
        for constant in [
            "",
            "$",
            "$$",
            "$a",
            "a}b",
            "$(",
            "$( 5 )",
            "cost: $(5",
            "中文",
            "{$}",
        ] {
            assert_eq!(rendered(constant, CallbackBodyType::Form), constant);
            assert_eq!(rendered(constant, CallbackBodyType::Json), constant);
        }
        assert_eq!(rendered("$${size}$", CallbackBodyType::Form), "$5$");
    }

    #[test]
    fn numbers_that_others_would_round_are_json_strings() {
        let template = "{\"n\":${size},\"crc\":${crc64},\"h\":${imageInfo.height}}";
        assert_eq!(
            rendered(template, CallbackBodyType::Json),
            r#"{"n":5,"crc":"18446744073709551615","h":""}"#
        );
    }

    #[test]
    fn what_can_only_be_a_mistake_is_refused() {
        for (template, why) in [
            ("a=$(object)", InvalidTemplate::Parenthesis),
            ("a=$(x:uid)&b=1", InvalidTemplate::Parenthesis),
            ("a=${object", InvalidTemplate::Open),
            ("a=${", InvalidTemplate::Open),
            ("a=${object&b=${size}", InvalidTemplate::Open),
            (r#"{"a":${x:a,"b":1}"#, InvalidTemplate::Open),
            ("${object ${size}}", InvalidTemplate::Open),
            ("${ object }", InvalidTemplate::Open),
        ] {
            assert_eq!(CallbackTemplate::parse(template), Err(why), "{template}");
        }
    }

    #[test]
    fn only_who_asks_for_the_image_uses_it() {
        for (template, expected) in [
            ("${imageInfo.width}", true),
            ("a${imageInfo.height}b", true),
            ("${imageInfo.format}", true),
            ("${imageInfo}${x:imageInfo.width}imageInfo.width", false),
        ] {
            let template = CallbackTemplate::parse(template).unwrap();
            assert_eq!(template.uses_image_info(), expected, "{template:?}");
        }
    }

    #[test]
    fn a_body_that_multiplies_its_variables_stays_within_its_limit() {
        let template = CallbackTemplate::parse(&"${x:a}".repeat(600)).unwrap();
        let variables = |bytes| [("x:a", "/".repeat(bytes))].into_iter().collect();
        let form = CallbackBodyType::Form;

        // 3 × 600 × 291 = 523,800 bytes of 524,288.
        assert_eq!(template.check_room(form, &variables(291)), Ok(()));
        let rendered = template.render(form, &NOTHING, &variables(291));
        assert_eq!(rendered.map(|body| body.len()), Ok(523_800));
        assert_eq!(
            template.check_room(form, &variables(292)),
            Err(InvalidCallback::VarsTooLarge)
        );
        assert_eq!(
            template.render(form, &NOTHING, &variables(600)),
            Err(CallbackFailure::BodyTooLong)
        );
        assert_eq!(
            template.render(form, &NOTHING, &variables(2_000_000)),
            Err(CallbackFailure::BodyTooLong)
        );
    }

    #[test]
    fn an_image_of_unknown_size_has_its_format() {
        let template = "${imageInfo.format},${imageInfo.width},${imageInfo.height}";
        let template = CallbackTemplate::parse(template).unwrap();
        let image = ImageInfo {
            format: "png".into(),
            size: None,
        };
        let facts = CallbackFacts {
            image: Some(&image),
            ..NOTHING
        };
        let none = CallbackVars::default();
        let render = |body_type| template.render(body_type, &facts, &none).unwrap();
        assert_eq!(render(CallbackBodyType::Form), "png,,");
        assert_eq!(render(CallbackBodyType::Json), r#""png","","""#);
    }

    proptest! {
        #[test]
        fn no_template_breaks_the_renderer(
            template in "([$({})x:a-f&=\"]|\\$\\{|\\$\\{x:a\\}|\\$\\{size\\}|中){0,40}",
            value in ".*",
        ) {
            if let Ok(template) = CallbackTemplate::parse(&template) {
                let variables = [("x:a", value)].into_iter().collect();
                for body_type in [CallbackBodyType::Form, CallbackBodyType::Json] {
                    template.render(body_type, &NOTHING, &variables).unwrap();
                }
            }
        }

        #[test]
        fn form_values_decode_back(object in ".{1,60}", custom in ".*", width in any::<u64>()) {
            let template = CallbackTemplate::parse("o=${object}&c=${x:c}&w=${imageInfo.width}").unwrap();
            let image = ImageInfo { format: "png".into(), size: Some(ImageSize { width, height: 1 }) };
            let facts = CallbackFacts { object: &object, image: Some(&image), ..NOTHING };
            let variables = [("x:c", &*custom)].into_iter().collect();
            let body = template.render(CallbackBodyType::Form, &facts, &variables).unwrap();

            let values: Vec<(&str, String)> = body
                .split('&')
                .map(|pair| pair.split_once('=').unwrap())
                .map(|(name, value)| (name, percent_decode_str(value).decode_utf8().unwrap().into()))
                .collect();
            prop_assert_eq!(values, [("o", object), ("c", custom), ("w", width.to_string())]);
        }

        #[test]
        fn json_values_decode_back(object in ".{1,60}", custom in ".*", size in any::<u64>()) {
            let template = CallbackTemplate::parse(r#"{"o":${object},"c":${x:c},"s":${size}}"#).unwrap();
            let facts = CallbackFacts { object: &object, size, ..NOTHING };
            let variables = [("x:c", &*custom)].into_iter().collect();
            let body = template.render(CallbackBodyType::Json, &facts, &variables).unwrap();

            let read: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(read, serde_json::json!({"o": object, "c": custom, "s": size}));
        }
    }
}
