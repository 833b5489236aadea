//! `upcall callback tail`: each call as it ends.

use std::time::Duration;

use hyper::Method;
use serde_json::Value;

use super::query;
use crate::command::admin_client::AdminClient;
use crate::command::bucket::text;
use crate::command::stop::Stop;
use crate::config::args::TailArgs;
use crate::terminal::message::Failure;
use crate::terminal::{output, table};

pub(super) async fn run(args: &TailArgs) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    // Cancel-safe: whoever asks and does not wait for the answer has changed nothing.
    tokio::select! {
        followed = follow(args) => followed,
        () = stop.asked() => Ok(()),
    }
}

async fn follow(args: &TailArgs) -> Result<(), Failure> {
    let client = AdminClient::new(&args.admin)?;
    let filter = query::parameters(&args.filter);
    let newest = client
        .ask(Method::GET, "/v1/callbacks?limit=1", None)
        .await?;
    let newest = newest["calls"][0]["id"].as_str();
    let mut after = newest.unwrap_or(BEFORE_ALL).to_owned();
    loop {
        let path = format!("/v1/callbacks/next?after={after}&timeout=20s{filter}");
        let call = client.ask(Method::GET, &path, None).await?;
        let Some(id) = call["id"].as_str() else {
            // Nothing in that time; or the server stops, and the next question tells.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        id.clone_into(&mut after);
        if args.admin.json {
            output::json(&call)?;
        } else {
            output::line(line(&call))?;
        }
    }
}

fn line(call: &Value) -> String {
    let object = format!("{}/{}", text(&call["bucket"]), text(&call["key"]));
    table::line(&[
        &text(&call["at"]),
        &text(&call["id"]),
        &text(&call["outcome"]),
        &format!("{} ms", text(&call["timing"]["totalMs"])),
        &object,
        &text(&call["explanation"]),
    ])
}

/// The id before which there is none.
const BEFORE_ALL: &str = "0000000000000000";

/// Between two questions of which the first had no answer.
const PAUSE: Duration = Duration::from_millis(200);
