//! The steps whose tests are written in other languages: packages, examples, guides.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use xtask::workspace::{Build, Program};

use super::Bench;
use crate::logged;
use crate::prepare::Need;

/// What the examples are started with.
pub(super) const EXAMPLES: &[Need] = &[
    Need::Apache,
    Need::ForeignClients,
    Need::Go,
    Need::Java,
    Need::Node,
    Need::Php,
    Need::Ruby,
];

/// The same, and a browser.
pub(super) const PAGES: &[Need] = &[
    Need::Apache,
    Need::Chromium,
    Need::Go,
    Need::Java,
    Need::Node,
    Need::PageTests,
    Need::Php,
    Need::Ruby,
];

/// The packages for Node and Python, beside a real server.
pub(super) fn packages(bench: &Bench<'_>) -> Result<()> {
    let upcall = bench.workspace.build(Program::Upcall, Build::Dev)?;
    let mut npm = bench.tools.node()?.npm();
    npm.current_dir(bench.workspace.root().join("packages/node"))
        .args(["run", "test"])
        .env("UPCALL", &upcall);
    logged::run(&mut npm, &bench.log)?;
    run_pytest(
        bench,
        bench.tools.python_package()?,
        &["packages/python/tests"],
    )
}

/// Every command of the documentation, and each proxy.
pub(super) fn guides(bench: &Bench<'_>) -> Result<()> {
    run_pytest(
        bench,
        bench.tools.python()?,
        &["tests/docs", "tests/proxies"],
    )
}

/// Each example against the tables of its own language's verifier, and then all against one table of
/// forgeries.
pub(super) fn examples(bench: &Bench<'_>) -> Result<()> {
    let root = bench.workspace.root();
    for (folder, words) in [
        ("examples/go", &["go", "test", "-v", "./..."][..]),
        ("examples/java", &["./test"]),
        ("examples/php", &["php", "test_vectors.php"]),
        ("examples/ruby", &["ruby", "test_vectors.rb"]),
    ] {
        let (program, arguments) = (words[0], &words[1..]);
        let mut command = Command::new(program);
        command.current_dir(root.join(folder)).args(arguments);
        logged::run(&mut command, &bench.log)?;
    }
    run_pytest(bench, bench.tools.python()?, &["tests/examples"])
}

/// Each example behind the third of the classic pages.
pub(super) fn pages(bench: &Bench<'_>) -> Result<()> {
    let node = bench.tools.node()?;
    let upcall = bench.workspace.build(Program::Upcall, Build::Dev)?;
    let mut command = node.node();
    command
        .current_dir(bench.workspace.root().join("web/tests"))
        .args(["--test", "--test-reporter=spec", "languages.spec.mjs"])
        .env("UPCALL", upcall)
        .env("PATH", node.path(bench.workspace)?);
    logged::run(&mut command, &bench.log)
}

/// Runs the tests in these folders, which find the program by its path.
pub(super) fn run_pytest(bench: &Bench<'_>, python: &Path, folders: &[&str]) -> Result<()> {
    let upcall = bench.workspace.build(Program::Upcall, Build::Dev)?;
    let mut pytest = Command::new(python);
    pytest
        .current_dir(bench.workspace.root())
        .args(["-m", "pytest", "-p", "no:cacheprovider", "--quiet"])
        .args(folders)
        .env("UPCALL", upcall)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if let Ok(node) = bench.tools.node() {
        pytest.env("PATH", node.path(bench.workspace)?);
    }
    logged::run(&mut pytest, &bench.log)
}
