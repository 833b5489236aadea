//! `upcall callback list`: the calls of late, one a line.

use hyper::Method;
use serde_json::Value;

use super::query;
use crate::command::admin_client::AdminClient;
use crate::command::bucket::{items, text};
use crate::config::args::ListArgs;
use crate::terminal::message::Failure;
use crate::terminal::{output, table};

pub(super) async fn run(args: &ListArgs) -> Result<(), Failure> {
    let filter = query::parameters(&args.filter);
    let path = format!("/v1/callbacks?limit={}{filter}", args.limit);
    let answer = AdminClient::new(&args.admin)?
        .ask(Method::GET, &path, None)
        .await?;
    if args.admin.json {
        output::json(&answer)?;
        return Ok(());
    }
    let rows: Vec<Vec<String>> = items(&answer["calls"]).map(row).collect();
    output::line(table::write(&HEADS, &rows))?;
    Ok(())
}

const HEADS: [&str; 7] = ["ID", "AT", "BUCKET", "KEY", "OUTCOME", "MS", "WHY"];

fn row(call: &Value) -> Vec<String> {
    [
        "id",
        "at",
        "bucket",
        "key",
        "outcome",
        "totalMs",
        "explanation",
    ]
    .map(|member| text(&call[member]))
    .to_vec()
}
