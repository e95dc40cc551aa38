//! Bound DDL: names resolved into schemas, types decided, defaults checked. The coordinator carries it out.

use crate::{
    base::{
        ids::{SchemaId, TableId},
        types::DataType,
    },
    catalog::IndexColumn,
};

/// A change of the catalog.
#[derive(Clone, Debug)]
pub enum Define {
    CreateDatabase {
        name: String,
    },
    DropDatabase {
        name: String,
        if_exists: bool,
    },
    CreateSchema {
        name: String,
        if_not_exists: bool,
    },
    DropSchema {
        names: Vec<String>,
        if_exists: bool,
        cascade: bool,
    },
    CreateTable(CreateTable),
    DropTable {
        tables: Vec<TableId>,
        missing: Vec<String>,
    },
    Truncate {
        tables: Vec<TableId>,
    },
    CreateIndex(CreateIndex),
    /// (table, index oid).
    DropIndex {
        indexes: Vec<(TableId, u32)>,
        missing: Vec<String>,
    },
    AlterTable {
        table: TableId,
        actions: Vec<AlterTable>,
    },
}

/// CREATE INDEX.
#[derive(Clone, Debug)]
pub struct CreateIndex {
    pub table: TableId,
    pub name: Option<String>,
    pub columns: Vec<IndexColumn>,
    pub unique: bool,
    pub if_not_exists: bool,
}

/// CREATE TABLE.
#[derive(Clone, Debug)]
pub struct CreateTable {
    pub schema: SchemaId,
    pub name: String,
    pub if_not_exists: bool,
    pub columns: Vec<ColumnDefinition>,
    /// (constraint name if given, positions in `columns`).
    pub primary_key: Option<(Option<String>, Vec<usize>)>,
    /// UNIQUE constraints, as the primary key.
    pub unique: Vec<(Option<String>, Vec<usize>)>,
}

/// A column in CREATE TABLE and ADD COLUMN.
#[derive(Clone, Debug)]
pub struct ColumnDefinition {
    pub name: String,
    pub data_type: DataType,
    pub not_null: bool,
    /// Canonical SQL text of the default, and for ADD COLUMN its value now (for rows that exist).
    pub default: Option<String>,
}

/// One action of ALTER TABLE.
#[derive(Clone, Debug)]
pub enum AlterTable {
    AddColumn {
        column: ColumnDefinition,
        if_not_exists: bool,
    },
    DropColumn {
        position: usize,
    },
    AddPrimaryKey {
        name: Option<String>,
        columns: Vec<usize>,
    },
    AddUnique {
        name: Option<String>,
        columns: Vec<usize>,
    },
    DropConstraint {
        name: String,
    },
    RenameTable {
        name: String,
    },
    RenameColumn {
        position: usize,
        name: String,
    },
    SetDefault {
        position: usize,
        default: Option<String>,
    },
    SetNotNull {
        position: usize,
        not_null: bool,
    },
    /// Accepted without effect (storage parameters, OWNER TO).
    Nothing,
}
