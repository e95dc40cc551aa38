//! Constraints: primary keys and UNIQUE.

use super::{
    Relation, View,
    words::{BOOL, CHAR, INT2_ARRAY, INT4, NAME, NO, NO_OID, NULL, OID, OID_ARRAY, TEXT, YES, ZERO, numbers, text},
};
use crate::{
    base::value::Value,
    catalog::{Schema, Table},
};

/// What a constraint's row is numbered from: the oid of its index, moved out of the way.
const CONSTRAINT_OID_BASE: u32 = 1 << 29;

pub(super) const ALL: &[Relation] = &[Relation {
    oid: 2606,
    schema: "pg_catalog",
    name: "pg_constraint",
    columns: &[
        ("oid", OID),
        ("conname", NAME),
        ("connamespace", OID),
        ("contype", CHAR),
        ("condeferrable", BOOL),
        ("condeferred", BOOL),
        ("convalidated", BOOL),
        ("conrelid", OID),
        ("contypid", OID),
        ("conindid", OID),
        ("conparentid", OID),
        ("confrelid", OID),
        ("confupdtype", CHAR),
        ("confdeltype", CHAR),
        ("confmatchtype", CHAR),
        ("conislocal", BOOL),
        ("coninhcount", INT4),
        ("connoinherit", BOOL),
        ("conkey", INT2_ARRAY),
        ("confkey", INT2_ARRAY),
        ("conpfeqop", OID_ARRAY),
        ("conppeqop", OID_ARRAY),
        ("conffeqop", OID_ARRAY),
        ("confdelsetcols", INT2_ARRAY),
        ("conexclop", OID_ARRAY),
        ("conbin", TEXT),
    ],
    rows: constraints,
}];

/// A key that a constraint declared.
pub(super) struct Key {
    pub name: String,
    pub index: u32,
    pub primary: bool,
    /// Positions in `table.columns`.
    pub columns: Vec<usize>,
}

/// The keys that constraints of a table declared.
pub(super) fn keys(table: &Table) -> Vec<Key> {
    let primary = table.primary_key.iter().map(|key| Key {
        name: key.name.clone(),
        index: key.oid,
        primary: true,
        columns: table.key_positions().collect(),
    });
    let unique = table.indexes.iter().filter(|index| index.constraint).map(|index| Key {
        name: index.name.clone(),
        index: index.oid,
        primary: false,
        columns: index.columns.iter().map(|part| usize::from(part.column.0)).collect(),
    });
    primary.chain(unique).collect()
}

/// The oid of a key's constraint.
pub(super) fn oid(key: &Key) -> u32 {
    CONSTRAINT_OID_BASE.wrapping_add(key.index)
}

fn constraints(view: &View<'_>) -> Vec<Vec<Value>> {
    view.tables().flat_map(|(schema, table)| keys(table).into_iter().map(|key| row(schema, table, &key))).collect()
}

fn row(schema: &Schema, table: &Table, key: &Key) -> Vec<Value> {
    vec![
        Value::Oid(oid(key)),
        text(&key.name),
        Value::Oid(schema.id.0),
        text(if key.primary { "p" } else { "u" }),
        NO,
        NO,
        YES,
        Value::Oid(table.id.0),
        NO_OID,
        Value::Oid(key.index),
        NO_OID,
        NO_OID,
        text(" "),
        text(" "),
        text(" "),
        YES,
        ZERO,
        YES,
        numbers(key.columns.iter().copied()),
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
    ]
}
