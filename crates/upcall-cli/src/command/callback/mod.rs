//! `upcall callback`: why a callback is refused.

mod check;
mod key_fetch;
mod raw_request;
mod verify;

use crate::config::args::CallbackCommand;
use crate::terminal::message::Failure;

pub(crate) async fn run(command: &CallbackCommand) -> Result<(), Failure> {
    match command {
        CallbackCommand::Check(args) => check::run(args).await,
        CallbackCommand::Verify(args) => verify::run(args).await,
    }
}
