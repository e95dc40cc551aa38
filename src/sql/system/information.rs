//! `information_schema`: the SQL standard's view of tables and columns.

use super::{
    Relation, View, all, constraints,
    words::{INT4, NAME, NULL, TEXT, int4, text},
};
use crate::{
    base::{
        types::{DataType, TypeKind},
        value::Value,
    },
    catalog::Column,
};

const fn relation(
    oid: u32,
    name: &'static str,
    columns: &'static [(&'static str, DataType)],
    rows: fn(&View<'_>) -> Vec<Vec<Value>>,
) -> Relation {
    Relation { oid, schema: "information_schema", name, columns, rows }
}

pub(super) const ALL: &[Relation] = &[
    relation(
        13_001,
        "schemata",
        &[
            ("catalog_name", NAME),
            ("schema_name", NAME),
            ("schema_owner", NAME),
            ("default_character_set_catalog", NAME),
            ("default_character_set_schema", NAME),
            ("default_character_set_name", NAME),
            ("sql_path", TEXT),
        ],
        schemata,
    ),
    relation(
        13_002,
        "tables",
        &[
            ("table_catalog", NAME),
            ("table_schema", NAME),
            ("table_name", NAME),
            ("table_type", TEXT),
            ("self_referencing_column_name", NAME),
            ("reference_generation", TEXT),
            ("user_defined_type_catalog", NAME),
            ("user_defined_type_schema", NAME),
            ("user_defined_type_name", NAME),
            ("is_insertable_into", TEXT),
            ("is_typed", TEXT),
            ("commit_action", TEXT),
        ],
        tables,
    ),
    relation(
        13_003,
        "columns",
        &[
            ("table_catalog", NAME),
            ("table_schema", NAME),
            ("table_name", NAME),
            ("column_name", NAME),
            ("ordinal_position", INT4),
            ("column_default", TEXT),
            ("is_nullable", TEXT),
            ("data_type", TEXT),
            ("character_maximum_length", INT4),
            ("character_octet_length", INT4),
            ("numeric_precision", INT4),
            ("numeric_precision_radix", INT4),
            ("numeric_scale", INT4),
            ("datetime_precision", INT4),
            ("interval_type", TEXT),
            ("interval_precision", INT4),
            ("character_set_name", NAME),
            ("collation_name", NAME),
            ("domain_name", NAME),
            ("udt_catalog", NAME),
            ("udt_schema", NAME),
            ("udt_name", NAME),
            ("dtd_identifier", NAME),
            ("is_self_referencing", TEXT),
            ("is_identity", TEXT),
            ("identity_generation", TEXT),
            ("is_generated", TEXT),
            ("generation_expression", TEXT),
            ("is_updatable", TEXT),
        ],
        columns,
    ),
    relation(
        13_004,
        "table_constraints",
        &[
            ("constraint_catalog", NAME),
            ("constraint_schema", NAME),
            ("constraint_name", NAME),
            ("table_catalog", NAME),
            ("table_schema", NAME),
            ("table_name", NAME),
            ("constraint_type", TEXT),
            ("is_deferrable", TEXT),
            ("initially_deferred", TEXT),
            ("enforced", TEXT),
        ],
        table_constraints,
    ),
    relation(
        13_005,
        "key_column_usage",
        &[
            ("constraint_catalog", NAME),
            ("constraint_schema", NAME),
            ("constraint_name", NAME),
            ("table_catalog", NAME),
            ("table_schema", NAME),
            ("table_name", NAME),
            ("column_name", NAME),
            ("ordinal_position", INT4),
            ("position_in_unique_constraint", INT4),
        ],
        key_column_usage,
    ),
    relation(
        13_006,
        "views",
        &[("table_catalog", NAME), ("table_schema", NAME), ("table_name", NAME), ("view_definition", TEXT)],
        |_| Vec::new(),
    ),
    relation(
        13_007,
        "sequences",
        &[("sequence_catalog", NAME), ("sequence_schema", NAME), ("sequence_name", NAME), ("data_type", TEXT)],
        |_| Vec::new(),
    ),
    relation(
        13_008,
        "referential_constraints",
        &[("constraint_catalog", NAME), ("constraint_schema", NAME), ("constraint_name", NAME), ("match_option", TEXT)],
        |_| Vec::new(),
    ),
];

fn schemata(view: &View<'_>) -> Vec<Vec<Value>> {
    let own = view.schemas().map(|schema| schema.name.as_str());
    let names = ["pg_catalog", "information_schema"].into_iter().chain(own);
    let row = |name: &str| {
        let owner = text(&view.context.session.user);
        vec![text(view.database_name()), text(name), owner, NULL, NULL, NULL, NULL]
    };
    names.map(row).collect()
}

fn tables(view: &View<'_>) -> Vec<Vec<Value>> {
    let database = text(view.database_name());
    let row = |schema: &str, name: &str, kind: &str| {
        let (no, yes) = (text("NO"), text("YES"));
        let insertable = if kind == "VIEW" { no.clone() } else { yes };
        let names = [database.clone(), text(schema), text(name), text(kind)];
        let rest = [NULL, NULL, NULL, NULL, NULL, insertable, no, NULL];
        names.into_iter().chain(rest).collect()
    };
    let system = all().map(|relation| row(relation.schema, relation.name, "VIEW"));
    system.chain(view.tables().map(|(schema, table)| row(&schema.name, &table.name, "BASE TABLE"))).collect()
}

fn columns(view: &View<'_>) -> Vec<Vec<Value>> {
    let database = view.database_name();
    let mut rows = Vec::new();
    for (schema, table) in view.tables() {
        for (position, column) in table.live_columns() {
            let place = [text(&database), text(&schema.name), text(&table.name)];
            rows.push(column_row(place, position, column, &database));
        }
    }
    rows
}

fn column_row(place: [Value; 3], position: usize, column: &Column, database: &str) -> Vec<Value> {
    let data_type = column.data_type;
    let shown = if data_type.array { "ARRAY".to_owned() } else { data_type.with_modifier(-1).name() };
    let length = data_type.length().map_or(NULL, int4);
    let (precision, radix, scale) = numbers(data_type);
    let digits = match data_type.kind {
        TypeKind::Date => int4(0),
        TypeKind::Time | TypeKind::Timetz | TypeKind::Timestamp | TypeKind::Timestamptz | TypeKind::Interval => {
            Value::Int4(data_type.fraction_digits().unwrap_or(6) as i32)
        }
        _ => NULL,
    };
    let octets = if data_type.kind.is_textual() { Value::Int4(1 << 30) } else { NULL };
    let mut row = Vec::with_capacity(29);
    row.extend(place);
    row.extend([
        text(&column.name),
        int4(position + 1),
        column.default.as_ref().map_or(NULL, text),
        text(if column.not_null { "NO" } else { "YES" }),
        text(shown),
        length,
        octets,
        precision,
        radix,
        scale,
        digits,
    ]);
    row.extend([NULL, NULL, NULL, NULL, NULL]);
    row.extend([text(database), text("pg_catalog"), text(data_type.catalog_name()), text((position + 1).to_string())]);
    row.extend([text("NO"), text("NO"), NULL, text("NEVER"), NULL, text("YES")]);
    row
}

/// Precision, its radix, and scale of a number's type.
fn numbers(data_type: DataType) -> (Value, Value, Value) {
    let binary = |bits: i32, scale: Value| (Value::Int4(bits), Value::Int4(2), scale);
    if data_type.array {
        return (NULL, NULL, NULL);
    }
    match data_type.kind {
        TypeKind::Int2 => binary(16, Value::Int4(0)),
        TypeKind::Int4 => binary(32, Value::Int4(0)),
        TypeKind::Int8 => binary(64, Value::Int4(0)),
        TypeKind::Float4 => binary(24, NULL),
        TypeKind::Float8 => binary(53, NULL),
        TypeKind::Numeric => match data_type.precision_and_scale() {
            Some((precision, scale)) => (Value::Int4(precision), Value::Int4(10), Value::Int4(scale)),
            None => (NULL, Value::Int4(10), NULL),
        },
        _ => (NULL, NULL, NULL),
    }
}

fn table_constraints(view: &View<'_>) -> Vec<Vec<Value>> {
    let database = text(view.database_name());
    let mut rows = Vec::new();
    for (schema, table) in view.tables() {
        for key in constraints::keys(table) {
            let kind = if key.primary { "PRIMARY KEY" } else { "UNIQUE" };
            let (schema, no) = (text(&schema.name), text("NO"));
            rows.push(vec![
                database.clone(),
                schema.clone(),
                text(&key.name),
                database.clone(),
                schema,
                text(&table.name),
                text(kind),
                no.clone(),
                no,
                text("YES"),
            ]);
        }
    }
    rows
}

fn key_column_usage(view: &View<'_>) -> Vec<Vec<Value>> {
    let database = text(view.database_name());
    let mut rows = Vec::new();
    for (schema, table) in view.tables() {
        for key in constraints::keys(table) {
            for (place, &position) in key.columns.iter().enumerate() {
                let column = table.columns.get(position).map_or(NULL, |column| text(&column.name));
                let schema = text(&schema.name);
                rows.push(vec![
                    database.clone(),
                    schema.clone(),
                    text(&key.name),
                    database.clone(),
                    schema,
                    text(&table.name),
                    column,
                    int4(place + 1),
                    NULL,
                ]);
            }
        }
    }
    rows
}
