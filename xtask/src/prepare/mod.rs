//! What tests need beside Rust and a C compiler: found, or else installed, each said in a line.
//!
//! In: the [`Need`]s of the steps that will run. Out: [`Tools`], where things are. What was installed
//! once is not looked at again until the file that names it changes ([`stamp`]).

pub(crate) mod debian;
mod node;
mod python;
mod stamp;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use debian::Package;
use xtask::workspace::Workspace;

use crate::logged;

pub(crate) use node::Node;

/// One thing that a step needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Need {
    /// Debian's Apache and what it runs PHP with.
    Apache,
    /// Debian's Caddy.
    Caddy,
    /// Debian's Chromium.
    Chromium,
    /// curl and jq, for the command lines of the documentation.
    Curl,
    /// The Python packages of the foreign clients, in a virtual environment.
    ForeignClients,
    /// A current Node, and Express and multer, to measure against.
    Express,
    /// Debian's Go.
    Go,
    /// A JDK.
    Java,
    /// nginx, to measure against and to stand behind.
    Nginx,
    /// A current Node, and nothing with it.
    Node,
    /// A current Node, and what the package for Node is tested with.
    NodePackage,
    /// A current Node, and what the page is built with.
    Page,
    /// A current Node, and what the browser tests drive: a browser's remote control, and the upload
    /// components that people already have on their pages.
    PageTests,
    /// Debian's PHP with SQLite.
    Php,
    /// The Python packages that the package for Python is tested with, in a virtual environment.
    PythonPackage,
    /// Debian's Ruby with rack, a server and SQLite.
    Ruby,
    /// strace, which has system calls fail.
    Strace,
    /// The spelling checker, in a virtual environment.
    Typos,
}

impl Need {
    /// What Debian has of it.
    const fn packages(self) -> &'static [Package] {
        match self {
            Self::Apache => &[
                debian::APACHE,
                debian::PHP,
                debian::PHP_FPM,
                debian::PHP_FOR_APACHE,
                debian::PHP_SQLITE,
            ],
            Self::Caddy => &[debian::CADDY],
            Self::Chromium => &[debian::CHROMIUM],
            Self::Curl => &[debian::CURL, debian::JQ],
            Self::ForeignClients | Self::PythonPackage | Self::Typos => &[debian::PYTHON],
            Self::Go => &[debian::GO],
            Self::Java => &[debian::JAVA],
            Self::Nginx => &[debian::NGINX],
            Self::Php => &[debian::PHP, debian::PHP_SQLITE],
            Self::Ruby => &[
                debian::RUBY,
                debian::RUBY_RACK,
                debian::RUBY_RACKUP,
                debian::RUBY_SQLITE,
                debian::RUBY_WEBRICK,
            ],
            Self::Strace => &[debian::STRACE],
            Self::Express | Self::Node | Self::NodePackage | Self::Page | Self::PageTests => &[],
        }
    }

    const fn is_of_node(self) -> bool {
        matches!(
            self,
            Self::Express | Self::Node | Self::NodePackage | Self::Page | Self::PageTests
        )
    }
}

/// Where the tools are.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    node: Option<Node>,
    foreign_clients: Option<PathBuf>,
    python_package: Option<PathBuf>,
    typos: Option<PathBuf>,
}

impl Tools {
    pub(crate) fn node(&self) -> Result<&Node> {
        self.node.as_ref().context("this step did not ask for Node")
    }

    /// The interpreter in the environment of the foreign clients.
    pub(crate) fn python(&self) -> Result<&PathBuf> {
        self.foreign_clients
            .as_ref()
            .context("this step did not ask for the foreign clients")
    }

    /// The interpreter in the environment of the package for Python.
    pub(crate) fn python_package(&self) -> Result<&PathBuf> {
        self.python_package
            .as_ref()
            .context("this step did not ask for the package for Python")
    }

    /// The spelling checker.
    pub(crate) fn typos(&self) -> Result<&PathBuf> {
        self.typos
            .as_ref()
            .context("this step did not ask for the spelling checker")
    }
}

/// Sees to it that everything in `needs` is there.
pub(crate) fn prepare(workspace: &Workspace, needs: &[Need]) -> Result<Tools> {
    let log = workspace.own("logs").join("prepare.log");
    logged::begin(&log)?;
    let installed = install(workspace, needs, &log);
    installed.with_context(|| format!("the whole output is in `{}`", log.display()))
}

fn install(workspace: &Workspace, needs: &[Need], log: &Path) -> Result<Tools> {
    let has = |need| needs.contains(&need);
    let wants_node = needs.iter().any(|need| need.is_of_node());
    let found_node = if wants_node { Node::find() } else { None };

    let mut packages: Vec<Package> = Vec::new();
    let wanted = needs.iter().flat_map(|need| need.packages());
    // Node comes from the Python package index where the machine has none that is new enough.
    let for_node = (wants_node && found_node.is_none()).then_some(&debian::PYTHON);
    for package in wanted.chain(for_node) {
        if !packages.contains(package) {
            packages.push(*package);
        }
    }
    debian::install(&packages, log)?;

    let mut tools = Tools::default();
    if wants_node {
        let node = match found_node {
            Some(node) => node,
            None => Node::install(workspace, log)?,
        };
        for (need, folder) in [
            (Need::Page, "web"),
            (Need::PageTests, "web/tests"),
            (Need::NodePackage, "packages/node"),
        ] {
            if has(need) {
                node.install_packages(workspace, folder, log)?;
            }
        }
        if has(Need::Express) {
            node.install_express(workspace, log)?;
        }
        tools.node = Some(node);
    }
    let environment = |need, folder: &str, list: &str| {
        let install = || {
            let requirements = workspace.root().join(list);
            python::environment(&workspace.own(folder), &requirements, log)
        };
        has(need).then(install).transpose()
    };
    tools.foreign_clients = environment(
        Need::ForeignClients,
        "foreign-clients",
        "tests/foreign/requirements.txt",
    )?;
    tools.python_package = environment(
        Need::PythonPackage,
        "python-package",
        "packages/python/tests/requirements.txt",
    )?;
    // Its wheel has the program beside the interpreter.
    tools.typos = environment(Need::Typos, "typos", "xtask/typos.txt")?
        .map(|interpreter| interpreter.with_file_name("typos"));
    Ok(tools)
}
