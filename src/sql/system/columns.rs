//! Columns and their defaults.

use super::{
    Relation, View, all,
    words::{BOOL, CHAR, INT2, INT4, NAME, NO, NULL, OID, TEXT, TEXT_ARRAY, YES, int2, text},
};
use crate::base::{types::DataType, value::Value};

/// What a default's row is numbered from; defaults are no objects of their own here.
const DEFAULT_OID_BASE: u32 = 1 << 30;

pub(super) const ALL: &[Relation] = &[
    Relation {
        oid: 1249,
        schema: "pg_catalog",
        name: "pg_attribute",
        columns: &[
            ("attrelid", OID),
            ("attname", NAME),
            ("atttypid", OID),
            ("attstattarget", INT4),
            ("attlen", INT2),
            ("attnum", INT2),
            ("attndims", INT4),
            ("attcacheoff", INT4),
            ("atttypmod", INT4),
            ("attbyval", BOOL),
            ("attalign", CHAR),
            ("attstorage", CHAR),
            ("attcompression", CHAR),
            ("attnotnull", BOOL),
            ("atthasdef", BOOL),
            ("atthasmissing", BOOL),
            ("attidentity", CHAR),
            ("attgenerated", CHAR),
            ("attisdropped", BOOL),
            ("attislocal", BOOL),
            ("attinhcount", INT4),
            ("attcollation", OID),
            ("attacl", TEXT_ARRAY),
            ("attoptions", TEXT_ARRAY),
            ("attfdwoptions", TEXT_ARRAY),
            ("attmissingval", TEXT),
        ],
        rows: attributes,
    },
    Relation {
        oid: 2604,
        schema: "pg_catalog",
        name: "pg_attrdef",
        columns: &[("oid", OID), ("adrelid", OID), ("adnum", INT2), ("adbin", TEXT)],
        rows: defaults,
    },
];

/// One row of `pg_attribute`.
struct Attribute<'a> {
    relation: u32,
    name: &'a str,
    data_type: DataType,
    number: usize,
    not_null: bool,
    has_default: bool,
    dropped: bool,
}

impl Attribute<'_> {
    fn row(self) -> Vec<Value> {
        let dropped_name = format!("........pg.dropped.{}........", self.number);
        let name = if self.dropped { dropped_name.as_str() } else { self.name };
        let oid = if self.dropped { 0 } else { self.data_type.oid() };
        let collation = if self.data_type.category() == b'S' { super::types::DEFAULT_COLLATION_OID } else { 0 };
        vec![
            Value::Oid(self.relation),
            text(name),
            Value::Oid(oid),
            Value::Int4(-1),
            Value::Int2(self.data_type.length_bytes()),
            int2(self.number),
            Value::Int4(i32::from(self.data_type.array)),
            Value::Int4(-1),
            Value::Int4(self.data_type.modifier),
            Value::Bool(self.data_type.length_bytes() > 0 && self.data_type.length_bytes() <= 8),
            text("i"),
            text(if self.data_type.length_bytes() < 0 { "x" } else { "p" }),
            text(""),
            Value::Bool(self.not_null),
            Value::Bool(self.has_default),
            NO,
            text(""),
            text(""),
            Value::Bool(self.dropped),
            YES,
            Value::Int4(0),
            Value::Oid(collation),
            NULL,
            NULL,
            NULL,
            NULL,
        ]
    }
}

fn attributes(view: &View<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for relation in all() {
        for (position, (name, data_type)) in relation.columns.iter().enumerate() {
            let attribute = Attribute {
                relation: relation.oid,
                name,
                data_type: *data_type,
                number: position + 1,
                not_null: false,
                has_default: false,
                dropped: false,
            };
            rows.push(attribute.row());
        }
    }
    for (_, table) in view.tables() {
        for (position, column) in table.columns.iter().enumerate() {
            let attribute = |relation: u32, number: usize| Attribute {
                relation,
                name: &column.name,
                data_type: column.data_type,
                number,
                not_null: column.not_null,
                has_default: column.default.is_some(),
                dropped: column.dropped,
            };
            rows.push(attribute(table.id.0, position + 1).row());
            // Each index has its columns as attributes of its own.
            let of_key = table.key_positions().position(|key| key == position);
            if let (Some(place), Some(key)) = (of_key, &table.primary_key) {
                rows.push(attribute(key.oid, place + 1).row());
            }
            for index in &table.indexes {
                let place = index.columns.iter().position(|part| usize::from(part.column.0) == position);
                if let Some(place) = place {
                    rows.push(attribute(index.oid, place + 1).row());
                }
            }
        }
    }
    rows
}

fn defaults(view: &View<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (_, table) in view.tables() {
        for (position, column) in table.live_columns() {
            if let Some(default) = &column.default {
                let oid = DEFAULT_OID_BASE + rows.len() as u32;
                rows.push(vec![Value::Oid(oid), Value::Oid(table.id.0), int2(position + 1), text(default)]);
            }
        }
    }
    rows
}
