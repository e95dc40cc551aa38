//! Descriptors: one serialisable struct per kind of object.

use crate::{
    base::{
        ids::{ColumnId, DatabaseId, IndexId, KeyspaceId, SchemaId, ShardId, StorageId, TableId},
        row,
        types::DataType,
        value::Value,
    },
    error::Result,
};
use serde::{Deserialize, Serialize};

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub id: DatabaseId,
    pub name: String,
}

/// A schema within a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    pub id: SchemaId,
    pub database: DatabaseId,
    pub name: String,
}

/// Tables of equal options, and where their partitions lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyspace {
    pub id: KeyspaceId,
    pub name: String,
    /// The shard of each partition, by partition number. (Nodes join this map with replication.)
    pub partitions: Vec<ShardId>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub id: TableId,
    pub schema: SchemaId,
    pub name: String,
    pub keyspace: KeyspaceId,
    /// Where its rows lie; changes with TRUNCATE and rewrites.
    pub storage: StorageId,
    /// Grows with every change of this descriptor; stands in front of stored rows and is checked when writes prepare.
    pub version: u32,
    /// By position in stored rows (`ColumnId`); dropped columns stay in place, marked.
    pub columns: Vec<Column>,
    /// The primary key; without one the table has a hidden 64-bit row id as its key.
    pub primary_key: Option<PrimaryKey>,
    /// Secondary indexes.
    pub indexes: Vec<Index>,
    /// The number of the next index: numbers are not used twice, because entries of a dropped index stay until the storage goes.
    pub next_index: IndexId,
}

impl Table {
    /// The columns that exist, with their position in stored rows.
    pub fn live_columns(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| !column.dropped)
    }

    /// A column by name: its position in stored rows.
    pub fn column_by_name(&self, name: &str) -> Option<(usize, &Column)> {
        self.live_columns().find(|(_, column)| column.name == name)
    }

    /// Positions of the primary key's columns; empty for a table with a hidden row id.
    pub fn key_positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.primary_key.iter().flat_map(|key| key.columns.iter().map(|column| usize::from(column.0)))
    }

    /// An index by its number.
    pub fn index(&self, id: IndexId) -> Option<&Index> {
        self.indexes.iter().find(|index| index.id == id)
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub id: ColumnId,
    pub name: String,
    pub data_type: DataType,
    pub not_null: bool,
    /// SQL text of the DEFAULT expression, as `pg_get_expr` shows it; bound anew where it is used.
    pub default: Option<String>,
    /// What rows written before the column existed have in it, as a stored row of one column; `None` for NULL.
    pub missing: Option<Vec<u8>>,
    pub dropped: bool,
}

impl Column {
    /// What rows that are older than the column have in it.
    pub fn missing_value(&self) -> Result<Value> {
        match &self.missing {
            None => Ok(Value::Null),
            Some(bytes) => Ok(row::RowReader::new(bytes)?.get(0, self.data_type)?.unwrap_or(Value::Null)),
        }
    }

    /// Sets that value.
    pub fn set_missing_value(&mut self, value: &Value) {
        self.missing = match value {
            Value::Null => None,
            value => Some(row::encode(0, std::slice::from_ref(value), &[self.data_type])),
        };
    }
}

/// The primary key of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimaryKey {
    /// Constraint name, `<table>_pkey` unless given.
    pub name: String,
    /// Oid of its index in the PostgreSQL catalog.
    pub oid: u32,
    pub columns: Vec<ColumnId>,
}

/// A secondary index.
///
/// A unique index is global: its entry lies in the partition that its own columns hash to, so that one core decides on
/// uniqueness; key = columns, value = encoded primary key. (An entry with a NULL column takes the primary key into its
/// key, as NULLs never collide.) Any other index is local: its entry lies in the partition of its row, key = columns and
/// then primary key, so it is kept in the same log entry as the row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub id: IndexId,
    /// Oid in the PostgreSQL catalog.
    pub oid: u32,
    pub name: String,
    pub columns: Vec<IndexColumn>,
    pub unique: bool,
    /// Whether it was made by a UNIQUE constraint.
    pub constraint: bool,
}

/// A column of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexColumn {
    pub column: ColumnId,
    pub descending: bool,
    pub nulls_first: bool,
}
