//! What the optimizer may know about the data.

use crate::{base::ids::TableId, catalog::Table};

/// Sizes of tables, as ANALYZE or bookkeeping found them. `None` where nobody knows.
pub trait Statistics {
    /// Rows of a table.
    fn rows(&self, table: TableId) -> Option<f64>;
    /// Different values of a column (position in `table.columns`).
    fn distinct(&self, table: TableId, column: usize) -> Option<f64>;
}

/// Nothing is known: guesses are made.
pub struct Unknown;

impl Statistics for Unknown {
    fn rows(&self, _: TableId) -> Option<f64> {
        None
    }

    fn distinct(&self, _: TableId, _: usize) -> Option<f64> {
        None
    }
}

/// Rows of a table about which nothing is known.
const ROWS_GUESS: f64 = 10_000.0;
/// Different values of a column about which nothing is known, as in PostgreSQL.
const DISTINCT_GUESS: f64 = 200.0;

/// Rows of a table, guessed if need be.
pub fn rows(statistics: &dyn Statistics, table: TableId) -> f64 {
    statistics.rows(table).unwrap_or(ROWS_GUESS).max(1.0)
}

/// Different values of a column, guessed if need be.
pub fn distinct(statistics: &dyn Statistics, table: &Table, column: usize) -> f64 {
    let rows = rows(statistics, table.id);
    if table.key_positions().eq([column]) {
        return rows;
    }
    statistics.distinct(table.id, column).unwrap_or_else(|| rows.min(DISTINCT_GUESS)).max(1.0)
}
