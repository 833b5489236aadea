//! `cargo xtask deny`: licences and banned crates, by the lists in `deny.toml`.
//!
//! cargo-deny reads the same file and knows more, but takes minutes to build; this takes a second.
//! In: `deny.toml` and what `cargo tree` says of the locked graph, on the platforms that `deny.toml`
//! names. (`cargo metadata` also lists what optional features that nobody asks for would bring.) Out: nothing, or every crate that breaks a rule, with the rule.

mod spdx;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xtask::workspace::Workspace;

/// The rules of `deny.toml` that are checked here.
#[derive(Debug, Default)]
struct Rules {
    targets: Vec<String>,
    licences: BTreeSet<String>,
    /// Licences that one crate may have, by its name.
    exceptions: BTreeMap<String, BTreeSet<String>>,
    banned: BTreeMap<String, String>,
    /// Crates of which there must be one version only.
    single: BTreeMap<String, String>,
}

/// One crate of the graph.
#[derive(Debug)]
struct Crate {
    name: String,
    version: String,
    licence: Option<String>,
    /// The repository or folder it lies in; nothing for those of a registry.
    source: Option<String>,
}

impl Crate {
    /// `name v1.2.3 (proc-macro) (source)|licence`, with what applies in parentheses.
    fn parse(line: &str) -> Result<Self> {
        let (package, licence) = line
            .split_once('|')
            .context("a line of `cargo tree` has a bar")?;
        // A crate that tests itself through another closes a circle, which is marked.
        let licence = licence.trim_end_matches(" (*)");
        let mut words = package.split_whitespace();
        let name = words.next().context("a crate has a name")?;
        let version = words.next().context("a crate has a version")?;
        let source = words.find(|word| *word != "(proc-macro)");
        Ok(Self {
            name: name.to_owned(),
            version: version.trim_start_matches('v').to_owned(),
            licence: (!licence.is_empty()).then(|| licence.to_owned()),
            source: source.map(|source| source.trim_matches(['(', ')']).to_owned()),
        })
    }
}

/// Runs the chore.
pub(crate) fn deny(workspace: &Workspace) -> Result<()> {
    let text = fs::read_to_string(workspace.root().join("deny.toml"));
    let rules = Rules::parse(&text.context("cannot read `deny.toml`")?)?;
    let crates = graph(workspace, &rules.targets)?;
    let mut broken = Vec::new();
    for found in &crates {
        broken.extend(rules.judge(found));
    }
    broken.extend(rules.judge_versions(&crates));
    if !broken.is_empty() {
        bail!("`deny.toml` forbids this:\n  {}", broken.join("\n  "));
    }
    println!(
        "deny: {} crates, {} licences allowed, all well",
        crates.len(),
        rules.licences.len()
    );
    Ok(())
}

impl Rules {
    fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().context("`deny.toml` is no TOML")?;
        let list = |section: &str, name: &str| {
            let list = table.get(section).and_then(|section| section.get(name));
            list.and_then(toml::Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let mut rules = Self {
            targets: texts(&list("graph", "targets"))?,
            licences: texts(&list("licenses", "allow"))?.into_iter().collect(),
            ..Self::default()
        };
        ensure!(!rules.licences.is_empty(), "`deny.toml` allows no licence");
        for entry in list("licenses", "exceptions") {
            let allowed = entry.get("allow").and_then(toml::Value::as_array);
            let allowed = texts(allowed.context("an exception has a list `allow`")?)?;
            rules
                .exceptions
                .insert(member(&entry, "crate")?, allowed.into_iter().collect());
        }
        for entry in list("bans", "deny") {
            let reason = member(&entry, "reason")?;
            let is_about_versions = entry.get("deny-multiple-versions").is_some();
            let rule = if is_about_versions {
                &mut rules.single
            } else {
                &mut rules.banned
            };
            rule.insert(member(&entry, "crate")?, reason);
        }
        Ok(rules)
    }

    /// What is wrong with one crate.
    fn judge(&self, found: &Crate) -> Vec<String> {
        let mut broken = Vec::new();
        let Crate { name, version, .. } = found;
        if let Some(reason) = self.banned.get(name) {
            broken.push(format!("{name} {version} is banned: {reason}"));
        }
        // Ours lie in folders; what came from a repository has an address.
        if let Some(source) = found
            .source
            .as_ref()
            .filter(|source| source.contains("://"))
        {
            broken.push(format!("{name} {version} comes from {source}"));
        }
        let exception = self.exceptions.get(name);
        let is_allowed = |licence: &str| {
            self.licences.contains(licence) || exception.is_some_and(|also| also.contains(licence))
        };
        match &found.licence {
            None => broken.push(format!("{name} {version} names no licence")),
            Some(licence) => match spdx::is_satisfied(licence, &is_allowed) {
                Some(true) => {}
                Some(false) => broken.push(format!("{name} {version} is under {licence}")),
                None => broken.push(format!(
                    "{name} {version}: cannot make sense of `{licence}`"
                )),
            },
        }
        broken
    }

    /// Crates that are there twice and must not be.
    fn judge_versions(&self, crates: &[Crate]) -> Vec<String> {
        let mut broken = Vec::new();
        for (name, reason) in &self.single {
            let versions = crates.iter().filter(|found| found.name == *name);
            let versions: Vec<_> = versions.map(|found| found.version.as_str()).collect();
            if versions.len() > 1 {
                broken.push(format!(
                    "{name} is there as {}: {reason}",
                    versions.join(" and ")
                ));
            }
        }
        broken
    }
}

/// Every crate in the locked graph on any of the platforms, once.
fn graph(workspace: &Workspace, targets: &[String]) -> Result<Vec<Crate>> {
    ensure!(!targets.is_empty(), "`deny.toml` names no platform");
    let mut lines = BTreeSet::new();
    for target in targets {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(workspace.root())
            .args(["tree", "--workspace", "--all-features", "--locked"])
            .args([
                "--edges",
                "normal,build,dev",
                "--prefix",
                "none",
                "--no-dedupe",
            ])
            .args(["--format", "{p}|{l}", "--target", target]);
        let output = cargo.output().context("cannot run `cargo tree`")?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).context("cargo prints UTF-8")?;
        lines.extend(
            text.lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned),
        );
    }
    lines.iter().map(|line| Crate::parse(line)).collect()
}

fn texts(list: &[toml::Value]) -> Result<Vec<String>> {
    list.iter()
        .map(|value| value.as_str().map(str::to_owned).context("a list of texts"))
        .collect()
}

/// A member of an entry, a text; cargo-deny takes `crate = "name"`.
fn member(entry: &toml::Value, name: &str) -> Result<String> {
    let text = entry.get(name).and_then(toml::Value::as_str);
    text.map(str::to_owned)
        .with_context(|| format!("an entry of `deny.toml` has no text `{name}`: {entry:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = r#"
        [graph]
        targets = ["x86_64-unknown-linux-gnu"]
        [licenses]
        allow = ["MIT"]
        exceptions = [{ crate = "odd", allow = ["Zlib"] }]
        [bans]
        deny = [
            { crate = "openssl", reason = "one TLS stack" },
            { crate = "aws-lc-sys", deny-multiple-versions = true, reason = "one build" },
        ]
    "#;

    fn found(line: &str) -> Crate {
        Crate::parse(line).unwrap()
    }

    #[test]
    fn each_rule_catches_what_breaks_it_and_nothing_else() {
        let rules = Rules::parse(DENY).unwrap();
        for (line, broken) in [
            ("good v1.0.0|MIT OR GPL-3.0", &[][..]),
            ("ours v1.0.0 (/src/upcall)|MIT", &[]),
            ("macro v1.0.0 (proc-macro)|MIT", &[]),
            ("circle v1.0.0|MIT (*)", &[]),
            ("odd v1.0.0|Zlib", &[]),
            ("other v1.0.0|Zlib", &["other 1.0.0 is under Zlib"]),
            (
                "openssl v1.0.0|MIT",
                &["openssl 1.0.0 is banned: one TLS stack"],
            ),
            ("silent v1.0.0|", &["silent 1.0.0 names no licence"]),
            (
                "far v1.0.0 (proc-macro) (https://far.example/far?rev=1#1)|MIT",
                &["far 1.0.0 comes from https://far.example/far?rev=1#1"],
            ),
        ] {
            assert_eq!(rules.judge(&found(line)), broken, "{line}");
        }
    }

    #[test]
    fn two_versions_of_a_single_crate_are_caught() {
        let rules = Rules::parse(DENY).unwrap();
        let mut crates = vec![
            found("aws-lc-sys v0.47.0|MIT"),
            found("syn v2.0.0|MIT"),
            found("syn v3.0.0|MIT"),
        ];
        assert_eq!(rules.judge_versions(&crates), [""; 0]);
        crates.push(found("aws-lc-sys v0.48.0|MIT"));
        assert_eq!(rules.judge_versions(&crates).len(), 1);
    }
}
