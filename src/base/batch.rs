//! Column batches: what operators, shards and doors hand to each other.
//!
//! A batch holds up to [`limits::BATCH_ROWS`](super::limits::BATCH_ROWS) rows as typed vectors with validity. The types
//! that queries compute with most have a vector of their own; everything else is a vector of [`Value`].

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
