//! Where things lie: the repository, what cargo builds, and what the chores keep.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The folders that every chore works in.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds them: the repository from where this package lies, cargo's folder from where this very
    /// program lies.
    ///
    /// # Errors
    /// If the program was moved away from where cargo put it.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("this package lies in no workspace")?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let target = program.ancestors().nth(2);
        let target = target.context("this program does not lie in cargo's target folder")?;
        Ok(Self {
            root: root.to_owned(),
            target: target.to_owned(),
        })
    }

    /// The repository's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder of the chores' own, under cargo's: environments, stamps, logs.
    pub fn own(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }

    /// Builds one of the workspace's programs and says where it lies.
    ///
    /// # Errors
    /// If it cannot be built.
    pub fn build(&self, program: Program, build: Build) -> Result<PathBuf> {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.root).args(["build", "--locked"]);
        let name = match program {
            Program::Upcall => {
                cargo.args(["--package", "upcall-cli"]);
                "upcall"
            }
            Program::Load => {
                cargo.args(["--package", "xtask", "--features", "load", "--bin", "load"]);
                "load"
            }
            Program::ImageFacts => {
                cargo.args(["--package", "upcall-image", "--example", "image_facts"]);
                "examples/image_facts"
            }
            Program::Fill => {
                cargo.args(["--package", "upcall-store", "--example", "fill"]);
                "examples/fill"
            }
        };
        let folder = match build {
            Build::Dev => "debug",
            Build::Release => {
                cargo.arg("--release");
                "release"
            }
        };
        let status = cargo.status().context("cannot run `cargo`")?;
        ensure!(status.success(), "`{name}` does not build");
        Ok(self.target.join(folder).join(name))
    }
}

/// What can be built and run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    /// `upcall` itself.
    Upcall,
    /// What fills a data directory with objects.
    Fill,
    /// What says format and size of images.
    ImageFacts,
    /// The load generator.
    Load,
}

/// How it is built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Build {
    /// As tests are.
    Dev,
    /// As it is measured.
    Release,
}
