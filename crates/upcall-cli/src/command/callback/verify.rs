//! `upcall callback verify`: why a callback that an application received does not verify.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use upcall::callback::diagnose::{
    Certainty, Diagnosis, Difference, Evidence, Excerpt, Finding, Outcome, Reason, diagnose,
};
use upcall::callback::{PublicKey, PublicKeyUrls, RawRequest};

use super::key_fetch;
use super::request_file;
use crate::config::args::VerifyArgs;
use crate::terminal::message::Failure;
use crate::terminal::output;

pub(super) async fn run(args: &VerifyArgs) -> Result<(), Failure> {
    let received = request_file::read(&args.received)?;
    let sent = args.sent.as_deref().map(request_file::read).transpose()?;
    let key = match (&args.key, &args.key_url) {
        (Some(path), _) => Some(key_in(path)?),
        (None, Some(url)) => Some(key_fetch::fetch(url).await?),
        (None, None) => None,
    };
    // Whoever gives the key alone has not said where it is from.
    let key_urls = match (&args.key, &args.key_url) {
        (_, Some(url)) => Some(key_fetch::only(url)?),
        (Some(_), None) => None,
        (None, None) => Some(PublicKeyUrls::oss()),
    };
    let headers = received.headers();
    let sent_headers = sent.as_ref().map(RawRequest::headers).unwrap_or_default();
    let diagnosis = diagnose(&Evidence {
        received: received.as_callback(&headers),
        key: key.as_ref(),
        key_urls: key_urls.as_ref(),
        sent: sent.as_ref().map(|sent| sent.as_callback(&sent_headers)),
    });
    if args.json {
        output::json(&as_json(&diagnosis))?;
    } else {
        print(&diagnosis)?;
    }
    verdict(&diagnosis)
}

fn key_in(path: &Path) -> Result<PublicKey, Failure> {
    let name = path.display();
    let pem = fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read `{name}`: {error}")))?;
    PublicKey::from_pem(&pem)
        .map_err(|error| Failure::new(format!("`{name}` is not a public key: {error}")))
}

/// How the program ends.
fn verdict(diagnosis: &Diagnosis) -> Result<(), Failure> {
    let is_proven = |finding: &Finding| finding.certainty == Certainty::Proven;
    match diagnosis.outcome {
        Outcome::Verifies => Ok(()),
        Outcome::NeedsKey if !diagnosis.findings.iter().any(is_proven) => Err(Failure::new(
            "whether the callback verifies cannot be said without the key",
        )
        .hint("name the key with `--key FILE`, or its address with `--key-url URL`")),
        Outcome::Fails(_) | Outcome::NeedsKey => {
            Err(Failure::new("the callback does not verify").the_answer_is_no())
        }
    }
}

fn print(diagnosis: &Diagnosis) -> Result<(), Failure> {
    match diagnosis.outcome {
        Outcome::Verifies => output::line(
            "It verifies as it was received. If the application refuses it, its own code is wrong.",
        )?,
        Outcome::Fails(error) => output::line(format!("The verifier says: {error}."))?,
        Outcome::NeedsKey => output::line("The signature was not checked: there is no key.")?,
    }
    for Finding { reason, certainty } in &diagnosis.findings {
        let certainty = certainty.as_str();
        output::line(format!("\n{certainty}: {}\n  {reason}", reason.name()))?;
    }
    if let Some(difference) = &diagnosis.difference {
        output::line(drawn(difference, diagnosis.repaired.is_some()))?;
    }
    if let Some(repaired) = &diagnosis.repaired {
        output::line(format!(
            "\nIt verifies as\n  target  {}\n  body    {}",
            repaired.target.escape_debug(),
            excerpt(&repaired.body)
        ))?;
    }
    for advice in &diagnosis.advice {
        output::line(format!("\nremember: {}\n  {advice}", advice.name()))?;
    }
    Ok(())
}

/// The two sides, with a mark under the byte where they part.
fn drawn(difference: &Difference, is_repaired: bool) -> String {
    let Difference {
        part,
        offset,
        sent,
        received,
    } = difference;
    let side = |Excerpt { before, after }: &Excerpt| format!("{before}{after}");
    let first = if is_repaired { "verifies" } else { "sent" };
    format!(
        "\nThe signed text differs from byte {offset} on, in the {part}:\n  {first:<8}  {}\n  \
         received  {}\n            {:>mark$}",
        side(sent),
        side(received),
        "^",
        mark = sent.before.chars().count() + 1,
    )
}

fn excerpt(body: &[u8]) -> String {
    let shown = body.get(..SHOWN_BYTES).unwrap_or(body);
    let more = if shown.len() < body.len() { "…" } else { "" };
    match std::str::from_utf8(shown) {
        Ok(text) => format!("{}{more}", text.escape_debug()),
        Err(_) => format!("{}{more}", shown.escape_ascii()),
    }
}

fn as_json(diagnosis: &Diagnosis) -> Value {
    let (outcome, error) = match diagnosis.outcome {
        Outcome::Verifies => ("verifies", None),
        Outcome::Fails(error) => ("fails", Some(error.to_string())),
        Outcome::NeedsKey => ("needs-key", None),
    };
    let finding = |Finding { reason, certainty }: &Finding| {
        json!({
            "reason": Reason::name(reason),
            "certainty": certainty.as_str(),
            "text": reason.to_string(),
        })
    };
    let side = |excerpt: &Excerpt| json!({ "before": excerpt.before, "after": excerpt.after });
    json!({
        "outcome": outcome,
        "error": error,
        "findings": diagnosis.findings.iter().map(finding).collect::<Vec<_>>(),
        "difference": diagnosis.difference.as_ref().map(|difference| json!({
            "part": difference.part.to_string(),
            "offset": difference.offset,
            "sent": side(&difference.sent),
            "received": side(&difference.received),
        })),
        "repaired": diagnosis.repaired.as_ref().map(|repaired| json!({
            "target": repaired.target,
            "body": String::from_utf8_lossy(&repaired.body),
        })),
        "advice": diagnosis.advice.iter().map(|advice| json!({
            "name": advice.name(),
            "text": advice.to_string(),
        })).collect::<Vec<_>>(),
    })
}

/// How much of a body is printed.
const SHOWN_BYTES: usize = 1024;
