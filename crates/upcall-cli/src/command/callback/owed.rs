//! `upcall callback owed`, `deliver` and `drop`: calls that have not arrived yet.

use hyper::Method;
use serde_json::Value;

use crate::command::admin_client::AdminClient;
use crate::command::bucket::{items, text};
use crate::config::args::{DeliverArgs, DropArgs, OwedArgs};
use crate::terminal::message::Failure;
use crate::terminal::{output, table};

/// Lists them, a thousand at most.
pub(super) async fn list(args: &OwedArgs) -> Result<(), Failure> {
    let path = if args.given_up {
        "/v1/owed?state=givenUp"
    } else {
        "/v1/owed"
    };
    let answer = AdminClient::new(&args.admin)?
        .ask(Method::GET, path, None)
        .await?;
    if args.admin.json {
        output::json(&answer)?;
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&answer["calls"])
        .map(|call| {
            vec![
                text(&call["id"]),
                text(&call["state"]),
                text(&call["attempts"]),
                text(&call["bucket"]),
                text(&call["key"]).escape_debug().to_string(),
                if call["isHeld"] == Value::Bool(true) {
                    "held".to_owned()
                } else {
                    "visible".to_owned()
                },
                text(&call["lastFailure"]),
            ]
        })
        .collect();
    let head = [
        "ID",
        "STATE",
        "ATTEMPTS",
        "BUCKET",
        "KEY",
        "OBJECT",
        "LAST FAILURE",
    ];
    output::line(table::write(&head, &rows))?;
    Ok(())
}

pub(super) async fn deliver(args: &DeliverArgs) -> Result<(), Failure> {
    let client = AdminClient::new(&args.admin)?;
    let said = if let Some(id) = &args.id {
        let path = format!("/v1/owed/{}/deliver", plain(id)?);
        client.ask(Method::POST, &path, None).await?;
        format!("call `{id}` is made now")
    } else {
        let path = "/v1/owed/deliver";
        let answer = client.ask(Method::POST, path, None).await?;
        format!("{} calls are made now", text(&answer["calls"]))
    };
    say(&args.admin, &said)
}

pub(super) async fn forget(args: &DropArgs) -> Result<(), Failure> {
    let path = format!("/v1/owed/{}", plain(&args.id)?);
    AdminClient::new(&args.admin)?
        .ask(Method::DELETE, &path, None)
        .await?;
    say(&args.admin, &format!("call `{}` dropped", args.id))
}

fn say(admin: &crate::config::args::AdminArgs, said: &str) -> Result<(), Failure> {
    if admin.json {
        output::json(&serde_json::json!({ "done": said }))?;
    } else {
        output::line(said)?;
    }
    Ok(())
}

/// An id stands in a path.
fn plain(id: &str) -> Result<&str, Failure> {
    if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(id);
    }
    let failure = Failure::new(format!("`{}` is no id of a call", id.escape_debug()));
    Err(failure.hint("`upcall callback owed` shows them"))
}
