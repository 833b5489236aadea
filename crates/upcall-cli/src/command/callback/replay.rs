//! `upcall callback replay`: a call once more. Exit status 1 means that the application did not
//! agree.

use hyper::Method;

use super::query;
use crate::command::admin_client::AdminClient;
use crate::command::bucket::text;
use crate::config::args::ReplayArgs;
use crate::terminal::message::Failure;
use crate::terminal::output;

pub(super) async fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let path = format!("{}/replay", query::path_of(&args.id)?);
    let call = AdminClient::new(&args.admin)?
        .ask(Method::POST, &path, None)
        .await?;
    let why = text(&call["explanation"]);
    if args.admin.json {
        output::json(&call)?;
    } else {
        let (id, attempt) = (text(&call["id"]), text(&call["attempt"]));
        output::line(format!("call `{id}` made, attempt {attempt}: {why}"))?;
    }
    if call["outcome"] == "agreed" {
        return Ok(());
    }
    Err(Failure::new(format!("the application did not agree: {why}")).the_answer_is_no())
}
