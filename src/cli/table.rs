//! Aligned columns for people.

/// Lines of cells, each column as wide as its widest cell; a column whose cells (below the first line, if `head`) are all
/// numbers is aligned to the right.
pub fn render(rows: &[Vec<String>], head: bool) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let body = || rows.iter().skip(usize::from(head));
    let width = |column| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
    let number = |text: &str| text.is_empty() || text.parse::<f64>().is_ok();
    let right = |column| head && body().all(|row| number(&cell(row, column)));
    let layout: Vec<(usize, bool)> = (0..columns).map(|column| (width(column), right(column))).collect();
    let mut text = String::new();
    for row in rows {
        let cells = layout.iter().enumerate().map(|(column, (width, right))| match right {
            true => format!("{:>width$}", cell(row, column)),
            false => format!("{:<width$}", cell(row, column)),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["core", "state"], ["0", "ready"], ["10", "joining"]];
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(String::from).to_vec()).collect();
        assert_eq!(render(&rows, true), "core  state\n   0  ready\n  10  joining\n");
        assert_eq!(render(&[vec!["a".into()], vec!["bb".into(), "c".into()]], false), "a\nbb  c\n");
    }
}
