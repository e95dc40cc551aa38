//! The binary form of every type, as PostgreSQL's `send` and `receive` functions have it: big-endian throughout.
//!
//! [`decode`] takes a client's bytes and gives a value or an error (22P03, 08P01 or 22021); it allocates no more than a
//! small multiple of what came in. [`encode`] adds a value's bytes, without the length that stands before them on the
//! wire.

mod array;
mod columns;
mod numeric;

pub use columns::write_column_value;

use crate::base::datetime::{self, range};
use crate::base::sqlstate::SqlState;
use crate::base::text;
use crate::base::types::{DataType, TypeKind};
use crate::base::value::{Interval, Value};
use crate::error::{Error, Result};
use std::sync::Arc;

/// Reads a value.
pub fn decode(bytes: &[u8], data_type: DataType) -> Result<Value> {
    if data_type.array {
        return array::decode_array(bytes, data_type).map(|array| Value::Array(Arc::new(array)));
    }
    Ok(match data_type.kind {
        TypeKind::Bool => Value::Bool(fixed::<1>(bytes, data_type)? != [0]),
        TypeKind::Int2 => Value::Int2(i16::from_be_bytes(fixed(bytes, data_type)?)),
        TypeKind::Int4 => Value::Int4(i32::from_be_bytes(fixed(bytes, data_type)?)),
        TypeKind::Int8 => Value::Int8(i64::from_be_bytes(fixed(bytes, data_type)?)),
        TypeKind::Float4 => Value::Float4(f32::from_be_bytes(fixed(bytes, data_type)?)),
        TypeKind::Float8 => Value::Float8(f64::from_be_bytes(fixed(bytes, data_type)?)),
        TypeKind::Text | TypeKind::Varchar | TypeKind::Bpchar | TypeKind::Char | TypeKind::Name | TypeKind::Unknown => {
            return text::parse(utf8(bytes)?, data_type);
        }
        TypeKind::Bytea => Value::Bytea(Arc::from(bytes)),
        TypeKind::Uuid => Value::Uuid(fixed(bytes, data_type)?),
        kind if kind.is_oid() => Value::Oid(u32::from_be_bytes(fixed(bytes, data_type)?)),
        TypeKind::Numeric => Value::Numeric(numeric::decode(bytes)?.fit(data_type)?),
        TypeKind::Json => return text::parse(utf8(bytes)?, data_type),
        TypeKind::Jsonb => return text::parse(utf8(jsonb_text(bytes)?)?, data_type),
        TypeKind::Void | TypeKind::Record => return Err(Error::unsupported(format!("input of type {data_type}"))),
        _ => return decode_moment(bytes, data_type),
    })
}

/// Dates, times and intervals: integers that must be in range.
fn decode_moment(bytes: &[u8], data_type: DataType) -> Result<Value> {
    let value = match data_type.kind {
        TypeKind::Date => match i32::from_be_bytes(fixed(bytes, data_type)?) {
            days if datetime::date_is_infinite(days) => Value::Date(days),
            days => Value::Date(range::check_date(i64::from(days))?),
        },
        TypeKind::Time => Value::Time(time_of_day(i64::from_be_bytes(fixed(bytes, data_type)?))?),
        TypeKind::Timetz => {
            let (micros, west) = split::<8, 4>(bytes, data_type)?;
            let west = i32::from_be_bytes(west);
            if west.unsigned_abs() > datetime::OFFSET_SECONDS_MAX as u32 {
                let message = "time zone displacement out of range";
                return Err(Error::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE, message));
            }
            Value::Timetz(time_of_day(i64::from_be_bytes(micros))?, west)
        }
        TypeKind::Interval => {
            let (micros, rest) = split::<8, 8>(bytes, data_type)?;
            let (days, months) = split::<4, 4>(&rest, data_type)?;
            Value::Interval(Interval {
                months: i32::from_be_bytes(months),
                days: i32::from_be_bytes(days),
                micros: i64::from_be_bytes(micros),
            })
        }
        kind => {
            let micros = i64::from_be_bytes(fixed(bytes, data_type)?);
            let infinite = datetime::timestamp_is_infinite(micros);
            let micros = if infinite { micros } else { range::check_timestamp(Some(micros))? };
            if kind == TypeKind::Timestamp { Value::Timestamp(micros) } else { Value::Timestamptz(micros) }
        }
    };
    match data_type.fraction_digits() {
        Some(digits) => datetime::round_fraction(value, digits),
        None => Ok(value),
    }
}

fn time_of_day(micros: i64) -> Result<i64> {
    let valid = (0..=datetime::MICROS_PER_DAY).contains(&micros);
    valid.then_some(micros).ok_or_else(|| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, "time out of range"))
}

fn split<const A: usize, const B: usize>(bytes: &[u8], data_type: DataType) -> Result<([u8; A], [u8; B])> {
    let (first, rest) = bytes.split_first_chunk::<A>().ok_or_else(|| malformed(data_type))?;
    Ok((*first, fixed(rest, data_type)?))
}

/// The text after jsonb's version.
fn jsonb_text(bytes: &[u8]) -> Result<&[u8]> {
    match bytes {
        [JSONB_VERSION, text @ ..] => Ok(text),
        [version, ..] => {
            let message = format!("unsupported jsonb version number {version}");
            Err(Error::new(SqlState::INVALID_BINARY_REPRESENTATION, message))
        }
        [] => Err(too_short()),
    }
}

const JSONB_VERSION: u8 = 1;

/// PostgreSQL's words for bytes that end too early.
fn too_short() -> Error {
    Error::new(SqlState::PROTOCOL_VIOLATION, "insufficient data left in message")
}

/// All of the bytes, which must be as many as the type has.
fn fixed<const N: usize>(bytes: &[u8], data_type: DataType) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| malformed(data_type))
}

fn malformed(data_type: DataType) -> Error {
    Error::new(SqlState::INVALID_BINARY_REPRESENTATION, format!("incorrect binary data format for type {data_type}"))
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| invalid_utf8(bytes, error.valid_up_to()))
}

/// PostgreSQL's words for a broken sequence at `at`.
pub fn invalid_utf8(bytes: &[u8], at: usize) -> Error {
    let shown: Vec<String> = bytes[at.min(bytes.len())..].iter().take(4).map(|byte| format!("0x{byte:02x}")).collect();
    let message = format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" "));
    Error::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message)
}

/// Adds a value's bytes; nothing for NULL.
pub fn encode(value: &Value, data_type: DataType, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(truth) => out.push(u8::from(*truth)),
        Value::Int2(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Int4(number) | Value::Date(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Int8(number) | Value::Time(number) | Value::Timestamp(number) | Value::Timestamptz(number) => {
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Oid(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Float4(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Float8(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Text(text) => {
            if data_type.kind == TypeKind::Jsonb {
                out.push(JSONB_VERSION);
            }
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bytea(bytes) => out.extend_from_slice(bytes),
        Value::Uuid(bytes) => out.extend_from_slice(bytes),
        Value::Numeric(number) => numeric::encode(number, out),
        Value::Timetz(micros, west) => {
            out.extend_from_slice(&micros.to_be_bytes());
            out.extend_from_slice(&west.to_be_bytes());
        }
        Value::Interval(interval) => {
            out.extend_from_slice(&interval.micros.to_be_bytes());
            out.extend_from_slice(&interval.days.to_be_bytes());
            out.extend_from_slice(&interval.months.to_be_bytes());
        }
        Value::Array(values) => array::encode_array(values, data_type, out),
        Value::Record(values) => array::encode_record(values, out),
    }
}

#[cfg(test)]
mod tests;
