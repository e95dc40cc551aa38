//! Binary form of arrays and anonymous rows.
//!
//! ```text
//! array:   dimensions i32 | has nulls i32 | element oid u32 | (length i32, lower bound i32) … | elements
//! record:  fields i32 | (oid u32, element) …
//! element: length i32, -1 for NULL | bytes
//! ```

use super::{decode, encode, malformed, too_short};
use crate::base::sqlstate::SqlState;
use crate::base::types::{DataType, TypeKind};
use crate::base::value::{ARRAY_DIMENSIONS_MAX, Array, Value};
use crate::error::{Error, Result};

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn integer(&mut self) -> Result<i32> {
        let (first, rest) = self.bytes.split_first_chunk::<4>().ok_or_else(too_short)?;
        self.bytes = rest;
        Ok(i32::from_be_bytes(*first))
    }

    /// The bytes of an element; `None` for NULL.
    fn element(&mut self, data_type: DataType) -> Result<Option<&'a [u8]>> {
        let length = self.integer()?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| malformed(data_type))?;
        let (element, rest) = self.bytes.split_at_checked(length).ok_or_else(too_short)?;
        self.bytes = rest;
        Ok(Some(element))
    }
}

pub(super) fn decode_array(bytes: &[u8], data_type: DataType) -> Result<Array> {
    let mut reader = Reader { bytes };
    let count = reader.integer()?;
    let invalid = |message: String| Error::new(SqlState::INVALID_BINARY_REPRESENTATION, message);
    if !(0..=ARRAY_DIMENSIONS_MAX as i32).contains(&count) {
        let message =
            format!("number of array dimensions ({count}) exceeds the maximum allowed ({ARRAY_DIMENSIONS_MAX})");
        return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    }
    let flags = reader.integer()?;
    if !(0..=1).contains(&flags) {
        return Err(invalid("invalid array flags".into()));
    }
    let element = data_type.element();
    let oid = reader.integer()? as u32;
    if oid != element.kind.oid() {
        let message = format!("binary data has array element type {oid} but expected {}", element.kind.oid());
        return Err(Error::new(SqlState::DATATYPE_MISMATCH, message));
    }
    let mut dimensions = Vec::with_capacity(ARRAY_DIMENSIONS_MAX);
    for _ in 0..count {
        let length = u32::try_from(reader.integer()?).map_err(|_| malformed(data_type))?;
        dimensions.push((length, reader.integer()?));
    }
    let total = dimensions.iter().try_fold(1_usize, |total, (length, _)| total.checked_mul(*length as usize));
    let total = total.ok_or_else(|| malformed(data_type))?;
    if count == 0 || total == 0 {
        return Ok(Array { dimensions: Vec::new(), values: Vec::new() });
    }
    // An element takes four bytes at least: no more is allocated than was sent.
    if total > reader.bytes.len() / 4 {
        return Err(too_short());
    }
    let mut values = Vec::with_capacity(total);
    for _ in 0..total {
        values.push(match reader.element(data_type)? {
            Some(bytes) => decode(bytes, element)?,
            None => Value::Null,
        });
    }
    let array = Array { dimensions, values };
    if reader.bytes.is_empty() && array.is_consistent() { Ok(array) } else { Err(malformed(data_type)) }
}

fn put(number: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// An element with its length in front.
fn put_element(value: &Value, data_type: DataType, out: &mut Vec<u8>) {
    if value.is_null() {
        return put(-1, out);
    }
    let at = out.len();
    put(0, out);
    encode(value, data_type, out);
    let length = (out.len() - at - 4) as i32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

pub(super) fn encode_array(array: &Array, data_type: DataType, out: &mut Vec<u8>) {
    let element = data_type.element();
    put(array.dimensions.len() as i32, out);
    put(i32::from(array.values.iter().any(Value::is_null)), out);
    put(element.kind.oid() as i32, out);
    for (length, lower) in &array.dimensions {
        put(*length as i32, out);
        put(*lower, out);
    }
    for value in &array.values {
        put_element(value, element, out);
    }
}

/// The fields of an anonymous row carry their types; they are taken from the values.
pub(super) fn encode_record(values: &[Value], out: &mut Vec<u8>) {
    put(values.len() as i32, out);
    for value in values {
        let data_type = value.natural_type();
        put(data_type.oid() as i32, out);
        put_element(value, data_type, out);
    }
}

impl Value {
    /// The type that a value has by itself; text for strings and NULL.
    pub fn natural_type(&self) -> DataType {
        DataType::of(match self {
            Value::Null | Value::Text(_) => TypeKind::Text,
            Value::Bool(_) => TypeKind::Bool,
            Value::Int2(_) => TypeKind::Int2,
            Value::Int4(_) => TypeKind::Int4,
            Value::Int8(_) => TypeKind::Int8,
            Value::Float4(_) => TypeKind::Float4,
            Value::Float8(_) => TypeKind::Float8,
            Value::Numeric(_) => TypeKind::Numeric,
            Value::Bytea(_) => TypeKind::Bytea,
            Value::Date(_) => TypeKind::Date,
            Value::Time(_) => TypeKind::Time,
            Value::Timetz(..) => TypeKind::Timetz,
            Value::Timestamp(_) => TypeKind::Timestamp,
            Value::Timestamptz(_) => TypeKind::Timestamptz,
            Value::Interval(_) => TypeKind::Interval,
            Value::Uuid(_) => TypeKind::Uuid,
            Value::Oid(_) => TypeKind::Oid,
            Value::Record(_) => TypeKind::Record,
            Value::Array(array) => {
                let kinds = array.values.iter().filter(|value| !value.is_null());
                let kind = kinds.map(|value| value.natural_type().kind).next();
                return DataType::array_of(kind.unwrap_or(TypeKind::Text));
            }
        })
    }
}
