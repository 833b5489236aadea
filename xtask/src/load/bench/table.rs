//! Figures as a table: medians, with the lowest and the highest beside them.

use std::fmt::Write;

/// One line of a table: a name, and a figure for each round.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) figures: Vec<f64>,
    /// CPU time of the server for each request or byte, as it was measured in each round.
    pub(super) cpu: Vec<f64>,
}

impl Row {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            figures: Vec::new(),
            cpu: Vec::new(),
        }
    }
}

/// The table: each row with its ratio to the last row, round by round.
pub(super) fn table(title: &str, unit: &str, cpu_unit: &str, rows: &[Row]) -> String {
    let mut text = format!(
        "\n{title}\n{:38} {:>10} {:>10} {:>10} {:>12} {:>7}\n",
        format!("  {unit}"),
        "median",
        "lowest",
        "highest",
        cpu_unit,
        "ratio"
    );
    let Some(base) = rows.last() else {
        return text;
    };
    for row in rows {
        let pairs = row.figures.iter().zip(&base.figures);
        let ratios: Vec<f64> = pairs.map(|(figure, base)| figure / base).collect();
        let lowest = row.figures.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = row.figures.iter().copied().fold(0.0, f64::max);
        let cpu = match row.cpu.as_slice() {
            [] => "–".to_owned(),
            cpu => format!("{:.1}", median(cpu)),
        };
        let written = writeln!(
            text,
            "  {:36} {:>10} {:>10} {:>10} {cpu:>12} {:>7.3}",
            row.name,
            number(median(&row.figures)),
            number(lowest),
            number(highest),
            median(&ratios)
        );
        written.expect("a String takes everything");
    }
    text
}

/// The middle one, or the mean of the middle two; nothing of nothing is 0.
pub(super) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (None, _) => 0.0,
        (Some(upper), 0) => f64::midpoint(*upper, sorted[middle - 1]),
        (Some(middle), _) => *middle,
    }
}

fn number(figure: f64) -> String {
    if figure < 100.0 {
        format!("{figure:.2}")
    } else {
        format!("{figure:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_ratios() {
        let mut ours = Row::new("ours");
        let mut base = Row::new("base");
        ours.figures = vec![10.0, 20.0, 30.0];
        base.figures = vec![20.0, 100.0, 40.0];
        ours.cpu = vec![3.0, 1.0];
        let text = table("title", "req/s", "µs", &[ours, base]);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines[3],
            ["ours", "20.00", "10.00", "30.00", "2.0", "0.500"]
        );
        assert_eq!(lines[4], ["base", "40.00", "20.00", "100", "–", "1.000"]);
    }
}
