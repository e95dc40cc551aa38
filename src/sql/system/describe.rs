//! What functions tell about objects: definitions of indexes and constraints, sizes, names.
//!
//! Sizes are what ANALYZE found, in PostgreSQL's pages, as `pg_class.relpages` shows them; nothing where nobody has
//! counted.

use super::{View, constraints, relations};
use crate::{
    base::ids::TableId,
    catalog::{Catalog, Relation, Schema, Table},
    sql::{expr::Context, names},
};
use std::sync::Arc;

/// What of a relation a size is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The relation alone.
    Own,
    /// All indexes of a table.
    Indexes,
    /// Both.
    All,
}

/// What the session sees.
fn view(context: &Context) -> View<'_> {
    let session = &context.session;
    View { catalog: &session.catalog, database: session.database_id, context }
}

/// CREATE INDEX, as `pg_get_indexdef` gives it; with a number only that column of it, without its order.
pub fn index_definition(context: &Context, oid: u32, column: usize) -> Option<String> {
    let view = view(context);
    let (schema, table) = view.tables().find(|(_, table)| relations::index_names(table).any(|index| index.0 == oid))?;
    match column.checked_sub(1) {
        None => relations::definition_of(schema, table, oid),
        Some(place) => {
            let primary = table.primary_key.as_ref().filter(|key| key.oid == oid);
            let positions: Vec<usize> = match primary {
                Some(_) => table.key_positions().collect(),
                None => {
                    let index = table.indexes.iter().find(|index| index.oid == oid)?;
                    index.columns.iter().map(|part| usize::from(part.column.0)).collect()
                }
            };
            Some(positions.get(place).map(|&position| relations::column_name(table, position)).unwrap_or_default())
        }
    }
}

/// A constraint as ALTER TABLE … ADD CONSTRAINT takes it.
pub fn constraint_definition(context: &Context, oid: u32) -> Option<String> {
    let view = view(context);
    view.tables().find_map(|(_, table)| {
        let key = constraints::keys(table).into_iter().find(|key| constraints::oid(key) == oid)?;
        let columns: Vec<String> =
            key.columns.iter().map(|&position| relations::column_name(table, position)).collect();
        let kind = if key.primary { "PRIMARY KEY" } else { "UNIQUE" };
        Some(format!("{kind} ({})", columns.join(", ")))
    })
}

/// The oid of a relation by its name as SQL writes it.
pub fn relation_oid(context: &Context, written: &str) -> Option<u32> {
    let session = &context.session;
    let parts: Vec<String> = written.split('.').map(names::unquoted).collect();
    let (schema, name) = match parts.as_slice() {
        [name] => (None, name),
        [schema, name] => (Some(schema.as_str()), name),
        _ => return None,
    };
    let found = session.catalog.resolve_relation(session.database_id, &session.search_path, schema, name);
    match found {
        Some(Relation::Table(id)) => Some(id.0),
        Some(Relation::Index(id, index)) => session.catalog.table(id).and_then(|table| match index {
            Some(index) => table.index(index).map(|index| index.oid),
            None => table.primary_key.as_ref().map(|key| key.oid),
        }),
        None => super::relation(schema, name).map(|relation| relation.oid),
    }
}

/// Bytes of a relation; `None` if there is none with this oid.
pub fn relation_bytes(context: &Context, oid: u32, part: Part) -> Option<i64> {
    let catalog = &context.session.catalog;
    if let Some(table) = catalog.table(TableId(oid)) {
        return Some(table_bytes(catalog, table, part));
    }
    if super::all().any(|relation| relation.oid == oid) {
        return Some(0);
    }
    let owner = catalog.tables().find(|table| relations::index_names(table).any(|index| index.0 == oid))?;
    Some(if part == Part::Indexes { 0 } else { relations::bytes(catalog, owner, "i") })
}

fn table_bytes(catalog: &Catalog, table: &Arc<Table>, part: Part) -> i64 {
    let own = if part == Part::Indexes { 0 } else { relations::bytes(catalog, table, "r") };
    let count = if part == Part::Own { 0 } else { relations::index_names(table).count() as i64 };
    own + count * relations::bytes(catalog, table, "i")
}

/// Bytes of all tables of a database with their indexes; `None` if there is no such database.
pub fn database_bytes(context: &Context, name: Option<&str>, oid: u32) -> Option<i64> {
    let catalog = &context.session.catalog;
    let database = catalog.databases().find(|database| match name {
        Some(name) => database.name == name,
        None => database.id.0 == oid,
    })?;
    let here = |schema: &Arc<Schema>| schema.database == database.id;
    let tables = catalog.tables().filter(|table| catalog.schema(table.schema).is_some_and(here));
    Some(tables.map(|table| table_bytes(catalog, table, Part::All)).sum())
}
