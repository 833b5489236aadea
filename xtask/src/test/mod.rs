//! `cargo xtask test [--long] [NAME…]`: every test there is, or the steps that are named.
//!
//! In: names of steps. Out: a line for each step with its time, the whole output of those that
//! failed, and last the sum of all tests in the form `N passed, N failed`. A step that fails does not
//! stop the next one; a step that ran no test has failed.

mod dist;
mod languages;
mod running;
mod steps;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use xtask::arguments::Arguments;
use xtask::tally::Tally;
use xtask::workspace::Workspace;

use crate::logged;
use crate::prepare::{self, Tools};
use steps::{STEPS, Step};

/// What a step has at hand.
#[derive(Debug)]
struct Bench<'a> {
    workspace: &'a Workspace,
    tools: &'a Tools,
    length: Length,
    /// Where the step's output goes.
    log: std::path::PathBuf,
}

/// How long the tests may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Length {
    /// Minutes: what everyone runs.
    Usual,
    /// Hours: the full numbers.
    Long,
}

/// Runs the chore.
pub(crate) fn test(workspace: &Workspace, mut arguments: Arguments) -> Result<()> {
    let length = if arguments.take_flag("--long") {
        Length::Long
    } else {
        Length::Usual
    };
    if arguments.take_flag("--list") {
        for step in STEPS {
            println!("{:10} {}", step.name, step.about);
        }
        return Ok(());
    }
    let steps = choose(&arguments.into_names()?)?;
    let mut needs = Vec::new();
    for step in &steps {
        needs.extend_from_slice(step.needs);
    }
    let began = Instant::now();
    let tools = prepare::prepare(workspace, &needs)?;
    let mut sum = Tally::default();
    let mut lines = Vec::new();
    for step in steps {
        let log = workspace.own("logs").join(format!("{}.log", step.name));
        let bench = Bench {
            workspace,
            tools: &tools,
            length,
            log,
        };
        let (tally, took) = run(step, &bench)?;
        sum += tally;
        lines.push(format!("{:10} {tally:>28} {:>8}", step.name, seconds(took)));
    }
    println!("\n{}", lines.join("\n"));
    println!(
        "{:10} {:>28} {:>8}\n\n{sum}",
        "all",
        "",
        seconds(began.elapsed())
    );
    if sum.failed > 0 {
        bail!("tests failed");
    }
    Ok(())
}

/// The steps of these names in the table's order; all of them if there are no names.
fn choose(names: &[String]) -> Result<Vec<&'static Step>> {
    for name in names {
        let is_known = STEPS.iter().any(|step| step.name == name);
        ensure!(
            is_known,
            "there is no step `{name}`; `cargo xtask test --list` lists them"
        );
    }
    let is_chosen = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(is_chosen).collect())
}

/// Runs one step and says how it went, at once.
fn run(step: &Step, bench: &Bench<'_>) -> Result<(Tally, Duration)> {
    logged::begin(&bench.log)?;
    println!("{:10} {} …", step.name, step.about);
    let began = Instant::now();
    let outcome = (step.run)(bench);
    let took = began.elapsed();
    let output = fs::read(&bench.log).unwrap_or_default();
    let output = String::from_utf8_lossy(&output);
    let mut tally = Tally::read(&output);
    let complaint = match outcome {
        Err(error) => Some(format!("{error:#}")),
        Ok(()) if tally.failed > 0 => Some("a test failed".to_owned()),
        Ok(()) if tally.passed == 0 => Some("it ran no test".to_owned()),
        Ok(()) => None,
    };
    if let Some(complaint) = complaint {
        tally.failed = tally.failed.max(1);
        println!("{output}\n{:10} FAILED: {complaint}", step.name);
    } else {
        println!("{:10} ok: {tally}, {}", step.name, seconds(took));
    }
    Ok((tally, took))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_in_the_order_of_the_table() {
        let names = |steps: Vec<&Step>| steps.iter().map(|step| step.name).collect::<Vec<_>>();
        let typed = ["fuzz".to_owned(), "rust".to_owned()];
        assert_eq!(names(choose(&typed).unwrap()), ["rust", "fuzz"]);
        assert_eq!(choose(&[]).unwrap().len(), STEPS.len());
        assert!(choose(&["nonsense".to_owned()]).is_err());
    }
}
