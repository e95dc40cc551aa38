//! The text form of every type, as PostgreSQL reads and writes it.
//!
//! [`parse`] takes what a client sent, or a literal, and gives a value or an error with PostgreSQL's SQLSTATE and words.
//! [`write()`] gives the bytes that clients see. [`write_column_value`] does the same from a typed column without making
//! a value: it is what every result row goes through.
//!
//! What depends on the session (time zone, interval and bytea style, the meaning of `now`) is in [`Style`]; the short
//! forms use its default. Names of tables and types (regclass, regtype) need the catalog and are not resolved here:
//! only their numbers are.

mod array;
mod columns;
mod number;
mod plain;
mod style;

pub use columns::{write_column_value, write_column_value_with};
pub use style::{ByteaOutput, Style};

pub(crate) use number::{invalid, shorten, write_float_4, write_float_8};
pub use plain::cut_to_bytes;
pub(crate) use plain::fit;

use crate::base::datetime::{self, format};
use crate::base::json;
use crate::base::numeric;
use crate::base::types::{DataType, TypeKind};
use crate::base::value::Value;
use crate::error::{Error, Result};
use std::sync::Arc;

/// Reads a value with the default style.
pub fn parse(text: &str, data_type: DataType) -> Result<Value> {
    parse_with(text, data_type, &Style::default())
}

/// Reads a value.
pub fn parse_with(text: &str, data_type: DataType, style: &Style) -> Result<Value> {
    if data_type.array {
        let element = data_type.element();
        let array = array::parse(text, |item| parse_with(item, element, style))?;
        return Ok(Value::Array(Arc::new(array)));
    }
    Ok(match data_type.kind {
        TypeKind::Bool => Value::Bool(plain::parse_bool(text)?),
        TypeKind::Int2 => Value::Int2(parse_int(text, data_type.kind, i16::MIN.into(), i16::MAX.into())? as i16),
        TypeKind::Int4 => Value::Int4(parse_int(text, data_type.kind, i32::MIN.into(), i32::MAX.into())? as i32),
        TypeKind::Int8 => Value::Int8(parse_int(text, data_type.kind, i64::MIN, i64::MAX)?),
        TypeKind::Float4 => Value::Float4(number::parse_float_4(text)?),
        TypeKind::Float8 => Value::Float8(number::parse_float_8(text)?),
        TypeKind::Text | TypeKind::Varchar | TypeKind::Bpchar | TypeKind::Char | TypeKind::Name | TypeKind::Unknown => {
            Value::Text(Arc::from(plain::parse_text(text, data_type)?))
        }
        TypeKind::Bytea => Value::Bytea(Arc::from(plain::parse_bytea(text)?)),
        TypeKind::Uuid => Value::Uuid(plain::parse_uuid(text)?),
        TypeKind::Numeric => Value::Numeric(numeric::parse(text)?.fit(data_type)?),
        TypeKind::Date | TypeKind::Time | TypeKind::Timetz | TypeKind::Timestamp | TypeKind::Timestamptz => {
            return datetime::parse::parse(text, data_type, style);
        }
        TypeKind::Interval => Value::Interval(datetime::parse_interval(text, data_type)?),
        TypeKind::Json => {
            json::validate(text)?;
            Value::Text(Arc::from(text))
        }
        TypeKind::Jsonb => Value::Text(Arc::from(json::canonical(text)?)),
        TypeKind::Oid => Value::Oid(plain::parse_oid(text)?),
        kind if kind.is_oid() => plain::parse_name_as_oid(text, kind).map(Value::Oid)?,
        _ => return Err(Error::unsupported(format!("input of type {data_type}"))),
    })
}

fn parse_int(text: &str, kind: TypeKind, min: i64, max: i64) -> Result<i64> {
    number::parse_integer(text, kind, min, max)
}

/// Adds the text of a value with the default style; nothing for NULL.
pub fn write(value: &Value, data_type: DataType, out: &mut Vec<u8>) {
    write_with(value, data_type, &Style::default(), out);
}

/// Adds the text of a value; nothing for NULL.
pub fn write_with(value: &Value, data_type: DataType, style: &Style, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(truth) => out.push(if *truth { b't' } else { b'f' }),
        Value::Int2(number) => number::write_integer(*number, out),
        Value::Int4(number) => number::write_integer(*number, out),
        Value::Int8(number) => number::write_integer(*number, out),
        Value::Oid(number) => number::write_integer(*number, out),
        Value::Float4(number) => write_float_4(*number, style.extra_float_digits, out),
        Value::Float8(number) => write_float_8(*number, style.extra_float_digits, out),
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bytea(bytes) => match style.bytea {
            ByteaOutput::Hexadecimal => plain::write_bytea_hexadecimal(bytes, out),
            ByteaOutput::Escaped => plain::write_bytea_escaped(bytes, out),
        },
        Value::Uuid(bytes) => plain::write_uuid(bytes, out),
        Value::Numeric(number) => number.write(out),
        Value::Date(days) => format::write_date(*days, out),
        Value::Time(micros) => format::write_time(*micros, out),
        Value::Timetz(micros, west) => format::write_timetz(*micros, *west, out),
        Value::Timestamp(micros) => format::write_timestamp(*micros, out),
        Value::Timestamptz(micros) => format::write_timestamptz(*micros, &style.zone, out),
        Value::Interval(interval) => format::write_interval(*interval, style.interval, out),
        Value::Array(values) => {
            let element = data_type.element();
            array::write(values, out, |value, out| write_with(value, element, style, out));
        }
        Value::Record(values) => {
            let field = |value: &Value| {
                let mut text = Vec::new();
                write_with(value, value.natural_type(), style, &mut text);
                (!value.is_null()).then_some(text)
            };
            array::write_record(values.iter().map(field), out);
        }
    }
}

/// The text of a value as a string; empty for NULL.
pub fn to_text(value: &Value, data_type: DataType) -> String {
    let mut out = Vec::new();
    write(value, data_type, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests;
