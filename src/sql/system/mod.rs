//! The catalog as tables: `pg_catalog` and `information_schema`, made from the [`Catalog`] when they are read.
//!
//! Each relation has its columns as in PostgreSQL 15 and a function that makes its rows; those of features that do not
//! exist here are empty. Nothing is stored. Start with [`relation`] and [`rows`].

mod columns;
mod constraints;
mod database;
pub mod describe;
mod empty;
pub mod functions;
mod information;
mod relations;
mod statistics;
mod types;

use super::expr::Context;
use crate::{
    base::{batch::Batch, ids::DatabaseId, limits::BATCH_ROWS, sqlstate::SqlState, types::DataType, value::Value},
    catalog::{Catalog, Schema, Table},
    error::{Error, Result},
};
use std::sync::Arc;

/// A relation of the system.
pub struct Relation {
    pub oid: u32,
    pub schema: &'static str,
    pub name: &'static str,
    pub columns: &'static [(&'static str, DataType)],
    rows: fn(&View<'_>) -> Vec<Vec<Value>>,
}

/// What rows are made from.
struct View<'a> {
    catalog: &'a Catalog,
    database: DatabaseId,
    context: &'a Context,
}

impl<'a> View<'a> {
    /// Schemas of the database, but for the system's own.
    fn schemas(&self) -> impl Iterator<Item = &'a Arc<Schema>> {
        self.catalog.schemas(self.database)
    }

    /// Tables of the database, with their schemas.
    fn tables(&self) -> impl Iterator<Item = (&'a Arc<Schema>, &'a Arc<Table>)> {
        let (catalog, database) = (self.catalog, self.database);
        catalog.tables().filter_map(move |table| {
            let schema = catalog.schema(table.schema).filter(|schema| schema.database == database)?;
            Some((schema, table))
        })
    }

    fn database_name(&self) -> String {
        let mut databases = self.catalog.databases();
        databases.find(|database| database.id == self.database).map(|found| found.name.clone()).unwrap_or_default()
    }
}

/// The oid of `pg_catalog`.
pub const PG_CATALOG_OID: u32 = 11;
/// The oid of `information_schema`.
pub const INFORMATION_SCHEMA_OID: u32 = 13_000;
/// The oid of the one role there is.
pub const OWNER_OID: u32 = 10;

/// All relations.
fn all() -> impl Iterator<Item = &'static Relation> {
    [
        relations::ALL,
        columns::ALL,
        types::ALL,
        constraints::ALL,
        database::ALL,
        information::ALL,
        empty::ALL,
        functions::ALL,
        statistics::ALL,
    ]
    .into_iter()
    .flatten()
}

/// A system relation by name; without a schema those of `pg_catalog` are found.
pub fn relation(schema: Option<&str>, name: &str) -> Option<&'static Relation> {
    let schema = schema.unwrap_or("pg_catalog");
    all().find(|relation| relation.schema == schema && relation.name == name)
}

/// The oid of a system schema.
pub fn namespace_oid(name: &str) -> Option<u32> {
    match name {
        "pg_catalog" => Some(PG_CATALOG_OID),
        "information_schema" => Some(INFORMATION_SCHEMA_OID),
        _ => None,
    }
}

/// All rows of a relation, named `schema.name`, as a session in `database` sees them.
pub fn rows(relation: &str, catalog: &Catalog, database: DatabaseId, context: &Context) -> Result<Vec<Vec<Value>>> {
    let found = relation.split_once('.').and_then(|(schema, name)| self::relation(Some(schema), name));
    let Some(found) = found else {
        return Err(Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{relation}\" does not exist")));
    };
    Ok((found.rows)(&View { catalog, database, context }))
}

/// Rows as batches of the columns at `columns`, whose types are `types`.
pub fn batches(rows: Vec<Vec<Value>>, columns: &[usize], types: &[DataType]) -> Vec<Batch> {
    let mut batches = Vec::with_capacity(rows.len() / BATCH_ROWS + 1);
    for part in rows.chunks(BATCH_ROWS) {
        let mut batch = Batch::new(types.iter().copied());
        for row in part {
            batch.push_row(columns.iter().map(|&column| row.get(column).cloned().unwrap_or(Value::Null)));
        }
        batches.push(batch);
    }
    batches
}

/// Short words for the tables of columns and values.
mod words {
    use crate::base::{
        types::{DataType, TypeKind},
        value::Value,
    };

    pub const OID: DataType = DataType::of(TypeKind::Oid);
    pub const NAME: DataType = DataType::of(TypeKind::Name);
    pub const TEXT: DataType = DataType::of(TypeKind::Text);
    pub const BOOL: DataType = DataType::of(TypeKind::Bool);
    pub const CHAR: DataType = DataType::of(TypeKind::Char);
    pub const INT2: DataType = DataType::of(TypeKind::Int2);
    pub const INT4: DataType = DataType::of(TypeKind::Int4);
    pub const INT8: DataType = DataType::of(TypeKind::Int8);
    pub const FLOAT4: DataType = DataType::of(TypeKind::Float4);
    pub const TIMESTAMPTZ: DataType = DataType::of(TypeKind::Timestamptz);
    pub const REGPROC: DataType = DataType::of(TypeKind::Regproc);
    pub const INT2_ARRAY: DataType = DataType::array_of(TypeKind::Int2);
    pub const OID_ARRAY: DataType = DataType::array_of(TypeKind::Oid);
    pub const TEXT_ARRAY: DataType = DataType::array_of(TypeKind::Text);
    pub const NULL: Value = Value::Null;
    pub const NO: Value = Value::Bool(false);
    pub const YES: Value = Value::Bool(true);
    pub const ZERO: Value = Value::Int4(0);
    pub const NO_OID: Value = Value::Oid(0);

    pub fn text(text: impl AsRef<str>) -> Value {
        Value::text(text)
    }

    pub fn int2(number: usize) -> Value {
        Value::Int2(i16::try_from(number).unwrap_or(i16::MAX))
    }

    pub fn int4(number: usize) -> Value {
        Value::Int4(i32::try_from(number).unwrap_or(i32::MAX))
    }

    /// Column numbers as `int2vector`.
    pub fn numbers(positions: impl Iterator<Item = usize>) -> Value {
        Value::array(positions.map(|position| int2(position + 1)).collect())
    }
}

#[cfg(test)]
mod tests;
