//! `upcall policy`: policies by hand, without a server.

mod explain;
mod lint;
mod recorded_form;
mod refused;
mod sign;

use upcall::policy::{PolicyDocument, PolicyError};

use crate::config::args::PolicyCommand;
use crate::terminal::message::Failure;

pub(crate) async fn run(command: &PolicyCommand) -> Result<(), Failure> {
    match command {
        PolicyCommand::Sign(args) => sign::run(args),
        PolicyCommand::Explain(args) => match &args.request_id {
            Some(id) => refused::run(args, id).await,
            None => explain::run(args),
        },
        PolicyCommand::Lint(args) => lint::run(args).await,
    }
}

/// A policy, from base64 or from its JSON text.
///
/// # Errors
/// The rule that is broken, and what to do about it.
fn read_policy(text: &str) -> Result<PolicyDocument, Failure> {
    let text = text.trim();
    let read = if text.starts_with('{') {
        PolicyDocument::parse_json(text)
    } else {
        PolicyDocument::decode(text)
    };
    read.map_err(|error: PolicyError| {
        let refusal = error.refusal();
        let hint = refusal.hint_text().unwrap_or_default();
        // The hint is the error and, after it, the advice.
        let advice = hint.strip_prefix(&format!("{error}; ")).unwrap_or(hint);
        Failure::new(error.to_string()).hint(advice)
    })
}
