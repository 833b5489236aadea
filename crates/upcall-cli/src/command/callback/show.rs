//! `upcall callback show`: all of a call, for a person, as JSON, or as a `curl` command.

use hyper::Method;
use serde_json::Value;

use super::{curl, query};
use crate::command::admin_client::AdminClient;
use crate::command::bucket::{items, text};
use crate::config::args::ShowArgs;
use crate::terminal::message::Failure;
use crate::terminal::{output, table};

pub(super) async fn run(args: &ShowArgs) -> Result<(), Failure> {
    let path = query::path_of(&args.id)?;
    let call = AdminClient::new(&args.admin)?
        .ask(Method::GET, &path, None)
        .await?;
    if args.admin.json {
        output::json(&call)?;
    } else if args.curl {
        output::line(curl::command(&call)?)?;
    } else {
        output::line(shown(&call))?;
    }
    Ok(())
}

fn shown(call: &Value) -> String {
    let mut lines = facts(call);
    lines.push(String::new());
    lines.push(format!(
        "> {} {} HTTP/1.1",
        text(&call["method"]),
        text(&call["target"])
    ));
    lines.extend(headers(">", &call["requestHeaders"]));
    lines.push(">".to_owned());
    lines.extend(body(">", call));
    if !call["answer"].is_null() {
        let answer = &call["answer"];
        lines.push(String::new());
        lines.push(format!("< {}", text(&answer["status"])));
        lines.extend(headers("<", &answer["headers"]));
        lines.push("<".to_owned());
        lines.extend(body("<", answer));
    }
    let escaped = lines.iter().map(|line| table::line(&[line]));
    escaped.collect::<Vec<_>>().join("\n")
}

fn facts(call: &Value) -> Vec<String> {
    let value = |name: &str| text(&call[name]);
    let mut facts = vec![
        format!("call      {}, attempt {}", value("id"), value("attempt")),
        format!("request   {}", value("requestId")),
        format!("object    {}/{}", value("bucket"), value("key")),
        format!("ended     {}", value("at")),
        format!("url       {}", value("url")),
    ];
    if !call["address"].is_null() {
        let kept = if call["isReused"] == true {
            ", on a connection that was kept"
        } else if call["isResent"] == true {
            ", on a new connection, as a kept one had ended without an answer"
        } else {
            ""
        };
        facts.push(format!("address   {}{kept}", value("address")));
    }
    let steps = [
        ("resolved", "resolveMs"),
        ("connected", "connectMs"),
        ("TLS", "tlsMs"),
        ("first byte", "firstByteMs"),
        ("all", "totalMs"),
    ];
    let steps: Vec<String> = steps
        .into_iter()
        .filter(|(_, member)| !call["timing"][member].is_null())
        .map(|(name, member)| format!("{name} {} ms", call["timing"][member]))
        .collect();
    facts.push(format!("took      {}", steps.join(", ")));
    facts.push(format!("outcome   {}", value("outcome")));
    if !call["message"].is_null() {
        facts.push(format!("uploader  {}", value("message")));
    }
    facts.push(format!("why       {}", value("explanation")));
    facts
}

fn headers(mark: &str, headers: &Value) -> Vec<String> {
    items(headers)
        .map(|pair| format!("{mark} {}: {}", text(&pair[0]), text(&pair[1])))
        .collect()
}

/// The lines of a body, or how it is encoded.
fn body(mark: &str, of: &Value) -> Vec<String> {
    let mut lines: Vec<String> = match (&of["body"], &of["bodyBase64"]) {
        (Value::String(body), _) => body.lines().map(|line| format!("{mark} {line}")).collect(),
        (_, base64) => vec![format!("{mark} (base64) {}", text(base64))],
    };
    let shown = of["body"].as_str().map(str::len);
    if let (Some(shown), Some(all)) = (shown, of["bodyBytes"].as_u64())
        && (shown as u64) < all
    {
        lines.push(format!("{mark} … {shown} of {all} bytes"));
    }
    lines
}
