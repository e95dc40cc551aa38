//! What ANALYZE found, as PostgreSQL shows it.

use super::{
    Relation, View,
    words::{BOOL, FLOAT4, INT2, INT4, NAME, NO, NULL, OID, TEXT, int2, text},
};
use crate::{
    base::{
        key,
        text::to_text,
        types::{DataType, TypeKind},
        value::Value,
    },
    catalog::{Column, ColumnStatistics, TableStatistics},
};

const FLOAT4_ARRAY: DataType = DataType::array_of(TypeKind::Float4);
/// `stakind` of most common values and of a histogram.
const KIND_COMMON: i16 = 1;
const KIND_HISTOGRAM: i16 = 2;
/// A column with at least this part of its values different shows that part, with a minus, instead of the number.
const SCALED_FRACTION: f64 = 0.1;

pub(super) const ALL: &[Relation] = &[
    Relation {
        oid: 12_030,
        schema: "pg_catalog",
        name: "pg_stats",
        columns: &[
            ("schemaname", NAME),
            ("tablename", NAME),
            ("attname", NAME),
            ("inherited", BOOL),
            ("null_frac", FLOAT4),
            ("avg_width", INT4),
            ("n_distinct", FLOAT4),
            ("most_common_vals", TEXT),
            ("most_common_freqs", FLOAT4_ARRAY),
            ("histogram_bounds", TEXT),
            ("correlation", FLOAT4),
            ("most_common_elems", TEXT),
            ("most_common_elem_freqs", FLOAT4_ARRAY),
            ("elem_count_histogram", FLOAT4_ARRAY),
        ],
        rows: stats,
    },
    Relation {
        oid: 2619,
        schema: "pg_catalog",
        name: "pg_statistic",
        columns: &[
            ("starelid", OID),
            ("staattnum", INT2),
            ("stainherit", BOOL),
            ("stanullfrac", FLOAT4),
            ("stawidth", INT4),
            ("stadistinct", FLOAT4),
            ("stakind1", INT2),
            ("stakind2", INT2),
            ("stanumbers1", FLOAT4_ARRAY),
            ("stavalues1", TEXT),
            ("stavalues2", TEXT),
        ],
        rows: statistic,
    },
];

fn stats(view: &View<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (schema, table) in view.tables() {
        let Some(found) = view.catalog.statistics(table) else { continue };
        for (column, known) in known_columns(found, table.live_columns()) {
            let [common, frequencies, histogram] = lists(known);
            let mut row = vec![text(&schema.name), text(&table.name), text(&column.1.name), NO];
            row.extend(figures(known, found));
            row.extend([common, frequencies, histogram, NULL, NULL, NULL, NULL]);
            rows.push(row);
        }
    }
    rows
}

fn statistic(view: &View<'_>) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for (_, table) in view.tables() {
        let Some(found) = view.catalog.statistics(table) else { continue };
        for (column, known) in known_columns(found, table.live_columns()) {
            let [common, frequencies, histogram] = lists(known);
            let kind = |kind, list: &Value| Value::Int2(if list.is_null() { 0 } else { kind });
            let mut row = vec![Value::Oid(table.id.0), int2(column.0 + 1), NO];
            row.extend(figures(known, found));
            row.extend([kind(KIND_COMMON, &common), kind(KIND_HISTOGRAM, &histogram), frequencies, common, histogram]);
            rows.push(row);
        }
    }
    rows
}

fn known_columns<'a>(
    found: &'a TableStatistics,
    columns: impl Iterator<Item = (usize, &'a Column)>,
) -> impl Iterator<Item = ((usize, &'a Column), &'a ColumnStatistics)> {
    columns.filter_map(|column| found.columns.get(&column.1.id).map(|known| (column, known)))
}

/// NULLs, width, different values.
fn figures(known: &ColumnStatistics, table: &TableStatistics) -> [Value; 3] {
    let fraction = known.distinct / table.rows.max(1.0);
    let distinct = if fraction >= SCALED_FRACTION { -fraction.min(1.0) } else { known.distinct };
    [Value::Float4(known.null_fraction as f32), Value::Int4(known.width_bytes as i32), Value::Float4(distinct as f32)]
}

/// Most common values, their frequencies, the histogram.
fn lists(known: &ColumnStatistics) -> [Value; 3] {
    let frequencies = known.common.iter().map(|(_, fraction)| Value::Float4(*fraction as f32));
    let frequencies = if known.common.is_empty() { NULL } else { Value::array(frequencies.collect()) };
    let common = values(known, known.common.iter().map(|(value, _)| value));
    [common, frequencies, values(known, known.histogram.iter())]
}

/// Key bytes as the text of an array; NULL for none.
fn values<'a>(known: &ColumnStatistics, keys: impl Iterator<Item = &'a Vec<u8>>) -> Value {
    let decoded = keys.map(|bytes| key::decode_value(&mut bytes.as_slice(), known.data_type, false));
    match decoded.collect::<Result<Vec<Value>, _>>() {
        Ok(values) if !values.is_empty() && !known.data_type.array => {
            text(to_text(&Value::array(values), DataType::array_of(known.data_type.kind)))
        }
        _ => NULL,
    }
}
