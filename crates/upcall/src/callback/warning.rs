//! What of a callback cannot work, or not as it is meant, though the server takes it.
//!
//! In: the parameter, in base64 as a form carries it or as JSON. Out: warnings, each with a stable name
//! and a sentence that says what to change. None of them is an error but
//! [`Refused`](CallbackWarning::Refused): OSS takes such a callback, and its application is sent what
//! nobody can read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::error::CallbackError;
use super::json::is_json;
use super::parameter::{CallbackBodyType, CallbackParameter, MEMBERS};
use super::template::{CallbackTemplate, system_names};
use super::variable::{CallbackFacts, CallbackVars};
use crate::error::beginning;

/// Something about a callback that cannot be meant so.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackWarning {
    /// The body names nothing.
    #[error(
        "`callbackBody` has no variable, so every upload makes the same call: write \
         `bucket=${{bucket}}&object=${{object}}&size=${{size}}`"
    )]
    BodyConstant,
    /// The body's placeholders are encoded.
    #[error(
        "`callbackBody` was percent-encoded, so `%24%7B` is no `${{` and no value is put in: give the \
         template as it is"
    )]
    BodyEncoded,
    /// JSON that is sent as a form.
    #[error(
        "`callbackBody` is a JSON text and its type a form's, so values are percent-encoded and not \
         quoted: add `\"callbackBodyType\": \"application/json\"`"
    )]
    BodyJsonAsForm,
    /// A JSON body that is none.
    #[error("`callbackBody` gives no JSON, though its type is `application/json`")]
    BodyNotJson,
    /// A member that no server reads.
    #[error("nobody reads the member `{member}`{}", meant(nearest.as_ref()))]
    MemberUnknown {
        /// As it is written.
        member: String,
        /// What is meant, perhaps.
        nearest: Option<&'static str>,
    },
    /// The upload would be refused.
    #[error("an upload with it is refused: {0}")]
    Refused(CallbackError),
    /// There is no address.
    #[error("it has no `callbackUrl`, so no call is made")]
    UrlMissing,
    /// A value is put into quotes that has its own.
    #[error(
        "`\"${{{name}}}\"` in a JSON body gets its quotes twice: write `${{{name}}}` without them"
    )]
    VariableQuoted {
        /// The variable.
        name: String,
    },
    /// A variable that is always empty.
    #[error("`${{{name}}}` is no variable, and always empty{}", meant(nearest.as_ref()))]
    VariableUnknown {
        /// The name.
        name: String,
        /// What is meant, perhaps.
        nearest: Option<&'static str>,
    },
}

impl CallbackWarning {
    /// A stable name, for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BodyConstant => "callback-body-constant",
            Self::BodyEncoded => "callback-body-encoded",
            Self::BodyJsonAsForm => "callback-body-json-as-form",
            Self::BodyNotJson => "callback-body-not-json",
            Self::MemberUnknown { .. } => "callback-member-unknown",
            Self::Refused(_) => "callback-refused",
            Self::UrlMissing => "callback-url-missing",
            Self::VariableQuoted { .. } => "callback-variable-quoted",
            Self::VariableUnknown { .. } => "callback-variable-unknown",
        }
    }
}

fn meant(nearest: Option<&&'static str>) -> String {
    nearest.map_or_else(String::new, |name| format!(": did you mean `{name}`?"))
}

/// The warnings for a parameter in base64, as a form's field has it.
pub fn warnings(base64: &str) -> Vec<CallbackWarning> {
    if let Err(refused) = CallbackParameter::decode(base64)
        && !matches!(refused.why(), super::InvalidCallback::UrlMissing)
    {
        return vec![CallbackWarning::Refused(refused)];
    }
    let json = STANDARD.decode(base64).unwrap_or_default();
    warnings_of_json(&String::from_utf8_lossy(&json))
}

/// The same for the JSON text in it.
pub fn warnings_of_json(json: &str) -> Vec<CallbackWarning> {
    let members: Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
    let mut warnings: Vec<_> = members
        .keys()
        .filter_map(|name| unknown_member(name))
        .collect();
    let is_missing = match members.get("callbackUrl") {
        None => true,
        Some(url) => url.as_str().is_some_and(str::is_empty),
    };
    if is_missing {
        warnings.push(CallbackWarning::UrlMissing);
        return warnings;
    }
    match CallbackParameter::parse_json(json) {
        Ok(Some(parameter)) => warnings.extend(parameter.warnings()),
        Ok(None) => {}
        Err(refused) => warnings.push(CallbackWarning::Refused(refused)),
    }
    warnings
}

impl CallbackParameter {
    /// What of the body cannot be meant so; see [`warnings`].
    pub fn warnings(&self) -> Vec<CallbackWarning> {
        let text = self.body.as_str();
        let mut warnings: Vec<_> = self.body.names().filter_map(unknown_variable).collect();
        if is_encoded(text) {
            warnings.push(CallbackWarning::BodyEncoded);
        } else if self.body.names().next().is_none() {
            warnings.push(CallbackWarning::BodyConstant);
        }
        match self.body_type {
            CallbackBodyType::Form if text.trim_start().starts_with('{') => {
                warnings.push(CallbackWarning::BodyJsonAsForm);
            }
            CallbackBodyType::Form => {}
            CallbackBodyType::Json => warnings.extend(of_json_body(&self.body)),
        }
        warnings
    }
}

fn unknown_member(name: &str) -> Option<CallbackWarning> {
    if MEMBERS.contains(&name) {
        return None;
    }
    Some(CallbackWarning::MemberUnknown {
        member: beginning(name, SHOWN_BYTES).to_owned(),
        nearest: nearest(name, &MEMBERS),
    })
}

fn unknown_variable(name: &str) -> Option<CallbackWarning> {
    if name.starts_with("x:") || system_names().contains(&name) {
        return None;
    }
    Some(CallbackWarning::VariableUnknown {
        name: beginning(name, SHOWN_BYTES).to_owned(),
        nearest: nearest(name, &system_names()),
    })
}

/// `%24%7B`, in either case.
fn is_encoded(text: &str) -> bool {
    text.to_ascii_lowercase().contains("%24%7b")
}

fn of_json_body(body: &CallbackTemplate) -> Vec<CallbackWarning> {
    let text = body.as_str();
    let is_quoted = |name: &&str| text.contains(&format!("\"${{{name}}}\""));
    // The one value that never has quotes of its own.
    let quoted: Vec<_> = body
        .names()
        .filter(|name| *name != "size")
        .filter(is_quoted)
        .map(|name| CallbackWarning::VariableQuoted {
            name: beginning(name, SHOWN_BYTES).to_owned(),
        })
        .collect();
    if !quoted.is_empty() {
        return quoted;
    }
    let rendered = body.render(CallbackBodyType::Json, &SAMPLE, &CallbackVars::default());
    match rendered {
        Ok(rendered) if is_json(rendered.as_bytes()) => Vec::new(),
        Ok(_) | Err(_) => vec![CallbackWarning::BodyNotJson],
    }
}

/// The known name that differs in case, or in a letter or two.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let distance = |known: &&'static str| edits(&lower, &known.to_ascii_lowercase());
    known
        .iter()
        .copied()
        .map(|known| (distance(&known), known))
        .min()
        .filter(|(edits, known)| *edits <= 2 && *edits < known.len())
        .map(|(_, known)| known)
}

/// How many letters must be added, removed or replaced; at most the longer one's length.
fn edits(one: &str, other: &str) -> usize {
    if one.len() > SHOWN_BYTES {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.bytes().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        let mut next = vec![left];
        for (b, above) in other.bytes().zip(row.iter().skip(1)) {
            let cost = (diagonal + usize::from(a != b))
                .min(left + 1)
                .min(above + 1);
            diagonal = *above;
            left = cost;
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// An upload to render a body for.
const SAMPLE: CallbackFacts<'_> = CallbackFacts {
    bucket: "b",
    object: "o",
    etag: "00",
    size: 1,
    mime_type: "text/plain",
    image: None,
    crc64: 1,
    content_md5: "",
    vpc_id: "",
    client_ip: "",
    req_id: "",
    operation: "PostObject",
};

/// How much of a name is shown.
const SHOWN_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(json: &str) -> Vec<&'static str> {
        let encoded = warnings(&STANDARD.encode(json));
        assert_eq!(encoded, warnings_of_json(json), "{json}");
        encoded.iter().map(CallbackWarning::name).collect()
    }

    fn with_body(body: &str, body_type: CallbackBodyType) -> String {
        json!({
            "callbackUrl": "http://a.example/cb",
            "callbackBody": body,
            "callbackBodyType": body_type.as_str(),
        })
        .to_string()
    }

    #[test]
    fn what_works_draws_no_warning() {
        use CallbackBodyType::{Form, Json};
        for (body, body_type) in [
            (
                "bucket=${bucket}&object=${object}&user=${x:user}&note=100%25",
                Form,
            ),
            (
                r#"{"object":${object},"size":"${size}","w":${imageInfo.width}}"#,
                Json,
            ),
            (r#"{"object":${object},"text":"costs $5"}"#, Json),
        ] {
            assert_eq!(names(&with_body(body, body_type)), [""; 0], "{body}");
        }
        let all = json!({
            "callbackUrl": "a", "callbackHost": "a", "callbackBody": "o=${object}",
            "callbackBodyType": "application/x-www-form-urlencoded", "callbackSNI": false,
        });
        assert_eq!(names(&all.to_string()), [""; 0]);
    }

    #[test]
    fn each_mistake_is_named() {
        use CallbackBodyType::{Form, Json};
        for (body, body_type, name) in [
            ("object=%24%7Bobject%7D", Form, "callback-body-encoded"),
            ("object=%24%7bobject%7d", Form, "callback-body-encoded"),
            ("o", Form, "callback-body-constant"),
            ("object=${Object}", Form, "callback-variable-unknown"),
            ("object=${filename}", Form, "callback-variable-unknown"),
            (
                r#"{"object":${object}}"#,
                Form,
                "callback-body-json-as-form",
            ),
            (
                r#"{"object":"${object}","size":${size}}"#,
                Json,
                "callback-variable-quoted",
            ),
            (r#"{"user":"${x:user}"}"#, Json, "callback-variable-quoted"),
            (
                r#"{"width":"${imageInfo.width}"}"#,
                Json,
                "callback-variable-quoted",
            ),
            ("object=${object}", Json, "callback-body-not-json"),
            (r#"{"object":${object},}"#, Json, "callback-body-not-json"),
        ] {
            assert_eq!(names(&with_body(body, body_type)), [name], "{body}");
        }
        for (json, name) in [
            (
                json!({"callbackBody": "o=${object}"}),
                "callback-url-missing",
            ),
            (
                json!({"callbackUrl": "", "callbackBody": "o=${object}"}),
                "callback-url-missing",
            ),
            (
                json!({"callbackUrl": "a", "callbackBody": ""}),
                "callback-refused",
            ),
            (
                json!({"callbackUrl": "ftp://a/", "callbackBody": "o=${object}"}),
                "callback-refused",
            ),
        ] {
            assert_eq!(names(&json.to_string()), [name], "{json}");
        }
        assert_eq!(warnings("no base64")[0].name(), "callback-refused");
    }

    #[test]
    fn a_name_that_is_misspelt_is_told_with_what_is_meant() {
        let json = json!({
            "callbackUrl": "a", "callbackBody": "o=${objct}&s=${Size}", "callbackbodytype": "x", "a": 1,
        });
        let texts: Vec<String> = warnings_of_json(&json.to_string())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            texts,
            [
                "nobody reads the member `a`",
                "nobody reads the member `callbackbodytype`: did you mean `callbackBodyType`?",
                "`${objct}` is no variable, and always empty: did you mean `object`?",
                "`${Size}` is no variable, and always empty: did you mean `size`?",
            ]
        );
    }

    #[test]
    fn the_callbacks_of_a_public_report_are_warned_of() {
        let fixture = |name: &str| {
            let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).unwrap()
        };
        let quoted = fixture("callback-quoted-placeholders.json");
        assert_eq!(names(quoted.trim()), ["callback-variable-quoted"]);
        let encoded = fixture("callback-urlencoded-template.json");
        assert_eq!(names(encoded.trim()), ["callback-body-encoded"]);
    }
}
