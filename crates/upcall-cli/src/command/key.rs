//! `upcall key`: access keys of a running server, and the keys that sign its callbacks.

use hyper::Method;
use serde_json::{Value, json};
use upcall::name::AccessKeyId;

use super::admin_client::AdminClient;
use super::bucket::{items, text};
use crate::config::args::{AdminArgs, KeyCommand};
use crate::terminal::message::Failure;
use crate::terminal::{output, table};

pub(crate) async fn run(command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Create { description, admin } => {
            let body = json!({ "description": description });
            let client = AdminClient::new(&admin)?;
            let key = client.ask(Method::POST, "/v1/keys", Some(&body)).await?;
            if admin.json {
                output::json(&key)?;
            } else {
                output::line(format!(
                    "UPCALL_ACCESS_KEY_ID={}\nUPCALL_ACCESS_KEY_SECRET={}",
                    text(&key["id"]),
                    text(&key["secret"])
                ))?;
            }
        }
        KeyCommand::List { admin } => {
            let answer = AdminClient::new(&admin)?
                .ask(Method::GET, "/v1/keys", None)
                .await?;
            if admin.json {
                output::json(&answer)?;
            } else {
                let rows: Vec<Vec<String>> = items(&answer["keys"])
                    .map(|key| {
                        vec![
                            text(&key["id"]),
                            text(&key["description"]),
                            text(&key["created"]),
                        ]
                    })
                    .collect();
                output::line(table::write(&["ID", "DESCRIPTION", "CREATED"], &rows))?;
            }
        }
        KeyCommand::Delete { id, admin } => {
            // What is in an id needs no encoding in a path.
            let id = AccessKeyId::parse(&id).map_err(|error| {
                let failure = Failure::new(format!("`{}` is no access key id", id.escape_debug()));
                failure.hint(error.to_string())
            })?;
            AdminClient::new(&admin)?
                .ask(Method::DELETE, &format!("/v1/keys/{id}"), None)
                .await?;
            if admin.json {
                output::json(&json!({ "id": id.as_str() }))?;
            } else {
                output::line(format!("key `{id}` deleted"))?;
            }
        }
        KeyCommand::RotateCallback {
            bits,
            overlap,
            admin,
        } => {
            let body = json!({ "bits": bits, "overlapSeconds": overlap.as_secs() });
            let client = AdminClient::new(&admin)?;
            let path = "/v1/callback-key/rotate";
            let keys = client.ask(Method::POST, path, Some(&body)).await?;
            show_callback_keys(&keys, &admin)?;
        }
        KeyCommand::ShowCallback { admin } => {
            let client = AdminClient::new(&admin)?;
            let keys = client.ask(Method::GET, "/v1/callback-key", None).await?;
            show_callback_keys(&keys, &admin)?;
        }
    }
    Ok(())
}

/// The key that signs first, then those that are still known.
fn show_callback_keys(keys: &Value, admin: &AdminArgs) -> Result<(), Failure> {
    if admin.json {
        return output::json(keys).map_err(Failure::from);
    }
    let row = |key: &Value, until: String| {
        vec![
            text(&key["id"]),
            until,
            text(&key["url"]),
            text(&key["webhookKey"]),
        ]
    };
    let mut rows = vec![row(&keys["current"], "signs".to_owned())];
    let former = items(&keys["former"]);
    rows.extend(former.map(|key| row(key, format!("until {}", text(&key["servedUntil"])))));
    output::line(table::write(
        &["ID", "KNOWN", "PUBLIC KEY", "WEBHOOK KEY"],
        &rows,
    ))?;
    Ok(())
}
