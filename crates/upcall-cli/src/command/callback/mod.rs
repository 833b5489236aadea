//! `upcall callback`: why a callback is refused, and calls that have not arrived yet.

mod key_fetch;
mod owed;
mod raw_request;
mod verify;

use crate::config::args::CallbackCommand;
use crate::terminal::message::Failure;

pub(crate) async fn run(command: &CallbackCommand) -> Result<(), Failure> {
    match command {
        CallbackCommand::Owed(args) => owed::list(args).await,
        CallbackCommand::Deliver(args) => owed::deliver(args).await,
        CallbackCommand::Drop(args) => owed::forget(args).await,
        CallbackCommand::Verify(args) => verify::run(args).await,
    }
}
