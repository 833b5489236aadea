//! `upcall callback`: why a callback is refused.

mod key_fetch;
mod request_file;
mod verify;

use crate::config::args::CallbackCommand;
use crate::terminal::message::Failure;

pub(crate) async fn run(command: &CallbackCommand) -> Result<(), Failure> {
    match command {
        CallbackCommand::Verify(args) => verify::run(args).await,
    }
}
