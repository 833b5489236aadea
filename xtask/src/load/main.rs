//! The load generator: uploads as clients send them, against a real server that it starts itself.
//!
//! `load bench`, `load store`, `load store-list` and `load callback` measure, `load crash` ends the server
//! at random moments, `load calls` the application, too (which is `load application`). All speak
//! HTTP/1.1 over the loopback address, on one thread: on a machine of two cores the server should have
//! the other. `load floor` is a server itself, one that is measured against, and `load sink` is the
//! application that agrees to everything.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks"
)]

mod bench;
mod calls;
mod crash;
mod folder;
mod http;
mod port;
mod random;
mod sink;
mod storage;
mod upload;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use tokio::runtime;
use xtask::arguments::Arguments;

fn main() -> ExitCode {
    match run(Arguments::new(std::env::args().skip(1))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: Arguments) -> Result<()> {
    let name = arguments.take_name();
    if name.as_deref() == Some("floor") {
        return bench::floor::serve(arguments);
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    match name.as_deref() {
        Some("bench") => runtime.block_on(bench::bench(bench::Options::parse(arguments)?)),
        Some("application") => runtime.block_on(calls::application::serve(arguments)),
        Some("callback") => runtime.block_on(bench::callback::run(
            bench::callback::Options::parse(arguments)?,
        )),
        Some("calls") => runtime.block_on(calls::run(&calls::Options::parse(arguments)?)),
        Some("crash") => runtime.block_on(crash::crash(&crash::Options::parse(arguments)?)),
        Some("sink") => runtime.block_on(sink::serve(arguments)),
        Some("store") => {
            runtime.block_on(bench::store::run(bench::store::Options::parse(arguments)?))
        }
        Some("store-list") => runtime.block_on(bench::store::list::run(
            &bench::store::list::Options::parse(arguments)?,
        )),
        _ => bail!("`load` has no chore of this name; `cargo xtask` calls it"),
    }
}
