//! What tests need beside Rust and a C compiler: found, or else installed, each said in a line.
//!
//! In: the [`Need`]s of the steps that will run. Out: [`Tools`], where things are. What was installed
//! once is not looked at again until the file that names it changes ([`stamp`]).

pub(crate) mod debian;
mod node;
mod python;
mod stamp;

use std::path::PathBuf;

use anyhow::{Context, Result};
use xtask::workspace::Workspace;

use crate::logged;

pub(crate) use node::Node;

/// One thing that a step needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Need {
    /// Debian's Chromium.
    Chromium,
    /// curl, for the README's command line.
    Curl,
    /// The Python packages of the foreign clients, in a virtual environment.
    ForeignClients,
    /// A current Node, and Express and multer, to measure against.
    Express,
    /// nginx, to measure against.
    Nginx,
    /// A current Node, and what the page is built with.
    Page,
    /// A current Node, and what the browser tests drive.
    PageTests,
    /// strace, which has system calls fail.
    Strace,
}

/// Where the tools are.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    node: Option<Node>,
    python: Option<PathBuf>,
}

impl Tools {
    pub(crate) fn node(&self) -> Result<&Node> {
        self.node.as_ref().context("this step did not ask for Node")
    }

    /// The interpreter in the environment of the foreign clients.
    pub(crate) fn python(&self) -> Result<&PathBuf> {
        self.python
            .as_ref()
            .context("this step did not ask for Python")
    }
}

/// Sees to it that everything in `needs` is there.
pub(crate) fn prepare(workspace: &Workspace, needs: &[Need]) -> Result<Tools> {
    let log = workspace.own("logs").join("prepare.log");
    logged::begin(&log)?;
    let installed = install(workspace, needs, &log);
    installed.with_context(|| format!("the whole output is in `{}`", log.display()))
}

fn install(workspace: &Workspace, needs: &[Need], log: &std::path::Path) -> Result<Tools> {
    let has = |need| needs.contains(&need);
    let wants_node = has(Need::Page) || has(Need::PageTests) || has(Need::Express);
    let found_node = if wants_node { Node::find() } else { None };
    let wants_python = has(Need::ForeignClients) || (wants_node && found_node.is_none());

    let mut packages = Vec::new();
    for (is_wanted, package) in [
        (has(Need::Chromium), debian::CHROMIUM),
        (has(Need::Curl), debian::CURL),
        (has(Need::Nginx), debian::NGINX),
        (has(Need::Strace), debian::STRACE),
        (wants_python, debian::PYTHON),
    ] {
        if is_wanted {
            packages.push(package);
        }
    }
    debian::install(&packages, log)?;

    let mut tools = Tools::default();
    if wants_node {
        let node = match found_node {
            Some(node) => node,
            None => Node::install(workspace, log)?,
        };
        if has(Need::Page) {
            node.install_packages(workspace, "web", log)?;
        }
        if has(Need::PageTests) {
            node.install_packages(workspace, "web/tests", log)?;
        }
        if has(Need::Express) {
            node.install_express(workspace, log)?;
        }
        tools.node = Some(node);
    }
    if has(Need::ForeignClients) {
        let requirements = workspace.root().join("tests/foreign/requirements.txt");
        let environment = workspace.own("foreign-clients");
        tools.python = Some(python::environment(&environment, &requirements, log)?);
    }
    Ok(tools)
}
