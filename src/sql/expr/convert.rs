//! Carrying out casts on single values.
//!
//! Which casts exist is [`super::cast`]'s to say; a pair that is not in its table gives 42846 here. Numbers and declared
//! lengths are `base::convert`'s work, text forms `base::text`'s.

use super::Context;
use crate::{
    base::{
        convert::{apply_modifier, number},
        datetime::{
            MICROS_PER_DAY,
            range::{date_to_timestamp, timestamp_to_date, timestamp_to_timestamptz, timestamptz_to_timestamp},
            timestamp_is_infinite,
        },
        numeric::Numeric,
        sqlstate::SqlState,
        text,
        types::{DataType, TypeKind},
        value::{Array, Interval, Value},
    },
    error::{Error, Result},
    sql::expr::function::type_name,
};
use std::sync::Arc;

/// Converts a value from one type to another, with the length or scale of the target's modifier.
///
/// `explicit` is how the cast was written: an explicit one cuts strings that are too long.
pub fn convert(value: &Value, from: DataType, to: DataType, explicit: bool, context: &Context) -> Result<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let converted = if from.kind == to.kind && from.array == to.array {
        value.clone()
    } else {
        change_type(value, from, to, explicit, context)?
    };
    apply_modifier(converted, to, explicit)
}

fn change_type(value: &Value, from: DataType, to: DataType, explicit: bool, context: &Context) -> Result<Value> {
    match value {
        Value::Array(array) if to.array => {
            let (from, to) = (from.element(), to.element());
            let values = array.values.iter().map(|value| convert(value, from, to, explicit, context));
            let values = values.collect::<Result<Vec<_>>>()?;
            return Ok(Value::Array(Arc::new(Array { dimensions: array.dimensions.clone(), values })));
        }
        Value::Text(text) if from.kind.is_textual() => return from_text(text, from, to, context),
        _ => {}
    }
    if !to.array && to.kind.is_textual() {
        return Ok(Value::text(written(value, from, to, context)));
    }
    if from.array || to.array {
        return Err(no_cast(from, to));
    }
    match (value, to.kind) {
        (Value::Bool(truth), TypeKind::Int4) => Ok(Value::Int4(i32::from(*truth))),
        (Value::Int4(number), TypeKind::Bool) => Ok(Value::Bool(*number != 0)),
        (_, kind) if from.kind.is_number() && (kind.is_number() || kind.is_oid()) => number(value, kind),
        (Value::Oid(oid), kind) if kind.is_oid() => Ok(Value::Oid(*oid)),
        (Value::Oid(oid), TypeKind::Int8) => Ok(Value::Int8(i64::from(*oid))),
        (Value::Oid(oid), TypeKind::Int4) => Ok(Value::Int4(*oid as i32)),
        _ => datetime(value, from, to, context),
    }
}

fn no_cast(from: DataType, to: DataType) -> Error {
    let message = format!("cannot cast type {} to {}", type_name(from), type_name(to));
    Error::new(SqlState::CANNOT_COERCE, message)
}

/// From a string: relabelled among strings, else read by the type's input syntax.
fn from_text(text: &str, from: DataType, to: DataType, context: &Context) -> Result<Value> {
    let bare = to.with_modifier(-1);
    if to.array {
        return text::parse_with(text, bare, &context.style());
    }
    match to.kind {
        TypeKind::Text | TypeKind::Varchar | TypeKind::Unknown => {
            // The blanks that pad char(n) are not part of the value elsewhere.
            Ok(Value::text(if from.kind == TypeKind::Bpchar { text.trim_end_matches(' ') } else { text }))
        }
        TypeKind::Bpchar => Ok(Value::text(text)),
        TypeKind::Int4 if from.kind == TypeKind::Char => {
            Ok(Value::Int4(text.bytes().next().map_or(0, |byte| i32::from(byte as i8))))
        }
        _ => text::parse_with(text, bare, &context.style()),
    }
}

/// The text that a cast to a string type gives: that of clients, except that bool is spelled out.
fn written(value: &Value, from: DataType, to: DataType, context: &Context) -> String {
    match value {
        Value::Bool(truth) if to.kind != TypeKind::Unknown => truth.to_string(),
        Value::Int4(code) if to.kind == TypeKind::Char => char::from(*code as u8).to_string(),
        _ => to_text(value, from, context),
    }
}

/// The text of a value as clients of the session see it; empty for NULL.
pub fn to_text(value: &Value, data_type: DataType, context: &Context) -> String {
    let mut out = Vec::new();
    text::write_with(value, data_type, &context.style(), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Any number as a numeric.
pub(crate) fn to_numeric(value: &Value) -> Result<Numeric> {
    crate::base::convert::to_numeric(value)
}

fn datetime(value: &Value, from: DataType, to: DataType, context: &Context) -> Result<Value> {
    let zone = context.zone();
    let converted = match (value, to.kind) {
        (Value::Date(days), TypeKind::Timestamp) => Value::Timestamp(date_to_timestamp(*days)?),
        (Value::Date(days), TypeKind::Timestamptz) => {
            Value::Timestamptz(timestamp_to_timestamptz(date_to_timestamp(*days)?, zone)?)
        }
        (Value::Timestamp(micros), TypeKind::Date) => Value::Date(timestamp_to_date(*micros)),
        (Value::Timestamp(micros), TypeKind::Timestamptz) => {
            Value::Timestamptz(timestamp_to_timestamptz(*micros, zone)?)
        }
        (Value::Timestamp(micros), TypeKind::Time) => time_of(*micros),
        (Value::Timestamptz(micros), TypeKind::Timestamp) => Value::Timestamp(timestamptz_to_timestamp(*micros, zone)?),
        (Value::Timestamptz(micros), TypeKind::Date) => {
            Value::Date(timestamp_to_date(timestamptz_to_timestamp(*micros, zone)?))
        }
        (Value::Timestamptz(micros), TypeKind::Time) => time_of(timestamptz_to_timestamp(*micros, zone)?),
        (Value::Timestamptz(micros), TypeKind::Timetz) => match time_of(timestamptz_to_timestamp(*micros, zone)?) {
            Value::Time(time) => Value::Timetz(time, -zone.offset_at(*micros)),
            other => other,
        },
        (Value::Time(micros), TypeKind::Interval) => Value::Interval(Interval { months: 0, days: 0, micros: *micros }),
        (Value::Time(micros), TypeKind::Timetz) => {
            let now = context.transaction_timestamp();
            Value::Timetz(*micros, -zone.offset_at(now))
        }
        (Value::Timetz(micros, _), TypeKind::Time) => Value::Time(*micros),
        (Value::Interval(interval), TypeKind::Time) => Value::Time(interval.micros.rem_euclid(MICROS_PER_DAY)),
        _ => return Err(no_cast(from, to)),
    };
    Ok(converted)
}

/// The time of day of a timestamp; NULL for the infinities.
fn time_of(micros: i64) -> Value {
    if timestamp_is_infinite(micros) { Value::Null } else { Value::Time(micros.rem_euclid(MICROS_PER_DAY)) }
}
