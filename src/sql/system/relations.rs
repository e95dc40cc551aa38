//! Schemas, tables and indexes.

use super::{
    INFORMATION_SCHEMA_OID, OWNER_OID, PG_CATALOG_OID, Relation, View, all,
    words::{
        BOOL, CHAR, FLOAT4, INT2, INT2_ARRAY, INT4, NAME, NO, NO_OID, NULL, OID, OID_ARRAY, TEXT, TEXT_ARRAY, YES,
        ZERO, int2, numbers, text,
    },
};
use crate::{
    base::value::Value,
    catalog::{Catalog, Index, Schema, Table, TableStatistics},
    sql::names::quote,
};
use std::sync::Arc;

/// Access methods, as PostgreSQL numbers them.
const HEAP_OID: u32 = 2;
const BTREE_OID: u32 = 403;
/// Bytes of a page, as clients take them to be.
const PAGE_BYTES: f64 = 8192.0;
/// About the length of an index entry.
const INDEX_ENTRY_BYTES: f64 = 24.0;
/// NULLS FIRST and DESC in `indoption`.
const OPTION_DESCENDING: i16 = 1;
const OPTION_NULLS_FIRST: i16 = 2;

pub(super) const ALL: &[Relation] = &[
    Relation {
        oid: 2615,
        schema: "pg_catalog",
        name: "pg_namespace",
        columns: &[("oid", OID), ("nspname", NAME), ("nspowner", OID), ("nspacl", TEXT_ARRAY)],
        rows: namespaces,
    },
    Relation {
        oid: 1259,
        schema: "pg_catalog",
        name: "pg_class",
        columns: &[
            ("oid", OID),
            ("relname", NAME),
            ("relnamespace", OID),
            ("reltype", OID),
            ("reloftype", OID),
            ("relowner", OID),
            ("relam", OID),
            ("relfilenode", OID),
            ("reltablespace", OID),
            ("relpages", INT4),
            ("reltuples", FLOAT4),
            ("relallvisible", INT4),
            ("reltoastrelid", OID),
            ("relhasindex", BOOL),
            ("relisshared", BOOL),
            ("relpersistence", CHAR),
            ("relkind", CHAR),
            ("relnatts", INT2),
            ("relchecks", INT2),
            ("relhasrules", BOOL),
            ("relhastriggers", BOOL),
            ("relhassubclass", BOOL),
            ("relrowsecurity", BOOL),
            ("relforcerowsecurity", BOOL),
            ("relispopulated", BOOL),
            ("relreplident", CHAR),
            ("relispartition", BOOL),
            ("relrewrite", OID),
            ("relfrozenxid", INT4),
            ("relminmxid", INT4),
            ("relacl", TEXT_ARRAY),
            ("reloptions", TEXT_ARRAY),
            ("relpartbound", TEXT),
        ],
        rows: classes,
    },
    Relation {
        oid: 2610,
        schema: "pg_catalog",
        name: "pg_index",
        columns: &[
            ("indexrelid", OID),
            ("indrelid", OID),
            ("indnatts", INT2),
            ("indnkeyatts", INT2),
            ("indisunique", BOOL),
            ("indnullsnotdistinct", BOOL),
            ("indisprimary", BOOL),
            ("indisexclusion", BOOL),
            ("indimmediate", BOOL),
            ("indisclustered", BOOL),
            ("indisvalid", BOOL),
            ("indcheckxmin", BOOL),
            ("indisready", BOOL),
            ("indislive", BOOL),
            ("indisreplident", BOOL),
            ("indkey", INT2_ARRAY),
            ("indcollation", OID_ARRAY),
            ("indclass", OID_ARRAY),
            ("indoption", INT2_ARRAY),
            ("indexprs", TEXT),
            ("indpred", TEXT),
        ],
        rows: indexes,
    },
    Relation {
        oid: 2601,
        schema: "pg_catalog",
        name: "pg_am",
        columns: &[("oid", OID), ("amname", NAME), ("amhandler", OID), ("amtype", CHAR)],
        rows: access_methods,
    },
    Relation {
        oid: 12_010,
        schema: "pg_catalog",
        name: "pg_tables",
        columns: &[
            ("schemaname", NAME),
            ("tablename", NAME),
            ("tableowner", NAME),
            ("tablespace", NAME),
            ("hasindexes", BOOL),
            ("hasrules", BOOL),
            ("hastriggers", BOOL),
            ("rowsecurity", BOOL),
        ],
        rows: tables,
    },
    Relation {
        oid: 12_011,
        schema: "pg_catalog",
        name: "pg_indexes",
        columns: &[
            ("schemaname", NAME),
            ("tablename", NAME),
            ("indexname", NAME),
            ("tablespace", NAME),
            ("indexdef", TEXT),
        ],
        rows: index_definitions,
    },
];

fn namespaces(view: &View<'_>) -> Vec<Vec<Value>> {
    let system = [(PG_CATALOG_OID, "pg_catalog"), (INFORMATION_SCHEMA_OID, "information_schema")];
    let own = view.schemas().map(|schema| (schema.id.0, schema.name.as_str()));
    let all = system.into_iter().chain(own);
    all.map(|(oid, name)| vec![Value::Oid(oid), text(name), Value::Oid(OWNER_OID), NULL]).collect()
}

/// One row of `pg_class`.
struct Class<'a> {
    oid: u32,
    name: &'a str,
    schema: u32,
    method: u32,
    kind: &'a str,
    columns: usize,
    has_index: bool,
    /// Pages and rows that ANALYZE found.
    size: Option<(i32, f32)>,
}

impl Class<'_> {
    fn row(self) -> Vec<Value> {
        let oid = Value::Oid;
        vec![
            oid(self.oid),
            text(self.name),
            oid(self.schema),
            NO_OID,
            NO_OID,
            oid(OWNER_OID),
            oid(self.method),
            oid(self.oid),
            NO_OID,
            Value::Int4(self.size.map_or(0, |(pages, _)| pages)),
            // -1: nobody has counted.
            Value::Float4(self.size.map_or(-1.0, |(_, rows)| rows)),
            ZERO,
            NO_OID,
            Value::Bool(self.has_index),
            NO,
            text("p"),
            text(self.kind),
            int2(self.columns),
            int2(0),
            NO,
            NO,
            NO,
            NO,
            NO,
            YES,
            text("d"),
            NO,
            NO_OID,
            ZERO,
            ZERO,
            NULL,
            NULL,
            NULL,
        ]
    }
}

fn classes(view: &View<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for relation in all() {
        let is_table = relation.schema == "pg_catalog" && relation.oid < 12_000;
        rows.push(
            Class {
                oid: relation.oid,
                name: relation.name,
                schema: if relation.schema == "pg_catalog" { PG_CATALOG_OID } else { INFORMATION_SCHEMA_OID },
                method: if is_table { HEAP_OID } else { 0 },
                kind: if is_table { "r" } else { "v" },
                columns: relation.columns.len(),
                has_index: false,
                size: None,
            }
            .row(),
        );
    }
    for (schema, table) in view.tables() {
        let has_index = table.primary_key.is_some() || !table.indexes.is_empty();
        let size =
            view.catalog.statistics(table).map(|found| move |kind: &str| (pages(found, kind), found.rows as f32));
        let class = |oid, name, method, kind, columns| Class {
            oid,
            name,
            schema: schema.id.0,
            method,
            kind,
            columns,
            has_index: has_index && kind == "r",
            size: size.as_ref().map(|size| size(kind)),
        };
        rows.push(class(table.id.0, table.name.as_str(), HEAP_OID, "r", table.columns.len()).row());
        if let Some(key) = &table.primary_key {
            rows.push(class(key.oid, key.name.as_str(), BTREE_OID, "i", key.columns.len()).row());
        }
        for index in &table.indexes {
            rows.push(class(index.oid, index.name.as_str(), BTREE_OID, "i", index.columns.len()).row());
        }
    }
    rows
}

fn indexes(view: &View<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (_, table) in view.tables() {
        if let Some(key) = &table.primary_key {
            let positions: Vec<usize> = table.key_positions().collect();
            let options = vec![0; positions.len()];
            rows.push(index_row(key.oid, table, true, true, &positions, &options));
        }
        for index in &table.indexes {
            let positions: Vec<usize> = index.columns.iter().map(|part| usize::from(part.column.0)).collect();
            let options = index.columns.iter().map(|part| {
                let descending = if part.descending { OPTION_DESCENDING } else { 0 };
                descending | if part.nulls_first { OPTION_NULLS_FIRST } else { 0 }
            });
            let options: Vec<i16> = options.collect();
            rows.push(index_row(index.oid, table, index.unique, false, &positions, &options));
        }
    }
    rows
}

fn index_row(oid: u32, table: &Table, unique: bool, primary: bool, positions: &[usize], options: &[i16]) -> Vec<Value> {
    let zeros = || Value::array(positions.iter().map(|_| NO_OID).collect());
    vec![
        Value::Oid(oid),
        Value::Oid(table.id.0),
        int2(positions.len()),
        int2(positions.len()),
        Value::Bool(unique),
        NO,
        Value::Bool(primary),
        NO,
        YES,
        NO,
        YES,
        NO,
        YES,
        YES,
        NO,
        numbers(positions.iter().copied()),
        zeros(),
        zeros(),
        Value::array(options.iter().map(|&option| Value::Int2(option)).collect()),
        NULL,
        NULL,
    ]
}

fn access_methods(_: &View<'_>) -> Vec<Vec<Value>> {
    let method = |oid, name, kind| vec![Value::Oid(oid), text(name), NO_OID, text(kind)];
    vec![method(HEAP_OID, "heap", "t"), method(BTREE_OID, "btree", "i")]
}

fn tables(view: &View<'_>) -> Vec<Vec<Value>> {
    let row = |(schema, table): (&std::sync::Arc<Schema>, &std::sync::Arc<Table>)| {
        let has_index = table.primary_key.is_some() || !table.indexes.is_empty();
        let owner = text(&view.context.session.user);
        vec![text(&schema.name), text(&table.name), owner, NULL, Value::Bool(has_index), NO, NO, NO]
    };
    view.tables().map(row).collect()
}

fn index_definitions(view: &View<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (schema, table) in view.tables() {
        for (oid, name) in index_names(table) {
            let definition = definition_of(schema, table, oid).map_or(NULL, text);
            rows.push(vec![text(&schema.name), text(&table.name), text(name), NULL, definition]);
        }
    }
    rows
}

/// Oids and names of a table's indexes, its primary key's first.
pub(super) fn index_names(table: &Table) -> impl Iterator<Item = (u32, &str)> {
    let primary = table.primary_key.iter().map(|key| (key.oid, key.name.as_str()));
    primary.chain(table.indexes.iter().map(|index| (index.oid, index.name.as_str())))
}

/// CREATE INDEX for an index of a table.
pub(super) fn definition_of(schema: &Schema, table: &Table, oid: u32) -> Option<String> {
    if let Some(key) = table.primary_key.as_ref().filter(|key| key.oid == oid) {
        let columns = table.key_positions().map(|position| column_name(table, position)).collect::<Vec<_>>();
        return Some(definition(&key.name, true, schema, table, &columns));
    }
    let index = table.indexes.iter().find(|index| index.oid == oid)?;
    Some(definition(&index.name, index.unique, schema, table, &index_columns(table, index)))
}

/// Bytes of a table (`r`) or of one of its indexes (`i`), as whole pages; 0 where nobody has counted.
pub(super) fn bytes(catalog: &Catalog, table: &Arc<Table>, kind: &str) -> i64 {
    catalog.statistics(table).map_or(0, |found| i64::from(pages(found, kind)) * PAGE_BYTES as i64)
}

fn pages(found: &TableStatistics, kind: &str) -> i32 {
    let bytes = if kind == "r" { found.row_bytes } else { INDEX_ENTRY_BYTES };
    (found.rows * bytes / PAGE_BYTES).ceil() as i32
}

/// A column's name as SQL writes it.
pub(super) fn column_name(table: &Table, position: usize) -> String {
    table.columns.get(position).map(|column| quote(&column.name)).unwrap_or_default()
}

fn index_columns(table: &Table, index: &Index) -> Vec<String> {
    let part = |part: &crate::catalog::IndexColumn| {
        let order = match (part.descending, part.nulls_first) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, true) => " DESC",
            (true, false) => " DESC NULLS LAST",
        };
        format!("{}{order}", column_name(table, usize::from(part.column.0)))
    };
    index.columns.iter().map(part).collect()
}

/// CREATE INDEX, as `pg_get_indexdef` shows it.
fn definition(name: &str, unique: bool, schema: &Schema, table: &Table, columns: &[String]) -> String {
    format!(
        "CREATE {}INDEX {} ON {}.{} USING btree ({})",
        if unique { "UNIQUE " } else { "" },
        quote(name),
        quote(&schema.name),
        quote(&table.name),
        columns.join(", ")
    )
}
