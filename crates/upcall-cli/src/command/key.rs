//! `upcall key`: access keys of a running server, and the keys that sign its callbacks.

use hyper::Method;
use serde_json::json;
use upcall::name::AccessKeyId;

use super::admin_client::AdminClient;
use super::bucket::{items, text};
use super::callback_key;
use crate::config::args::KeyCommand;
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
        KeyCommand::Callback(command) => callback_key::run(command).await?,
    }
    Ok(())
}
