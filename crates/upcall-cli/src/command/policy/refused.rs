//! `upcall policy explain --request-id`: an upload that a running server has refused of late.

use hyper::Method;
use serde_json::Value;

use crate::command::admin_client::AdminClient;
use crate::command::bucket::{items, text};
use crate::config::args::ExplainArgs;
use crate::terminal::message::Failure;
use crate::terminal::output;

/// Prints what the server says of it.
///
/// # Errors
/// The server does not know it any more; or, as the answer, that the policy was not met.
pub(super) async fn run(args: &ExplainArgs, request_id: &str) -> Result<(), Failure> {
    let is_id = request_id.len() == 24 && request_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id {
        let failure = Failure::new(format!("`{}` is no request id", request_id.escape_debug()));
        return Err(failure.hint("it is in the answer, as `RequestId` and in `x-oss-request-id`"));
    }
    let path = format!("/v1/refusals/{}", request_id.to_ascii_uppercase());
    let refusal = AdminClient::new(&args.admin)?
        .ask(Method::GET, &path, None)
        .await?;
    let explanation = &refusal["explanation"];
    if args.admin.json {
        output::json(&refusal)?;
    } else {
        print(&refusal, explanation)?;
    }
    if explanation["met"] == Value::Bool(true) {
        return Ok(());
    }
    Err(Failure::new("the upload was refused").the_answer_is_no())
}

fn print(refusal: &Value, explanation: &Value) -> Result<(), Failure> {
    output::line(format!(
        "refused  {} {}: {}",
        refusal["status"],
        text(&refusal["code"]),
        text(&refusal["message"]).escape_debug()
    ))?;
    if explanation.is_null() {
        return Ok(output::line(
            "unknown  the form had no policy that can be read",
        )?);
    }
    let expiration = text(&explanation["expiration"]);
    output::line(if explanation["expired"] == Value::Bool(true) {
        format!("unmet    the policy expired at {expiration}")
    } else {
        format!("met      the policy holds until {expiration}")
    })?;
    for field in items(&explanation["unbound"]).map(text) {
        output::line(format!(
            "unmet    a form signed with V4 needs a condition that `{field}` equals what the form has"
        ))?;
    }
    for condition in items(&explanation["conditions"]) {
        let (verdict, said) = (text(&condition["verdict"]), text(&condition["text"]));
        output::line(format!("{verdict:<8} {}", said.escape_debug()))?;
    }
    Ok(())
}
