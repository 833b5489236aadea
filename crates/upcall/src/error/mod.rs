//! What a refused request gets to read: the protocol's code, status, EC and message, and a sentence
//! that says what to change.
//!
//! The table stands once, in [`table`]; every step's error enum maps to a row of it and adds what it
//! knows. Source: OSS, "Error responses", "Error codes", and the EC pages.

mod excerpt;
pub mod table;
mod xml;

use std::borrow::Cow;

pub(crate) use excerpt::{beginning, first_characters};
pub use table::WireError;
pub use xml::escape as escape_xml;

/// A refusal on its way to the client: a row of the table and what is particular to this one.
///
/// A row may carry a message of its own (`message`), further elements (`extra`) and a `Hint`: one
/// sentence that tells the person what to change. The hint is an element of ours beside the
/// protocol's; clients compare `Code` and sometimes `Message`, which stay as OSS prints them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal(Box<Parts>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Parts {
    row: WireError,
    message: Option<Cow<'static, str>>,
    extras: Vec<(&'static str, String)>,
    hint: Option<Cow<'static, str>>,
}

impl Refusal {
    /// The row as it stands in the table.
    pub fn new(row: WireError) -> Self {
        Self(Box::new(Parts {
            row,
            message: None,
            extras: Vec::new(),
            hint: None,
        }))
    }

    /// Another message under the same code.
    #[must_use]
    pub fn message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = Some(message.into());
        self
    }

    /// Another EC under the same code.
    #[must_use]
    pub fn ec(mut self, ec: &'static str) -> Self {
        self.0.row.ec = Some(ec);
        self
    }

    /// One more element, such as `ArgumentName`; the value is escaped when it is written.
    #[must_use]
    pub fn extra(mut self, element: &'static str, value: impl Into<String>) -> Self {
        self.0.extras.push((element, value.into()));
        self
    }

    /// What to change, in one sentence without a full stop.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The value of an element that was added.
    pub fn extra_text(&self, element: &str) -> Option<&str> {
        let extras = &self.0.extras;
        let found = extras.iter().find(|(name, _)| *name == element);
        found.map(|(_, value)| value.as_str())
    }

    /// The row of the table.
    pub fn row(&self) -> &WireError {
        &self.0.row
    }

    /// The text of `Message`.
    pub fn text(&self) -> &str {
        self.0.message.as_deref().unwrap_or(self.0.row.message)
    }

    /// The text of `Hint`.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The same as [`to_xml`](Self::to_xml) in about `bytes` bytes: values that are repeated for the
    /// client go first, then what is long in the sentences, and the hint says that something is left
    /// out.
    pub fn to_short_xml(&self, request_id: &str, host_id: &str, bytes: usize) -> String {
        let whole = self.to_xml(request_id, host_id);
        if whole.len() <= bytes {
            return whole;
        }
        let mut short = self.clone();
        let parts = &mut *short.0;
        parts.extras.retain(|(_, value)| value.len() <= KEPT_BYTES);
        let hint = self.hint_text().unwrap_or_default();
        let hint = first_characters(hint, SENTENCE_CHARACTERS);
        parts.hint = Some(format!("{hint} ({LEFT_OUT})").into());
        let message = first_characters(self.text(), SENTENCE_CHARACTERS);
        parts.message = Some(message.into());
        let mut xml = short.to_xml(request_id, host_id);
        if xml.len() > bytes {
            short.0.extras.clear();
            xml = short.to_xml(request_id, host_id);
        }
        xml
    }

    /// The body of the answer, UTF-8 XML in the order of OSS's own: `Code`, `Message`, `RequestId`,
    /// `HostId`, extras, `Hint`, `EC`, `RecommendDoc`.
    pub fn to_xml(&self, request_id: &str, host_id: &str) -> String {
        let mut xml = String::with_capacity(512);
        xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n");
        let mut element = |name: &str, value: &str| {
            xml.push_str("  <");
            xml.push_str(name);
            xml.push('>');
            xml.push_str(&escape_xml(value));
            xml.push_str("</");
            xml.push_str(name);
            xml.push_str(">\n");
        };
        element("Code", self.0.row.code);
        element("Message", self.text());
        element("RequestId", request_id);
        element("HostId", host_id);
        for (name, value) in &self.0.extras {
            element(name, value);
        }
        if let Some(hint) = &self.0.hint {
            element("Hint", hint);
        }
        if let Some(ec) = self.0.row.ec {
            element("EC", ec);
            element("RecommendDoc", &format!("{RECOMMEND_DOC}{ec}"));
        }
        xml.push_str("</Error>\n");
        xml
    }
}

impl From<WireError> for Refusal {
    fn from(row: WireError) -> Self {
        Self::new(row)
    }
}

/// What the hint of a shortened refusal says.
const LEFT_OUT: &str = "shortened; GET answers with all of it";

/// Bytes of a repeated value that a shortened refusal keeps: a parameter's name, a number, a time.
const KEPT_BYTES: usize = 64;

/// Characters of a sentence that a shortened refusal keeps.
const SENTENCE_CHARACTERS: usize = 400;

const RECOMMEND_DOC: &str = "https://api.aliyun.com/troubleshoot?q=";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_shortened_to_what_a_header_may_have() {
        let plain = Refusal::new(WireError::NO_SUCH_KEY).hint("list the bucket");
        assert_eq!(plain.to_short_xml("1", "h", 1024), plain.to_xml("1", "h"));
        let host = "h".repeat(253);
        for filler in ["a", "&", "猫", "\u{1}"] {
            let long = filler.repeat(20_000);
            let refusal = Refusal::new(WireError::SIGNATURE_DOES_NOT_MATCH)
                .message(long.clone())
                .extra("OSSAccessKeyId", "ak")
                .extra("StringToSign", long.clone())
                .hint(long.clone());
            let xml = refusal.to_short_xml("5CF3E7821AB22D0FDB86704D", &host, 6 * 1024);
            assert!(xml.len() <= 6 * 1024, "{} of {filler}", xml.len());
            assert!(xml.contains("<OSSAccessKeyId>ak<"), "{xml}");
            assert!(
                xml.contains(LEFT_OUT) && !xml.contains("StringToSign"),
                "{xml}"
            );
            assert!(xml.ends_with("</Error>\n"), "{xml}");
        }
    }

    #[test]
    fn a_refusal_is_written_as_oss_writes_it_with_a_hint_more() {
        let refusal = Refusal::new(WireError::NO_SUCH_KEY)
            .extra("Key", "a<b>&\u{1}.jpg")
            .hint("list the bucket to see which keys it has");
        assert_eq!(
            refusal.to_xml(
                "5CF3E7821AB22D0FDB86704D",
                "photos.oss-cn-hangzhou.localhost"
            ),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>\n  <Code>NoSuchKey</Code>\n  \
             <Message>The specified key does not exist.</Message>\n  \
             <RequestId>5CF3E7821AB22D0FDB86704D</RequestId>\n  \
             <HostId>photos.oss-cn-hangzhou.localhost</HostId>\n  \
             <Key>a&lt;b&gt;&amp;\u{fffd}.jpg</Key>\n  \
             <Hint>list the bucket to see which keys it has</Hint>\n  <EC>0026-00000001</EC>\n  \
             <RecommendDoc>https://api.aliyun.com/troubleshoot?q=0026-00000001</RecommendDoc>\n\
             </Error>\n"
        );
    }
}
