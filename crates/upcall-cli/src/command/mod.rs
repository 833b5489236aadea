//! One file for each command.

mod admin_client;
mod app;
mod backup;
mod bucket;
mod bucket_callback;
mod bucket_uploads;
mod callback;
mod callback_key;
mod cors;
mod descriptors;
mod dev;
mod exchange;
mod fsck;
mod key;
mod machine_memory;
mod policy;
mod serve;
mod signed_form;
mod stop;
mod storage;

use crate::config::args::{Arguments, Command};
use crate::terminal::log;
use crate::terminal::message::Failure;

/// Runs a command to its end.
///
/// # Errors
/// It could not be done.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    log::start(&arguments.log, arguments.log_format)?;
    match arguments.command {
        Command::Policy(command) => on_runtime(policy::run(&command)),
        Command::Callback(command) => on_runtime(callback::run(&command)),
        Command::Cors(command) => on_runtime(cors::run(command)),
        Command::Serve(args) if args.check => serve::check(&args),
        Command::Serve(args) => on_runtime(serve::run(&args)),
        Command::Dev(args) => on_runtime(dev::run(&args)),
        Command::App(args) => on_runtime(app::run(&args)),
        Command::Bucket(command) => on_runtime(bucket::run(command)),
        Command::Key(command) => on_runtime(key::run(command)),
        Command::Fsck(args) => fsck::run(&args),
        Command::Backup(args) => on_runtime(backup::run(args)),
        Command::Restore(args) => backup::restore(&args),
    }
}

fn on_runtime<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(command);
    // What still runs on threads that may wait has been waited for, or is not worth it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}
