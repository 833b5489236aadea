//! `upcall callback`: the calls that a running server made or owes, and why one is refused.

mod curl;
mod key_fetch;
mod list;
mod owed;
mod probe;
mod query;
mod replay;
mod request_file;
mod show;
mod tail;
mod verify;

use crate::config::args::CallbackCommand;
use crate::terminal::message::Failure;

pub(crate) async fn run(command: &CallbackCommand) -> Result<(), Failure> {
    match command {
        CallbackCommand::Owed(args) => owed::list(args).await,
        CallbackCommand::Deliver(args) => owed::deliver(args).await,
        CallbackCommand::Drop(args) => owed::forget(args).await,
        CallbackCommand::Check(args) => probe::check(args).await,
        CallbackCommand::Verify(args) => verify::run(args).await,
        CallbackCommand::List(args) => list::run(args).await,
        CallbackCommand::Send(args) => probe::send(args).await,
        CallbackCommand::Show(args) => show::run(args).await,
        CallbackCommand::Replay(args) => replay::run(args).await,
        CallbackCommand::Tail(args) => tail::run(args).await,
    }
}
