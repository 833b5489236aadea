//! The program `upcall`: parse, resolve, run. Only here an error is printed and an exit code chosen.

mod command;
mod config;
mod data;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::config::args::Arguments;
use crate::terminal::message;

/// Each upload takes some two hundred allocations on one thread and gives part of them back on
/// another; the system's allocator spends a tenth of a request on that (`cargo xtask bench store`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match command::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            message::print(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
