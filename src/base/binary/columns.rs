//! Binary form straight from typed columns: the inner loop of every answer in binary format.

use super::encode;
use crate::base::batch::{Column, ColumnData};
use crate::base::types::DataType;

/// Adds the bytes of a row's value, without their length; nothing for NULL.
pub fn write_column_value(column: &Column, row: usize, data_type: DataType, out: &mut Vec<u8>) {
    if column.is_null(row) {
        return;
    }
    match &column.data {
        ColumnData::Bool(vector) => out.push(u8::from(vector[row])),
        ColumnData::Int2(vector) => out.extend_from_slice(&vector[row].to_be_bytes()),
        ColumnData::Int4(vector) | ColumnData::Date(vector) => out.extend_from_slice(&vector[row].to_be_bytes()),
        ColumnData::Int8(vector) | ColumnData::Timestamp(vector) | ColumnData::Timestamptz(vector) => {
            out.extend_from_slice(&vector[row].to_be_bytes());
        }
        ColumnData::Float8(vector) => out.extend_from_slice(&vector[row].to_be_bytes()),
        ColumnData::Text(_) if data_type.kind == crate::base::types::TypeKind::Jsonb => {
            encode(&column.value(row), data_type, out);
        }
        ColumnData::Text(strings) => out.extend_from_slice(strings.get_bytes(row)),
        ColumnData::Values(values) => encode(&values[row], data_type, out),
    }
}
