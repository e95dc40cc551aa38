//! What ANALYZE found out about a table's data, as it is stored and as the optimizer reads it.
//!
//! Values stand here as key bytes (see [`crate::base::key`]): those compare as the values do, so an estimate needs neither
//! a decoder nor a comparison per type. Numbers are of the moment of the ANALYZE; who reads them says how old they are.

use crate::base::{
    ids::{ColumnId, StorageId, TableId},
    types::DataType,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A table's statistics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableStatistics {
    pub table: TableId,
    /// Where the rows lay that were counted: after a TRUNCATE the table's rows are others.
    pub storage: StorageId,
    /// The version of the catalog that brought them: a plan made for an older one does not know them.
    pub version: u64,
    /// When they were gathered, in microseconds since the Unix epoch.
    pub gathered_micros: i64,
    /// Live rows.
    pub rows: f64,
    /// Average length of a row's columns together, in bytes.
    pub row_bytes: f64,
    pub columns: BTreeMap<ColumnId, ColumnStatistics>,
}

/// A column's statistics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// The type that the values below are of: after a change of the column's type they say nothing.
    pub data_type: DataType,
    /// Part of the rows that have NULL.
    pub null_fraction: f64,
    /// Different values that are not NULL.
    pub distinct: f64,
    /// Average length of a value that is not NULL.
    pub width_bytes: f64,
    /// Most common values with the part of all rows that have each, the most common first.
    pub common: Vec<(Vec<u8>, f64)>,
    /// Bounds of ranges that hold equally many of the other values, ascending; none or at least two.
    pub histogram: Vec<Vec<u8>>,
}

impl ColumnStatistics {
    /// Part of all rows that have one of the most common values.
    pub fn common_fraction(&self) -> f64 {
        self.common.iter().map(|(_, fraction)| fraction).sum()
    }

    /// Part of all rows whose value is neither NULL nor among the most common.
    pub fn other_fraction(&self) -> f64 {
        (1.0 - self.null_fraction - self.common_fraction()).max(0.0)
    }
}
