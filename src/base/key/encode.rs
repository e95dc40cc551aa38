//! Values to memcomparable bytes.

use crate::base::batch::{Column, ColumnData};
use crate::base::numeric::Numeric;
use crate::base::types::{DataType, TypeKind};
use crate::base::value::{Array, Value, timetz_order};
use bigdecimal::BigDecimal;
use num_bigint::Sign;

/// Starts a NULL that sorts before values.
pub(super) const NULL_FIRST: u8 = 0x00;
/// Starts a value.
pub(super) const PRESENT: u8 = 0x01;
/// Starts a NULL that sorts after values.
pub(super) const NULL_LAST: u8 = 0x02;
/// Ends a string or bytes; a zero byte inside is followed by [`ESCAPED_ZERO`] instead.
pub(super) const TERMINATOR: [u8; 2] = [0x00, 0x01];
pub(super) const ESCAPED_ZERO: u8 = 0xFF;
/// Ends the elements of an array.
pub(super) const SEQUENCE_END: u8 = 0x00;

/// Classes of numeric values, in their order.
pub(super) const NUMERIC_NEGATIVE_INFINITY: u8 = 0x01;
pub(super) const NUMERIC_NEGATIVE: u8 = 0x02;
pub(super) const NUMERIC_ZERO: u8 = 0x03;
pub(super) const NUMERIC_POSITIVE: u8 = 0x04;
pub(super) const NUMERIC_INFINITY: u8 = 0x05;
pub(super) const NUMERIC_NAN: u8 = 0x06;
/// Decimal exponents from `-SHORT` to `SHORT` take one byte.
pub(super) const SHORT_EXPONENT_MAX: i32 = 120;

/// Adds a key column.
///
/// Bytes of two values of a type compare as [`Value::compare`] does (the other way round when `descending`), and no
/// encoding is the beginning of another one.
pub fn encode_value(value: &Value, data_type: DataType, descending: bool, nulls_first: bool, out: &mut Vec<u8>) {
    if value.is_null() {
        out.push(if nulls_first { NULL_FIRST } else { NULL_LAST });
        return;
    }
    out.push(PRESENT);
    let start = out.len();
    if data_type.array {
        payload(value, out);
    } else {
        typed_payload(value, data_type.kind, out);
    }
    if descending {
        invert(&mut out[start..]);
    }
}

/// Adds an ascending key column of text.
pub fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.push(PRESENT);
    escaped(text.as_bytes(), out);
}

/// Adds a key column from a row of a batch, without making a [`Value`] for the common types.
pub fn encode_column_value(
    column: &Column,
    row: usize,
    data_type: DataType,
    descending: bool,
    nulls_first: bool,
    out: &mut Vec<u8>,
) {
    let text = match &column.data {
        ColumnData::Text(strings) if !column.is_null(row) => strings.get_bytes(row),
        _ => return encode_value(&column.value(row), data_type, descending, nulls_first, out),
    };
    out.push(PRESENT);
    let start = out.len();
    escaped(text, out);
    if descending {
        invert(&mut out[start..]);
    }
}

fn invert(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = !*byte;
    }
}

/// Integers take the width of their column, whatever type an expression gave them.
fn typed_payload(value: &Value, kind: TypeKind, out: &mut Vec<u8>) {
    match (kind, value.as_integer()) {
        (TypeKind::Int2, Some(number)) if i16::try_from(number).is_ok() => payload(&Value::Int2(number as i16), out),
        (TypeKind::Int4, Some(number)) if i32::try_from(number).is_ok() => payload(&Value::Int4(number as i32), out),
        (TypeKind::Int8, Some(number)) => payload(&Value::Int8(number), out),
        _ => payload(value, out),
    }
}

fn payload(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NULL_LAST),
        Value::Bool(truth) => out.push(u8::from(*truth)),
        Value::Int2(number) => out.extend_from_slice(&((*number as u16) ^ 0x8000).to_be_bytes()),
        Value::Int4(number) | Value::Date(number) => signed_32(*number, out),
        Value::Int8(number) | Value::Time(number) | Value::Timestamp(number) | Value::Timestamptz(number) => {
            signed_64(*number, out);
        }
        Value::Float4(number) => out.extend_from_slice(&ordered_32(*number).to_be_bytes()),
        Value::Float8(number) => out.extend_from_slice(&ordered_64(*number).to_be_bytes()),
        Value::Numeric(number) => numeric(number, out),
        Value::Text(text) => escaped(text.as_bytes(), out),
        Value::Bytea(bytes) => escaped(bytes, out),
        Value::Timetz(micros, zone) => {
            let (instant, zone) = timetz_order(*micros, *zone);
            signed_64(instant, out);
            signed_32(zone, out);
        }
        Value::Interval(interval) => {
            // The span is below 2^73 in size, so ten bytes hold it with its sign turned.
            let shifted = (interval.span_micros() + (1 << 79)) as u128;
            out.extend_from_slice(&shifted.to_be_bytes()[6..]);
        }
        Value::Uuid(bytes) => out.extend_from_slice(bytes),
        Value::Oid(number) => out.extend_from_slice(&number.to_be_bytes()),
        Value::Array(array) => array_payload(array, out),
        Value::Record(values) => sequence(values, out),
    }
}

fn signed_32(number: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&((number as u32) ^ (1 << 31)).to_be_bytes());
}

fn signed_64(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&((number as u64) ^ (1 << 63)).to_be_bytes());
}

/// Turns a float into an integer of the same order: NaN greatest, -0 as 0.
fn ordered_64(number: f64) -> u64 {
    let number = if number.is_nan() { f64::NAN.abs() } else { number + 0.0 };
    let bits = number.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

fn ordered_32(number: f32) -> u32 {
    let number = if number.is_nan() { f32::NAN.abs() } else { number + 0.0 };
    let bits = number.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | (1 << 31) }
}

fn escaped(mut bytes: &[u8], out: &mut Vec<u8>) {
    while let Some(zero) = memchr::memchr(0, bytes) {
        out.extend_from_slice(&bytes[..=zero]);
        out.push(ESCAPED_ZERO);
        bytes = &bytes[zero + 1..];
    }
    out.extend_from_slice(bytes);
    out.extend_from_slice(&TERMINATOR);
}

fn sequence(values: &[Value], out: &mut Vec<u8>) {
    for value in values {
        if !value.is_null() {
            out.push(PRESENT);
        }
        payload(value, out);
    }
    out.push(SEQUENCE_END);
}

fn array_payload(array: &Array, out: &mut Vec<u8>) {
    sequence(&array.values, out);
    out.push(array.dimensions.len() as u8);
    for (length, _) in &array.dimensions {
        out.extend_from_slice(&length.to_be_bytes());
    }
    for (_, lower) in &array.dimensions {
        signed_32(*lower, out);
    }
}

fn numeric(number: &Numeric, out: &mut Vec<u8>) {
    match number {
        Numeric::NegativeInfinity => out.push(NUMERIC_NEGATIVE_INFINITY),
        Numeric::Infinity => out.push(NUMERIC_INFINITY),
        Numeric::NaN => out.push(NUMERIC_NAN),
        Numeric::Finite(number) => finite(number, out),
    }
}

/// A class byte, the exponent, and the significant digits in pairs: `0.d1d2 d3d4 … × 10^exponent`.
///
/// Zeros at the end are left out, so 1.0 and 1.00 are the same bytes. Pairs are stored plus one, and a zero byte ends
/// them. A negative number has all this inverted.
fn finite(number: &BigDecimal, out: &mut Vec<u8>) {
    let (digits, scale) = number.as_bigint_and_scale();
    if digits.sign() == Sign::NoSign {
        out.push(NUMERIC_ZERO);
        return;
    }
    let negative = digits.sign() == Sign::Minus;
    let digits = digits.magnitude().to_radix_be(10);
    let exponent = (digits.len() as i64 - scale).clamp(i64::from(i32::MIN) / 2, i64::from(i32::MAX) / 2) as i32;
    let kept = digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1);
    out.push(if negative { NUMERIC_NEGATIVE } else { NUMERIC_POSITIVE });
    let start = out.len();
    exponent_bytes(exponent, out);
    for pair in digits[..kept].chunks(2) {
        out.push(pair[0] * 10 + pair.get(1).copied().unwrap_or(0) + 1);
    }
    out.push(0);
    if negative {
        invert(&mut out[start..]);
    }
}

fn exponent_bytes(exponent: i32, out: &mut Vec<u8>) {
    if exponent.abs() <= SHORT_EXPONENT_MAX {
        out.push((exponent + 0x80) as u8);
        return;
    }
    out.push(if exponent < 0 { 0x00 } else { 0xFF });
    signed_32(exponent, out);
}
