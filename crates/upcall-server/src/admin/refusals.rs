//! `/v1/refusals`: the uploads that were refused of late, and why, condition by condition.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Serialize;
use upcall::form::{KnownField, PostForm};
use upcall::name::BucketName;
use upcall::policy::explain::{Circumstances, Judged, Verdict, explain};
use upcall::policy::{Condition, PolicyDocument};

use super::error::AdminError;
use super::json;
use crate::http::answer::Answer;
use crate::node::Server;
use crate::upload::refused::RefusedUpload;

/// A refused upload in a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'u> {
    request_id: &'u str,
    at: String,
    operation: &'static str,
    bucket: Option<&'u str>,
    key: Option<&'u str>,
    peer: String,
    status: u16,
    code: &'static str,
    message: &'u str,
    hint: Option<&'u str>,
}

/// All of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'u> {
    #[serde(flatten)]
    summary: Summary<'u>,
    form: Option<Form<'u>>,
    policy: Option<String>,
    explanation: Option<Explanation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Form<'u> {
    fields: Vec<(&'u str, &'u str)>,
    file_name: Option<&'u str>,
    file_type: Option<&'u str>,
}

#[derive(Serialize)]
struct Explanation {
    met: bool,
    expiration: String,
    expired: bool,
    unbound: Vec<&'static str>,
    conditions: Vec<JudgedCondition>,
}

#[derive(Serialize)]
struct JudgedCondition {
    number: usize,
    condition: String,
    verdict: &'static str,
    text: String,
}

/// The newest last.
pub(super) fn list(server: &Arc<Server>) -> Result<Answer, AdminError> {
    let uploads = server.refused_uploads.list();
    let refusals: Vec<Summary<'_>> = uploads.iter().map(|upload| Summary::of(upload)).collect();
    json(StatusCode::OK, &serde_json::json!({ "refusals": refusals }))
}

pub(super) fn show(server: &Arc<Server>, id: &str) -> Result<Answer, AdminError> {
    let upload = server.refused_uploads.find(id);
    let upload = upload.ok_or(AdminError::NoSuchRefusal)?;
    json(StatusCode::OK, &Whole::of(&upload))
}

impl<'u> Summary<'u> {
    fn of(upload: &'u RefusedUpload) -> Self {
        let refusal = &upload.refusal;
        Self {
            request_id: &upload.id,
            at: upload.at.to_string(),
            operation: upload.operation,
            bucket: upload.bucket.as_deref(),
            key: upload.key.as_deref(),
            peer: upload.peer.to_string(),
            status: refusal.row().status,
            code: refusal.row().code,
            message: refusal.text(),
            hint: refusal.hint_text(),
        }
    }
}

impl<'u> Whole<'u> {
    fn of(upload: &'u RefusedUpload) -> Self {
        let form = upload.form.as_deref();
        Self {
            summary: Summary::of(upload),
            form: form.map(Form::of),
            policy: form.and_then(policy_text),
            explanation: form.and_then(|form| Explanation::of(upload, form)),
        }
    }
}

impl<'u> Form<'u> {
    fn of(form: &'u PostForm) -> Self {
        let shown = |(name, value): (&'u str, &'u str)| {
            let is_secret = SECRET_FIELDS
                .iter()
                .any(|secret| name.eq_ignore_ascii_case(secret));
            (name, if is_secret { REDACTED } else { value })
        };
        Self {
            fields: form.fields().map(shown).collect(),
            file_name: form.file().filename.as_deref(),
            file_type: form.file().content_type.as_deref(),
        }
    }
}

/// The policy as it was before it was encoded.
fn policy_text(form: &PostForm) -> Option<String> {
    let bytes = STANDARD.decode(form.field(KnownField::POLICY)?).ok()?;
    String::from_utf8(bytes).ok()
}

impl Explanation {
    fn of(upload: &RefusedUpload, form: &PostForm) -> Option<Self> {
        let policy = PolicyDocument::decode(form.field(KnownField::POLICY)?).ok()?;
        let bucket = upload.bucket.as_deref();
        let bucket = bucket.and_then(|name| BucketName::parse(name).ok());
        let circumstances = Circumstances {
            bucket: bucket.as_ref(),
            length: None,
            now: upload.at,
        };
        let explained = explain(&policy, form, &circumstances);
        let length = LengthFault::of(upload.refusal.row().code, &explained.conditions);
        let conditions: Vec<_> = explained
            .conditions
            .iter()
            .map(|judged| JudgedCondition::of(judged, length))
            .collect();
        let is_met = |condition: &JudgedCondition| condition.verdict != "unmet";
        Some(Self {
            met: explained.is_met() && conditions.iter().all(is_met),
            expiration: explained.expiration.to_string(),
            expired: explained.has_expired,
            unbound: explained.unbound,
            conditions,
        })
    }
}

/// The file's length is not known when it was refused for it: the bound that it broke is.
#[derive(Clone, Copy)]
enum LengthFault {
    Above(u64),
    Below(u64),
}

impl LengthFault {
    fn of(code: &str, conditions: &[Judged]) -> Option<Self> {
        let ranges = conditions
            .iter()
            .filter_map(|judged| range(&judged.condition));
        match code {
            "EntityTooLarge" => ranges.map(|(_, max)| max).min().map(Self::Above),
            "EntityTooSmall" => ranges.map(|(min, _)| min).max().map(Self::Below),
            _ => None,
        }
    }

    /// What is to be said of a condition that has the bound.
    fn breaks(self, condition: &Condition) -> Option<&'static str> {
        let (min, max) = range(condition)?;
        match self {
            Self::Above(bound) if max == bound => Some("it has more"),
            Self::Below(bound) if min == bound => Some("it has fewer"),
            Self::Above(_) | Self::Below(_) => None,
        }
    }
}

const fn range(condition: &Condition) -> Option<(u64, u64)> {
    if let Condition::ContentLengthRange { min, max } = condition {
        return Some((*min, *max));
    }
    None
}

impl JudgedCondition {
    fn of(judged: &Judged, length: Option<LengthFault>) -> Self {
        let text = judged.to_string();
        let broken = length.and_then(|length| length.breaks(&judged.condition));
        let (verdict, text) = match (&judged.verdict, broken) {
            (Verdict::Unknown, Some(broken)) => {
                ("unmet", text.replace("that is not known", broken))
            }
            (Verdict::Met, _) => ("met", text),
            (Verdict::Unmet(_), _) => ("unmet", text),
            (Verdict::Unknown, None) => ("unknown", text),
        };
        Self {
            number: judged.number,
            condition: judged.condition.to_string(),
            verdict,
            text,
        }
    }
}

/// What would let somebody else send the same form, or use the uploader's own rights.
const SECRET_FIELDS: [&str; 3] = ["signature", "x-oss-signature", "x-oss-security-token"];

/// Stands where a secret was.
const REDACTED: &str = "…";
