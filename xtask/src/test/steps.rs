//! The steps of `cargo xtask test`, in the order in which they run: what fails soonest comes first.

use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result};
use xtask::program::ADMIN_SECRET;
use xtask::tally::Tally;
use xtask::workspace::{Build, Program};

use super::running::Dev;
use super::{Bench, Length, dist, languages};
use crate::logged;
use crate::prepare::Need;

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) needs: &'static [Need],
    /// Prints to the step's log, where the tally is read from.
    pub(super) run: fn(&Bench<'_>) -> Result<()>,
}

pub(super) const STEPS: &[Step] = &[
    Step {
        name: "rust",
        about: "unit, property, vector, contract and exchange tests",
        needs: &[Need::Strace],
        run: rust,
    },
    Step {
        name: "doc",
        about: "the examples in the documentation",
        needs: &[],
        run: doc,
    },
    Step {
        name: "web",
        about: "unit tests of the pages",
        needs: &[Need::Page],
        run: web,
    },
    Step {
        name: "dist",
        about: "the committed pages are what their sources build to",
        needs: &[Need::Page],
        run: dist::compare,
    },
    Step {
        name: "packages",
        about: "the packages for Node and Python, with the frameworks that they are for",
        needs: &[Need::NodePackage, Need::PythonPackage],
        run: languages::packages,
    },
    Step {
        name: "foreign",
        about: "other people's clients, verifiers and readers of images",
        needs: &[Need::ForeignClients],
        run: foreign,
    },
    Step {
        name: "guides",
        about: "every command of the documentation; nginx, Apache and Caddy before both servers",
        needs: &[
            Need::Apache,
            Need::Caddy,
            Need::Curl,
            Need::ForeignClients,
            Need::Nginx,
            Need::Node,
        ],
        run: languages::guides,
    },
    Step {
        name: "examples",
        about: "the application servers in seven languages, and callbacks that are forged",
        needs: languages::EXAMPLES,
        run: languages::examples,
    },
    Step {
        name: "browser",
        about: "the page, the console and other people's upload components in Chromium",
        needs: &[Need::Chromium, Need::Page, Need::PageTests],
        run: browser,
    },
    Step {
        name: "pages",
        about: "the third of the classic pages in Chromium, with each of the examples behind it",
        needs: languages::PAGES,
        run: languages::pages,
    },
    Step {
        name: "crash",
        about: "kill -9 at random moments under load",
        needs: &[],
        run: crash,
    },
    Step {
        name: "calls",
        about: "kill -9 of server and application, with calls that are owed",
        needs: &[],
        run: calls,
    },
    Step {
        name: "fuzz",
        about: "mutated inputs for every parser",
        needs: &[],
        run: fuzz,
    },
];

fn rust(bench: &Bench<'_>) -> Result<()> {
    let mut cargo = cargo(bench);
    // Seconds to find out; building it would take minutes.
    if logged::printed("cargo", &["nextest", "--version"]).is_some() {
        cargo.args(["nextest", "run", "--no-fail-fast", "--hide-progress-bar"]);
        cargo.args(["--status-level", "fail", "--final-status-level", "slow"]);
    } else {
        cargo.args(["test", "--no-fail-fast", "--lib", "--bins", "--tests"]);
    }
    cargo.args(["--workspace", "--features", "xtask/load", "--locked"]);
    if bench.length == Length::Long {
        cargo.env("UPCALL_LONG_TESTS", "1");
        cargo.env("UPCALL_FAULTS", "200");
        cargo.env("UPCALL_STORE_COMMITS", "200000");
    }
    logged::run(&mut cargo, &bench.log)
}

fn doc(bench: &Bench<'_>) -> Result<()> {
    let mut cargo = cargo(bench);
    cargo.args(["test", "--doc", "--workspace", "--locked"]);
    logged::run(&mut cargo, &bench.log)
}

fn web(bench: &Bench<'_>) -> Result<()> {
    let mut npm = bench.tools.node()?.npm();
    npm.current_dir(bench.workspace.root().join("web"))
        .args(["run", "test"]);
    logged::run(&mut npm, &bench.log)
}

fn foreign(bench: &Bench<'_>) -> Result<()> {
    // The tests find it beside the program.
    bench.workspace.build(Program::ImageFacts, Build::Dev)?;
    languages::run_pytest(bench, bench.tools.python()?, &["tests/foreign"])
}

fn browser(bench: &Bench<'_>) -> Result<()> {
    let upcall = bench.workspace.build(Program::Upcall, Build::Dev)?;
    let dev = Dev::start(&upcall, &bench.log)?;
    let tool = bench.tools.node()?;
    let mut node = tool.node();
    node.current_dir(bench.workspace.root().join("web/tests"))
        // For `run` of the example with plupload.
        .env("PATH", tool.path(bench.workspace)?)
        .args(["--test", "--test-reporter=spec", "--test-concurrency=2"])
        .args([
            "page.spec.mjs",
            "plupload.mjs",
            "snippets.spec.mjs",
            "miniProgram.spec.mjs",
            "examples.spec.mjs",
            "console.spec.mjs",
            "consoleUse.spec.mjs",
            "hostile.spec.mjs",
        ])
        .env("ADMIN_SECRET", ADMIN_SECRET)
        .env("SCREENSHOTS", bench.workspace.own("screenshots"));
    for (name, member) in [
        ("APP_URL", "app"),
        ("ADMIN_URL", "admin"),
        ("BUCKET", "bucket"),
        ("ACCESS_KEY_SECRET", "accessKeySecret"),
    ] {
        node.env(name, dev.text(member)?);
    }
    logged::run(&mut node, &bench.log)
}

fn crash(bench: &Bench<'_>) -> Result<()> {
    let (amount, build): (&[&str], _) = match bench.length {
        Length::Usual => (&["--seconds", "45"], Build::Dev),
        Length::Long => (&["--kills", "2000", "--terms", "200"], Build::Release),
    };
    let upcall = bench.workspace.build(Program::Upcall, build)?;
    let load = bench.workspace.build(Program::Load, build)?;
    let mut command = Command::new(load);
    command.args(["crash", "--upcall"]).arg(upcall).args(amount);
    logged::run(&mut command, &bench.log)
}

fn calls(bench: &Bench<'_>) -> Result<()> {
    let (amount, build): (&[&str], _) = match bench.length {
        Length::Usual => (&["--kills", "40"], Build::Dev),
        Length::Long => (&["--kills", "500", "--gated", "50000"], Build::Release),
    };
    let upcall = bench.workspace.build(Program::Upcall, build)?;
    let load = bench.workspace.build(Program::Load, build)?;
    let mut command = Command::new(load);
    command.args(["calls", "--upcall"]).arg(upcall).args(amount);
    logged::run(&mut command, &bench.log)
}

fn fuzz(bench: &Bench<'_>) -> Result<()> {
    let seconds = match bench.length {
        Length::Usual => 60,
        Length::Long => 3600,
    };
    logged::run(
        &mut crate::fuzz_command(bench.workspace, seconds),
        &bench.log,
    )?;
    count(bench, 1)
}

fn cargo(bench: &Bench<'_>) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(bench.workspace.root())
        .env("CARGO_TERM_COLOR", "never");
    cargo
}

/// Says in the log that so many things passed, where a step has no runner that says it.
pub(super) fn count(bench: &Bench<'_>, passed: usize) -> Result<()> {
    let tally = Tally {
        passed: passed as u64,
        failed: 0,
    };
    let written = writeln!(logged::append(&bench.log)?, "{tally}");
    written.context("cannot write the log")
}
