//! `upcall bucket callback`: how the uploads of a bucket call the application.

use hyper::Method;
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::bucket::{path, text};
use crate::config::args::{AdminArgs, BucketCallbackCommand, GateArg};
use crate::terminal::message::Failure;
use crate::terminal::{output, table};

pub(crate) async fn run(command: BucketCallbackCommand) -> Result<(), Failure> {
    match command {
        BucketCallbackCommand::Get { name, admin } => show(&name, &admin).await,
        BucketCallbackCommand::Set {
            name,
            default,
            required,
            redeliver,
            gate,
            keep_alive,
            chunked_answers,
            admin,
        } => {
            let default = default.map(|text| parse(&text)).transpose()?;
            let settings = json!({
                "default": default,
                "required": required,
                "redeliverSeconds": redeliver.map(|time| time.as_secs()),
                "gate": gate.map(GateArg::as_str),
                "keepAlive": keep_alive,
                "chunkedAnswers": chunked_answers,
            });
            AdminClient::new(&admin)?
                .ask(Method::PUT, &path(&name, "/callback")?, Some(&settings))
                .await?;
            if admin.json {
                output::json(&settings)?;
            } else {
                output::line(format!("bucket `{name}` changed"))?;
            }
            Ok(())
        }
    }
}

/// The JSON of a callback, or the file that `@FILE` names.
fn parse(given: &str) -> Result<Value, Failure> {
    let json = match given.strip_prefix('@') {
        None => given.to_owned(),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read `{path}`: {error}")))?,
    };
    serde_json::from_str(&json).map_err(|error| {
        Failure::new(format!("the default callback is not JSON: {error}")).hint(
            "write it as in a form's `callback`, before base64: \
             {\"callbackUrl\":\"…\",\"callbackBody\":\"…\"}",
        )
    })
}

async fn show(name: &str, admin: &AdminArgs) -> Result<(), Failure> {
    let settings = AdminClient::new(admin)?
        .ask(Method::GET, &path(name, "/callback")?, None)
        .await?;
    if admin.json {
        output::json(&settings)?;
        return Ok(());
    }
    let or_none = |value: &Value| {
        let value = text(value);
        if value.is_empty() {
            "none".to_owned()
        } else {
            value
        }
    };
    let rows = [
        ("default", or_none(&settings["default"])),
        ("required", text(&settings["required"])),
        (
            "redeliver",
            match settings["redeliverSeconds"].as_u64() {
                Some(seconds) => format!("{seconds} s"),
                None => "no".to_owned(),
            },
        ),
        ("gate", or_none(&settings["gate"])),
        ("keep-alive", text(&settings["keepAlive"])),
        ("chunked-answers", text(&settings["chunkedAnswers"])),
    ];
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    output::line(table::write(&["SETTING", "VALUE"], &rows))?;
    Ok(())
}
