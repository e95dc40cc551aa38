//! Rows to single values.

use super::marker::Cursor;
use crate::base::numeric::Numeric;
use crate::base::types::{DataType, TypeKind};
use crate::base::value::{Array, Interval, Value};
use crate::error::{Error, Result};
use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use std::sync::Arc;

/// A row whose head was read.
#[derive(Clone, Copy)]
pub struct RowReader<'a> {
    /// At column 0.
    cursor: Cursor<'a>,
    columns: usize,
    version: u32,
}

impl<'a> RowReader<'a> {
    /// Reads the head of a row.
    pub fn new(bytes: &'a [u8]) -> Result<RowReader<'a>> {
        let (cursor, columns, version) = head(bytes).ok_or_else(broken)?;
        Ok(RowReader { cursor, columns, version })
    }

    /// The table's schema version when the row was written.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Columns the row has; the table may have more by now.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A column's value, or `None` if the row is older than the column.
    pub fn get(&self, position: usize, data_type: DataType) -> Result<Option<Value>> {
        if position >= self.columns {
            return Ok(None);
        }
        let mut cursor = self.cursor;
        for _ in 0..position {
            cursor.skip().ok_or_else(broken)?;
        }
        value(&mut cursor, data_type).map(Some).ok_or_else(broken)
    }

    /// All columns, in order; columns that the row is too short for get their `missing` value.
    pub fn values(&self, columns: &[(DataType, Value)]) -> Result<Vec<Value>> {
        let mut cursor = self.cursor;
        let stored = columns.iter().take(self.columns).map(|(data_type, _)| value(&mut cursor, *data_type));
        let mut values = stored.collect::<Option<Vec<_>>>().ok_or_else(broken)?;
        values.extend(columns.iter().skip(self.columns).map(|(_, missing)| missing.clone()));
        Ok(values)
    }
}

/// The cursor at column 0, the number of columns, the schema version.
#[inline]
pub(super) fn head(bytes: &[u8]) -> Option<(Cursor<'_>, usize, u32)> {
    let mut cursor = Cursor::new(bytes);
    // Nearly every row is of a table with few columns that was seldom altered.
    if let [count @ 0x91..=0x9f, version @ 0..=0x7f, ..] = *bytes {
        cursor.at = 2;
        return Some((cursor, usize::from(count & 0x0f) - 1, u32::from(version)));
    }
    let count = cursor.array()?;
    let version = u32::try_from(cursor.integer()?).ok()?;
    Some((cursor, count.checked_sub(1)?, version))
}

pub(super) fn broken() -> Error {
    Error::corrupt("stored row cannot be decoded")
}

pub(super) fn value(cursor: &mut Cursor<'_>, data_type: DataType) -> Option<Value> {
    if cursor.nil() {
        return Some(Value::Null);
    }
    if data_type.array { array(cursor, data_type) } else { scalar(cursor, data_type.kind) }
}

fn scalar(cursor: &mut Cursor<'_>, kind: TypeKind) -> Option<Value> {
    Some(match kind {
        TypeKind::Bool => Value::Bool(cursor.boolean()?),
        TypeKind::Int2 => Value::Int2(i16::try_from(cursor.integer()?).ok()?),
        TypeKind::Int4 => Value::Int4(i32::try_from(cursor.integer()?).ok()?),
        TypeKind::Int8 => Value::Int8(cursor.integer()?),
        TypeKind::Float4 => Value::Float4(cursor.float_32()?),
        TypeKind::Float8 => Value::Float8(cursor.float_64()?),
        TypeKind::Numeric => Value::Numeric(numeric(cursor.binary()?)?),
        kind if kind.is_textual() => Value::Text(Arc::from(cursor.string()?)),
        TypeKind::Bytea => Value::Bytea(Arc::from(cursor.binary()?)),
        TypeKind::Date => Value::Date(i32::try_from(cursor.integer()?).ok()?),
        TypeKind::Time => Value::Time(cursor.integer()?),
        TypeKind::Timetz => {
            (cursor.array()? == 2).then_some(())?;
            Value::Timetz(cursor.integer()?, i32::try_from(cursor.integer()?).ok()?)
        }
        TypeKind::Timestamp => Value::Timestamp(cursor.integer()?),
        TypeKind::Timestamptz => Value::Timestamptz(cursor.integer()?),
        TypeKind::Interval => {
            (cursor.array()? == 3).then_some(())?;
            Value::Interval(Interval {
                months: i32::try_from(cursor.integer()?).ok()?,
                days: i32::try_from(cursor.integer()?).ok()?,
                micros: cursor.integer()?,
            })
        }
        TypeKind::Uuid => Value::Uuid(cursor.binary()?.try_into().ok()?),
        kind if kind.is_oid() => Value::Oid(u32::try_from(cursor.integer()?).ok()?),
        // No column has such a type.
        _ => return None,
    })
}

fn numeric(bytes: &[u8]) -> Option<Numeric> {
    match bytes {
        [1] => Some(Numeric::NaN),
        [2] => Some(Numeric::Infinity),
        [3] => Some(Numeric::NegativeInfinity),
        [0, high, low, digits @ ..] if !digits.is_empty() => {
            let scale = i64::from(u16::from_be_bytes([*high, *low]));
            let digits = match <[u8; 8]>::try_from(digits) {
                Ok(eight) => BigInt::from(i64::from_be_bytes(eight)),
                Err(_) => BigInt::from_signed_bytes_be(digits),
            };
            Some(Numeric::Finite(BigDecimal::from_bigint(digits, scale)))
        }
        _ => None,
    }
}

fn array(cursor: &mut Cursor<'_>, data_type: DataType) -> Option<Value> {
    let count = cursor.array()?.checked_sub(1)?;
    let bounds = cursor.array()?;
    let mut dimensions = Vec::with_capacity(bounds.min(16) / 2);
    for _ in 0..bounds / 2 {
        let length = u32::try_from(cursor.integer()?).ok()?;
        dimensions.push((length, i32::try_from(cursor.integer()?).ok()?));
    }
    let element = data_type.element();
    let mut values = Vec::new();
    for _ in 0..count {
        values.push(value(cursor, element)?);
    }
    let array = Array { dimensions, values };
    (bounds % 2 == 0 && array.is_consistent()).then(|| Value::Array(Arc::new(array)))
}
