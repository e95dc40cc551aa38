//! The binary form of every type, as PostgreSQL's `send` and `receive` functions have it: big-endian throughout.
//!
//! [`decode`] takes a client's bytes and gives a value or an error (22P03, 08P01 or 22021); it allocates no more than a
//! small multiple of what came in. [`encode`] adds a value's bytes, without the length that stands before them on the
//! wire.

mod columns;

pub use columns::write_column_value;

use crate::base::sqlstate::SqlState;
use crate::base::text;
use crate::base::types::{DataType, TypeKind};
use crate::base::value::Value;
use crate::error::{Error, Result};
use std::sync::Arc;

/// Reads a value.
pub fn decode(bytes: &[u8], data_type: DataType) -> Result<Value> {
    if data_type.array {
        return Err(Error::unsupported("reading arrays"));
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
        _ => return Err(Error::unsupported(format!("reading type {data_type}"))),
    })
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
    let _ = data_type;
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
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bytea(bytes) => out.extend_from_slice(bytes),
        Value::Uuid(bytes) => out.extend_from_slice(bytes),
        _ => {}
    }
}
