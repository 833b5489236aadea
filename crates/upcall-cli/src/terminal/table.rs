//! A table for people: columns as wide as they need to be. What comes from outside is escaped.

/// The rows under their heads, without colour.
pub(crate) fn write(heads: &[&str], rows: &[Vec<String>]) -> String {
    let escaped: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| escaped_cell(cell)).collect())
        .collect();
    let width = |column: usize| {
        let cells = escaped.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .chain([heads[column].len()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(heads.to_vec())];
    lines.extend(
        escaped
            .iter()
            .map(|row| line(row.iter().map(String::as_str).collect())),
    );
    lines.join("\n")
}

/// One line of cells that need not stand under each other.
pub(crate) fn line(cells: &[&str]) -> String {
    let escaped: Vec<String> = cells.iter().map(|cell| escaped_cell(cell)).collect();
    escaped.join("  ").trim_end().to_owned()
}

/// Without characters that move the cursor or turn the text around; quotes and `\` do neither.
fn escaped_cell(cell: &str) -> String {
    let mut escaped = String::with_capacity(cell.len());
    for c in cell.chars() {
        match c {
            '\'' | '"' | '\\' => escaped.push(c),
            _ => escaped.extend(c.escape_debug()),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "it's\u{1b}[31m".to_owned()]];
        assert_eq!(
            super::write(&["NAME", "B"], &rows),
            "NAME  B\na     it's\\u{1b}[31m"
        );
    }
}
