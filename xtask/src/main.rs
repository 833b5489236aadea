//! upcall's own chores. `cargo xtask` lists them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks"
)]

mod audit;
mod deny;
mod logged;
mod prepare;
mod test;

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use xtask::arguments::Arguments;
use xtask::workspace::{Build, Program, Workspace};

use prepare::{Need, Node};

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
    let workspace = Workspace::find()?;
    match arguments.take_name().as_deref() {
        Some("test") => test::test(&workspace, arguments),
        Some("bench") => bench(&workspace, arguments),
        Some("crash") => crash(&workspace, arguments),
        Some("fuzz") => fuzz(&workspace, arguments),
        Some("deny") => deny::deny(&workspace),
        Some("audit") => audit::audit(&workspace),
        Some("typos") => typos(&workspace),
        Some(unknown) => bail!("there is no chore `{unknown}`\n\n{HELP}"),
        None => {
            println!("{HELP}");
            Ok(())
        }
    }
}

/// Hands over to the load generator, next to a released server and what it is measured against.
fn bench(workspace: &Workspace, mut arguments: Arguments) -> Result<()> {
    let suite = match arguments.first_name() {
        Some("store" | "store-list" | "callback") => arguments.take_name().unwrap_or_default(),
        Some(_) | None => "bench".to_owned(),
    };
    let needs: &[Need] = match suite.as_str() {
        "store" => &[Need::Nginx, Need::Express],
        "store-list" => &[],
        "callback" => &[Need::Express],
        _ => &[Need::Nginx],
    };
    let tools = prepare::prepare(workspace, needs)?;
    let upcall = workspace.build(Program::Upcall, Build::Release)?;
    let mut load = Command::new(workspace.build(Program::Load, Build::Release)?);
    load.args([&suite, "--upcall"]).arg(upcall);
    match suite.as_str() {
        "store" | "callback" => {
            load.arg("--node").arg(tools.node()?.program());
            load.arg("--express").arg(Node::express(workspace));
        }
        "store-list" => {
            let fill = workspace.build(Program::Fill, Build::Release)?;
            load.arg("--fill").arg(fill);
        }
        _ => {}
    }
    pass_on(load.args(arguments.into_words()))
}

fn crash(workspace: &Workspace, mut arguments: Arguments) -> Result<()> {
    let suite = match arguments.first_name() {
        Some("calls") => arguments.take_name().unwrap_or_default(),
        Some(_) | None => "crash".to_owned(),
    };
    let upcall = workspace.build(Program::Upcall, Build::Release)?;
    let mut load = Command::new(workspace.build(Program::Load, Build::Release)?);
    load.args([&suite, "--upcall"])
        .arg(upcall)
        .args(arguments.into_words());
    pass_on(&mut load)
}

fn fuzz(workspace: &Workspace, mut arguments: Arguments) -> Result<()> {
    let seconds = arguments.take_value("--seconds")?.unwrap_or(60);
    let mut mutate = fuzz_command(workspace, seconds);
    mutate.args(arguments.into_words());
    pass_on(&mut mutate)
}

/// Spelling, by `typos.toml`. The version is the one of `xtask/typos.txt`, so that a word that passes
/// on one machine passes on all.
fn typos(workspace: &Workspace) -> Result<()> {
    let tools = prepare::prepare(workspace, &[Need::Typos])?;
    let mut typos = Command::new(tools.typos()?);
    pass_on(typos.current_dir(workspace.root()))
}

/// The mutation loop over the targets of `fuzz/`.
fn fuzz_command(workspace: &Workspace, seconds: u64) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(workspace.root().join("fuzz"))
        .args([
            "run",
            "--quiet",
            "--release",
            "--locked",
            "--bin",
            "mutate",
            "--",
        ])
        .args(["--seconds", &seconds.to_string()])
        .env("CARGO_TARGET_DIR", workspace.own("fuzz"))
        .env("CARGO_TERM_COLOR", "never");
    cargo
}

/// Runs a program in this one's place: its output is ours.
fn pass_on(command: &mut Command) -> Result<()> {
    let shown = logged::show(command);
    let status = command
        .status()
        .with_context(|| format!("cannot run `{shown}`"))?;
    ensure!(status.success(), "`{shown}` ended with {status}");
    Ok(())
}

const HELP: &str = "\
usage: cargo xtask CHORE

  test [--long] [--list] [NAME…]   every test, or the steps of these names
  bench [NAME…] [--rounds N]       uploads next to nginx, as ratios of one run
  bench store [NAME…] [--rounds N] [--seconds N] [--many N]
                                   the store next to nginx, Express and a floor, with its goals
  bench callback [NAME…] [--rounds N] [--seconds N] [--owed N]
                                   uploads with a callback next to Express and a floor, with goals
  bench store-list [--objects N] [--rounds N]
                                   listing, HEAD and a start with millions of objects
  crash [--seconds N | --kills N] [--terms N] [--seed N]
                                   kill -9 (and SIGTERM) at random moments under load
  crash calls [--kills N] [--gated N] [--seed N]
                                   the same for server and application, with calls that are owed
  fuzz [--seconds N]               mutated inputs for every parser
  deny                             licences and banned crates, by deny.toml
  audit                            advisories about what the lock files name, where they can be had
  typos                            spelling, by typos.toml";
