//! `cargo xtask audit`: published advisories about what the lock files name.
//!
//! In: the lock files, and the tools of their languages: npm, pip-audit, cargo-deny or cargo-audit,
//! which ask their databases over the network. Out: nothing, or every advisory at or above the
//! threshold. What cannot be asked (no tool, no network) is said and is no failure: the databases are
//! others', and a change must not wait for them.
//!
//! The threshold: `high` for npm, which rates; any for Python and crates, whose databases
//! mostly do not.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::workspace::Workspace;

/// What a tool's answer comes to.
#[derive(Debug, Eq, PartialEq)]
enum Verdict {
    /// The advisories, in a line each; none is good.
    Found(Vec<String>),
    /// There is no answer, and why.
    NotAsked(String),
}

/// Runs the chore.
pub(crate) fn audit(workspace: &Workspace) -> Result<()> {
    let mut found = 0;
    for (name, verdict) in [crates(workspace)]
        .into_iter()
        .chain(locks(workspace, "package-lock.json", npm)?)
        .chain(locks(workspace, "requirements.txt", python)?)
    {
        match verdict {
            Verdict::Found(advisories) if advisories.is_empty() => {
                println!("{name}: nothing known");
            }
            Verdict::Found(advisories) => {
                found += advisories.len();
                println!("{name}:");
                for advisory in advisories {
                    println!("  {advisory}");
                }
            }
            Verdict::NotAsked(why) => println!("{name}: could not be asked: {why}"),
        }
    }
    ensure!(found == 0, "{found} advisories: update what they name");
    Ok(())
}

/// Every committed file of this name, and what is known of it.
fn locks(
    workspace: &Workspace,
    file: &str,
    judge: fn(&Path) -> Verdict,
) -> Result<Vec<(String, Verdict)>> {
    let mut git = Command::new("git");
    git.current_dir(workspace.root())
        .args(["ls-files", "--", file])
        .arg(format!("*/{file}"));
    let listed = git.output().context("cannot run `git ls-files`")?;
    ensure!(listed.status.success(), "`git ls-files` failed");
    let listed = String::from_utf8(listed.stdout).context("paths are UTF-8")?;
    let judged = listed.lines().map(|path| {
        let verdict = judge(&workspace.root().join(path));
        (path.to_owned(), verdict)
    });
    Ok(judged.collect())
}

fn npm(lock: &Path) -> Verdict {
    let mut npm = Command::new("npm");
    npm.current_dir(lock.parent().unwrap_or(lock))
        .args(["audit", "--package-lock-only", "--json"]);
    asked(&mut npm, |output| {
        judge_npm(&String::from_utf8_lossy(&output.stdout))
    })
}

fn python(lock: &Path) -> Verdict {
    let mut audit = Command::new("pip-audit");
    audit
        .args(["--disable-pip", "--no-deps", "--progress-spinner", "off"])
        .args(["--format", "json", "--requirement"])
        .arg(lock);
    asked(&mut audit, |output| {
        let last_words = last_line(&output.stderr);
        judge_python(&String::from_utf8_lossy(&output.stdout), last_words)
    })
}

fn crates(workspace: &Workspace) -> (String, Verdict) {
    let mut deny = Command::new("cargo");
    deny.current_dir(workspace.root()).args([
        "deny",
        "--format",
        "json",
        "--locked",
        "check",
        "advisories",
    ]);
    let verdict = asked(&mut deny, |output| {
        judge_crates(
            output.status.success(),
            &String::from_utf8_lossy(&output.stderr),
        )
    });
    ("Cargo.lock".to_owned(), verdict)
}

fn asked(command: &mut Command, judge: impl Fn(&Output) -> Verdict) -> Verdict {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.output() {
        Ok(output) => judge(&output),
        Err(error) => Verdict::NotAsked(format!("`{program}` cannot be run: {error}")),
    }
}

/// npm's report, version 2.
fn judge_npm(report: &str) -> Verdict {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let Some(packages) = report["vulnerabilities"].as_object() else {
        let why = report["message"].as_str().unwrap_or("no report of npm");
        return Verdict::NotAsked(why.to_owned());
    };
    let severe = packages.iter().filter_map(|(name, package)| {
        let severity = package["severity"].as_str()?;
        let is_severe = matches!(severity, "high" | "critical");
        let range = package["range"].as_str().unwrap_or("?");
        is_severe.then(|| format!("{name} {range}: {severity}"))
    });
    Verdict::Found(severe.collect())
}

/// pip-audit's report.
fn judge_python(report: &str, last_words: String) -> Verdict {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let Some(packages) = report["dependencies"].as_array() else {
        return Verdict::NotAsked(last_words);
    };
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let mut found = Vec::new();
    for package in packages {
        for advisory in package["vulns"].as_array().into_iter().flatten() {
            let (name, version) = (text(&package["name"]), text(&package["version"]));
            found.push(format!("{name} {version}: {}", text(&advisory["id"])));
        }
    }
    Verdict::Found(found)
}

/// cargo-deny's diagnostics, a line of JSON each.
fn judge_crates(is_good: bool, diagnostics: &str) -> Verdict {
    let lines = diagnostics
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let errors = lines.filter(|line| {
        line["type"] == "diagnostic"
            && line["fields"]["severity"] == "error"
            && line["fields"]["advisory"].is_object()
    });
    let found: Vec<String> = errors
        .map(|line| {
            let advisory = &line["fields"]["advisory"];
            let text = |name: &str| advisory[name].as_str().unwrap_or("?").to_owned();
            format!("{}: {} {}", text("package"), text("id"), text("title"))
        })
        .collect();
    if found.is_empty() && !is_good {
        return Verdict::NotAsked(last_line(diagnostics.as_bytes()));
    }
    Verdict::Found(found)
}

fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let error = text.lines().find(|line| line.starts_with("error"));
    let line = error.or_else(|| text.lines().rfind(|line| !line.trim().is_empty()));
    line.unwrap_or("it said nothing").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(advisories: &[&str]) -> Verdict {
        Verdict::Found(advisories.iter().map(|&line| line.to_owned()).collect())
    }

    #[test]
    fn npm_fails_from_high_on_and_not_where_it_cannot_ask() {
        let report = r#"{"auditReportVersion":2,"vulnerabilities":{
            "a":{"severity":"moderate","range":"<1"},"b":{"severity":"high","range":"<2.0.0"},
            "c":{"severity":"critical","range":"*"}},"metadata":{}}"#;
        assert_eq!(
            judge_npm(report),
            found(&["b <2.0.0: high", "c *: critical"])
        );
        let none = r#"{"auditReportVersion":2,"vulnerabilities":{}}"#;
        assert_eq!(judge_npm(none), found(&[]));
        let refused = r#"{"message":"405 Method Not Allowed","statusCode":405}"#;
        let why = Verdict::NotAsked("405 Method Not Allowed".to_owned());
        assert_eq!(judge_npm(refused), why);
        assert!(matches!(judge_npm("npm error"), Verdict::NotAsked(_)));
    }

    #[test]
    fn pip_audit_fails_for_each_advisory() {
        let report = r#"{"dependencies":[{"name":"a","version":"1.0","vulns":[]},
            {"name":"b","version":"2.0","vulns":[{"id":"PYSEC-1"},{"id":"GHSA-2"}]}],"fixes":[]}"#;
        let wanted = found(&["b 2.0: PYSEC-1", "b 2.0: GHSA-2"]);
        assert_eq!(judge_python(report, String::new()), wanted);
        let why = "ERROR: connection refused".to_owned();
        assert_eq!(judge_python("", why.clone()), Verdict::NotAsked(why));
    }

    #[test]
    fn cargo_deny_fails_for_an_advisory_and_not_without_its_database() {
        let finding = r#"{"type":"diagnostic","fields":{"severity":"error","code":"vulnerability",
            "advisory":{"id":"RUSTSEC-1","package":"a","title":"It overflows"}}}"#
            .replace('\n', "");
        let wanted = found(&["a: RUSTSEC-1 It overflows"]);
        assert_eq!(judge_crates(false, &finding), wanted);
        assert_eq!(judge_crates(true, ""), found(&[]));
        let fetching = r#"{"type":"log","fields":{"level":"ERROR","message":"failed to fetch"}}"#;
        assert!(matches!(
            judge_crates(false, fetching),
            Verdict::NotAsked(_)
        ));
        let missing = "error: no such command: `deny`";
        let why = Verdict::NotAsked(missing.to_owned());
        assert_eq!(judge_crates(false, missing), why);
    }

    #[test]
    fn lock_files_name_no_download_address() {
        let workspace = Workspace::find().unwrap();
        let looked_at = locks(&workspace, "package-lock.json", |lock| {
            let text = std::fs::read_to_string(lock).unwrap();
            let addresses = text.lines().filter(|line| line.contains("://"));
            let resolved = addresses.filter(|line| line.contains("\"resolved\""));
            Verdict::Found(resolved.map(|line| line.trim().to_owned()).collect())
        });
        let looked_at = looked_at.unwrap();
        assert!(looked_at.len() >= 4, "{looked_at:?}");
        for (name, verdict) in looked_at {
            assert_eq!(verdict, found(&[]), "{name}");
        }
    }
}
