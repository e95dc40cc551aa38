//! What the optimizer may know about the data.

use crate::catalog::{ColumnStatistics, Table, TableStatistics};

/// Sizes of tables and what ANALYZE found in them. `None` where nobody knows.
pub trait Statistics {
    /// Rows of a table as it is now.
    fn rows(&self, table: &Table) -> Option<f64>;
    /// What ANALYZE found, some time ago.
    fn analyzed(&self, table: &Table) -> Option<&TableStatistics>;
    /// Cores that rows are spread over.
    fn cores(&self) -> usize {
        2
    }
}

/// Nothing is known: guesses are made.
pub struct Unknown;

impl Statistics for Unknown {
    fn rows(&self, _: &Table) -> Option<f64> {
        None
    }

    fn analyzed(&self, _: &Table) -> Option<&TableStatistics> {
        None
    }
}

/// Rows of a table about which nothing is known.
const ROWS_GUESS: f64 = 10_000.0;
/// Different values of a column about which nothing is known, as in PostgreSQL.
const DISTINCT_GUESS: f64 = 200.0;
/// A column with at least this part of its values different gets more of them as the table grows, as in PostgreSQL.
const GROWING_FRACTION: f64 = 0.1;
/// Length of a value of unknown length, as in PostgreSQL.
const WIDTH_GUESS: f64 = 32.0;

/// Rows of a table, guessed if need be.
pub fn rows(statistics: &dyn Statistics, table: &Table) -> f64 {
    let analyzed = || statistics.analyzed(table).map(|found| found.rows);
    statistics.rows(table).or_else(analyzed).unwrap_or(ROWS_GUESS).max(1.0)
}

/// What ANALYZE found in a column (position in `table.columns`), if that is of the type it has now.
pub fn column<'s>(statistics: &'s dyn Statistics, table: &Table, column: usize) -> Option<&'s ColumnStatistics> {
    let described = table.columns.get(column)?;
    let found = statistics.analyzed(table)?.columns.get(&described.id)?;
    (found.data_type.kind == described.data_type.kind && found.data_type.array == described.data_type.array)
        .then_some(found)
}

/// Different values of a column, guessed if need be.
pub fn distinct(statistics: &dyn Statistics, table: &Table, column: usize) -> f64 {
    let rows = rows(statistics, table);
    let alone = |columns: &mut dyn Iterator<Item = usize>| columns.next() == Some(column) && columns.next().is_none();
    let is_unique = alone(&mut table.key_positions())
        || table
            .indexes
            .iter()
            .filter(|index| index.unique)
            .any(|index| alone(&mut index.columns.iter().map(|part| usize::from(part.column.0))));
    let found = self::column(statistics, table, column);
    let nulls = found.map_or(0.0, |found| found.null_fraction);
    if is_unique {
        return (rows * (1.0 - nulls)).max(1.0);
    }
    let Some(found) = found else { return rows.min(DISTINCT_GUESS) };
    let then = statistics.analyzed(table).map_or(rows, |analyzed| analyzed.rows).max(1.0);
    let grown = if found.distinct >= then * GROWING_FRACTION { rows / then } else { 1.0 };
    (found.distinct * grown).min(rows).max(1.0)
}

/// Length of a column's values, NULL counting nothing.
pub fn width_bytes(statistics: &dyn Statistics, table: &Table, column: usize) -> f64 {
    match (self::column(statistics, table, column), table.columns.get(column)) {
        (Some(found), _) => found.width_bytes * (1.0 - found.null_fraction),
        (None, Some(described)) if described.data_type.length_bytes() > 0 => {
            f64::from(described.data_type.length_bytes())
        }
        _ => WIDTH_GUESS,
    }
}
