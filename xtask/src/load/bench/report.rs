//! What was measured, next to what was wanted: for people while it runs, and as Markdown at the end.

use std::fmt::Write;

use super::table::{Row, median};

/// What is wanted of a figure, or of a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn is_met(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(bound) => figure >= bound,
            Self::AtMost(bound) => figure <= bound,
        }
    }

    fn verdict(self, figure: f64) -> &'static str {
        if self.is_met(figure) { "met" } else { "short" }
    }

    fn show(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {bound}"),
            Self::AtMost(bound) => format!("≤ {bound}"),
        }
    }
}

/// One workload. The first row is upcall's.
#[derive(Debug)]
pub(super) struct Report {
    title: String,
    unit: &'static str,
    rows: Vec<(Row, Option<Goal>)>,
    facts: Vec<Fact>,
}

/// A figure that is compared with nobody's.
#[derive(Debug)]
struct Fact {
    name: String,
    unit: &'static str,
    figures: Vec<f64>,
    goal: Option<Goal>,
}

impl Report {
    pub(super) const fn new(title: String, unit: &'static str) -> Self {
        Self {
            title,
            unit,
            rows: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// Adds a row; the goal is for upcall's figure divided by this row's.
    pub(super) fn row(&mut self, row: Row, goal: Option<Goal>) {
        self.rows.push((row, goal));
    }

    pub(super) fn fact(
        &mut self,
        name: impl Into<String>,
        unit: &'static str,
        figures: Vec<f64>,
        goal: Option<Goal>,
    ) {
        self.facts.push(Fact {
            name: name.into(),
            unit,
            figures,
            goal,
        });
    }

    /// The table's lines, for both forms: name, median, range, CPU, ratio, goal, verdict.
    fn lines(&self) -> Vec<[String; 7]> {
        let ours = self.rows.first().map(|(row, _)| row.figures.as_slice());
        let ours = ours.unwrap_or_default();
        let mut lines = Vec::new();
        for (number, (row, goal)) in self.rows.iter().enumerate() {
            let pairs = ours.iter().zip(&row.figures);
            let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
            let ratio = median(&ratios);
            let (shown, goal) = match number {
                0 => (String::new(), None),
                _ => (format!("{ratio:.2}"), *goal),
            };
            let cpu = match row.cpu.as_slice() {
                [] => String::new(),
                cpu => time(median(cpu)),
            };
            let fact = Fact {
                name: row.name.to_owned(),
                unit: self.unit,
                figures: row.figures.clone(),
                goal,
            };
            lines.push(fact.line(cpu, shown, ratio));
        }
        for fact in &self.facts {
            let value = median(&fact.figures);
            lines.push(fact.line(String::new(), String::new(), value));
        }
        lines
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("\n{}\n", self.title);
        let heads = ["", "median", "range", "CPU/req", "upcall is", "goal", ""];
        for line in std::iter::once(heads.map(str::to_owned)).chain(self.lines()) {
            let [name, median, range, cpu, ratio, goal, verdict] = line;
            let written = writeln!(
                text,
                "  {name:28} {median:>15} {range:>17} {cpu:>11} {ratio:>9} {goal:>7} {verdict}"
            );
            written.expect("a String takes everything");
        }
        text
    }

    /// The lines of the one table that all reports share.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::new();
        for (number, line) in self.lines().into_iter().enumerate() {
            let title = if number == 0 { &self.title } else { "" };
            let written = writeln!(text, "| {title} | {} |", line.join(" | "));
            written.expect("a String takes everything");
        }
        text
    }
}

/// The head of that table.
pub(super) const MARKDOWN_HEAD: &str = "\
| workload | who | median | range | CPU/request | upcall is | goal | |
|---|---|--:|--:|--:|--:|--:|---|
";

impl Fact {
    /// With what is judged by the goal: the ratio, or the figure itself.
    fn line(&self, cpu: String, ratio: String, judged: f64) -> [String; 7] {
        let lowest = self.figures.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = self.figures.iter().copied().fold(0.0, f64::max);
        let verdict = self.goal.map(|goal| goal.verdict(judged));
        [
            self.name.clone(),
            format!("{} {}", figure(median(&self.figures)), self.unit),
            format!("{} – {}", figure(lowest), figure(highest)),
            cpu,
            ratio,
            self.goal.map(Goal::show).unwrap_or_default(),
            verdict.unwrap_or_default().to_owned(),
        ]
    }
}

/// Microseconds, or milliseconds of what is long.
fn time(microseconds: f64) -> String {
    if microseconds < 10_000.0 {
        format!("{} µs", figure(microseconds))
    } else {
        format!("{} ms", figure(microseconds / 1e3))
    }
}

/// Three digits that count.
fn figure(figure: f64) -> String {
    if figure >= 100.0 {
        format!("{figure:.0}")
    } else if figure >= 10.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_judged_by_the_median_of_its_rounds() {
        let mut report = Report::new("forms".to_owned(), "req/s");
        let row = |name, figures| {
            let mut row = Row::new(name);
            row.figures = figures;
            row
        };
        let mut ours = row("upcall", vec![10.0, 20.0, 30.0]);
        ours.cpu = vec![12_345.0, 99.0, 250_000.0];
        report.row(ours, None);
        let goal = Some(Goal::AtLeast(0.5));
        report.row(row("nginx", vec![20.0, 100.0, 50.0]), goal);
        report.fact("memory", "MiB", vec![120.0], Some(Goal::AtMost(100.0)));
        assert_eq!(
            report.markdown(),
            "| forms | upcall | 20.0 req/s | 10.0 – 30.0 | 12.3 ms |  |  |  |\n\
             |  | nginx | 50.0 req/s | 20.0 – 100 |  | 0.50 | ≥ 0.5 | met |\n\
             |  | memory | 120 MiB | 120 – 120 |  |  | ≤ 100 | short |\n"
        );
    }
}
