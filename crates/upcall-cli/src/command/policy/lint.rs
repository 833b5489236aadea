//! `upcall policy lint`: what a policy leaves open.

use std::io::{self, Read as _};

use jiff::Timestamp;
use serde_json::{Value, json};
use upcall::policy::PolicyDocument;
use upcall::policy::lint::{BucketRules, Warning, lint_in};

use crate::command::bucket_uploads;
use crate::config::args::LintArgs;
use crate::terminal::message::Failure;
use crate::terminal::output;

pub(super) async fn run(args: &LintArgs) -> Result<(), Failure> {
    let policy = if args.policy == "-" {
        super::read_policy(&standard_input()?)?
    } else {
        super::read_policy(&args.policy)?
    };
    let rules = match &args.bucket {
        Some(bucket) => rules_of(&bucket_uploads::settings(bucket, &args.admin).await?),
        None => BucketRules::default(),
    };
    let warnings = lint_in(&policy, rules, Timestamp::now());
    if args.admin.json {
        let warning =
            |warning: &Warning| json!({ "name": warning.name(), "text": warning.to_string() });
        let warnings: Vec<_> = warnings.iter().map(warning).collect();
        output::json(&json!({ "warnings": warnings }))?;
    } else {
        for warning in &warnings {
            output::line(format!("{}: {warning}", warning.name()))?;
        }
    }
    match warnings.len() {
        0 => Ok(()),
        1 => Err(Failure::new("there is 1 warning").the_answer_is_no()),
        many => Err(Failure::new(format!("there are {many} warnings")).the_answer_is_no()),
    }
}

/// What the bucket's settings close. That some redirects are allowed was somebody's choice.
fn rules_of(settings: &Value) -> BucketRules {
    let is_on = |name: &str| settings[name] == true;
    BucketRules {
        binds_acl: is_on("forbidAcl"),
        binds_redirect: settings["redirects"].is_array(),
        downloads_pages: is_on("pagesAsDownloads"),
        forbids_overwrite: is_on("forbidOverwrite"),
    }
}

fn standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .lock()
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
    Ok(text)
}

/// More than the longest policy in base64, so that too long a one is still refused as such.
const MAX_BYTES: u64 = 2 * PolicyDocument::MAX_BYTES as u64;
