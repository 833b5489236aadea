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

pub(super) const APACHE: Package = Package {
    name: "apache2",
    probe: "/usr/sbin/apache2",
    arguments: &["-v"],
    releases: Releases::All,
};
pub(super) const CADDY: Package = Package {
    name: "caddy",
    probe: "caddy",
    arguments: &["version"],
    releases: Releases::All,
};
pub(super) const CHROMIUM: Package = Package {
    name: "chromium",
    probe: "/usr/bin/chromium",
    arguments: &["--version"],
    releases: Releases::All,
};
pub(super) const CURL: Package = Package {
    name: "curl",
    probe: "curl",
    arguments: &["--version"],
    releases: Releases::All,
};
pub(super) const GO: Package = Package {
    name: "golang-go",
    probe: "go",
    arguments: &["version"],
    releases: Releases::All,
};
pub(super) const JAVA: Package = Package {
    name: "default-jdk-headless",
    probe: "javac",
    arguments: &["-version"],
    releases: Releases::All,
};
pub(super) const JQ: Package = Package {
    name: "jq",
    probe: "jq",
    arguments: &["--version"],
    releases: Releases::All,
};
pub(super) const NGINX: Package = Package {
    name: "nginx",
    probe: "/usr/sbin/nginx",
    arguments: &["-v"],
    releases: Releases::All,
};
pub(super) const PHP: Package = Package {
    name: "php-cli",
    probe: "php",
    arguments: &["--version"],
    releases: Releases::All,
};
pub(super) const PHP_FPM: Package = Package {
    name: "php-fpm",
    probe: "sh",
    arguments: &["-c", "ls /usr/sbin/php-fpm*"],
    releases: Releases::All,
};
pub(super) const PHP_FOR_APACHE: Package = Package {
    name: "libapache2-mod-php",
    probe: "sh",
    arguments: &["-c", "ls /usr/lib/apache2/modules/libphp*.so"],
    releases: Releases::All,
};
pub(super) const PHP_SQLITE: Package = Package {
    name: "php-sqlite3",
    probe: "php",
    arguments: &["-r", "exit(extension_loaded('pdo_sqlite') ? 0 : 1);"],
    releases: Releases::All,
};
pub(super) const PYTHON: Package = Package {
    name: "python3-venv",
    probe: "python3",
    arguments: &["-c", "import ensurepip, venv"],
    releases: Releases::All,
};
pub(super) const RUBY: Package = Package {
    name: "ruby",
    probe: "ruby",
    arguments: &["--version"],
    releases: Releases::All,
};
pub(super) const RUBY_RACK: Package = Package {
    name: "ruby-rack",
    probe: "ruby",
    arguments: &["-e", "require 'rack'"],
    releases: Releases::All,
};
/// Since rack 3, what starts a server is a package of its own.
pub(super) const RUBY_RACKUP: Package = Package {
    name: "ruby-rackup",
    probe: "ruby",
    arguments: &[
        "-e",
        "begin; require 'rackup/handler/webrick'; rescue LoadError; require 'rack/handler/webrick'; end",
    ],
    releases: Releases::Some,
};
pub(super) const RUBY_SQLITE: Package = Package {
    name: "ruby-sqlite3",
    probe: "ruby",
    arguments: &["-e", "require 'sqlite3'"],
    releases: Releases::All,
};
pub(super) const RUBY_WEBRICK: Package = Package {
    name: "ruby-webrick",
    probe: "ruby",
    arguments: &["-e", "require 'webrick'"],
    releases: Releases::All,
};
pub(super) const STRACE: Package = Package {
    name: "strace",
    probe: "strace",
    arguments: &["-V"],
    releases: Releases::All,
};

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
