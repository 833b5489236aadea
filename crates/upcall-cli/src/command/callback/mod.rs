//! `upcall callback`: the calls that a running server made.

mod curl;
mod list;
mod query;
mod replay;
mod show;
mod tail;

use crate::config::args::CallbackCommand;
use crate::terminal::message::Failure;

pub(crate) async fn run(command: &CallbackCommand) -> Result<(), Failure> {
    match command {
        CallbackCommand::List(args) => list::run(args).await,
        CallbackCommand::Show(args) => show::run(args).await,
        CallbackCommand::Replay(args) => replay::run(args).await,
        CallbackCommand::Tail(args) => tail::run(args).await,
    }
}
