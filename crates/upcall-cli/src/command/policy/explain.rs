//! `upcall policy explain`: every condition of a policy, held against a form.

use jiff::Timestamp;
use serde_json::{Value, json};
use upcall::form::{Field, FileHead, KnownField, PostForm};
use upcall::name::BucketName;
use upcall::policy::explain::{Circumstances, Explanation, Judged, Verdict, explain};

use super::recorded_form::{self, RecordedForm};
use crate::config::args::ExplainArgs;
use crate::terminal::message::Failure;
use crate::terminal::output;

pub(super) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let form = form(args)?;
    let text = args
        .policy
        .as_deref()
        .or_else(|| form.field(KnownField::POLICY))
        .ok_or_else(|| {
            Failure::new("no policy was given")
                .hint("name it with `--policy BASE64`, or give the form's field `policy`")
        })?;
    let policy = super::read_policy(text)?;
    let bucket = args.bucket.as_deref().map(BucketName::parse).transpose()?;
    let now = args.at.unwrap_or_else(Timestamp::now);
    let circumstances = Circumstances {
        bucket: bucket.as_ref(),
        length: args.size,
        now,
    };
    let explanation = explain(&policy, &form, &circumstances);
    if args.admin.json {
        output::json(&as_json(&explanation))?;
    } else {
        print(&explanation, now)?;
    }
    if explanation.is_met() {
        return Ok(());
    }
    Err(Failure::new("the form does not satisfy the policy").the_answer_is_no())
}

/// The fields of the file, then those that were typed.
fn form(args: &ExplainArgs) -> Result<PostForm, Failure> {
    let mut form = match &args.form_file {
        Some(path) => recorded_form::read(path)?,
        None => RecordedForm::default(),
    };
    for typed in &args.form {
        let (name, value) = typed.split_once('=').ok_or_else(|| {
            Failure::new(format!(
                "`{}` (--form) is not a field",
                typed.escape_debug()
            ))
            .hint("write it as `FIELD=VALUE`")
        })?;
        form.fields.push((name.to_owned(), value.to_owned()));
    }
    let fields = form.fields.into_iter();
    let fields = fields.map(|(name, value)| Field { name, value }).collect();
    let file = FileHead {
        filename: form.filename,
        is_filename_unreadable: false,
        content_type: args.file_type.clone().or(form.content_type),
    };
    PostForm::new(fields, file)
        .map_err(|error| Failure::new(format!("the form would be refused: {error}")))
}

fn print(explanation: &Explanation, now: Timestamp) -> Result<(), Failure> {
    let expiration = explanation.expiration;
    output::line(if explanation.has_expired {
        format!("unmet    the policy expired at {expiration}, and it is {now}")
    } else {
        format!("met      the policy holds until {expiration}, and it is {now}")
    })?;
    for field in &explanation.unbound {
        output::line(format!(
            "unmet    a form signed with V4 needs a condition that `{field}` equals what the form has"
        ))?;
    }
    for judged in &explanation.conditions {
        output::line(format!("{:<8} {judged}", word(judged)))?;
    }
    Ok(())
}

const fn word(judged: &Judged) -> &'static str {
    match judged.verdict {
        Verdict::Met => "met",
        Verdict::Unmet(_) => "unmet",
        Verdict::Unknown => "unknown",
    }
}

fn as_json(explanation: &Explanation) -> Value {
    let condition = |judged: &Judged| {
        json!({
            "number": judged.number,
            "condition": judged.condition.to_string(),
            "verdict": word(judged),
            "text": judged.to_string(),
        })
    };
    json!({
        "met": explanation.is_met(),
        "expiration": explanation.expiration.to_string(),
        "expired": explanation.has_expired,
        "unbound": explanation.unbound,
        "conditions": explanation.conditions.iter().map(condition).collect::<Vec<_>>(),
    })
}
