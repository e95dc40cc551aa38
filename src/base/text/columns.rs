//! Text straight from typed columns: the inner loop of every answer in text format.

use super::number::{write_float_8, write_integer};
use super::style::Style;
use super::write_with;
use crate::base::batch::{Column, ColumnData};
use crate::base::types::DataType;
use crate::base::value::Value;

/// Adds the text of a row's value with the default style; nothing for NULL.
pub fn write_column_value(column: &Column, row: usize, data_type: DataType, out: &mut Vec<u8>) {
    write_column_value_with(column, row, data_type, &Style::default(), out);
}

/// Adds the text of a row's value; nothing for NULL.
pub fn write_column_value_with(column: &Column, row: usize, data_type: DataType, style: &Style, out: &mut Vec<u8>) {
    if column.is_null(row) {
        return;
    }
    match &column.data {
        ColumnData::Bool(vector) => out.push(if vector[row] { b't' } else { b'f' }),
        ColumnData::Int2(vector) => write_integer(vector[row], out),
        ColumnData::Int4(vector) => write_integer(vector[row], out),
        ColumnData::Int8(vector) => write_integer(vector[row], out),
        ColumnData::Float8(vector) => write_float_8(vector[row], style.extra_float_digits, out),
        ColumnData::Text(strings) => out.extend_from_slice(strings.get_bytes(row)),
        ColumnData::Date(vector) => write_with(&Value::Date(vector[row]), data_type, style, out),
        ColumnData::Timestamp(vector) => write_with(&Value::Timestamp(vector[row]), data_type, style, out),
        ColumnData::Timestamptz(vector) => write_with(&Value::Timestamptz(vector[row]), data_type, style, out),
        ColumnData::Values(values) => write_with(&values[row], data_type, style, out),
    }
}
