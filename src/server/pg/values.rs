//! Values on the wire: parameters in, rows out.
//!
//! Rows are written straight from the columns of a batch into the output buffer: no value is built for the types that
//! have a vector of their own, nothing is allocated per row.
//!
//! ```text
//! DataRow body:  +-----------+  then for each column:  +------------+-------+
//!                | count u16 |                         | length i32 | bytes |    length -1: NULL, no bytes
//!                +-----------+                         +------------+-------+
//! ```

use super::{
    backend::Field,
    message::{Bind, Format, Formats, utf8, violation},
    output::Output,
};
use crate::{
    base::{
        batch::{Batch, Column, ColumnData, Strings},
        types::{DataType, TypeKind},
        value::Value,
    },
    error::{Error, Result},
};

/// How each column of a portal's rows is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultFormats {
    All(Format),
    Each(Box<[Format]>),
}

impl ResultFormats {
    /// Checks the codes of a Bind against the columns of its statement.
    pub fn new(formats: Formats<'_>, columns: usize) -> Result<ResultFormats> {
        match formats.count() {
            0 | 1 => Ok(ResultFormats::All(formats.get(0)?)),
            count if count == columns => Ok(ResultFormats::Each((0..count).map(|i| formats.get(i)).collect::<Result<_>>()?)),
            count => Err(violation(format!("bind message has {count} result formats but query has {columns} columns"))),
        }
    }

    /// The format of a column.
    pub fn get(&self, column: usize) -> Format {
        match self {
            ResultFormats::All(format) => *format,
            ResultFormats::Each(formats) => formats.get(column).copied().unwrap_or(Format::Text),
        }
    }
}

/// Decodes the parameters of a Bind.
pub fn parameters(bind: &Bind<'_>, types: &[DataType]) -> Result<Vec<Value>> {
    if bind.parameter_count != types.len() {
        let (given, name, required) = (bind.parameter_count, bind.statement, types.len());
        return Err(violation(format!(
            "bind message supplies {given} parameters, but prepared statement \"{name}\" requires {required}"
        )));
    }
    let decode = |(position, (value, data_type)): (usize, (Option<&[u8]>, &DataType))| match value {
        None => Ok(Value::Null),
        Some(bytes) => parameter(bytes, bind.parameter_formats.get(position)?, *data_type),
    };
    bind.parameters().zip(types).enumerate().map(decode).collect()
}

fn parameter(bytes: &[u8], format: Format, data_type: DataType) -> Result<Value> {
    match format {
        Format::Text => codec::parse(utf8(bytes)?, data_type),
        Format::Binary => codec::decode(bytes, data_type),
    }
}

/// Writes rows of a batch from `row` on until the output is full; gives the first row that was not written.
pub fn write_rows(output: &mut Output, batch: &Batch, mut row: usize, fields: &[Field], formats: &ResultFormats) -> Result<usize> {
    if batch.columns.len() != fields.len() {
        let (columns, fields) = (batch.columns.len(), fields.len());
        return Err(Error::internal(format!("a result has {columns} columns but was described with {fields}")));
    }
    while row < batch.rows && !output.is_full() {
        let start = output.start(b'D');
        let bytes = output.bytes_mut();
        bytes.extend_from_slice(&(batch.columns.len() as u16).to_be_bytes());
        for (position, (column, field)) in batch.columns.iter().zip(fields).enumerate() {
            if let Err(error) = write_value(bytes, column, row, field.data_type, formats.get(position)) {
                output.undo(start);
                return Err(error);
            }
        }
        output.finish(start)?;
        row += 1;
    }
    Ok(row)
}

fn write_value(bytes: &mut Vec<u8>, column: &Column, row: usize, data_type: DataType, format: Format) -> Result<()> {
    if is_null(column, row) {
        bytes.extend_from_slice(&(-1i32).to_be_bytes());
        return Ok(());
    }
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    match format {
        Format::Text => write_text(bytes, &column.data, row, data_type)?,
        Format::Binary => write_binary(bytes, &column.data, row, data_type)?,
    }
    let length = i32::try_from(bytes.len() - start - 4).unwrap_or(i32::MAX); // the row's own length check refuses it
    bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn is_null(column: &Column, row: usize) -> bool {
    match &column.nulls {
        Some(nulls) => nulls[row],
        None => matches!(&column.data, ColumnData::Values(values) if matches!(values[row], Value::Null)),
    }
}

fn write_text(bytes: &mut Vec<u8>, data: &ColumnData, row: usize, data_type: DataType) -> Result<()> {
    match data {
        ColumnData::Bool(values) => bytes.push(if values[row] { b't' } else { b'f' }),
        ColumnData::Int2(values) => bytes.extend_from_slice(itoa::Buffer::new().format(values[row]).as_bytes()),
        ColumnData::Int4(values) => bytes.extend_from_slice(itoa::Buffer::new().format(values[row]).as_bytes()),
        ColumnData::Int8(values) => bytes.extend_from_slice(itoa::Buffer::new().format(values[row]).as_bytes()),
        ColumnData::Text(strings) => bytes.extend_from_slice(text_of(strings, row)),
        ColumnData::Float8(values) => codec::write(&Value::Float8(values[row]), data_type, bytes),
        ColumnData::Date(values) => codec::write(&Value::Date(values[row]), data_type, bytes),
        ColumnData::Timestamp(values) => codec::write(&Value::Timestamp(values[row]), data_type, bytes),
        ColumnData::Timestamptz(values) => codec::write(&Value::Timestamptz(values[row]), data_type, bytes),
        ColumnData::Values(values) => codec::write(&values[row], data_type, bytes),
    }
    Ok(())
}

fn write_binary(bytes: &mut Vec<u8>, data: &ColumnData, row: usize, data_type: DataType) -> Result<()> {
    match data {
        ColumnData::Bool(values) => bytes.push(u8::from(values[row])),
        ColumnData::Int2(values) => bytes.extend_from_slice(&values[row].to_be_bytes()),
        ColumnData::Int4(values) => bytes.extend_from_slice(&values[row].to_be_bytes()),
        ColumnData::Int8(values) => bytes.extend_from_slice(&values[row].to_be_bytes()),
        ColumnData::Float8(values) => bytes.extend_from_slice(&values[row].to_be_bytes()),
        ColumnData::Text(strings) => bytes.extend_from_slice(text_of(strings, row)),
        ColumnData::Date(values) => bytes.extend_from_slice(&values[row].to_be_bytes()),
        ColumnData::Timestamp(values) | ColumnData::Timestamptz(values) => {
            bytes.extend_from_slice(&values[row].to_be_bytes());
        }
        ColumnData::Values(values) => codec::encode(&values[row], data_type, bytes),
    }
    Ok(())
}

fn text_of(strings: &Strings, row: usize) -> &[u8] {
    let start = if row == 0 { 0 } else { strings.ends[row - 1] as usize };
    &strings.bytes[start..strings.ends[row] as usize]
}

/// Stands in for base::text and base::binary.
mod codec {
    use super::*;
    use crate::base::sqlstate::SqlState;

    pub fn parse(text: &str, data_type: DataType) -> Result<Value> {
        let bad = || {
            let message = format!("invalid input syntax for type integer: \"{text}\"");
            Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
        };
        match data_type.kind {
            TypeKind::Int4 => text.parse().map(Value::Int4).map_err(|_| bad()),
            TypeKind::Int8 => text.parse().map(Value::Int8).map_err(|_| bad()),
            _ => Ok(Value::Text(text.into())),
        }
    }

    pub fn decode(bytes: &[u8], data_type: DataType) -> Result<Value> {
        let bad = |_| Error::new(SqlState::INVALID_BINARY_REPRESENTATION, "incorrect binary data format in bind parameter");
        match data_type.kind {
            TypeKind::Int4 => bytes.try_into().map(i32::from_be_bytes).map(Value::Int4).map_err(bad),
            TypeKind::Int8 => bytes.try_into().map(i64::from_be_bytes).map(Value::Int8).map_err(bad),
            _ => Ok(Value::Text(utf8(bytes)?.into())),
        }
    }

    pub fn write(value: &Value, _: DataType, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(format!("{value:?}").as_bytes());
    }

    pub fn encode(value: &Value, _: DataType, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(format!("{value:?}").as_bytes());
    }
}

/// Stands in for base::types.
pub fn oid(data_type: &DataType) -> u32 {
    match data_type.kind {
        TypeKind::Int4 => 23,
        TypeKind::Int8 => 20,
        TypeKind::Bool => 16,
        _ => 25,
    }
}

pub fn length_bytes(data_type: &DataType) -> i16 {
    match data_type.kind {
        TypeKind::Int4 => 4,
        TypeKind::Int8 => 8,
        TypeKind::Bool => 1,
        _ => -1,
    }
}
