//! Conversions between types that compute: numbers into each other, and values into their declared length or scale.
//!
//! Floats round half to even when they become integers, numerics half away from zero; both as in PostgreSQL. Casts
//! from and to text go through [`super::text`].

use super::datetime;
use super::numeric::Numeric;
use super::sqlstate::SqlState;
use super::text;
use super::types::{DataType, TypeKind};
use super::value::{Array, Value};
use crate::error::{Error, Result};
use std::sync::Arc;

/// `integer out of range` (22003), by the name of the type.
pub fn out_of_range(kind: TypeKind) -> Error {
    let name = match kind {
        TypeKind::Oid => "OID",
        _ => kind.shown(),
    };
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{name} out of range"))
}

/// Turns a number into a number of another type. NULL stays NULL; a value that is no number is an internal error.
pub fn number(value: &Value, to: TypeKind) -> Result<Value> {
    match (value, to) {
        (Value::Null, _) => Ok(Value::Null),
        (_, TypeKind::Numeric) => to_numeric(value).map(Value::Numeric),
        (Value::Int8(number), TypeKind::Float4) => Ok(Value::Float4(*number as f32)),
        (_, TypeKind::Float4) => to_float_4(value).map(Value::Float4),
        (_, TypeKind::Float8) => to_float_8(value).map(Value::Float8),
        _ => integer(to_integer(value, to)?, to),
    }
}

/// An integer as a value of an integer type or oid, if it fits.
pub fn integer(number: i64, kind: TypeKind) -> Result<Value> {
    let fitted = match kind {
        TypeKind::Int2 => i16::try_from(number).ok().map(Value::Int2),
        TypeKind::Int4 => i32::try_from(number).ok().map(Value::Int4),
        TypeKind::Int8 => Some(Value::Int8(number)),
        // PostgreSQL lets an int4 below zero wrap around to an oid.
        kind if kind.is_oid() => match i32::try_from(number) {
            Ok(small) => Some(Value::Oid(small as u32)),
            Err(_) => u32::try_from(number).ok().map(Value::Oid),
        },
        _ => return Err(Error::internal(format!("{} is not an integer type", kind.shown()))),
    };
    fitted.ok_or_else(|| out_of_range(kind))
}

/// A float as an integer: to the nearest, halves to even.
pub fn float_to_integer(number: f64, kind: TypeKind) -> Result<i64> {
    let rounded = number.round_ties_even();
    // 2^63 is a float, 2^63 - 1 is not.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded);
    if fits { Ok(rounded as i64) } else { Err(out_of_range(kind)) }
}

/// A numeric as an integer: to the nearest, halves away from zero.
pub fn numeric_to_integer(number: &Numeric, kind: TypeKind) -> Result<i64> {
    let what = match number {
        Numeric::NaN => "NaN",
        Numeric::Infinity | Numeric::NegativeInfinity => "infinity",
        Numeric::Finite(_) => return number.to_i64_rounded().ok_or_else(|| out_of_range(kind)),
    };
    Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, format!("cannot convert {what} to {}", kind.shown())))
}

fn not_a_number(value: &Value) -> Error {
    Error::internal(format!("{value:?} is not a number"))
}

/// Any number as an integer; whether it fits `kind` is for [`integer`] to check.
pub fn to_integer(value: &Value, kind: TypeKind) -> Result<i64> {
    match value {
        Value::Float4(number) => float_to_integer(f64::from(*number), kind),
        Value::Float8(number) => float_to_integer(*number, kind),
        Value::Numeric(number) => numeric_to_integer(number, kind),
        _ => value.as_integer().ok_or_else(|| not_a_number(value)),
    }
}

/// Any number as a float.
pub fn to_float_8(value: &Value) -> Result<f64> {
    match value {
        Value::Float4(number) => Ok(f64::from(*number)),
        Value::Float8(number) => Ok(*number),
        Value::Numeric(number) => numeric_to_float_8(number),
        _ => value.as_integer().map(|number| number as f64).ok_or_else(|| not_a_number(value)),
    }
}

fn numeric_to_float_8(number: &Numeric) -> Result<f64> {
    let float = number.to_f64();
    let lost = (float.is_infinite() && !number.is_infinite()) || (float == 0.0 && !number.is_zero());
    if lost {
        let message = format!("\"{number}\" is out of range for type double precision");
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
    }
    Ok(float)
}

/// Any number as a short float.
pub fn to_float_4(value: &Value) -> Result<f32> {
    match value {
        Value::Float4(number) => Ok(*number),
        Value::Numeric(number) if !number.is_nan() && !number.is_infinite() => {
            match text::parse(&number.to_string(), DataType::of(TypeKind::Float4))? {
                Value::Float4(float) => Ok(float),
                other => Err(not_a_number(&other)),
            }
        }
        _ => float_8_to_float_4(to_float_8(value)?),
    }
}

fn float_8_to_float_4(number: f64) -> Result<f32> {
    let short = number as f32;
    if short.is_infinite() && number.is_finite() {
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow"));
    }
    if short == 0.0 && number != 0.0 {
        return Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow"));
    }
    Ok(short)
}

/// Any number as a numeric. Floats give the 15 (or 6) digits that PostgreSQL gives.
pub fn to_numeric(value: &Value) -> Result<Numeric> {
    let (float, digits) = match value {
        Value::Numeric(number) => return Ok(number.clone()),
        Value::Float4(number) => (f64::from(*number), 6),
        Value::Float8(number) => (*number, 15),
        _ => return value.as_integer().map(Numeric::from).ok_or_else(|| not_a_number(value)),
    };
    if float.is_nan() {
        return Ok(Numeric::NaN);
    }
    if float.is_infinite() {
        return Ok(if float > 0.0 { Numeric::Infinity } else { Numeric::NegativeInfinity });
    }
    let number = super::numeric::parse(&format!("{float:.*e}", digits - 1))?;
    Ok(number.trim_scale())
}

/// Applies a type's modifier to a value of that type: length, precision and scale, fraction of a second.
///
/// An explicit cast cuts strings that are too long; an assignment refuses them with 22001.
pub fn apply_modifier(value: Value, data_type: DataType, explicit: bool) -> Result<Value> {
    if data_type.modifier < 0 {
        return Ok(value);
    }
    match value {
        Value::Text(text) => text::fit(&text, data_type, explicit).map(|fitted| Value::Text(Arc::from(fitted))),
        Value::Numeric(number) => number.fit(data_type).map(Value::Numeric),
        Value::Array(array) => {
            let element = data_type.element();
            let values = array.values.iter().map(|value| apply_modifier(value.clone(), element, explicit));
            let values = values.collect::<Result<_>>()?;
            Ok(Value::Array(Arc::new(Array { dimensions: array.dimensions.clone(), values })))
        }
        other => match data_type.fraction_digits() {
            Some(digits) => datetime::round_fraction(other, digits),
            None => Ok(other),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_range() {
        assert_eq!(number(&Value::Float8(2.5), TypeKind::Int4).unwrap(), Value::Int4(2));
        let half = Value::Numeric(super::super::numeric::parse("-2.5").unwrap());
        assert_eq!(number(&half, TypeKind::Int4).unwrap(), Value::Int4(-3));
        let error = number(&Value::Float8(1e10), TypeKind::Int4).unwrap_err();
        assert_eq!(error.message(), "integer out of range");
        assert_eq!(number(&Value::Float8(f64::NAN), TypeKind::Int8).unwrap_err().message(), "bigint out of range");
        let nan = number(&Value::Numeric(Numeric::NaN), TypeKind::Int4).unwrap_err();
        assert_eq!(nan.message(), "cannot convert NaN to integer");
        for (float, text) in [(0.1, "0.1"), (123456789.12345679, "123456789.123457"), (1e20, "100000000000000000000")] {
            assert_eq!(to_numeric(&Value::Float8(float)).unwrap().to_string(), text);
        }
        assert_eq!(to_numeric(&Value::Float4(0.1)).unwrap().to_string(), "0.1");
        assert!(number(&Value::Float8(1e300), TypeKind::Float4).is_err());
    }

    #[test]
    fn modifiers_apply() {
        let varchar = DataType::with_length(TypeKind::Varchar, 2);
        assert_eq!(apply_modifier(Value::text("abc"), varchar, true).unwrap(), Value::text("ab"));
        assert!(apply_modifier(Value::text("abc"), varchar, false).is_err());
    }
}
