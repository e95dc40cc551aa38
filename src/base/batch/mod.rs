//! Column batches: what operators, shards and doors hand to each other.
//!
//! A batch holds up to [`limits::BATCH_ROWS`](super::limits::BATCH_ROWS) rows as typed vectors with validity. The types
//! that queries compute with most have a vector of their own; everything else is a vector of [`Value`].

mod column;
mod strings;

pub use column::selected;

use super::types::DataType;
use super::value::Value;

/// Rows of equal shape, column by column.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Number of rows; needed because a batch may have no columns (`SELECT count(*)`).
    pub rows: usize,
    pub columns: Vec<Column>,
}

/// One column of a batch.
#[derive(Clone, Debug)]
pub struct Column {
    pub data: ColumnData,
    /// Which rows are NULL; `None` when none is. The data of a NULL row is a default and means nothing.
    pub nulls: Option<Vec<bool>>,
}

/// Typed vectors, one element per row.
#[derive(Clone, Debug)]
pub enum ColumnData {
    Bool(Vec<bool>),
    Int2(Vec<i16>),
    Int4(Vec<i32>),
    Int8(Vec<i64>),
    Float8(Vec<f64>),
    /// text, varchar, char(n), name.
    Text(Strings),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    Timestamptz(Vec<i64>),
    /// Every other type.
    Values(Vec<Value>),
}

/// Strings laid end to end.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    /// End of each string in `bytes`.
    pub ends: Vec<u32>,
    /// Always valid UTF-8 between two ends.
    pub bytes: Vec<u8>,
}

impl Batch {
    /// An empty batch with a column for each type.
    pub fn new(types: impl IntoIterator<Item = DataType>) -> Batch {
        Batch { rows: 0, columns: types.into_iter().map(Column::new).collect() }
    }

    /// A batch of columns of equal length.
    pub fn from_columns(columns: Vec<Column>) -> Batch {
        let rows = columns.first().map_or(0, Column::len);
        debug_assert!(columns.iter().all(|column| column.len() == rows));
        Batch { rows, columns }
    }

    /// Adds a row, a value for each column.
    pub fn push_row(&mut self, values: impl IntoIterator<Item = Value>) {
        for (column, value) in self.columns.iter_mut().zip(values) {
            column.push(value);
        }
        self.rows += 1;
    }

    /// A row's values.
    pub fn row(&self, row: usize) -> Vec<Value> {
        self.columns.iter().map(|column| column.value(row)).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// About how many bytes it holds: what memory limits count.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum()
    }

    /// The given rows, in the given order, also repeatedly.
    pub fn take(&self, rows: &[u32]) -> Batch {
        Batch { rows: rows.len(), columns: self.columns.iter().map(|column| column.take(rows)).collect() }
    }

    /// The rows for which `mask` is true.
    pub fn filter(&self, mask: &[bool]) -> Batch {
        self.take(&selected(mask))
    }

    /// `count` rows from `start` on, or as many as there are.
    pub fn slice(&self, start: usize, count: usize) -> Batch {
        let end = start.saturating_add(count).min(self.rows);
        let rows = end.saturating_sub(start);
        Batch { rows, columns: self.columns.iter().map(|column| column.slice(start, count)).collect() }
    }

    /// Adds the rows of a batch of the same types. An empty batch without columns takes the other's shape.
    pub fn append(&mut self, other: &Batch) {
        if self.rows == 0 && self.columns.is_empty() {
            *self = other.clone();
            return;
        }
        for (column, more) in self.columns.iter_mut().zip(&other.columns) {
            column.append(more);
        }
        self.rows += other.rows;
    }

    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.rows = 0;
        self.columns.iter_mut().for_each(Column::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::types::TypeKind;

    fn sample() -> Batch {
        let mut batch = Batch::new([TypeKind::Int4, TypeKind::Text, TypeKind::Uuid].map(DataType::of));
        batch.push_row([Value::Int4(1), Value::text("one"), Value::Uuid([1; 16])]);
        batch.push_row([Value::Null, Value::Null, Value::Null]);
        batch.push_row([Value::Int4(3), Value::text("three"), Value::Uuid([3; 16])]);
        batch
    }

    #[test]
    fn rows_come_back() {
        let batch = sample();
        assert_eq!(batch.row(0), [Value::Int4(1), Value::text("one"), Value::Uuid([1; 16])]);
        assert!(batch.row(1).iter().all(Value::is_null));
        let taken = batch.take(&[2, 0, 0]);
        assert_eq!(taken.columns[1].value(0), Value::text("three"));
        assert_eq!(taken.rows, 3);
        let filtered = batch.filter(&[false, true, true]);
        assert_eq!(filtered.columns[0].value(1), Value::Int4(3));
        assert!(filtered.columns[0].is_null(0));
        assert_eq!(batch.slice(1, 10).columns[1].value(1), Value::text("three"));
        assert_eq!(batch.slice(7, 10).rows, 0);
    }

    #[test]
    fn append_and_concat_keep_nulls() {
        let mut batch = Batch::default();
        batch.append(&sample());
        batch.append(&sample());
        assert_eq!(batch.rows, 6);
        assert!(batch.columns[0].is_null(4));
        assert_eq!(batch.columns[1].value(5), Value::text("three"));
        let mut plain = Column::new(DataType::of(TypeKind::Int4));
        plain.push(Value::Int4(7));
        let both = Column::concat(&[plain, batch.columns[0].clone()]);
        assert_eq!(both.len(), 7);
        assert!(!both.is_null(0) && both.is_null(2) && both.is_null(5));
        batch.columns[1].truncate(1);
        assert_eq!(batch.columns[1].values().collect::<Vec<_>>(), [Value::text("one")]);
    }
}
