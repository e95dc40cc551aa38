//! Values to rows.

use super::marker::{
    ARRAY_16, ARRAY_32, BIN_8, BIN_16, BIN_32, FALSE, FLOAT_32, FLOAT_64, INT_8, INT_16, INT_32, INT_64, NIL, STR_8,
    STR_16, STR_32, TRUE, UINT_8, UINT_16, UINT_32, UINT_64,
};
use crate::base::batch::{Column, ColumnData};
use crate::base::numeric::Numeric;
use crate::base::types::DataType;
use crate::base::value::{Array, Value};

/// A row of a table: its schema version and one value for each column place.
pub fn encode(version: u32, values: &[Value], types: &[DataType]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + values.len() * 8);
    let mut encoder = RowEncoder::new(version, values.len(), &mut out);
    for (position, value) in values.iter().enumerate() {
        encoder.push(value, types.get(position).copied());
    }
    out
}

/// A row of a batch, added to `out`, without a [`Value`] for the common types.
pub fn encode_batch_row(version: u32, columns: &[Column], row: usize, out: &mut Vec<u8>) {
    let mut encoder = RowEncoder::new(version, columns.len(), out);
    for column in columns {
        encoder.push_from(column, row);
    }
}

/// Writes a row column by column.
pub struct RowEncoder<'a> {
    out: &'a mut Vec<u8>,
}

impl RowEncoder<'_> {
    /// Starts a row that will have exactly `columns` columns.
    pub fn new(version: u32, columns: usize, out: &mut Vec<u8>) -> RowEncoder<'_> {
        array_header(columns + 1, out);
        integer(i64::from(version), out);
        RowEncoder { out }
    }

    /// The next column.
    pub fn push(&mut self, value: &Value, _data_type: Option<DataType>) {
        write(value, self.out);
    }

    /// The next column, which is NULL.
    #[inline]
    pub fn push_null(&mut self) {
        self.out.push(NIL);
    }

    /// The next column, of any type that is stored as an integer.
    #[inline]
    pub fn push_integer(&mut self, number: i64) {
        integer(number, self.out);
    }

    /// The next column, of any type that is stored as text.
    #[inline]
    pub fn push_text(&mut self, text: &str) {
        string(text, self.out);
    }

    /// The next column, from a row of a batch's column.
    pub fn push_from(&mut self, column: &Column, row: usize) {
        if column.is_null(row) {
            self.out.push(NIL);
            return;
        }
        match &column.data {
            ColumnData::Bool(vector) => self.out.push(if vector[row] { TRUE } else { FALSE }),
            ColumnData::Int2(vector) => integer(i64::from(vector[row]), self.out),
            ColumnData::Int4(vector) | ColumnData::Date(vector) => integer(i64::from(vector[row]), self.out),
            ColumnData::Int8(vector) | ColumnData::Timestamp(vector) | ColumnData::Timestamptz(vector) => {
                integer(vector[row], self.out);
            }
            ColumnData::Float8(vector) => float_64(vector[row], self.out),
            ColumnData::Text(strings) => string(strings.get(row), self.out),
            ColumnData::Values(values) => write(&values[row], self.out),
        }
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NIL),
        Value::Bool(truth) => out.push(if *truth { TRUE } else { FALSE }),
        Value::Int2(number) => integer(i64::from(*number), out),
        Value::Int4(number) | Value::Date(number) => integer(i64::from(*number), out),
        Value::Int8(number) | Value::Time(number) | Value::Timestamp(number) | Value::Timestamptz(number) => {
            integer(*number, out);
        }
        Value::Oid(number) => integer(i64::from(*number), out),
        Value::Float4(number) => {
            out.push(FLOAT_32);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Float8(number) => float_64(*number, out),
        Value::Numeric(number) => numeric(number, out),
        Value::Text(text) => string(text, out),
        Value::Bytea(bytes) => binary(bytes, out),
        Value::Uuid(bytes) => binary(bytes, out),
        Value::Timetz(micros, zone) => integers(&[*micros, i64::from(*zone)], out),
        Value::Interval(interval) => {
            integers(&[i64::from(interval.months), i64::from(interval.days), interval.micros], out);
        }
        Value::Array(array) => write_array(array, out),
        Value::Record(values) => {
            array_header(values.len(), out);
            values.iter().for_each(|value| write(value, out));
        }
    }
}

fn float_64(number: f64, out: &mut Vec<u8>) {
    out.push(FLOAT_64);
    out.extend_from_slice(&number.to_be_bytes());
}

fn integers(numbers: &[i64], out: &mut Vec<u8>) {
    array_header(numbers.len(), out);
    numbers.iter().for_each(|number| integer(*number, out));
}

fn write_array(array: &Array, out: &mut Vec<u8>) {
    array_header(array.values.len() + 1, out);
    array_header(array.dimensions.len() * 2, out);
    for (length, lower) in &array.dimensions {
        integer(i64::from(*length), out);
        integer(i64::from(*lower), out);
    }
    array.values.iter().for_each(|value| write(value, out));
}

fn numeric(number: &Numeric, out: &mut Vec<u8>) {
    let number = match number {
        Numeric::NaN => return binary(&[1], out),
        Numeric::Infinity => return binary(&[2], out),
        Numeric::NegativeInfinity => return binary(&[3], out),
        Numeric::Finite(number) => number,
    };
    let (digits, scale) = number.as_bigint_and_scale();
    let mut bytes = vec![0];
    bytes.extend_from_slice(&(scale.clamp(0, i64::from(u16::MAX)) as u16).to_be_bytes());
    bytes.extend_from_slice(&digits.to_signed_bytes_be());
    binary(&bytes, out);
}

fn array_header(count: usize, out: &mut Vec<u8>) {
    match count {
        0..=15 => out.push(0x90 | count as u8),
        16..=0xffff => {
            out.push(ARRAY_16);
            out.extend_from_slice(&(count as u16).to_be_bytes());
        }
        _ => {
            out.push(ARRAY_32);
            out.extend_from_slice(&(count as u32).to_be_bytes());
        }
    }
}

/// The shortest form that holds the number, as MessagePack asks.
fn integer(number: i64, out: &mut Vec<u8>) {
    let mut sized = |marker: u8, bytes: &[u8]| {
        out.push(marker);
        out.extend_from_slice(bytes);
    };
    match number {
        -32..=0x7f => out.push(number as u8),
        0x80..=0xff => sized(UINT_8, &[number as u8]),
        0x100..=0xffff => sized(UINT_16, &(number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => sized(UINT_32, &(number as u32).to_be_bytes()),
        0x1_0000_0000.. => sized(UINT_64, &(number as u64).to_be_bytes()),
        -0x80..-32 => sized(INT_8, &[number as u8]),
        -0x8000..-0x80 => sized(INT_16, &(number as i16).to_be_bytes()),
        -0x8000_0000..-0x8000 => sized(INT_32, &(number as i32).to_be_bytes()),
        _ => sized(INT_64, &number.to_be_bytes()),
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    if text.len() < 32 {
        out.push(0xa0 | text.len() as u8);
    } else {
        length([STR_8, STR_16, STR_32], text.len(), out);
    }
    out.extend_from_slice(text.as_bytes());
}

fn binary(bytes: &[u8], out: &mut Vec<u8>) {
    length([BIN_8, BIN_16, BIN_32], bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn length(markers: [u8; 3], length: usize, out: &mut Vec<u8>) {
    match length {
        0..=0xff => out.extend_from_slice(&[markers[0], length as u8]),
        0x100..=0xffff => {
            out.push(markers[1]);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(markers[2]);
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}
