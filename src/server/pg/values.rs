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
        batch::{Batch, Column},
        binary,
        text::{self, Style},
        types::DataType,
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
            count if count == columns => {
                Ok(ResultFormats::Each((0..count).map(|i| formats.get(i)).collect::<Result<_>>()?))
            }
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
pub fn parameters(bind: &Bind<'_>, types: &[DataType], style: &Style) -> Result<Vec<Value>> {
    if bind.parameter_count != types.len() {
        let (given, name, required) = (bind.parameter_count, bind.statement, types.len());
        return Err(violation(format!(
            "bind message supplies {given} parameters, but prepared statement \"{name}\" requires {required}"
        )));
    }
    let decode = |(position, (value, data_type)): (usize, (Option<&[u8]>, &DataType))| match value {
        None => Ok(Value::Null),
        Some(bytes) => parameter(bytes, bind.parameter_formats.get(position)?, *data_type, style),
    };
    bind.parameters().zip(types).enumerate().map(decode).collect()
}

fn parameter(bytes: &[u8], format: Format, data_type: DataType, style: &Style) -> Result<Value> {
    match format {
        Format::Text => text::parse_with(utf8(bytes)?, data_type, style),
        Format::Binary => binary::decode(bytes, data_type),
    }
}

/// How the columns of a result are written.
pub struct Columns<'a> {
    pub fields: &'a [Field],
    pub formats: &'a ResultFormats,
    pub style: &'a Style,
}

/// Writes rows of a batch from `row` on until the output is full; gives the first row that was not written.
pub fn write_rows(output: &mut Output, batch: &Batch, mut row: usize, columns: &Columns<'_>) -> Result<usize> {
    let &Columns { fields, formats, style } = columns;
    if batch.columns.len() != fields.len() {
        let (columns, fields) = (batch.columns.len(), fields.len());
        return Err(Error::internal(format!("a result has {columns} columns but was described with {fields}")));
    }
    while row < batch.rows && !output.is_full() {
        let start = output.start(b'D');
        let bytes = output.bytes_mut();
        bytes.extend_from_slice(&(batch.columns.len() as u16).to_be_bytes());
        for (position, (column, field)) in batch.columns.iter().zip(fields).enumerate() {
            write_value(bytes, column, row, field, formats.get(position), style);
        }
        output.finish(start)?;
        row += 1;
    }
    Ok(row)
}

fn write_value(bytes: &mut Vec<u8>, column: &Column, row: usize, field: &Field, format: Format, style: &Style) {
    if column.is_null(row) {
        bytes.extend_from_slice(&(-1i32).to_be_bytes());
        return;
    }
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    match format {
        Format::Text => text::write_column_value_with(column, row, field.data_type, style, bytes),
        Format::Binary => binary::write_column_value(column, row, field.data_type, bytes),
    }
    let length = i32::try_from(bytes.len() - start - 4).unwrap_or(i32::MAX); // the row's own length check refuses it
    bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
}
