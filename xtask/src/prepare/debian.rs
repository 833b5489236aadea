//! Debian's packages: as root or with sudo they are installed; otherwise the line to run is printed.

use std::io::IsTerminal;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::logged;

/// A package, and how to see whether what it brings is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Package {
    name: &'static str,
    /// A program that ends well if there is nothing to install.
    probe: &'static str,
    arguments: &'static [&'static str],
    releases: Releases,
}

/// Which of Debian's releases have a package.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Releases {
    All,
    /// Only those that it is needed in.
    Some,
}

pub(super) const APACHE: Package = Package::new("apache2", "/usr/sbin/apache2", &["-v"]);
pub(super) const CADDY: Package = Package::new("caddy", "caddy", &["version"]);
pub(super) const CHROMIUM: Package = Package::new("chromium", "/usr/bin/chromium", &["--version"]);
pub(super) const CURL: Package = Package::new("curl", "curl", &["--version"]);
pub(super) const GO: Package = Package::new("golang-go", "go", &["version"]);
pub(super) const JAVA: Package = Package::new("default-jdk-headless", "javac", &["-version"]);
pub(super) const JQ: Package = Package::new("jq", "jq", &["--version"]);
pub(super) const NGINX: Package = Package::new("nginx", "/usr/sbin/nginx", &["-v"]);
pub(super) const PHP: Package = Package::new("php-cli", "php", &["--version"]);
pub(super) const PHP_FPM: Package = Package::new("php-fpm", "sh", &["-c", "ls /usr/sbin/php-fpm*"]);
pub(super) const PHP_FOR_APACHE: Package = Package::new(
    "libapache2-mod-php",
    "sh",
    &["-c", "ls /usr/lib/apache2/modules/libphp*.so"],
);
pub(super) const PHP_SQLITE: Package = Package::new(
    "php-sqlite3",
    "php",
    &["-r", "exit(extension_loaded('pdo_sqlite') ? 0 : 1);"],
);
pub(super) const PYTHON: Package =
    Package::new("python3-venv", "python3", &["-c", "import ensurepip, venv"]);
pub(super) const RUBY: Package = Package::new("ruby", "ruby", &["--version"]);
pub(super) const RUBY_RACK: Package = Package::new("ruby-rack", "ruby", &["-e", "require 'rack'"]);
/// Since rack 3, what starts a server is a package of its own.
pub(super) const RUBY_RACKUP: Package = Package::new(
    "ruby-rackup",
    "ruby",
    &[
        "-e",
        "begin; require 'rackup/handler/webrick'
         rescue LoadError; require 'rack/handler/webrick'; end",
    ],
)
.if_known();
pub(super) const RUBY_SQLITE: Package =
    Package::new("ruby-sqlite3", "ruby", &["-e", "require 'sqlite3'"]);
pub(super) const RUBY_WEBRICK: Package =
    Package::new("ruby-webrick", "ruby", &["-e", "require 'webrick'"]);
pub(super) const STRACE: Package = Package::new("strace", "strace", &["-V"]);

impl Package {
    const fn new(
        name: &'static str,
        probe: &'static str,
        arguments: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            probe,
            arguments,
            releases: Releases::All,
        }
    }

    /// Not in every release, and not needed where it is not.
    const fn if_known(self) -> Self {
        Self {
            releases: Releases::Some,
            ..self
        }
    }
}

/// Installs those of `packages` that are missing.
pub(super) fn install(packages: &[Package], log: &Path) -> Result<()> {
    let is_missing =
        |package: &&Package| logged::printed(package.probe, package.arguments).is_none();
    let missing: Vec<_> = packages.iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = |packages: &[&Package]| {
        let names: Vec<_> = packages.iter().map(|package| package.name).collect();
        names.join(" ")
    };
    if logged::printed("apt-get", &["--version"]).is_none() {
        bail!(
            "tests need {}, and this is no Debian: install them by hand and run this again",
            names(&missing)
        );
    }
    let Some(prefix) = privilege() else {
        bail!(
            "tests need packages of Debian, and this is neither root nor is there sudo; run\n\n    \
             apt-get update && apt-get install --no-install-recommends {}\n\nand then this again",
            names(&known(missing))
        );
    };
    apt(prefix, &["update"], log)?;
    let missing = known(missing);
    println!("installing with apt-get: {}", names(&missing));
    let install = ["install", "--yes", "--no-install-recommends"];
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    apt(prefix, &[&install[..], &names[..]].concat(), log)?;
    for package in packages {
        let there = logged::printed(package.probe, package.arguments);
        there.with_context(|| format!("`{}` is installed and does not run", package.name))?;
    }
    Ok(())
}

/// Those that this release has.
fn known(mut packages: Vec<&Package>) -> Vec<&Package> {
    packages.retain(|package| {
        let shown = || logged::printed("apt-cache", &["show", package.name]);
        package.releases == Releases::All || shown().is_some()
    });
    packages
}

/// What goes before a command that root must run; nothing if there is no way.
fn privilege() -> Option<&'static [&'static str]> {
    if logged::printed("id", &["-u"]).as_deref() == Some("0") {
        return Some(&[]);
    }
    if logged::printed("sudo", &["-n", "true"]).is_some() {
        return Some(&["sudo", "-n"]);
    }
    let can_be_asked = std::io::stdin().is_terminal();
    let has_sudo = logged::printed("sudo", &["--version"]).is_some();
    (can_be_asked && has_sudo).then_some(&["sudo"])
}

fn apt(prefix: &[&str], arguments: &[&str], log: &Path) -> Result<()> {
    // `env`, because sudo keeps no environment. RUNLEVEL: a server that is only wanted as a program
    // (nginx) is not started as a service.
    let fixed = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "RUNLEVEL=1",
        "apt-get",
    ];
    let words = [prefix, &fixed[..], arguments].concat();
    let (program, rest) = words.split_first().context("a command has a name")?;
    logged::run(Command::new(program).args(rest), log)
}
