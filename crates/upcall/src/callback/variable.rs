//! What stands behind `${…}`: what the server knows of the upload, and what the uploader says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::error::{CallbackError, InvalidCallback};
use super::json::{self, NotAnObject};
use super::parameter::MAX_BASE64_BYTES;

/// What the server knows of an upload, for the system variables.
#[derive(Clone, Copy, Debug)]
pub struct CallbackFacts<'a> {
    /// The bucket's name.
    pub bucket: &'a str,
    /// The object's whole name.
    pub object: &'a str,
    /// The entity tag, without quotes.
    pub etag: &'a str,
    /// How many bytes the object has.
    pub size: u64,
    /// The content type that was stored.
    pub mime_type: &'a str,
    /// What the image measures; `None` if it is none, or not known as one.
    pub image: Option<&'a ImageInfo>,
    /// CRC-64/XZ of the object.
    pub crc64: u64,
    /// Base64 of the object's MD5; empty for `CompleteMultipartUpload`.
    pub content_md5: &'a str,
    /// The uploader's VPC, else empty.
    pub vpc_id: &'a str,
    /// The uploader's address.
    pub client_ip: &'a str,
    /// The upload's request id.
    pub req_id: &'a str,
    /// `PutObject`, `PostObject` or `CompleteMultipartUpload`.
    pub operation: &'a str,
}

/// Format and size of an image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImageInfo {
    /// `jpg`, `png` and so on.
    pub format: String,
    /// The size; `None` if the file does not say it, or not within the rules of its format.
    pub size: Option<ImageSize>,
}

/// Width and height of an image.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImageSize {
    /// Pixels from left to right.
    pub width: u64,
    /// Pixels from top to bottom.
    pub height: u64,
}

/// Custom variables, each under its whole name, such as `x:uid`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CallbackVars(Vec<(String, String)>);

impl CallbackVars {
    /// Reads the header `x-oss-callback-var` or the parameter `callback-var`: base64 of a flat JSON
    /// object whose names begin with `x:`.
    ///
    /// # Errors
    /// The documented refusals, EC 0007-00000101 to 103.
    pub fn decode(base64: &str) -> Result<Self, CallbackError> {
        let refused = |why, value: &str| CallbackError::new(why, "callback-var", value);
        let bytes = base64.len();
        if bytes > MAX_BASE64_BYTES {
            return Err(refused(InvalidCallback::VarsTooLong { bytes }, base64));
        }
        let decoded = STANDARD
            .decode(base64)
            .map_err(|_| refused(InvalidCallback::VarsNotBase64, base64))?;
        let text = String::from_utf8_lossy(&decoded);
        let not_flat = || refused(InvalidCallback::VarsNotFlat, &text);
        let members = json::object(&decoded).map_err(|why| match why {
            NotAnObject::Malformed => not_flat(),
            NotAnObject::Repeated { name } => refused(InvalidCallback::VarRepeated { name }, &text),
        })?;
        let is_custom = |name: &str| name.len() > PREFIX.len() && name.starts_with(PREFIX);
        let variable = |(name, value): (String, Value)| {
            let Value::String(value) = value else {
                return Err(not_flat());
            };
            is_custom(&name)
                .then_some((name, value))
                .ok_or_else(not_flat)
        };
        let variables: Result<_, _> = members.into_iter().map(variable).collect();
        variables.map(Self)
    }

    /// The value of the variable with this whole name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(has, _)| *has == name)
            .map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Base64 of the variables as JSON, for the header `x-oss-callback-var`.
    pub fn encode(&self) -> String {
        let members: serde_json::Map<String, Value> = self
            .iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        STANDARD.encode(Value::from(members).to_string())
    }
}

/// From a form's fields `x:…`, or from wherever an application has them.
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for CallbackVars {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let owned = |(name, value): (N, V)| (name.into(), value.into());
        Self(variables.into_iter().map(owned).collect())
    }
}

/// What the name of a custom variable begins with.
pub(super) const PREFIX: &str = "x:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_were_encoded_are_decoded() {
        let given: CallbackVars = [("x:a", "1"), ("x:名", "a \"b\" 猫")].into_iter().collect();
        let read = CallbackVars::decode(&given.encode()).unwrap();
        assert_eq!(read, given);
        assert_eq!(read.get("x:名"), Some("a \"b\" 猫"));
        assert_eq!(read.get("x:A"), None, "names have a case");
        assert_eq!(
            CallbackVars::decode("e30=").unwrap(),
            CallbackVars::default()
        );
    }

    #[test]
    fn what_is_no_flat_map_of_x_names_is_refused() {
        use InvalidCallback::{VarsNotBase64, VarsNotFlat, VarsTooLong};
        let json = |text: &str| STANDARD.encode(text);
        for (given, why) in [
            ("error argument".to_owned(), VarsNotBase64),
            ("x123-*&".to_owned(), VarsNotBase64),
            ("e30".to_owned(), VarsNotBase64),
            ("A".repeat(5121), VarsTooLong { bytes: 5121 }),
            (String::new(), VarsNotFlat),
            (json("{"), VarsNotFlat),
            (json("[]"), VarsNotFlat),
            (json("\"x:a\""), VarsNotFlat),
            (json(r#"{"a":"1"}"#), VarsNotFlat),
            (json(r#"{"X:a":"1"}"#), VarsNotFlat),
            (json(r#"{"x:":"1"}"#), VarsNotFlat),
            (json(r#"{"x:a":1}"#), VarsNotFlat),
            (json(r#"{"x:a":{"x:b":"1"}}"#), VarsNotFlat),
            (json(r#"{"x:a":"1"} {}"#), VarsNotFlat),
            (json("\u{feff}{}"), VarsNotFlat),
            (STANDARD.encode(b"{\"x:a\":\"\xff\"}"), VarsNotFlat),
        ] {
            let refused = CallbackVars::decode(&given).unwrap_err();
            assert_eq!(refused.why(), &why, "{given}");
        }
    }
}
